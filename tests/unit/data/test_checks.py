from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bert4rec.data.check import Check
from bert4rec.data.checks import check_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.filters import parse_prepare_settings
from bert4rec.data.prepare import prepare
from bert4rec.data.roles import DateOrder, Roles

HEALTHY = [[(user + step) % 40 + 1 for step in range(40)] for user in range(60)]


def checks(sequences: list[list[int]]) -> tuple[Check, ...]:
    return check_dataset(SequenceDataset.from_sequences(sequences))


def messages(sequences: list[list[int]], level: str) -> str:
    return "; ".join(check.message for check in checks(sequences) if check.level == level)


def one(found: tuple[Check, ...], words: str) -> Check:
    (check,) = [check for check in found if words in check.message]
    return check


def with_times(dataset: SequenceDataset, times_s: list[float]) -> SequenceDataset:
    return dataclasses.replace(dataset, times_s=np.array(times_s, dtype=np.float64))


def test_nothing_is_said_of_healthy_data():
    assert checks(HEALTHY) == ()


def test_many_rejected_rows_are_warned_of_first_with_their_usual_reason():
    reasons = {"no item id": 2, "no readable time": 9}

    def found(n_rejected: int) -> tuple[Check, ...]:
        dataset = SequenceDataset.from_sequences([[1, 2, 3]] * 24)
        report = {"read": 400, "rejected": n_rejected}
        manifest = {"report": report, "reject_reasons": reasons}
        return check_dataset(dataclasses.replace(dataset, manifest=manifest))

    first = found(160)[0]
    said = "160 of 400 rows (40%) were rejected, most often for: no readable time"
    assert (first.level, first.message, first.count) == ("warning", said, 160)
    assert "rejected" not in "".join(check.message for check in found(12))


def test_dates_in_another_order_than_the_chosen_one_are_warned_of(tmp_path: Path):
    days = [f"0{1 + n % 5}/0{1 + n % 9}/2024" for n in range(59)] + ["05/17/2024"]
    rows = "".join(f"u{n % 5},i{n % 7},{day}\n" for n, day in enumerate(days))
    (tmp_path / "log.csv").write_text(f"user,item,time\n{rows}")

    def found(dates: DateOrder | None) -> str:
        roles = Roles("user", "item", "time", dates=dates)
        dataset = prepare(tmp_path / "log.csv", roles=roles, workspace=tmp_path)
        warned = [check for check in check_dataset(dataset) if check.level == "warning"]
        return " ".join(f"{check.count} {check.message} {check.fix}" for check in warned)

    said = found("day-first")
    assert "1 the dates of 1 of 60 rows (1.7%) do not fit the chosen order, day before" in said
    assert "read as month before day, which fits more of them If month before day is" in said
    assert "chosen order" not in found("month-first") + found(None)


@pytest.mark.parametrize("gap", ["NULL", "NaN", "\\N"])
def test_an_id_that_says_that_there_is_none_is_warned_of(gap: str):
    dataset = SequenceDataset.from_sequences(HEALTHY)
    ids = ["Null Island", *dataset.users["user_id"][1:-1], gap]
    check = one(check_dataset(renamed(dataset, ids)), "many programs write")
    assert (check.level, check.count) == ("warning", 40)
    assert check.message.startswith(f"{gap!r} is the user of 40 interactions")


def test_a_header_among_the_lines_is_warned_of(tmp_path: Path):
    part = "user_id,item_id\n" + "".join(f"u{n % 5},i{n % 7}\n" for n in range(30))
    (tmp_path / "log.csv").write_text(part * 5)
    found = check_dataset(prepare(tmp_path / "log.csv", workspace=tmp_path / "workspace"))
    about = [check for check in found if "the name of the column" in check.message]
    assert [(check.level, check.count) for check in about] == [("warning", 4)] * 2


def test_small_data_is_warned_of():
    found = messages([[1, 2, 3]] * 24, "warning")
    assert "only 24 users have two or more" in found
    assert "only 72 interactions" in found
    both_ways = [[*range(1, 41)][:: 1 - 2 * (user % 2)] for user in range(25)]
    assert messages(both_ways, "warning") == ""


def test_histories_of_one_item_are_an_error_that_comes_first():
    found = checks([[1]] * 30)
    assert found[0].level == "error"
    assert "nothing to learn an order from" in found[0].message
    assert [check.level for check in found] == sorted(
        (check.level for check in found), key=["error", "warning", "info"].index
    )


def test_a_catalogue_of_one_item_is_an_error():
    assert "only one item" in messages([[1, 1, 1]] * 30, "error")


def test_long_histories_and_repeats_are_mentioned_with_their_counts():
    found = messages([[1, 2] * 60] * 25, "info")
    assert "25 histories (100%) are longer than a window of 50 items" in found
    assert "2,950 interactions (98% of all) repeat an item" in found
    assert "0 of them the item just before" in found


def test_items_that_occur_once_are_warned_of():
    sequences = [list(range(40 * n + 1, 40 * n + 41)) for n in range(30)]
    found = checks(sequences)
    assert "1,200 items (100%)" in one(found, "occur once").message
    assert one(found, "occur once").fix_settings is None, "nothing would be left"
    assert "an item for every second interaction" in messages(sequences, "warning")


def test_some_items_that_occur_once_can_be_left_out():
    sequences = [[*history, 41 + user] for user, history in enumerate(HEALTHY[:20])]
    check = one(checks(sequences), "occur once")
    assert (check.level, check.count) == ("info", 20)
    assert check.fix_settings == {"min_item_count": 2}
    assert "items seen once" in check.fix_label


