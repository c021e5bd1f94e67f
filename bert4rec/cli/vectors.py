"""The vectors of a run as a Parquet file: items, users, or both, one row each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bert4rec.files import swapped_in
from bert4rec.recommender import Recommender


def write_vectors(
    model: Recommender, path: Path, *, with_items: bool, with_users: bool
) -> dict[str, int]:
    """Write vectors with `kind` (item or user), raw `id` and, for items, `title`.

    Returns:
        The numbers of items and users written.
    """
    vocabulary = model.vocabulary
    parts = []
    if with_items:
        titles: list[str | None] = list(vocabulary.titles)
        parts.append(_part("item", vocabulary.item_ids, titles, model.item_embeddings()))
    if with_users:
        ids = [str(user_id) for user_id in model.dataset.users["user_id"]]
        parts.append(_part("user", ids, [None] * len(ids), model.user_embeddings()))
    run_id = "" if model.run is None else model.run.id
    whole = pa.concat_tables(parts).replace_schema_metadata({"bert4rec.run": run_id})
    with swapped_in(path) as temporary:
        pq.write_table(whole, temporary)
    return {
        "n_items": len(vocabulary) if with_items else 0,
        "n_users": model.dataset.n_users if with_users else 0,
    }


def _part(kind: str, ids: list[str], titles: list[str | None], vectors: np.ndarray) -> pa.Table:
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    return pa.table(
        {
            "kind": pa.array([kind] * len(ids), pa.string()),
            "id": pa.array(ids, pa.string()),
            "title": pa.array(titles, pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
        }
    )
