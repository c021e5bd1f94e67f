from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bert4rec.data.first_sequences import FirstSequence, first_sequences
from bert4rec.data.log import preview_log
from bert4rec.data.prepare import PrepareSettings, prepare
from bert4rec.data.roles import Roles
from bert4rec.errors import LogError

LOG = "who,what,when\n" + "a,x,10\nb,y,9\n,z,3\na,w,9\nb,z,8\na,x,10\nc,,1\nc,x,2\nd,y,1\n"
ROLES = Roles("who", "what", "when")


def written(folder: Path, text: str) -> Path:
    path = folder / "log.csv"
    path.write_text(text)
    return path


def test_the_longest_histories_of_the_first_rows_are_told(tmp_path: Path):
    found = first_sequences(preview_log(written(tmp_path, LOG)), ROLES)
    assert found.longest == (
        FirstSequence("a", ("w", "x", "x")),
        FirstSequence("b", ("z", "y")),
        FirstSequence("c", ("x",)),
    )


def test_dates_order_a_history_and_lines_do_without_them(tmp_path: Path):
    text = "who,what,when\na,x,2024-05-02\na,y,2024-05-01\nb,x,2024-05-01\n"
    preview = preview_log(written(tmp_path, text))
    assert first_sequences(preview, ROLES, 1).longest == (FirstSequence("a", ("y", "x")),)
    without = Roles("who", "what")
    assert first_sequences(preview, without, 1).longest == (FirstSequence("a", ("x", "y")),)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("30.07.2000 18:45", "08.08.2000 09:00"),
        ("12/31/1999", "01/02/2000"),
        ("9/30/2000 11:00 PM", "10/1/2000 1:00 AM"),
        ("31 Jan 2024", "01 Feb 2024"),
        ("2024-05-01T23:30:00-05:00", "2024-05-02T03:00:00+00:00"),
        ("9", "10"),
    ],
)
def test_times_order_a_history_by_what_they_mean_and_not_by_their_signs(
    tmp_path: Path, earlier: str, later: str
):
    path = written(tmp_path, f"who,what,when\na,new,{later}\na,old,{earlier}\nb,old,{earlier}\n")
    (found,) = first_sequences(preview_log(path), ROLES, 1).longest
    is_late = "-05:00" in earlier
    assert found.item_ids == (("new", "old") if is_late else ("old", "new"))


def test_days_that_the_first_rows_leave_in_doubt_are_said_to_be_so(tmp_path: Path):
    path = written(tmp_path, "who,what,when\na,x,02/01/2024\na,y,01/02/2024\nb,x,03/04/2024\n")
    found = first_sequences(preview_log(path), ROLES, 1)
    assert "could be month before day or day before month" in found.time_problem
    assert found.longest == (FirstSequence("a", ("x", "y")),)
    assert found.date_orders == ("month-first", "day-first")
    found = first_sequences(preview_log(path), replace(ROLES, dates="day-first"), 1)
    assert (found.time_problem, found.date_orders) == ("", ())
    # The second of January comes before the first of February.
    assert found.longest == (FirstSequence("a", ("x", "y")),)
    found = first_sequences(preview_log(path), replace(ROLES, dates="month-first"), 1)
    assert found.longest == (FirstSequence("a", ("y", "x")),)


def test_rows_that_are_of_no_use_are_counted_with_their_reasons(tmp_path: Path):
    path = written(tmp_path, LOG + "d,x,soon\n")
    found = first_sequences(preview_log(path), ROLES)
    assert (found.n_rows, found.time_problem) == (10, "")
    assert found.reject_reasons == {"no user id": 1, "no item id": 1, "no readable time": 1}


def test_one_column_for_two_roles_is_refused_at_once(tmp_path: Path):
    with pytest.raises(LogError, match="two roles"):
        first_sequences(preview_log(written(tmp_path, LOG)), Roles("who", "who"))


@pytest.mark.parametrize("name", ["plain", "day first"])
def test_what_is_promised_is_what_is_prepared(tmp_path: Path, name: str):
    text = LOG
    if name == "day first":
        days = ["30.07.2000 18:45", "08.08.2000 07:00", "29.12.1999 23:59", "01.01.2000 00:01"]
        rows = [
            f"{user},i{(user * n) % 7},{day}" for user in range(3) for n, day in enumerate(days)
        ]
        text = "who,what,when\n" + "\n".join(rows)
    path = written(tmp_path, text)
    wanted = PrepareSettings(min_sequence_length=1, drop_duplicates=False)
    dataset = prepare(path, roles=ROLES, workspace=tmp_path / "w", settings=wanted)
    for sequence in first_sequences(preview_log(path), ROLES).longest:
        history = dataset.history(dataset.user_idx(sequence.user_id))
        assert tuple(dataset.vocabulary.item_id(idx) for idx in history) == sequence.item_ids
