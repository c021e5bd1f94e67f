"""What is common to all rows, with exceptions, ranks as whole rows of scores do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, eye_array, random_array

from bert4rec import shared_ranks
from bert4rec.baselines.neighbours import ItemNeighbours
from bert4rec.baselines.popularity import Popularity
from bert4rec.baselines.transitions import Transitions
from bert4rec.histories import Histories
from bert4rec.ranking import Removal, top_and_ranks
from bert4rec.score_blocks import SharedScorer
from bert4rec.shared_ranks import ITEM_BITS, LAST_KEY, SharedRanks, sorting_keys


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    """A log of few items, so that ties are the rule, and rows that ask about it."""
    n_items = draw(st.integers(1, 12))
    item = st.integers(1, n_items)
    rows = draw(st.lists(st.lists(item, max_size=6), min_size=1, max_size=8))
    return {
        "n_items": n_items,
        "train": Histories.of(draw(st.lists(st.lists(item, max_size=8), max_size=8))),
        "asking": Histories.of(rows),
        "targets": np.array(draw(st.lists(item, min_size=len(rows), max_size=len(rows)))),
        "removes": draw(st.booleans()),
        "k": draw(st.integers(0, n_items + 3)),
        "n_candidates": draw(st.sampled_from([1, 40, 2**19])),
    }


def near_items(n_items: int) -> ItemNeighbours:
    """Neighbours by chance, each item its own first."""
    drawn = random_array((n_items, n_items), density=0.2, rng=np.random.default_rng(n_items))
    return ItemNeighbours(csr_matrix(drawn + eye_array(n_items)))


@given(worlds(), st.sampled_from(["popularity", "transitions", "item-knn"]))
def test_ranks_and_lists_are_those_of_whole_rows(world: dict[str, Any], name: str) -> None:
    train, n_items, asking = world["train"], world["n_items"], world["asking"]
    counts = np.bincount(train.items, minlength=n_items + 1)[1:]
    kinds = {
        "popularity": lambda: Popularity(counts),
        "transitions": lambda: Transitions.fit(train, n_items),
        "item-knn": lambda: near_items(n_items),
    }
    scorer = kinds[name]()
    assert isinstance(scorer, SharedScorer)
    removed = asking if world["removes"] else None
    whole = top_and_ranks(
        [(0, scorer.scores(asking))], world["targets"], world["k"], Removal(removed)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_ranks, "MAX_CANDIDATES", world["n_candidates"])
        ranker = SharedRanks(scorer)
        top, ranks = ranker.top_and_ranks(
            scorer.exceptions(asking), world["targets"], world["k"], removed
        )
    assert torch.equal(torch.from_numpy(top), whole[0])
    assert torch.equal(torch.from_numpy(ranks), whole[1])


@given(worlds(), st.data())
def test_scores_of_chosen_items_are_those_of_whole_rows(
    world: dict[str, Any], data: st.DataObject
) -> None:
    scorer, asking = near_items(world["n_items"]), world["asking"]
    drawn = st.lists(st.integers(1, world["n_items"]), min_size=3, max_size=3)
    items = np.array([data.draw(drawn) for _ in range(len(asking))])
    found = SharedRanks(scorer).chosen_scores(scorer.exceptions(asking), items)
    rows = np.arange(len(asking))[:, None]
    assert np.array_equal(found, scorer.scores(asking).numpy()[rows, items - 1])


@given(worlds(), st.booleans())
def test_exceptions_are_what_differs_from_what_is_common(
    world: dict[str, Any], are_near: bool
) -> None:
    scorer: SharedScorer = Transitions.fit(world["train"], world["n_items"])
    if are_near:
        scorer = near_items(world["n_items"])
    scores = scorer.scores(world["asking"]).numpy()
    rows, items, found = scorer.exceptions(world["asking"])
    expected = np.tile(scorer.common, (len(scores), 1))
    assert np.array_equal(scores[rows, items - 1], found)
    expected[rows, items - 1] = found
    assert np.array_equal(scores, expected)
    assert len(set(zip(rows.tolist(), items.tolist(), strict=True))) == len(rows)


FLOATS = st.floats(width=32, allow_nan=False) | st.sampled_from([0.0, -0.0, -np.inf, np.inf])


@given(st.lists(st.tuples(FLOATS, st.integers(0, 2**31)), min_size=1, max_size=30))
def test_keys_are_in_the_order_of_scores_and_then_of_items(pairs: list[tuple[float, int]]) -> None:
    scores = np.array([score for score, _ in pairs], dtype=np.float32)
    items = np.array([item for _, item in pairs])
    keys = sorting_keys(scores, items)
    wanted = np.lexsort((items, -scores))
    assert np.array_equal(np.sort(keys) & ITEM_BITS, items[wanted])
    assert np.array_equal(keys >= LAST_KEY, scores == -np.inf)
