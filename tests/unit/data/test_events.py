from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.events import MOST_EVENTS, count_events
from bert4rec.data.log import preview_log
from bert4rec.data.prepare import PrepareSettings, prepare
from bert4rec.data.roles import Roles
from bert4rec.errors import LogError
from tests.factories import histories_of

ROWS = "".join(
    f"{user},{item},{event},{rating}\n"
    for user, item, event, rating in [
        ("u", "a", "play", 5),
        ("u", "b", "skip", 5),
        ("u", "c", " play ", 2),
        ("u", "d", "", 5),
        ("v", "a", "finish", 4),
        ("v", "b", "Play", 4),
        ("v", "c", "play", ""),
        ("v", "d", "play", 4),
    ]
)
EVERYTHING = {"min_sequence_length": 1}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text("user,item,event_type,rating\n" + ROWS)
    return path


def steps(dataset: SequenceDataset) -> dict[str, int]:
    return {step["step"]: step["n_rows"] for step in dataset.manifest["report"]["steps"]}


def test_only_the_named_events_are_kept_and_the_rest_is_counted(log: Path, workspace: Path):
    settings = PrepareSettings(events=("play", "finish"), **EVERYTHING)
    dataset = prepare(log, workspace=workspace, settings=settings)
    assert histories_of(dataset) == {"u": ["a", "c"], "v": ["a", "c", "d"]}
    assert dataset.manifest["roles"]["event"] == "event_type"
    report = dataset.manifest["report"]
    assert steps(dataset)["event"] == report["filtered"] == 3
    assert report["read"] == 8
    assert report["kept"] == 5


def test_a_row_is_counted_for_the_first_reason_that_leaves_it_out(log: Path, workspace: Path):
    settings = PrepareSettings(events=("play", "finish"), min_value=3, **EVERYTHING)
    dataset = prepare(log, workspace=workspace, settings=settings)
    assert histories_of(dataset) == {"u": ["a"], "v": ["a", "d"]}
    assert (steps(dataset)["event"], steps(dataset)["value"]) == (3, 2)


def test_a_column_of_events_changes_nothing_until_some_are_named(log: Path, workspace: Path):
    guessed = prepare(log, workspace=workspace, settings=PrepareSettings(**EVERYTHING))
    roles = Roles("user", "item", value="rating")
    without = prepare(log, workspace=workspace, settings=PrepareSettings(**EVERYTHING), roles=roles)
    assert guessed.fingerprint == without.fingerprint
    assert guessed.n_interactions == 8


def test_an_event_that_never_occurs_is_refused_with_those_that_do(log: Path, workspace: Path):
    settings = PrepareSettings(events=("play", "plya"))
    with pytest.raises(LogError, match="no interaction has the event 'plya'") as caught:
        prepare(log, workspace=workspace, settings=settings)
    assert "'play' (4), 'Play' (1)" in str(caught.value.fix)


def test_events_need_a_column(log: Path, workspace: Path):
    with pytest.raises(LogError, match="no column holds them"):
        prepare(
            log,
            workspace=workspace,
            settings=PrepareSettings(events=("play",)),
            roles=Roles("user", "item"),
        )


def test_numbers_of_a_frame_serve_as_events(workspace: Path):
    log = pd.DataFrame({"user": list("uuvv"), "item": list("abab"), "kind": [1, 2, 1, 1]})
    settings = PrepareSettings(events=("1",), **EVERYTHING)
    dataset = prepare(log, workspace=workspace, settings=settings)
    assert histories_of(dataset) == {"u": ["a"], "v": ["a", "b"]}


def test_a_column_is_taken_for_events_by_name_while_it_has_few_kinds(tmp_path: Path):
    path = tmp_path / "log.csv"
    path.write_text("user,item,event\n" + "".join(f"u{n % 7},i{n % 5},e{n}\n" for n in range(60)))
    assert preview_log(path).guesses["event"].column is None
    path.write_text(
        "user,item,event\n" + "".join(f"u{n % 7},i{n % 5},e{n % 3}\n" for n in range(60))
    )
    assert preview_log(path).guesses["event"].column == "event"


def test_events_are_counted_most_frequent_first(log: Path):
    assert count_events(log, "event_type") == [
        ("play", 4),
        ("Play", 1),
        ("finish", 1),
        ("skip", 1),
    ]


def test_a_column_with_too_many_values_is_no_column_of_events(tmp_path: Path):
    path = tmp_path / "log.csv"
    path.write_text("user,item\n" + "".join(f"u{n % 7},i{n}\n" for n in range(MOST_EVENTS + 1)))
    with pytest.raises(LogError, match="more than 200 different values"):
        count_events(path, "item")
    with pytest.raises(LogError, match="no column 'event'"):
        count_events(path, "event")


def test_a_column_may_have_the_name_of_what_is_counted(tmp_path: Path):
    for name in ("event", "n", "kind"):
        path = tmp_path / f"{name}.csv"
        path.write_text(f"user,item,{name},rating\n" + ROWS)
        counts = [("play", 4), ("Play", 1), ("finish", 1), ("skip", 1)]
        assert count_events(path, name) == counts
