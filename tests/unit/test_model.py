from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.model import (
    ACTIVATIONS,
    Attention,
    AttentionDropout,
    Bert4Rec,
    Dropout,
    n_parameters,
    next_item_reach,
)
from tests.factories import small_network, small_settings

N_ITEMS = 11
MASK_IDX = N_ITEMS + 1


def windows(lengths: list[int], width: int, seed: int = 0) -> torch.Tensor:
    """Windows of random items, padded on the left, each ending in a MASK."""
    chance = torch.Generator().manual_seed(seed)
    items = torch.randint(1, N_ITEMS + 1, (len(lengths), width), generator=chance)
    items[:, -1] = MASK_IDX
    is_padding = torch.arange(width) < width - torch.tensor(lengths)[:, None]
    return items.masked_fill(is_padding, PAD_IDX)


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_padding_on_the_left_changes_nothing(n_layers: int) -> None:
    network = small_network(n_layers=n_layers)
    lengths = [1, 4, 9, 12]
    items_bl = windows(lengths, 12)
    together = network(items_bl, torch.full((4, 1), 11))
    for row, length in enumerate(lengths):
        alone = network(items_bl[row : row + 1, -length:], torch.full((1, 1), length - 1))
        torch.testing.assert_close(together[row], alone[0], rtol=1e-4, atol=1e-5)


def test_a_row_does_not_depend_on_the_others_in_its_batch() -> None:
    network = small_network(n_layers=2)
    items_bl = windows([12, 5, 8], 12)
    changed_bl = items_bl.clone()
    changed_bl[1:] = windows([3, 12], 12, seed=1)
    places = torch.full((3, 1), 11)
    before, after = network(items_bl, places), network(changed_bl, places)
    torch.testing.assert_close(before[0], after[0])
    assert not torch.allclose(before[1], after[1], atol=1e-2)


