from __future__ import annotations

from pathlib import Path

import pytest

from bert4rec.journal import Journal


def test_a_journal_is_read_piece_by_piece(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "runs" / "a.jsonl")
    assert journal.read() == ([], 0)
    journal.append({"n": 1})
    first, offset = journal.read()
    journal.append({"n": 2, "text": "zwei\nZeilen ü"})
    second, end = journal.read(offset)
    assert (first, second) == ([{"n": 1}], [{"n": 2, "text": "zwei\nZeilen ü"}])
    assert journal.read(end) == ([], end)


def test_a_line_without_an_end_is_not_read_yet(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.jsonl")
    journal.append({"n": 1})
    with journal.path.open("ab") as file:
        file.write(b'{"n": 2}')
    events, offset = journal.read()
    assert events == [{"n": 1}]
    with journal.path.open("ab") as file:
        file.write(b"\n")
    assert journal.read(offset)[0] == [{"n": 2}]


def test_a_journal_refuses_numbers_that_json_does_not_have(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.jsonl")
    with pytest.raises(ValueError, match="not JSON compliant"):
        journal.append({"loss": float("inf")})
    assert journal.read() == ([], 0)


def test_a_journal_can_be_read_for_some_kinds_of_events_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.jsonl")
    events = [{"event": kind, "n": n} for n, kind in enumerate(("train", "valid", "x.", "xy"))]
    for event in events:
        journal.append(event)
    found, offset = journal.read(only=("valid", "x."))
    assert found == [events[1], events[2]]
    assert offset == journal.read()[1]
