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


def test_a_long_run_is_thinned_evenly_while_it_is_read_and_keeps_the_newest_and_the_best(
    tmp_path: Path,
) -> None:
    journal, curves, whole = Journal(tmp_path / "metrics.jsonl"), Curves(n_kept=400), Curves()
    sizes = []
    with journal.path.open("w") as file:
        for step in range(1, 20_001):
            file.write(f'{{"event":"train","step":{step},"loss":1.0}}\n')
            is_best = "true" if step in (3, 777) else "false"
            file.write(f'{{"event":"valid","step":{step},"is_best":{is_best}}}\n')
            if not step % 1000:
                file.flush()
                curves.update(journal)
                sizes.append(len(curves.train))
    whole.update(journal)
    assert len(whole.train) == 20_000
    assert max(sizes) <= 400
    for rows in (curves.train, curves.valid):
        steps = [row["step"] for row in rows]
        assert steps[0] == 1
        assert steps[-100:] == list(range(19_901, 20_001))
        # Nowhere is there a hole: no distance is twice as long as an even one.
        assert max(b - a for a, b in pairwise(steps)) <= 2 * 20_000 / 100
    assert [row["step"] for row in curves.valid if row["is_best"]][-1] == 777


def test_a_thinned_curve_forgets_what_was_not_saved_as_a_whole_one_does(tmp_path: Path) -> None:
    journal, curves = Journal(tmp_path / "metrics.jsonl"), Curves(n_kept=300)
    for step in range(1, 1000):
        journal.append({"event": "train", "step": step, "loss": 0.0})
    curves.update(journal)
    journal.append({"event": "continued", "step": 500})
    journal.append({"event": "train", "step": 501, "loss": 1.0})
    curves.update(journal)
    assert [row["loss"] for row in curves.train if row["step"] > 500] == [1.0]