def test_past_and_future_both_matter() -> None:
    network = small_network(n_layers=1)
    items_bl = torch.tensor([[1, 2, MASK_IDX, 4, 5]])
    place = torch.tensor([[2]])
    states = network(items_bl, place)
    for changed in (0, 4):
        other_bl = items_bl.clone()
        other_bl[0, changed] = 9
        assert not torch.allclose(network(other_bl, place), states, atol=1e-3)


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_asking_for_several_places_equals_asking_one_by_one(n_layers: int) -> None:
    network = small_network(n_layers=n_layers)
    items_bl = windows([7, 12, 9], 12)
    places_bm = torch.tensor([[11, 6, 8], [0, 11, 11], [9, 10, 11]])
    together = network(items_bl, places_bm)
    for column in range(3):
        alone = network(items_bl, places_bm[:, column : column + 1])
        torch.testing.assert_close(together[:, column : column + 1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_a_next_item_place_sees_all_before_it_and_nothing_from_it_on(n_layers: int) -> None:
    network = small_network(n_layers=n_layers)
    items_bl = windows([12, 8, 12, 12], 12)
    items_bl[:, -1] = torch.tensor([1, 2, 3, 4])
    places_bm = torch.tensor([[5, 9, 11], [6, 8, 11], [1, 2, 11], [3, 4, 5]])
    states = network(items_bl, places_bm, sees_future=False)
    for row, column in itertools.product(range(4), range(3)):
        place = int(places_bm[row, column])
        later_bl, earlier_bl = items_bl.clone(), items_bl.clone()
        later_bl[row, place:] = later_bl[row, place:] % N_ITEMS + 1
        earlier_bl[row, place - 1] = earlier_bl[row, place - 1] % N_ITEMS + 1
        later = network(later_bl, places_bm, sees_future=False)[row, column]
        earlier = network(earlier_bl, places_bm, sees_future=False)[row, column]
        torch.testing.assert_close(later, states[row, column])
        assert not torch.allclose(earlier, states[row, column], atol=1e-4)


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_the_last_place_of_a_next_item_step_equals_the_cloze_at_the_end(n_layers: int) -> None:
    """What is trained there is what is asked when something is recommended."""
    network = small_network(n_layers=n_layers)
    items_bl = windows([12, 5, 2], 12)
    whole_bl = items_bl.clone()
    whole_bl[:, -1] = torch.tensor([3, 4, 5])
    place = torch.full((3, 1), 11)
    asked = network(whole_bl, place, sees_future=False)
    torch.testing.assert_close(asked, network(items_bl, place))


def test_nobody_attends_to_what_hides_an_item() -> None:
    network = small_network(n_layers=3)
    items_bl, places = windows([12, 6], 12), torch.full((2, 1), 11)
    items_bl[:, 8] = MASK_IDX
    states = network(items_bl, places)
    with torch.no_grad():
        network.positions.weight[3] += 5
    torch.testing.assert_close(network(items_bl, places), states)
    items_bl[:, 8] = 4
    assert not torch.allclose(network(items_bl, places), states, atol=1e-3)


def test_a_window_in_which_everything_is_hidden_does_not_depend_on_its_padding() -> None:
    network = small_network(n_layers=2)
    alone = network(torch.full((1, 3), MASK_IDX), torch.tensor([[2]]))
    padded = torch.full((1, 12), PAD_IDX)
    padded[0, -3:] = MASK_IDX
    torch.testing.assert_close(network(padded, torch.tensor([[11]])), alone)


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_what_is_hidden_need_not_be_read_and_columns_may_come_in_any_order(n_layers: int) -> None:
    network = small_network(n_layers=n_layers)
    items_bl = windows([12, 12, 7], 12)
    items_bl[:, 6] = MASK_IDX
    places = torch.tensor([[6, 11]]).expand(3, -1)
    shown = torch.tensor([[4, 0, 1, 2, 3, 5, 7, 8, 9, 10]]).expand(3, -1)
    without = network(items_bl, places, shown_bs=shown)
    torch.testing.assert_close(without, network(items_bl, places), rtol=1e-4, atol=1e-5)


def test_a_place_starts_from_its_neighbours_where_it_sees_them() -> None:
    """With attention switched off, nothing else can tell a place what is around it."""
    network = small_network(n_layers=1)
    with torch.no_grad():
        network.blocks[0].attention.output.weight.zero_()
    items_bl = windows([12], 12)
    place = torch.tensor([[6]])
    for column, matters in ((4, False), (5, True), (7, True), (8, False)):
        other_bl = items_bl.clone()
        other_bl[0, column] = other_bl[0, column] % N_ITEMS + 1
        alike = torch.equal(network(other_bl, place), network(items_bl, place))
        assert alike != matters
        from_past = [network(each, place, sees_future=False) for each in (items_bl, other_bl)]
        assert torch.equal(*from_past) == (column != 5)


def test_weights_of_the_time_before_neighbours_load_as_if_these_said_nothing() -> None:
    network, old = small_network(), small_network()
    weights = network.state_dict()
    del weights["neighbours.weight"]
    old.load_state_dict(weights)
    assert not old.neighbours.weight.any()
    assert "neighbours.weight" not in weights


def test_the_reach_of_an_item_is_the_next_place_that_is_asked_for() -> None:
    reach = next_item_reach(torch.tensor([[4, 2, 4], [3, 1, 2]]), 5)
    assert reach.tolist() == [[2, 2, 4, 4, 5], [1, 2, 3, 5, 5]]


def plain_attention(attention: Attention, x_btd: Tensor, may_attend: Tensor) -> Tensor:
    """The textbook's formula, head by head."""
    n_items, width = may_attend.shape[-1], x_btd.shape[-1] // attention.n_heads
    query = attention.query(x_btd).split(width, dim=-1)
    key, value = attention.key_value(x_btd[:, :n_items]).chunk(2, dim=-1)
    answers = []
    for q, k, v in zip(query, key.split(width, -1), value.split(width, -1), strict=True):
        logits = (q @ k.transpose(1, 2) / width**0.5).masked_fill(~may_attend[:, 0], -torch.inf)
        answers.append(logits.softmax(dim=-1) @ v)
    whole: Tensor = attention.output(torch.cat(answers, dim=-1))
    return whole


@pytest.mark.parametrize(("n_tokens", "n_items"), [(1, 1), (5, 3), (13, 9)])
def test_the_fused_attention_equals_the_plain_one(n_tokens: int, n_items: int) -> None:
    attention = small_network().blocks[0].attention
    chance = torch.Generator().manual_seed(0)
    x_btd = torch.randn(4, n_tokens, 16, generator=chance, requires_grad=True)
    may_attend = torch.rand(4, 1, n_tokens, n_items, generator=chance) < 0.6
    may_attend[..., 0] = True
    fused = attention(x_btd, attention.memory(x_btd[:, :n_items]), may_attend)
    plain = plain_attention(attention, x_btd, may_attend)
    torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-5)
    fused_grad, plain_grad = (torch.autograd.grad(y.sum(), x_btd)[0] for y in (fused, plain))
    # Sums of more terms than the answers, some of them near zero.
    torch.testing.assert_close(fused_grad, plain_grad, rtol=1e-4, atol=5e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"n_layers": 3, "n_heads": 4},
        {"hidden_size": 12, "inner_size": 7, "n_heads": 3, "max_seq_length": 5},
    ],
)
def test_the_formula_counts_every_weight(changes: dict[str, Any]) -> None:
    settings = small_settings(**changes)
    network = Bert4Rec(23, settings)
    assert n_parameters(23, settings) == sum(p.numel() for p in network.parameters())


def test_renumbering_the_items_renumbers_the_scores() -> None:
    network = small_network(n_layers=2)
    order = torch.randperm(N_ITEMS, generator=torch.Generator().manual_seed(0))
    twin = small_network(n_layers=2)
    with torch.no_grad():
        twin.items.weight[1 : N_ITEMS + 1] = network.items.weight[1 : N_ITEMS + 1][order]
    # Item j of the twin is item order[j] of the network.
    new_idx = torch.arange(N_ITEMS + 2)
    new_idx[order + 1] = torch.arange(1, N_ITEMS + 1)
    items_bl, places = windows([7, 12], 12), torch.full((2, 1), 11)
    scores = network.scores(network(items_bl, places))
    twin_scores = twin.scores(twin(new_idx[items_bl], places))
    torch.testing.assert_close(twin_scores, scores[..., order], rtol=1e-4, atol=1e-4)


