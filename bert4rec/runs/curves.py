"""A run's journal as curves, read piece by piece while it grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bert4rec.files import Journal

Row = dict[str, Any]


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
    """

    train: list[Row] = field(default_factory=list)
    valid: list[Row] = field(default_factory=list)
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    started: Row = field(default_factory=dict)
    notes: list[Row] = field(default_factory=list)
    offset: int = 0

    def update(self, journal: Journal) -> bool:
        """Read the lines that are new; return whether there were any."""
        events, offset = journal.read(self.offset)
        self.offset = offset
        for event in events:
            self._take(event)
        return bool(events)

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
        elif kind == "valid":
            self.valid.append(event)
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
