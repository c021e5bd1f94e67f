"""The rows of a log in reading order, as columns on disk; what cannot be used is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bert4rec.data.connection import ROWS_STREAMED
from bert4rec.data.id_coder import MISSING, IdCoder
from bert4rec.data.rejects import N_CHARACTERS_KEPT, N_REJECTS_KEPT
from bert4rec.data.times import NO_MOMENT, NO_TIME, TimeReading, TimesSeen
from bert4rec.files import writing_explained

# How each column lies on disk: codes of users, items and events, times and values. A value is NaN
# where there is none, and -inf for a text that is no number.
DTYPES = {"u": np.int32, "i": np.int32, "e": np.int32, "n": np.float64, "v": np.float64}


@dataclass(frozen=True, eq=False)
class StagedRows:
    """What is usable of a log, in reading order.

    Args:
        folder: Holds a file for each column.
        n_rows: Number of rows.
        columns: Which of `DTYPES` there are.
        user_ids: Raw ids by code, in the order in which they first come, in rows of no use too.
        item_ids: The same of the items.
        event_names: Kinds of events by code.
        is_whole: Whether no row of the log was of no use.
        time_divisor: What a time is divided by to be in seconds.
    """

    folder: Path
    n_rows: int
    columns: frozenset[str]
    user_ids: pa.Array
    item_ids: pa.Array
    event_names: pa.Array
    is_whole: bool = True
    time_divisor: float = 1.0

    def chunks(self, *names: str) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield some columns, a part of the rows at a time."""
        files = [(self.folder / name).open("rb") for name in names]
        try:
            for _ in range(0, self.n_rows, ROWS_STREAMED):
                yield tuple(
                    np.fromfile(file, DTYPES[name], ROWS_STREAMED)
                    for name, file in zip(names, files, strict=True)
                )
        finally:
            for file in files:
                file.close()

    def seconds(self, times: np.ndarray) -> np.ndarray:
        """Return times of the column `n` in seconds."""
        return times if self.time_divisor == 1.0 else times / self.time_divisor

    def has_one(self, name: str) -> bool:
        """Whether all rows have the same code in a column."""
        first = None
        for (codes,) in self.chunks(name):
            first = codes[0] if first is None else first
            if (codes != first).any():
                return False
        return True

    def frame(self) -> pd.DataFrame:
        """Return all rows with raw ids: `user_id`, `item_id`, `time_s`, `value` and `event`.

        For a look at a small log: the whole of it is in memory.
        """
        whole = {
            name: np.fromfile(self.folder / name, DTYPES[name]) if name in self.columns else None
            for name in DTYPES
        }
        times, values, events = whole["n"], whole["v"], whole["e"]
        return pd.DataFrame(
            {
                "user_id": self.user_ids.take(pa.array(whole["u"])).to_pandas(),
                "item_id": self.item_ids.take(pa.array(whole["i"])).to_pandas(),
                "time_s": None if times is None else self.seconds(times),
                "value": None if values is None else np.where(np.isneginf(values), np.nan, values),
                "event": None
                if events is None
                else self.event_names.take(pa.array(events, mask=events < 0)).to_pandas(),
            },
            index=range(self.n_rows),
        )


@dataclass
class Refused:
    """Rows that are of no use.

    Args:
        reasons: How many there are for each reason.
        first: Number of the row from 1, reason, and text of the first of them.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    first: list[tuple[int, str, str]] = field(default_factory=list)


class RowStager:
    """Writes rows to disk as they come, with ids as codes.

    Args:
        folder: Gets a file for each column.
        reading: How times are read, where that is known already: what is no moment then is of no
            use.
    """

    def __init__(self, folder: Path, reading: TimeReading | None = None) -> None:
        folder.mkdir(parents=True)
        self.times = TimesSeen()
        self.refused = Refused()
        self._folder = folder
        self._range = (-np.inf, np.inf) if reading is None else reading.range
        self._coders = {name: IdCoder() for name in "uie"}
        self._columns: frozenset[str] = frozenset()
        self._n_read = self._n_rows = 0

    def take(self, batches: Iterable[pa.RecordBatch]) -> StagedRows:
        """Write all rows, which have the columns of `staged_columns`.

        Raises:
            UnwritableError: the disk is full.
        """
        for batch in batches:
            names = [name for name in DTYPES if name in batch.schema.names]
            self._columns = frozenset(names)
            columns = self._usable(batch, names)
            with writing_explained(self._folder):
                for name, values in columns.items():
                    with (self._folder / name).open("ab") as file:
                        file.write(values.data)
        ids = {name: coder.ids() for name, coder in self._coders.items()}
        return StagedRows(
            self._folder,
            self._n_rows,
            self._columns,
            *(ids["u"], ids["i"], ids["e"]),
            is_whole=not self.refused.reasons,
        )

    def _usable(self, batch: pa.RecordBatch, names: list[str]) -> dict[str, np.ndarray]:
        columns = {
            name: self._coders[name].encode(batch[name])
            if name in self._coders
            else batch[name].to_numpy(zero_copy_only=False)
            for name in names
        }
        if "t" in batch.schema.names:
            self.times.add(batch["n"], batch["t"])
        reasons = _reasons(batch, columns, self._range)
        is_refused = np.logical_or.reduce([is_so for _, is_so in reasons])
        if is_refused.any():
            self._refuse(batch, reasons, is_refused)
            columns = {name: values[~is_refused] for name, values in columns.items()}
        self._n_read += len(batch)
        self._n_rows += len(columns["u"])
        return columns

    def _refuse(
        self,
        batch: pa.RecordBatch,
        reasons: list[tuple[str, np.ndarray]],
        is_refused: np.ndarray,
    ) -> None:
        rows = np.flatnonzero(is_refused)
        counted = np.zeros(len(batch), dtype=bool)
        for reason, is_so in reasons:
            self.refused.reasons[reason] += int(np.count_nonzero(is_so & ~counted))
            counted |= is_so
        for row in rows[: N_REJECTS_KEPT - len(self.refused.first)]:
            reason = next(reason for reason, is_so in reasons if is_so[row])
            text = _shown(batch, int(row))[:N_CHARACTERS_KEPT]
            self.refused.first.append((self._n_read + int(row) + 1, reason, text))


def _reasons(
    batch: pa.RecordBatch, columns: dict[str, np.ndarray], times: tuple[float, float]
) -> list[tuple[str, np.ndarray]]:
    """Return why a row is of no use, the first reason first, and of which rows it is so."""
    reasons = [("no user id", columns["u"] == MISSING), ("no item id", columns["i"] == MISSING)]
    if "bad" in batch.schema.names:
        is_bad = pc.is_valid(batch["bad"]).to_numpy(zero_copy_only=False)
        reasons.insert(0, ("not a JSON object", is_bad))
    if "n" in columns:
        least, end = times
        is_none = np.isnan(columns["n"])
        is_moment = (columns["n"] >= least) & (columns["n"] < end)
        reasons += [(NO_TIME, is_none), (NO_MOMENT, ~is_none & ~is_moment)]
    return reasons


def _shown(batch: pa.RecordBatch, row: int) -> str:
    """Return a row as it is shown to a person."""
    cells = {name: batch[name][row].as_py() for name in batch.schema.names}
    if cells.get("bad") is not None:
        return str(cells["bad"])
    number = cells.get("n")
    time = cells.get("t") or (None if number is None else f"{number:.15g}")
    shown = [str(cell).strip(" ") for cell in (cells["u"], cells["i"], time) if cell is not None]
    return ", ".join(cell for cell in shown if cell)
