"""Pairs of a history and a candidate item, scored in bulk: what a scoring policy is for.

The file is read a batch of rows at a time. A history is asked about once for all its pairs of a
batch, and its vector is kept for the batches after, as long as `KEPT_BYTES` last: pairs of one
history may stand anywhere in the file. Rows with their scores wait in a file beside the answer,
because the rank of a pair is known only when all pairs of its history are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise, repeat
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bert4rec.bulk.pair_ranks import Ranks
from bert4rec.bulk.row_files import BATCH_ROWS, RowFile
from bert4rec.bulk.row_writers import (
    row_file_to_write,
    rows_from_aside,
    rows_set_aside,
    rows_written,
)
from bert4rec.data.split import Segments
from bert4rec.errors import FormatError
from bert4rec.files import remove_abandoned, temporary_folder_beside, writing_explained
from bert4rec.histories import Histories
from bert4rec.id_columns import IdLookup, as_codes, as_ids, raw_id
from bert4rec.item_lists import UNKNOWN_ITEM, UNKNOWN_USER, Problems, encode_sequences
from bert4rec.recommender import Recommender
from bert4rec.threads import one_ahead

# Vectors of histories that later batches may ask about again.
KEPT_BYTES = 64 * 2**20
# Pairs that are multiplied at once: their vectors stay in the cache of a core.
PRODUCT_ROWS = 1024
USER, SEQUENCE, ITEM = "user_id", "sequence", "item_id"
SCORE, RANK, HISTORY = "score", "rank", "history"
# Files that wait beside the answer.
ROWS, SCORED = "rows", "scored"
DIGEST_BYTES = 16
# Reads the histories that stand at some places.
Pasts = Callable[[np.ndarray], Histories]


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
        out: `.csv` or `.parquet`: the same rows in the same order. `rank` counts from 1 among the
            pairs of one history, in which equal scores have equal ranks.
        skip_unknown: Leave score and rank of a pair empty where an id is unknown or a sequence
            cannot be read, instead of refusing the file.
        batch_rows: Rows that are held at once.
        tell: Is told how many pairs were scored so far.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it cannot be read, lacks a column, or its sequences cannot be read; or the
            answer is to be of another form.
        UnknownIdError: it names an unknown item or user; the rows are named, and nothing is left.
        UnwritableError: the answer cannot be written.

    Cost: a pass of the network for each distinct history whose vector is not kept.
    """
    rows = RowFile(Path(pairs), "pairs")
    _check_columns(rows.columns, rows.path.name)
    place = row_file_to_write(out)
    remove_abandoned(place.parent)
    with writing_explained(place.parent), temporary_folder_beside(place) as folder:
        report = _score(model, rows, folder, skip_unknown, batch_rows, tell)
        _write_ranked(folder, out, report.n_pairs)
    return report


def _check_columns(columns: list[str], where: str) -> None:
    if ITEM not in columns or (USER in columns) == (SEQUENCE in columns):
        raise FormatError(
            f"the columns are {', '.join(map(repr, columns))}",
            where=where,
            fix="Give item_id and either user_id or sequence.",
        )
    taken = next((name for name in (SCORE, RANK) if name in columns), None)
    if taken:
        raise FormatError(
            f"the pairs have a column {taken!r}, which the answer would overwrite",
            where=where,
            fix="Call it otherwise, or leave it out.",
        )


def _score(
    model: Recommender,
    rows: RowFile,
    folder: Path,
    skip_unknown: bool,
    batch_rows: int,
    tell: Callable[[int], None],
) -> ScoringReport:
    """Set aside the rows with their scores and, to be ranked, their scores by history."""
    report, vectors = ScoringReport(), KeptVectors(model, KEPT_BYTES)
    items_nd = model.scorer.item_vectors().cpu().numpy()
    lookups = {ITEM: IdLookup(model.vocabulary.find), USER: IdLookup(model.dataset.find_user)}
    with rows_set_aside(folder / ROWS) as write, rows_set_aside(folder / SCORED) as write_scored:
        tables = rows.batches(batch_rows, coded=(USER, ITEM))
        batches = ((table, _Asked.of(model, lookups, table)) for table in tables)
        # Ids are looked up while the network is busy with those before.
        for table, asked in one_ahead(batches):
            report.problems.add(asked.problems, rows.first_row + report.n_pairs)
            # A file that is refused anyway is only looked through to its end.
            if skip_unknown or not report.problems:
                scores = asked.scores(vectors, items_nd)
                write(_with_ids(table).append_column(SCORE, scores))
                write_scored(pa.table({HISTORY: asked.key_of_row(), SCORE: scores}))
            report.n_pairs += len(table)
            tell(report.n_pairs)
        if not skip_unknown:
            report.problems.refuse(report.n_pairs)
    report.n_histories = vectors.n_read
    return report


