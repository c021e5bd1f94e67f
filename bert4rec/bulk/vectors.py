"""Vectors of a model as a Parquet file, written as it goes: what an embedding policy is for.

One row each: `kind` (item, user or sequence), raw `id`, for items `title`, and `vector`, float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bert4rec.bulk.row_files import RowFile
from bert4rec.errors import FormatError, NotFoundError
from bert4rec.files import file_at, remove_abandoned, swapped_in, writing_explained
from bert4rec.id_columns import as_ids
from bert4rec.item_lists import Problems, encode_sequences
from bert4rec.recommender import Recommender
from bert4rec.threads import one_ahead
from bert4rec.vector_search import unit

# Vectors that are held at once.
BLOCK_ROWS = 16_384
ITEM, USER, SEQUENCE = "item", "user", "sequence"
TEXTS = ["kind", "id", "title"]
# Lists of any length: some versions of Arrow cannot write or read a missing list of a fixed one.
VECTOR_SCHEMA = pa.schema(
    [*((name, pa.string()) for name in TEXTS), ("vector", pa.list_(pa.float32()))]
)
RUN_KEY, UNIT_KEY = "bert4rec.run", "bert4rec.normalised"


@dataclass(frozen=True)
class Wanted:
    """Whose vectors are wanted, and how.

    Args:
        items: All items of the catalogue, in the order of their indices.
        users: All users of the dataset, in the order of their indices.
        sequences: A CSV or Parquet file with `sequence` (a,b,c, a JSON list, in Parquet also a
            list) and, to be known by, `id`; the number of its row where there is none.
        is_unit: Whether vectors are scaled to length 1, so that a dot product is a cosine.
        skip_unknown: Leave the vector of a sequence empty where an item is unknown or it cannot be
            read, instead of refusing the file.
    """

    items: bool = True
    users: bool = False
    sequences: Path | None = None
    is_unit: bool = False
    skip_unknown: bool = False


@dataclass
class VectorReport:
    """How many vectors were written of each kind, and which sequences have none."""

    n_items: int = 0
    n_users: int = 0
    n_sequences: int = 0
    problems: Problems = field(default_factory=Problems)

    @property
    def n_written(self) -> int:
        """All rows of the file."""
        return self.n_items + self.n_users + self.n_sequences


def write_vectors(
    model: Recommender,
    path: str | Path,
    wanted: Wanted | None = None,
    *,
    tell: Callable[[int], None] = lambda n_written: None,
) -> VectorReport:
    """Write vectors as Parquet, a block at a time.

    The dot product of a user's or a sequence's vector with an item's is that item's score, unless
    they are scaled to length 1.

    Args:
        model: Gives the vectors.
        path: The Parquet file.
        wanted: Whose; the items' by default.
        tell: Is told how many vectors were written so far.

    Raises:
        NotFoundError: the file of sequences is not there, or the dataset has no users.
        FormatError: it cannot be read, or lacks the column `sequence`.
        UnknownIdError: it names an unknown item; the rows are named, and nothing is left.
        UnwritableError: the file cannot be written.
    """
    wanted = wanted or Wanted()
    if wanted.users and not model.dataset.n_users:
        raise NotFoundError(
            f"there are no users in {model.dataset.name}",
            fix="Ask for vectors of sequences, or ask the run and not its bundle.",
        )
    report, path = VectorReport(), Path(path)
    run_id = "" if model.run is None else model.run.id
    facts = {RUN_KEY: run_id, UNIT_KEY: str(wanted.is_unit).lower()}
    schema = VECTOR_SCHEMA.with_metadata(facts)
    remove_abandoned(file_at(path).parent)
    with (
        writing_explained(path.parent),
        swapped_in(path) as temporary,
        # Numbers with fractions hardly repeat: no dictionary makes them smaller.
        pq.ParquetWriter(temporary, schema, use_dictionary=TEXTS) as writer,
    ):
        for block in _blocks(model, wanted, report):
            writer.write_table(block.replace_schema_metadata(facts))
            tell(report.n_written)
        if not wanted.skip_unknown:
            report.problems.refuse(report.n_sequences)
    return report


def _blocks(model: Recommender, wanted: Wanted, report: VectorReport) -> Iterator[pa.Table]:
    if wanted.items:
        yield from _item_blocks(model, wanted, report)
    if wanted.users:
        yield from _user_blocks(model, wanted, report)
    if wanted.sequences is not None:
        yield from _sequence_blocks(model, wanted, report)


def _item_blocks(model: Recommender, wanted: Wanted, report: VectorReport) -> Iterator[pa.Table]:
    vectors, vocabulary = model.scorer.item_vectors(), model.vocabulary
    for start in range(0, len(vocabulary), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        block = vectors[rows].cpu().numpy()
        report.n_items += len(block)
        ids, titles = (
            pa.array(texts[rows], pa.string()) for texts in (vocabulary.item_ids, vocabulary.titles)
        )
        yield _table(ITEM, ids, titles, block, wanted)


def _user_blocks(model: Recommender, wanted: Wanted, report: VectorReport) -> Iterator[pa.Table]:
    dataset = model.dataset
    ids = dataset.users["user_id"]
    for start in range(0, dataset.n_users, BLOCK_ROWS):
        users = range(start, min(start + BLOCK_ROWS, dataset.n_users))
        # Only the newest items of a history are read by the network.
        pasts = [dataset.history(user)[-model.settings.max_seq_length :] for user in users]
        report.n_users += len(users)
        names = pa.array(ids.iloc[users.start : users.stop].astype(str), pa.string())
        yield _table(USER, names, None, model.vectors_of(pasts), wanted)


def _sequence_blocks(
    model: Recommender, wanted: Wanted, report: VectorReport
) -> Iterator[pa.Table]:
    if wanted.sequences is None:
        return
    rows = RowFile(wanted.sequences, "sequences")
    if SEQUENCE not in rows.columns:
        raise FormatError(
            f"the columns are {', '.join(map(repr, rows.columns))}",
            where=rows.path.name,
            fix="Give a column sequence and, if they have names, id.",
        )
    batches = (
        (table, *encode_sequences(table.column(SEQUENCE), model.vocabulary))
        for table in rows.batches(BLOCK_ROWS)
    )
    # Ids are looked up while the network is busy with those before.
    for table, histories, problems in one_ahead(batches):
        first = rows.first_row + report.n_sequences
        report.problems.add(problems, first)
        report.n_sequences += len(table)
        if report.problems and not wanted.skip_unknown:
            # Refused anyway: only looked through to its end.
            continue
        if "id" in table.column_names:
            ids = as_ids(table.column("id")).cast(pa.string())
        else:
            ids = pa.array(np.arange(first, first + len(table))).cast(pa.string())
        vectors = model.vectors_of(histories)
        yield _table(SEQUENCE, ids, None, vectors, wanted, without=list(problems))


def _table(
    kind: str,
    ids: pa.Array,
    titles: pa.Array | None,
    vectors: np.ndarray,
    wanted: Wanted,
    without: Sequence[int] = (),
) -> pa.Table:
    """Return a block of rows; those in `without` get no vector."""
    block = unit(vectors) if wanted.is_unit else vectors
    has_vector = np.ones(len(ids), dtype=bool)
    has_vector[list(without)] = False
    flat = pa.array(np.ascontiguousarray(block[has_vector], dtype=np.float32).ravel())
    ends = np.cumsum(has_vector * vectors.shape[1])
    offsets = pa.array(np.append(0, ends), pa.int32())
    listed = pa.ListArray.from_arrays(offsets, flat, mask=pa.array(~has_vector))
    kinds = pa.repeat(pa.scalar(kind, pa.string()), len(ids))
    titles = pa.nulls(len(ids), pa.string()) if titles is None else titles
    return pa.Table.from_arrays([kinds, ids, titles, listed], schema=VECTOR_SCHEMA)
