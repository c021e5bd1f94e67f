"""A run's journal as curves, read piece by piece while it grows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bert4rec.journal import Journal
from bert4rec.runs.lines import Line

Row = dict[str, Any]
# A long journal is read in blocks, which hold whole lines and are forgotten one by one.
BLOCK_BYTES = 1_000_000
# What a line of training holds that is drawn over the epochs.
DRAWN = (
    *("loss", "grad_norm", "learning_rate", "sequences_per_s"),
    *("memory_bytes", "device_memory_bytes"),
)


@dataclass
class Curves:
    """What the journal has told so far.

    Args:
        train: Lines of training loss, oldest first.
        valid: Lines of validation metrics, oldest first.
        baselines: Validation metrics of the yardsticks, by name.
        started: The line that the run began with.
        notes: Pauses, resumptions and the end.
        checkpoint: The line of the newest state that was saved.
        judging: The newest line, where that says how far a judgement has come.
        offset: Byte up to which the journal was read.
        n_kept: How many of the newest lines of each kind are kept whole; None keeps all. The lines
            to draw go back to the start all the same.
    """

    train: list[Row] = field(default_factory=list)
    valid: list[Row] = field(default_factory=list)
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    started: Row = field(default_factory=dict)
    notes: list[Row] = field(default_factory=list)
    checkpoint: Row | None = None
    judging: Row | None = None
    offset: int = 0
    n_kept: int | None = None

    def __post_init__(self) -> None:
        # Of a journal that is kept whole, lines are made when they are asked for.
        self._lines: dict[str, Line] = {}
        self._bests: list[Row] = []

    def update(self, journal: Journal) -> bool:
        """Read the lines that are new; return whether there were any."""
        begun_at = before = self.offset
        while True:
            events, self.offset = journal.read(before, at_most=BLOCK_BYTES)
            for event in events:
                self._take(event)
            if self.offset == before:
                return self.offset != begun_at
            before = self.offset

    @classmethod
    def of_validation(cls, journal: Journal) -> Curves:
        """Read the validations of a journal and nothing else."""
        curves = cls()
        events, curves.offset = journal.read(only=("valid", "started", "continued"))
        for event in events:
            curves._take(event)
        return curves

    @property
    def bests(self) -> list[Row]:
        """The validations that were the best so far when they were made, oldest first."""
        if self.n_kept is None:
            return [row for row in self.valid if row["is_best"]]
        return self._bests

    def line(self, name: str) -> Line:
        """Return a figure of the lines of training; empty where they do not tell it."""
        if self.n_kept is None:
            return _line((row, row.get(name)) for row in self.train)
        return self._lines.get(name) or Line()

    def scores(self, metric: str) -> Line:
        """Return a validation metric; empty where the run was not judged by it."""
        if self.n_kept is None:
            return _line((row, row["metrics"].get(metric)) for row in self.valid)
        return self._lines.get(metric) or Line()

    def _take(self, event: Row) -> None:
        kind = event.get("event")
        self.judging = event if kind == "judging" else None
        if kind == "train":
            self._keep(self.train, event)
            self._draw(event, event, DRAWN)
        elif kind == "valid":
            self._keep(self.valid, event)
            metrics = event.get("metrics", {})
            self._draw(event, metrics, metrics)
            if event.get("is_best") and self.n_kept is not None:
                self._keep(self._bests, event)
        elif kind == "baselines":
            self.baselines = event["metrics"]
        elif kind == "checkpoint":
            self.checkpoint = event
        elif kind == "judging":
            pass
        elif kind == "started":
            # A run that was killed before its first checkpoint begins anew.
            self.started = event
            self._forget_after(0)
        else:
            if kind == "continued":
                self._forget_after(int(event["step"]))
            self._keep(self.notes, event)

    def _keep(self, rows: list[Row], row: Row) -> None:
        rows.append(row)
        # Seldom many old ones at once instead of one each time, which would move all the others.
        if self.n_kept is not None and len(rows) >= 2 * self.n_kept:
            del rows[: -self.n_kept]

    def _draw(self, row: Row, figures: Row, names: Iterable[str]) -> None:
        if self.n_kept is None:
            return
        for name in names:
            if figures.get(name) is not None:
                line = self._lines.setdefault(name, Line())
                line.add(row["step"], row["epoch"], figures[name])

    def _forget_after(self, step: int) -> None:
        """Drop what a killed process wrote after its last checkpoint: those steps come again."""
        for rows in (self.train, self.valid, self.notes, self._bests):
            rows[:] = [row for row in rows if row.get("step", 0) <= step]
        for line in self._lines.values():
            line.forget_after(step)


def _line(told: Iterable[tuple[Row, float | None]]) -> Line:
    """Return the line of a figure; what does not tell it, as of an old run, has no point."""
    line = Line()
    for row, value in told:
        if value is not None:
            line.add(row["step"], row["epoch"], value)
    return line


def thinned(rows: Sequence[Row], limit: int) -> list[Row]:
    """Return at most `limit` rows, evenly spread, the newest always among them."""
    if len(rows) <= limit:
        return list(rows)
    stride = -(-len(rows) // limit)
    return list(rows[(len(rows) - 1) % stride :: stride])