def _with_ids(table: pa.Table) -> pa.Table:
    for name in {USER, ITEM} & set(table.column_names):
        place = table.column_names.index(name)
        table = table.set_column(place, name, as_ids(table.column(name)))
    return table


def _write_ranked(folder: Path, out: str | Path, n_pairs: int) -> None:
    """Write the rows that were set aside with their ranks."""
    ranks = Ranks(folder / SCORED, folder / RANK, n_pairs)
    with rows_written(out, texts=(USER, ITEM)) as write:
        for table in rows_from_aside(folder / ROWS):
            write(table.append_column(RANK, ranks.take(len(table))))


@dataclass(frozen=True, eq=False)
class _Asked:
    """What the rows of a batch ask about.

    Args:
        group: The place of each row's history among the distinct ones; -1 where nothing is asked.
        items: Each row's candidate; anything where nothing is asked.
        keys: What tells the distinct histories apart: int64 or 16 bytes each.
        pasts: Reads those of the distinct histories that are asked for.
        problems: Kind and words, by row.
    """

    group: np.ndarray
    items: np.ndarray
    keys: pa.Array
    pasts: Pasts
    problems: dict[int, tuple[str, str]]

    @classmethod
    def of(cls, model: Recommender, lookups: dict[str, IdLookup], table: pa.Table) -> _Asked:
        items, problems = _candidates(model, lookups[ITEM], table.column(ITEM))
        if USER in table.column_names:
            group, keys, pasts, wrong = _users(model, lookups[USER], table.column(USER))
        else:
            group, keys, pasts, wrong = _sequences(model, table.column(SEQUENCE))
        problems |= wrong
        group[list(problems)] = -1
        # A history of which no pair is left is not read.
        is_used = np.zeros(len(keys) + 1, dtype=bool)
        is_used[group] = True
        used = np.flatnonzero(is_used[:-1])
        place_of = np.full(len(keys) + 1, -1)
        place_of[used] = np.arange(len(used))
        return cls(
            place_of[group],
            items,
            keys.take(pa.array(used)),
            lambda places: pasts(used[places]),
            problems,
        )

    def scores(self, vectors: KeptVectors, items_nd: np.ndarray) -> pa.Array:
        """Return the score of each row, float32 (n_rows,); null where nothing is asked."""
        found = np.empty(len(self.group), dtype=np.float32)
        asked = np.flatnonzero(self.group >= 0)
        vectors_gd = vectors.of(self.keys.to_pylist(), self.pasts)
        # One product a pair: the other items of the catalogue are not asked about.
        for start in range(0, len(asked), PRODUCT_ROWS):
            rows = asked[start : start + PRODUCT_ROWS]
            found[rows] = np.vecdot(
                vectors_gd.take(self.group[rows], axis=0),
                items_nd.take(self.items[rows] - 1, axis=0),
            )
        return pa.array(found, mask=self.group < 0)

    def key_of_row(self) -> pa.Array:
        """Return the key of each row's history; null where nothing is asked."""
        return self.keys.take(pa.array(self.group, mask=self.group < 0))


def _candidates(
    model: Recommender, lookup: IdLookup, column: pa.ChunkedArray
) -> tuple[np.ndarray, dict[int, tuple[str, str]]]:
    codes, values = as_codes(column)
    items = np.append(lookup.of(values), -1)[codes]
    problems = {}
    for row in np.flatnonzero(items < 0):
        given = raw_id(values[codes[row]]) if codes[row] >= 0 else None
        words = "there is no item_id"
        if given:
            n_items = len(model.vocabulary)
            words = f"item {given[:80]!r} is not in the catalogue of {n_items:,} items"
        problems[int(row)] = (UNKNOWN_ITEM, words)
    return items, problems


Found = tuple[np.ndarray, pa.Array, Pasts, dict[int, tuple[str, str]]]