def test_users_of_absurd_counts_are_told_from_busy_people():
    busy, bot = [1, 2] * 450, [1, 2] * 600
    assert not [check for check in checks([*HEALTHY, busy]) if "more than" in check.message]
    check = one(checks([*HEALTHY, busy, bot]), "1 user has more than 1,000 interactions")
    assert (check.level, check.count) == ("warning", 1)
    assert check.fix_settings == {"max_sequence_length": 1000}
    assert "26.7% of all" in check.message


def test_short_histories_are_counted():
    check = one(checks([*HEALTHY, [1, 2], [1]]), "2 users have fewer than three")
    assert check.fix_settings == {"min_sequence_length": 3}


def test_ties_and_duplicates_are_warned_of():
    dataset = SequenceDataset.from_sequences([[1, *history] for history in HEALTHY])
    found = check_dataset(with_times(dataset, [1.7e9] * dataset.n_interactions))
    assert "2,400 neighbours in a history (100%)" in one(found, "the same time").message
    # The first user meets item 1 twice at once, all others later in their history: as do these.
    assert one(found, "are there twice").count == sum(1 in history for history in HEALTHY)
    assert one(found, "are there twice").fix_settings == {"drop_duplicates": True}


@pytest.mark.parametrize(("written", "n_to_come"), [("9999-12-31", 3), ("2024-05-17", 0)])
def test_times_that_are_still_to_come_are_warned_of(
    tmp_path: Path, written: str, n_to_come: int
) -> None:
    lines = [f"u{n % 5},i{n % 7},{written if n < 3 else '2024-05-16'}\n" for n in range(60)]
    (tmp_path / "log.csv").write_text("user_id,item_id,time\n" + "".join(lines))
    found = check_dataset(prepare(tmp_path / "log.csv", workspace=tmp_path / "workspace"))
    about = [check for check in found if "still to come" in check.message]
    assert [check.count for check in about] == [n_to_come] * bool(n_to_come)
    assert not [check for check in found if "milliseconds" in check.message]


def test_shares_are_never_told_as_nothing_or_all_where_they_are_not() -> None:
    dataset = SequenceDataset.from_sequences(HEALTHY)
    times_s = np.full(dataset.n_interactions, 1.7e9) + np.tile(np.arange(40.0), 60)
    times_s[39] = 1.7e12
    said = one(check_dataset(with_times(dataset, times_s)), "milliseconds").message
    assert "(0.042%)" in said
    long = SequenceDataset.from_sequences([[1, 2] * 30] * 399 + [[1, 2, 3]])
    said = one(check_dataset(long), "longer than a window").message
    assert said.startswith("399 histories (99.8%) are longer")


@pytest.mark.parametrize("written", ["yesterday", "", None])
def test_a_dataset_that_was_prepared_at_no_known_moment_has_no_times_to_come(
    written: str | None,
) -> None:
    dataset = SequenceDataset.from_sequences(HEALTHY)
    dataset = dataclasses.replace(dataset, manifest={"created_at": written})
    found = check_dataset(with_times(dataset, [9e9] * dataset.n_interactions))
    assert not [check for check in found if "still to come" in check.message]


def test_histories_that_go_back_in_time_are_an_error():
    dataset = SequenceDataset.from_sequences([[1, 2, 3]] * 30)
    found = check_dataset(with_times(dataset, [3.0, 2.0, 1.0] * 30))
    assert found[0].level == "error"
    assert "60 neighbours" in found[0].message


def renamed(dataset: SequenceDataset, user_ids: list[str]) -> SequenceDataset:
    return dataclasses.replace(dataset, users=pd.DataFrame({"user_id": user_ids}))


@pytest.mark.parametrize(("form", "is_told"), [("u{:d}", True), ("{:03d}", True), ("u{:x}", False)])
def test_ids_that_follow_the_time_are_mentioned(form: str, is_told: bool):
    dataset = SequenceDataset.from_sequences(HEALTHY)
    starts = np.repeat(1.7e9 + 1e5 * np.arange(60), 40) + np.tile(np.arange(40.0), 60)
    dataset = renamed(with_times(dataset, starts.tolist()), [form.format(n) for n in range(60)])
    found = [check for check in check_dataset(dataset) if "user ids follow" in check.message]
    assert bool(found) == is_told


def test_ids_that_name_the_day_are_warned_of():
    dataset = SequenceDataset.from_sequences(HEALTHY)
    ids = [f"2024-05-{1 + n % 28:02d}/visitor{n}" for n in range(60)]
    check = one(check_dataset(renamed(dataset, ids)), "100% of the user ids contain a date")
    assert "'2024-05-01/visitor0'" in check.message
    assert (check.level, check.count) == ("warning", 60)


def test_every_fix_is_a_setting_of_the_preparation():
    sequences = [*HEALTHY, [1, 2] * 600, [1], *([40 + n, 1, 2] for n in range(1, 20))]
    offered = [check for check in checks(sequences) if check.fix_settings is not None]
    assert len(offered) == 3
    for check in offered:
        assert check.fix_label
        assert check.count > 0
        parse_prepare_settings(check.fix_settings or {})


@pytest.mark.parametrize("factor", [1e3, 1e-3])
def test_times_in_two_units_are_warned_of(factor: float):
    dataset = SequenceDataset.from_sequences(HEALTHY)
    times_s = 1.7e9 + np.arange(len(dataset.items)) * 60.0
    sound = check_dataset(with_times(dataset, times_s.tolist()))
    assert "smaller or larger" not in "".join(check.message for check in sound)
    times_s[::4] *= factor
    found = one(check_dataset(with_times(dataset, times_s.tolist())), "smaller or larger")
    assert (found.level, found.count) == ("warning", len(times_s) // 4)
    assert "(25%)" in found.message
