from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from bert4rec.journal import Journal
from bert4rec.runs.curves import Curves, Row, thinned
from bert4rec.runs.lines import MAX_POINTS


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


def test_how_far_a_judgement_has_come_is_told_until_something_else_is(tmp_path: Path) -> None:
    journal, curves = Journal(tmp_path / "metrics.jsonl"), Curves()
    line = {"event": "judging", "scorer": "bert4rec", "part": "test", "n_done": 5, "n_rows": 9}
    journal.append({"event": "train", "step": 1, "loss": 2.5})
    journal.append(line)
    journal.append(line | {"n_done": 8})
    curves.update(journal)
    assert curves.judging == line | {"n_done": 8}
    assert not curves.notes
    journal.append({"event": "finished", "step": 1})
    curves.update(journal)
    assert curves.judging is None


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


def write_lines(journal: Journal, steps: range) -> None:
    """Write lines of training as a run does, with a validation and a checkpoint now and then."""
    with journal.path.open("a", encoding="utf-8") as file:
        for step in steps:
            row = {"event": "train", "step": step, "epoch": step / 20, "loss": 5 + step % 7}
            row |= {"grad_norm": 1.0, "learning_rate": 1e-3, "sequences_per_s": 9.0}
            row |= {"memory_bytes": 10**9, "device_memory_bytes": 0, "elapsed_s": float(step)}
            file.write(json.dumps(row, separators=(",", ":")) + "\n")
            if step % 20 == 0:
                valid = {"event": "valid", "step": step, "epoch": step // 20}
                valid |= {"metrics": {"ndcg@10": step / 1e6}, "is_best": step % 40 == 0}
                file.write(json.dumps(valid, separators=(",", ":")) + "\n")
                saved = {"event": "checkpoint", "step": step}
                file.write(json.dumps(saved, separators=(",", ":")) + "\n")


class CountingJournal(Journal):
    """A journal that counts the bytes it hands out."""

    n_bytes = 0

    def read(
        self, offset: int = 0, *, only: Sequence[str] = (), at_most: int = -1
    ) -> tuple[list[Row], int]:
        events, end = super().read(offset, only=only, at_most=at_most)
        self.n_bytes += end - offset
        return events, end


def test_a_day_of_events_costs_a_refresh_no_more_than_a_minute_of_them(tmp_path: Path) -> None:
    journal = CountingJournal(tmp_path / "metrics.jsonl")
    curves = Curves(n_kept=200)
    costs = {}
    for n_steps in (2_000, 100_000):
        before = curves.train[-1]["step"] if curves.train else 0
        write_lines(journal, range(before + 1, n_steps + 1))
        curves.update(journal)
        write_lines(journal, range(n_steps + 1, n_steps + 3))
        journal.n_bytes = 0
        assert curves.update(journal)
        points = {name: len(curves.line(name).points()) for name in ("loss", "grad_norm")}
        n_rows = len(curves.train) + len(curves.valid) + len(curves.notes) + len(curves.bests)
        costs[n_steps] = (journal.n_bytes, points, n_rows)
    short, long = costs.values()
    # A longer number of a step is all that is longer.
    assert long[0] <= short[0] + 40
    assert max(*short[1].values(), *long[1].values()) <= MAX_POINTS
    assert max(short[2], long[2]) <= 4 * 2 * 200
    journal.n_bytes = 0
    assert not curves.update(journal)
    assert journal.n_bytes == 0


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    journal, curves = Journal(tmp_path / "metrics.jsonl"), Curves(n_kept=5)
    write_lines(journal, range(1, 4))
    curves.update(journal)
    # Were it read again, the old part would now be no JSON.
    size = journal.path.stat().st_size
    with journal.path.open("r+b") as file:
        file.write(b"x" * (size - 1) + b"\n")
    write_lines(journal, range(4, 6))
    curves.update(journal)
    assert [point.step for point in curves.line("loss").points()] == [1, 2, 3, 4, 5]


def test_a_journal_of_which_little_is_kept_draws_what_the_whole_one_does(tmp_path: Path) -> None:
    journal, whole, few = Journal(tmp_path / "metrics.jsonl"), Curves(), Curves(n_kept=10)
    write_lines(journal, range(1, 400))
    journal.append({"event": "paused", "step": 399})
    for curves in (whole, few):
        curves.update(journal)
    journal.append({"event": "continued", "step": 380})
    write_lines(journal, range(381, 403))
    for curves in (whole, few):
        curves.update(journal)
        assert curves.checkpoint == {"event": "checkpoint", "step": 400}
    assert len(few.train) < 20 < len(whole.train)
    for name in ("loss", "memory_bytes", "nothing"):
        assert few.line(name).points() == whole.line(name).points()
    assert few.scores("ndcg@10").points() == whole.scores("ndcg@10").points()
    assert few.bests == whole.bests[-len(few.bests) :]
    assert [note["event"] for note in few.notes] == [note["event"] for note in whole.notes]
    assert "paused" not in [note["event"] for note in few.notes]


def test_a_line_that_does_not_tell_a_figure_has_no_point_of_it() -> None:
    rows = [{"step": n, "epoch": n / 2, "loss": 1.0} for n in range(4)]
    rows[1]["grad_norm"], rows[2]["grad_norm"] = 3.0, None  # type: ignore[assignment]
    curves = Curves(train=rows)
    assert [point.step for point in curves.line("grad_norm").points()] == [1]
    assert not curves.line("learning_rate")
