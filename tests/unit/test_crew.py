from __future__ import annotations

import itertools
import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bert4rec.crew import Crew, fair_shares
from bert4rec.losses import full_softmax_loss
from bert4rec.model import Bert4Rec
from tests.factories import small_settings

N_ITEMS = 20
COSTS = [7, 40, 12, 40, 3]


def network() -> Bert4Rec:
    return Bert4Rec(N_ITEMS, small_settings(dropout_rate=0.2), torch.Generator().manual_seed(1))


def loss_of(network: Bert4Rec, part: int) -> Tensor:
    chance = torch.Generator().manual_seed(part)
    network.set_generator(chance)
    items = torch.randint(1, N_ITEMS + 1, (3, 6), generator=chance)
    hidden = network(items, torch.tensor([[2, 5]] * 3)).flatten(0, 1)
    return full_softmax_loss(hidden, network.item_vectors(), items[:, [2, 5]].flatten() - 1)


def gradients(n_threads: int) -> tuple[Tensor, list[Tensor]]:
    crew = Crew(network(), n_threads)
    with crew:
        total = crew.backward(COSTS, loss_of)
    return total, [p.grad for p in crew.networks[0].parameters() if p.grad is not None]


@pytest.mark.parametrize("n_threads", [2, 3, 8])
def test_several_threads_give_the_gradient_of_one(n_threads: int) -> None:
    total, expected = gradients(1)
    found_total, found = gradients(n_threads)
    torch.testing.assert_close(found_total, total)
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


def test_the_same_threads_give_the_same_bits_whoever_is_faster() -> None:
    (_, first), (_, second) = gradients(3), gradients(3)
    assert all(torch.equal(one, two) for one, two in zip(first, second, strict=True))


def test_copies_hold_the_weights_of_the_network_and_no_gradients_afterwards() -> None:
    crew = Crew(network(), 3)
    with crew:
        crew.backward(COSTS, loss_of)
        with torch.no_grad():
            crew.networks[0].items.weight.add_(1)
    for twin in crew.networks[1:]:
        assert torch.equal(twin.items.weight, crew.networks[0].items.weight)
        assert twin.items.weight.data_ptr() == crew.networks[0].items.weight.data_ptr()
        assert all(parameter.grad is None for parameter in twin.parameters())


def test_sparse_gradients_are_added_up_too() -> None:
    whole = network()
    whole.items.sparse = True
    crew = Crew(whole, 2)

    def loss(network: Bert4Rec, part: int) -> Tensor:
        return network.items(torch.tensor([part, 3])).sum()

    with crew:
        crew.backward([1, 1, 1], loss)
    gradient = whole.items.weight.grad
    assert gradient is not None
    assert gradient.is_sparse
    assert gradient.to_dense()[:, 0].tolist()[:5] == [0, 1, 1, 3, 0]


def test_an_error_of_one_thread_is_raised_and_the_threads_end() -> None:
    def loss(network: Bert4Rec, part: int) -> Tensor:
        if part == 3:
            raise RuntimeError("part 3")
        return loss_of(network, part)

    # Threads of other tests may end meanwhile.
    before = set(threading.enumerate())
    with pytest.raises(RuntimeError, match="part 3"), Crew(network(), 2) as crew:
        crew.backward(COSTS, loss)
    assert set(threading.enumerate()) <= before


@given(st.lists(st.integers(1, 1000), max_size=30), st.integers(1, 8))
def test_every_part_is_computed_once_and_no_thread_has_much_more(
    costs: list[int], n_shares: int
) -> None:
    shares = fair_shares(costs, n_shares)
    assert sorted(itertools.chain.from_iterable(shares)) == list(range(len(costs)))
    loads = [sum(costs[part] for part in share) for share in shares]
    assert max(loads) - min(loads) <= max(costs, default=0)
