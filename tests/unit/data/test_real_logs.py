"""Real logs keep their published numbers of rows, users and items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bert4rec.data.prepare import PrepareSettings, prepare

pytestmark = pytest.mark.shared

# Log, item table, interactions, users, items.
LOGS = [
    ("ml-1m/ml-1m.txt", "ml-1m/items.tsv", 999_611, 6_040, 3_416),
    ("ml-100k/ml-100k.inter", None, 100_000, 943, 1_682),
    ("ml-100k", None, 100_000, 943, 1_682),
    ("ml-latest-small", "ml-latest-small/movies.csv", 100_836, 610, 9_724),
    ("coco-courses", "coco-courses/i2kg_map.txt", 159_664, 24_036, 8_166),
    ("assist2009", "assist2009/assist2009_updated_skill_mapping.txt", 325_637, 4_151, 110),
    ("lastfm-llara/sequences.txt", "lastfm-llara/id2name.txt", 50_800, 976, 4_606),
    ("assist2009/*.csv", "assist2009/assist2009_updated_skill_mapping.txt", 325_637, 4_151, 110),
]


@pytest.mark.parametrize(("log", "items", "n_interactions", "n_users", "n_items"), LOGS)
def test_a_real_log_is_read_whole_with_titles(
    log: str,
    items: str | None,
    n_interactions: int,
    n_users: int,
    n_items: int,
    shared_data: Path,
    workspace: Path,
):
    dataset = prepare(
        shared_data / log,
        items=shared_data / items if items else None,
        workspace=workspace,
        settings=PrepareSettings(min_sequence_length=1),
    )
    found = (dataset.n_interactions, dataset.n_users, dataset.n_items)
    assert found == (n_interactions, n_users, n_items)
    assert dataset.manifest["report"]["read"] == n_interactions
    assert dataset.manifest["item_table"]["n_matched"] == n_items


def test_the_parallel_reader_keeps_the_order_of_a_million_lines(shared_data: Path, workspace: Path):
    path = shared_data / "ml-1m" / "ml-1m.txt"
    dataset = prepare(path, workspace=workspace)
    users, items = np.loadtxt(path, dtype=np.int64, unpack=True)
    # The file is sorted by user: the flat items must be its second column, line by line.
    ids = np.array([int(item_id) for item_id in dataset.vocabulary.item_ids])
    assert np.array_equal(ids[dataset.items - 1], items)
    assert dataset.users["user_id"].astype(int).tolist() == list(dict.fromkeys(users.tolist()))
