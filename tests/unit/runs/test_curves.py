from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from bert4rec.files import Journal
from bert4rec.runs.curves import Curves, thinned


def test_a_journal_becomes_curves_piece_by_piece(tmp_path: Path) -> None:
    journal, curves = Journal(tmp_path / "metrics.jsonl"), Curves()
    assert not curves.update(journal)
    journal.append({"event": "started", "n_items": 7})
    journal.append({"event": "baselines", "metrics": {"popularity": {"ndcg@10": 0.1}}})
    journal.append({"event": "train", "step": 1, "loss": 2.5})
    assert curves.update(journal)
    assert not curves.update(journal)
    journal.append({"event": "valid", "step": 1, "metrics": {}})
    journal.append({"event": "paused", "step": 1})
    journal.append({"event": "train", "step": 2, "loss": 2.0})
    assert curves.update(journal)
    assert [row["loss"] for row in curves.train] == [2.5, 2.0]
    assert [row["step"] for row in curves.valid] == [1]
    assert curves.started["n_items"] == 7
    assert curves.baselines == {"popularity": {"ndcg@10": 0.1}}
    assert [row["event"] for row in curves.notes] == ["paused"]


def test_what_a_killed_process_wrote_after_its_checkpoint_is_forgotten(tmp_path: Path) -> None:
    journal, curves = Journal(tmp_path / "metrics.jsonl"), Curves()
    for step in (1, 2, 3):
        journal.append({"event": "train", "step": step, "loss": 0.0})
        journal.append({"event": "valid", "step": step})
    journal.append({"event": "continued", "step": 1})
    journal.append({"event": "train", "step": 2, "loss": 1.0})
    curves.update(journal)
    assert [(row["step"], row["loss"]) for row in curves.train] == [(1, 0.0), (2, 1.0)]
    assert [row["step"] for row in curves.valid] == [1]


def test_an_event_of_a_later_version_does_no_harm(tmp_path: Path) -> None:
    journal, curves = Journal(tmp_path / "metrics.jsonl"), Curves()
    journal.append({"event": "telepathy"})
    journal.append({"no": "event"})
    assert curves.update(journal)
    assert len(curves.notes) == 2


@pytest.mark.parametrize("n", [0, 1, 9, 10, 11, 99, 1000])
def test_thinned_rows_are_few_even_and_end_with_the_newest(n: int) -> None:
    rows = [{"step": step} for step in range(n)]
    kept = [row["step"] for row in thinned(rows, 10)]
    assert len(kept) == n if n <= 10 else 5 <= len(kept) <= 10
    assert kept[-1:] == [n - 1][:n]
    assert len({b - a for a, b in pairwise(kept)}) <= 1
