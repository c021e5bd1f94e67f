"""A run's journal as curves, read piece by piece while it grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bert4rec.files import Journal

Row = dict[str, Any]
# Rows at the end of a thinned curve that are all kept.
N_DENSE = 100
# A long journal is read in blocks, which hold whole lines and are forgotten one by one.
BLOCK_BYTES = 1_000_000


@dataclass
class Curves:
    """What the journal has told so far.

    Args:
        train: Lines of training loss, oldest first.
        valid: Lines of validation metrics, oldest first.
        baselines: Validation metrics of the yardsticks, by name.
        started: The line that the run began with.
        notes: Pauses, resumptions and the end.
        offset: Byte up to which the journal was read.
        n_kept: Rows of training, and of validation, that a long run is thinned to while it is read,
            evenly over its steps; the newest and the best are always among them. None keeps all.
    """

    train: list[Row] = field(default_factory=list)
    valid: list[Row] = field(default_factory=list)
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    started: Row = field(default_factory=dict)
    notes: list[Row] = field(default_factory=list)
    offset: int = 0
    n_kept: int | None = None

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

    def _take(self, event: Row) -> None:
        kind = event.get("event")
        if kind == "train":
            self.train.append(event)
            if self.n_kept and len(self.train) > self.n_kept:
                self.train = _spread(self.train, self.n_kept)
        elif kind == "valid":
            self.valid.append(event)
            if self.n_kept and len(self.valid) > self.n_kept:
                self.valid = _spread(self.valid, self.n_kept)
        elif kind == "baselines":
            self.baselines = event["metrics"]
        elif kind == "started":
            # A run that was killed before its first checkpoint begins anew.
            self.started = event
            self._forget_after(0)
        else:
            self.notes.append(event)
            if kind == "continued":
                self._forget_after(int(event["step"]))

    def _forget_after(self, step: int) -> None:
        """Drop what a killed process wrote after its last checkpoint: those steps come again."""
        self.train = [row for row in self.train if row["step"] <= step]
        self.valid = [row for row in self.valid if row["step"] <= step]


def thinned(rows: list[Row], limit: int) -> list[Row]:
    """Return at most `limit` rows, evenly spread, the newest always among them."""
    if len(rows) <= limit:
        return rows
    stride = -(-len(rows) // limit)
    return rows[(len(rows) - 1) % stride :: stride]


def _spread(rows: list[Row], limit: int) -> list[Row]:
    """Return at most about half of `limit` rows at even distances of steps, and the newest ones.

    Rows may be thinned already; the newest tell the pace, and the best is not to be lost.
    """
    older, newest = rows[:-N_DENSE], rows[-N_DENSE:]
    best = next((row for row in reversed(rows) if row.get("is_best")), None)
    gap = (older[-1]["step"] - older[0]["step"]) * 2 / limit
    kept, due = [], older[0]["step"]
    for row in older:
        if row["step"] >= due or row is best:
            kept.append(row)
            due = row["step"] + gap
    return kept + newest
