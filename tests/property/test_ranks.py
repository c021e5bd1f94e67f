from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from bert4rec.ranking import ranks_of, top_items

# Few distinct values, so that ties are the rule.
SCORES = st.lists(st.sampled_from([-1.5, 0.0, 0.25, 3.0]), min_size=1, max_size=12)


@given(SCORES, st.data())
def test_a_rank_is_the_place_in_a_plain_sort_with_ties_against_the_model(
    scores: list[float], data: st.DataObject
) -> None:
    target = data.draw(st.integers(1, len(scores)))
    others = scores[: target - 1] + scores[target:]
    expected = sum(1 for score in others if score >= scores[target - 1])
    assert ranks_of(torch.tensor([scores]), torch.tensor([target])).tolist() == [expected]


@given(SCORES, st.data())
def test_ranks_do_not_change_when_items_are_renumbered(
    scores: list[float], data: st.DataObject
) -> None:
    target = data.draw(st.integers(0, len(scores) - 1))
    order = data.draw(st.permutations(range(len(scores))))
    shuffled = torch.tensor([[scores[old] for old in order]])
    before = ranks_of(torch.tensor([scores]), torch.tensor([target + 1]))
    after = ranks_of(shuffled, torch.tensor([order.index(target) + 1]))
    assert before.tolist() == after.tolist()


@given(SCORES, st.floats(0.5, 4), st.floats(-3, 3))
def test_ranks_do_not_change_with_the_scale_of_the_scores(
    scores: list[float], factor: float, shift: float
) -> None:
    row = torch.tensor([scores], dtype=torch.float64)
    targets = torch.arange(1, len(scores) + 1)
    rows = row.expand(len(scores), -1)
    assert torch.equal(ranks_of(rows, targets), ranks_of(rows * factor + shift, targets))


@given(SCORES, st.integers(1, 12))
def test_an_item_ranked_before_k_stands_in_the_first_k(scores: list[float], k: int) -> None:
    row = torch.tensor([scores])
    listed = set(top_items(row, k)[0][0].tolist())
    for target in range(1, len(scores) + 1):
        if ranks_of(row, torch.tensor([target])).item() < k:
            assert target in listed