def test_the_order_of_the_items_matters() -> None:
    network = small_network(n_layers=1)
    places = torch.tensor([[2]])
    states = network(torch.tensor([[1, 2, MASK_IDX]]), places)
    swapped = network(torch.tensor([[2, 1, MASK_IDX]]), places)
    assert not torch.allclose(states, swapped, atol=1e-2)


def test_the_same_generator_gives_the_same_weights_and_padding_starts_at_zero() -> None:
    one, two = small_network(), small_network()
    for (name, left), right in zip(one.named_parameters(), two.parameters(), strict=True):
        assert torch.equal(left, right), name
    assert one.items.weight[PAD_IDX].abs().sum() == 0
    assert one.items.weight[1:].std() > 0.2


def test_initial_weights_have_the_spread_that_was_asked_for() -> None:
    network = Bert4Rec(2000, small_settings(initializer_range=0.02), torch.Generator())
    # Cutting a normal distribution at two standard deviations leaves 0.88 of its spread.
    assert network.items.weight[1:].std().item() == pytest.approx(0.02 * 0.88, rel=0.02)
    assert network.items.weight.abs().max() <= 0.04


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_every_activation_gives_finite_scores_of_its_own(name: str) -> None:
    items_bl, places = windows([5, 12], 12), torch.full((2, 1), 11)
    network = small_network(hidden_act=name)
    scores = network.scores(network(items_bl, places))
    assert scores.shape == (2, 1, N_ITEMS)
    assert torch.isfinite(scores).all()
    others = {act: small_network(hidden_act=act) for act in ACTIVATIONS if act != name}
    for act, other in others.items():
        assert not torch.allclose(other.scores(other(items_bl, places)), scores), act


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9, 0.999])
def test_dropout_zeroes_the_rate_and_keeps_the_expectation(rate: float) -> None:
    dropout = Dropout(rate).train()
    dropout.generator = torch.Generator().manual_seed(0)
    n = 400_000
    kept = dropout(torch.ones(n))
    exact = min(round(rate * 256), 255) / 256
    error = 4 * (exact * (1 - exact) / n) ** 0.5
    assert (kept == 0).float().mean().item() == pytest.approx(exact, abs=error)
    assert kept.mean().item() == pytest.approx(1, abs=error / (1 - exact))
    assert kept.max().item() == pytest.approx(1 / (1 - exact))


def test_dropout_is_the_generators_alone() -> None:
    dropout = Dropout(0.5).train()
    x = torch.ones(3, 5, 7)
    results = []
    for seed in (1, 1, 2):
        dropout.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(len(results))
        results.append(dropout(x))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_dropout_does_nothing_in_evaluation_or_at_rate_zero() -> None:
    x = torch.randn(4, 3)
    assert torch.equal(Dropout(0.9).eval()(x), x)
    assert torch.equal(Dropout(0).train()(x), x)
    assert Dropout(0.9).train()(torch.empty(0, 3)).shape == (0, 3)


def test_dropout_stops_gradients_where_it_zeroes() -> None:
    dropout = Dropout(0.5).train()
    x = torch.ones(1000, requires_grad=True)
    y = dropout(x)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())


def test_attention_dropout_takes_the_rate_and_never_all() -> None:
    dropout = AttentionDropout(0.5).train()
    dropout.generator = torch.Generator().manual_seed(0)
    may_attend = torch.rand(500, 1, 20, 8, generator=torch.Generator().manual_seed(1)) < 0.7
    may_attend[:, :, 0] = False
    kept = dropout(may_attend, 20)
    assert not (kept & ~may_attend).any()
    assert torch.equal(kept.any(dim=-1), may_attend.any(dim=-1))
    # Those that would have lost all keep all, which is less than two of a hundred here.
    assert kept.sum().item() / may_attend.sum().item() == pytest.approx(0.5, abs=0.03)
    # One row for all tokens still takes other items from each of them.
    each = dropout(may_attend[:, :, 1:2], 20)
    assert each.shape == may_attend.shape
    assert (each[:, :, 0] != each[:, :, 1]).any()
    assert torch.equal(AttentionDropout(0.5).eval()(may_attend, 20), may_attend)
    assert torch.equal(AttentionDropout(0).train()(may_attend, 20), may_attend)


def test_all_dropout_draws_from_one_generator() -> None:
    network = small_network(n_layers=2, dropout_rate=0.5).train()
    items_bl, places = windows([12, 12], 12), torch.full((2, 1), 11)
    states = []
    for seed in (5, 5, 6):
        network.set_generator(torch.Generator().manual_seed(seed))
        states.append(network(items_bl, places))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])
