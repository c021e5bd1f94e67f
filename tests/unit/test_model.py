from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.model import Bert4Rec, n_parameters, next_item_reach
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


def test_all_dropout_draws_from_one_generator() -> None:
    network = small_network(n_layers=2, dropout_rate=0.5).train()
    items_bl, places = windows([12, 12], 12), torch.full((2, 1), 11)
    states = []
    for seed in (5, 5, 6):
        network.set_generator(torch.Generator().manual_seed(seed))
        states.append(network(items_bl, places))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])
