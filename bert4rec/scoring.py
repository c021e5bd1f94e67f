"""Pairs of a history and a candidate item, scored in bulk: what a scoring policy is for.

The file is read a batch of rows at a time. A history is asked about once for all its pairs of a
batch, and its vector is kept for the batches after, as long as `KEPT_BYTES` last: pairs of one
history may stand anywhere in the file. Scores go to a file beside the answer first, because the
rank of a pair is known only when all pairs of its history are; DuckDB counts the ranks, and what
does not fit its memory goes to the disk.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from bert4rec.data.scan import Connection, Scan, quote_name
from bert4rec.errors import FormatError
from bert4rec.files import make_folder, temporary_beside, writing_explained
from bert4rec.histories import Histories
from bert4rec.item_lists import UNKNOWN_ITEM, UNKNOWN_USER, Problems, encode_sequences
from bert4rec.recommender import Recommender
from bert4rec.row_files import BATCH_ROWS, PARQUET, RowFile, as_codes, as_ids, raw_id, rows_written

# Vectors of histories that later batches may ask about again.
KEPT_BYTES = 64 * 2**20
# What ranking may hold before it goes to the disk.
RANKING_BYTES = 512 * 2**20
USER, SEQUENCE, ITEM = "user_id", "sequence", "item_id"
SCORE, RANK = "score", "rank"
# No column of a file is called so.
HISTORY = "bert4rec: history"
DIGEST_BYTES = 16


@dataclass
class ScoringReport:
    """What came of a file of pairs.

    Args:
        n_pairs: Its rows.
        n_histories: Histories that the network read; one whose vector was not kept counts again.
        problems: Rows without a score, and why.
    """

    n_pairs: int = 0
    n_histories: int = 0
    problems: Problems = field(default_factory=Problems)


def score_pairs(
    model: Recommender,
    pairs: str | Path,
    out: str | Path,
    *,
    skip_unknown: bool = False,
    batch_rows: int = BATCH_ROWS,
    tell: Callable[[int], None] = lambda n_pairs: None,
) -> ScoringReport:
    """Score a file of pairs and write it again with the columns `score` and `rank`.

    Args:
        model: Scores; bigger is more expected next.
        pairs: CSV or Parquet with `item_id`, the candidate, and either `user_id`, a user of the
            dataset with the whole history, or `sequence`, the items so far, oldest first.
        out: Parquet by its ending, else CSV: the same rows in the same order. `rank` counts from 1
            among the pairs of one history, in which equal scores have equal ranks.
        skip_unknown: Leave score and rank of a pair empty where an id is unknown or a sequence
            cannot be read, instead of refusing the file.
        batch_rows: Rows that are held at once.
        tell: Is told how many pairs were scored so far.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it cannot be read, lacks a column, or its sequences cannot be read.
        UnknownIdError: it names an unknown item or user; the rows are named, and nothing is left.
        UnwritableError: the answer cannot be written.

    Cost: a pass of the network for each distinct history whose vector is not kept.
    """
    rows, out = RowFile(Path(pairs), "pairs"), Path(out)
    _check_columns(rows.columns, rows.path.name)
    make_folder(out.parent)
    folder = temporary_beside(out)
    with writing_explained(out.parent):
        folder.mkdir()
        try:
            scored = folder / f"scored{PARQUET}"
            report = _score(model, rows, scored, skip_unknown, batch_rows, tell)
            _write_ranked(scored, out, batch_rows)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return report


def _check_columns(columns: list[str], where: str) -> None:
    if ITEM not in columns or (USER in columns) == (SEQUENCE in columns):
        raise FormatError(
            f"the columns are {', '.join(map(repr, columns))}",
            where=where,
            fix="Give item_id and either user_id or sequence.",
        )
    taken = next((name for name in (SCORE, RANK, HISTORY) if name in columns), None)
    if taken:
        raise FormatError(
            f"the pairs have a column {taken!r}, which the answer would overwrite",
            where=where,
            fix="Call it otherwise, or leave it out.",
        )


def _score(
    model: Recommender,
    rows: RowFile,
    out: Path,
    skip_unknown: bool,
    batch_rows: int,
    tell: Callable[[int], None],
) -> ScoringReport:
    """Write the rows with scores and a key of their history, to be ranked."""
    report, vectors = ScoringReport(), KeptVectors(model)
    with rows_written(out) as write:
        for table in rows.batches(batch_rows):
            asked = _Asked.of(model, table)
            report.problems.add(asked.problems, rows.first_row + report.n_pairs)
            # A file that is refused anyway is only looked through to its end.
            if skip_unknown or not report.problems:
                write(_with_ids(table, asked, asked.scores(model, vectors)))
            report.n_pairs += len(table)
            tell(report.n_pairs)
        if not skip_unknown:
            report.problems.refuse(report.n_pairs)
    report.n_histories = vectors.n_read
    return report


def _with_ids(table: pa.Table, asked: _Asked, scores: np.ndarray) -> pa.Table:
    for name in {USER, ITEM} & set(table.column_names):
        place = table.column_names.index(name)
        table = table.set_column(place, name, as_ids(table.column(name)))
    is_scored = asked.group >= 0
    # A last one, for the rows without a history.
    keys = pa.array([*asked.keys, None], pa.binary(DIGEST_BYTES))
    found = pa.array(scores, pa.float32(), mask=~is_scored)
    return table.append_column(SCORE, found).append_column(
        HISTORY, keys.take(pa.array(asked.group % len(keys)))
    )


@dataclass(frozen=True, eq=False)
class _Asked:
    """What the rows of a batch ask about.

    Args:
        group: The place of each row's history among the distinct ones; -1 where nothing is asked.
        items: Each row's candidate; anything where nothing is asked.
        keys: What tells the distinct histories apart.
        histories: The distinct histories.
        problems: Kind and words, by row.
    """

    group: np.ndarray
    items: np.ndarray
    keys: Sequence[bytes]
    histories: Histories
    problems: dict[int, tuple[str, str]]

    @classmethod
    def of(cls, model: Recommender, table: pa.Table) -> _Asked:
        items, problems = _candidates(model, table.column(ITEM))
        if USER in table.column_names:
            group, keys, histories, wrong = _users(model, table.column(USER))
        else:
            group, keys, histories, wrong = _sequences(model, table.column(SEQUENCE))
        problems |= wrong
        group[list(problems)] = -1
        # A history of which no pair is left is not read.
        used, group_of_used = np.unique(group[group >= 0], return_inverse=True)
        group[group >= 0] = group_of_used
        left = _picked(histories, used, model.settings.max_seq_length)
        return cls(group, items, [keys[at] for at in used], left, problems)

    def scores(self, model: Recommender, vectors: KeptVectors) -> np.ndarray:
        """Return the score of each row, float32 (n_rows,); NaN where nothing is asked."""
        found = np.full(len(self.group), np.nan, dtype=np.float32)
        rows = np.flatnonzero(self.group >= 0)
        vectors_gd = torch.from_numpy(vectors.of(self.keys, self.histories))
        items_nd = model.scorer.item_vectors().cpu()
        at, item = torch.from_numpy(self.group[rows]), torch.from_numpy(self.items[rows] - 1)
        # One product a pair: the other items of the catalogue are not asked about.
        with torch.inference_mode():
            scores = torch.linalg.vecdot(vectors_gd[at], items_nd[item])
        found[rows] = scores.numpy()
        return found


def _candidates(
    model: Recommender, column: pa.ChunkedArray
) -> tuple[np.ndarray, dict[int, tuple[str, str]]]:
    codes, values = as_codes(column)
    ids = [raw_id(value) for value in values]
    known = [0 if item is None else model.vocabulary.find(item) or 0 for item in ids]
    items = np.array([*known, 0], dtype=np.int64)[codes]
    problems = {}
    for row in np.flatnonzero(items == 0):
        given = ids[codes[row]] if codes[row] >= 0 else None
        n_items = len(model.vocabulary)
        words = f"item {given[:80]!r} is not in the catalogue of {n_items:,} items" if given else ""
        problems[int(row)] = (UNKNOWN_ITEM, words or "there is no item_id")
    return items, problems


Found = tuple[np.ndarray, list[bytes], Histories, dict[int, tuple[str, str]]]


def _users(model: Recommender, column: pa.ChunkedArray) -> Found:
    dataset = model.dataset
    codes, values = as_codes(column)
    ids = [raw_id(value) for value in values]
    idxs = [None if user is None else dataset.find_user(user) for user in ids]
    known = [place for place, idx in enumerate(idxs) if idx is not None]
    place_of = np.full(len(ids) + 1, -1)
    place_of[known] = np.arange(len(known))
    group = place_of[codes]
    problems = {}
    for row in np.flatnonzero(group < 0):
        given = ids[codes[row]] if codes[row] >= 0 else None
        words = "there is no user_id"
        if given:
            words = f"user {given[:80]!r} is not among the {dataset.n_users:,} users of the dataset"
        problems[int(row)] = (UNKNOWN_USER, words)
    found = [idx for idx in idxs if idx is not None]
    keys = [int(idx).to_bytes(DIGEST_BYTES, "little") for idx in found]
    histories = Histories.of(
        [dataset.history(idx)[-model.settings.max_seq_length :] for idx in found]
    )
    return group, keys, histories, problems


def _sequences(model: Recommender, column: pa.ChunkedArray) -> Found:
    histories, problems = encode_sequences(column, model.vocabulary)
    places: dict[bytes, int] = {}
    group = np.empty(len(histories), dtype=np.int64)
    firsts: list[int] = []
    content = memoryview(histories.items.tobytes())
    bounds = (histories.items.itemsize * histories.offsets).tolist()
    for row, (start, end) in enumerate(pairwise(bounds)):
        key = hashlib.blake2b(content[start:end], digest_size=DIGEST_BYTES).digest()
        place = group[row] = places.setdefault(key, len(places))
        if place == len(firsts):
            firsts.append(row)
    # The network reads no more than the newest items.
    distinct = _picked(histories, np.array(firsts, dtype=np.int64), model.settings.max_seq_length)
    return group, list(places), distinct, problems


def _picked(histories: Histories, rows: np.ndarray, n_newest: int) -> Histories:
    """Return the newest items of some histories."""
    lengths = np.minimum(np.diff(histories.offsets)[rows], n_newest)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    shift = histories.offsets[1:][rows] - lengths - offsets[:-1]
    return Histories(histories.items[np.repeat(shift, lengths) + np.arange(offsets[-1])], offsets)


class KeptVectors:
    """Vectors of histories, kept for whoever asks again, within a budget of memory.

    Args:
        model: Reads the histories.
        n_bytes: What may be kept; when it is used up, everything is forgotten.
    """

    def __init__(self, model: Recommender, n_bytes: int = KEPT_BYTES) -> None:
        self.model = model
        self.n_kept = max(1, n_bytes // (4 * model.settings.hidden_size))
        self.n_read = 0
        self._kept: dict[bytes, np.ndarray] = {}

    def of(self, keys: Sequence[bytes], histories: Histories) -> np.ndarray:
        """Return the vector of each history, float32 (n, D).

        Args:
            keys: What tells the histories apart, each once.
            histories: The histories.
        """
        found = np.empty((len(keys), self.model.settings.hidden_size), dtype=np.float32)
        new = [row for row, key in enumerate(keys) if key not in self._kept]
        for row, key in enumerate(keys):
            if (vector := self._kept.get(key)) is not None:
                found[row] = vector
        pasts = np.split(histories.items, histories.offsets[1:-1])
        found[new] = self.model.vectors_of([pasts[row] for row in new])
        self.n_read += len(new)
        if len(self._kept) + len(new) > self.n_kept:
            self._kept.clear()
        if len(new) <= self.n_kept:
            # Copies: a row of a large array would keep all of it.
            self._kept |= {keys[row]: found[row].copy() for row in new}
        return found


def _write_ranked(scored: Path, out: Path, batch_rows: int) -> None:
    """Write the scored rows again with their ranks, and without the key of their history."""
    # What it spills lies beside the scores.
    connection = Connection(scored.parent, memory_bytes=RANKING_BYTES)
    try:
        with rows_written(out) as write:
            ranks = _Ranks(connection, scored)
            for table in RowFile(scored).batches(batch_rows):
                ranked = table.drop_columns([HISTORY])
                write(ranked.append_column(RANK, ranks.take(len(table))))
    finally:
        connection.close()


class _Ranks:
    """The ranks of scored rows in the order of the rows, handed out as many as are asked for."""

    def __init__(self, connection: Connection, scored: Path) -> None:
        history = quote_name(HISTORY)
        sql = (
            f"SELECT CASE WHEN {SCORE} IS NULL THEN NULL ELSE rank() OVER"
            f" (PARTITION BY {history} ORDER BY {SCORE} DESC NULLS LAST) END AS {RANK}"
            " FROM read_parquet($file, file_row_number=true) ORDER BY file_row_number"
        )
        self._batches: Iterator[Any] = iter(connection.stream(Scan(sql, {"file": str(scored)})))
        self._rest = pa.chunked_array([], pa.int64())

    def take(self, n_rows: int) -> pa.ChunkedArray:
        """Return the ranks of the next rows, int64."""
        while len(self._rest) < n_rows:
            batch = next(self._batches)
            self._rest = pa.chunked_array([*self._rest.chunks, batch.column(0).cast(pa.int64())])
        taken, self._rest = self._rest.slice(0, n_rows), self._rest.slice(n_rows)
        return taken


def read_scores(path: Path) -> pa.ChunkedArray:
    """Return the scores of an answer in Parquet, float32."""
    return pq.read_table(path, columns=[SCORE]).column(SCORE)