def _users(model: Recommender, lookup: IdLookup, column: pa.ChunkedArray) -> Found:
    codes, values = as_codes(column)
    user_of_value = lookup.of(values)
    users, place_of_value = np.unique(user_of_value[user_of_value >= 0], return_inverse=True)
    place_of = np.full(len(values) + 1, -1)
    place_of[np.flatnonzero(user_of_value >= 0)] = place_of_value
    group = place_of[codes]
    problems = {}
    for row in np.flatnonzero(group < 0):
        given = raw_id(values[codes[row]]) if codes[row] >= 0 else None
        words = "there is no user_id"
        if given:
            n_users = model.dataset.n_users
            words = f"user {given[:80]!r} is not among the {n_users:,} users of the dataset"
        problems[int(row)] = (UNKNOWN_USER, words)
    return group, pa.array(users), lambda places: _newest(model, users[places]), problems


def _newest(model: Recommender, users: np.ndarray) -> Histories:
    """Return the items of users that the network reads."""
    offsets = model.dataset.offsets
    starts, ends = offsets[users], offsets[users + 1]
    starts = np.maximum(starts, ends - model.settings.max_seq_length)
    return Histories.at(model.dataset, Segments(users, starts, ends))


def _sequences(model: Recommender, column: pa.ChunkedArray) -> Found:
    histories, problems = encode_sequences(column, model.vocabulary)
    group, distinct = _distinct(histories)
    content = memoryview(distinct.items.tobytes())
    bounds = (distinct.items.itemsize * distinct.offsets).tolist()
    keys = [
        hashlib.blake2b(content[start:end], digest_size=DIGEST_BYTES).digest()
        for start, end in pairwise(bounds)
    ]
    return group, pa.array(keys, pa.binary(DIGEST_BYTES)), distinct.pick, problems


def _distinct(histories: Histories) -> tuple[np.ndarray, Histories]:
    """Return the place of each history among the different ones, int64 (n,); and those."""
    width = histories.items.itemsize
    buffers = [None, *map(pa.py_buffer, (histories.offsets * width, histories.items))]
    texts = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(histories), buffers)
    encoded = texts.dictionary_encode()
    _, offsets, items = encoded.dictionary.buffers()
    distinct = Histories(
        np.frombuffer(items or b"", histories.items.dtype),
        np.frombuffer(offsets, np.int64, len(encoded.dictionary) + 1) // width,
    )
    return np.array(encoded.indices, dtype=np.int64), distinct


class KeptVectors:
    """Vectors of histories, kept for whoever asks again, within a budget of memory.

    Args:
        model: Reads the histories.
        n_bytes: What may be kept; when it is used up, everything is forgotten.
    """

    def __init__(self, model: Recommender, n_bytes: int) -> None:
        self.model = model
        self.n_kept = max(1, n_bytes // (4 * model.settings.hidden_size))
        self.n_read = 0
        self._place_of: dict[bytes | int, int] = {}
        # Takes memory as it fills.
        self._kept = np.empty((self.n_kept, model.settings.hidden_size), dtype=np.float32)

    def of(self, keys: Sequence[bytes | int], pasts: Pasts) -> np.ndarray:
        """Return the vector of each history, float32 (n, D).

        Args:
            keys: What tells the histories apart, each once.
            pasts: Reads those of them whose places it is given.
        """
        places = np.fromiter(map(self._place_of.get, keys, repeat(-1)), np.int64, len(keys))
        new = np.flatnonzero(places < 0)
        vectors = self.model.vectors_of(pasts(new))
        found = self._kept[places]
        found[new] = vectors
        self.n_read += len(new)
        self._keep([keys[place] for place in new.tolist()], vectors)
        return found

    def _keep(self, keys: Sequence[bytes | int], vectors: np.ndarray) -> None:
        if len(self._place_of) + len(keys) > self.n_kept:
            self._place_of.clear()
        if len(keys) <= self.n_kept:
            first = len(self._place_of)
            self._kept[first : first + len(keys)] = vectors
            self._place_of.update(zip(keys, count(first), strict=False))


def read_scores(path: Path) -> pa.ChunkedArray:
    """Return the scores of an answer in Parquet, float32."""
    return pq.read_table(path, columns=[SCORE]).column(SCORE)
