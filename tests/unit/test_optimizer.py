from __future__ import annotations

import pytest
import torch

from bert4rec.model import Bert4Rec
from bert4rec.optimizer import NetworkOptimizer, clip_gradients
from tests.factories import small_settings

N_ITEMS = 30


def network_of(*, sparse: bool) -> Bert4Rec:
    network = Bert4Rec(N_ITEMS, small_settings(), torch.Generator().manual_seed(1)).eval()
    network.items.sparse = sparse
    return network


def backward(network: Bert4Rec, step: int) -> None:
    chance = torch.Generator().manual_seed(step)
    items = torch.randint(1, N_ITEMS + 1, (3, 6), generator=chance)
    hidden = network(items, torch.tensor([[2, 5]] * 3))
    (hidden[..., None, :] * network.items(items[:, None])).sum().square().backward()


@pytest.mark.parametrize("limit", [0.1, 1e9])
def test_clipping_is_that_of_torch_for_dense_gradients(limit: float) -> None:
    ours, theirs = network_of(sparse=False), network_of(sparse=False)
    for network in (ours, theirs):
        backward(network, 0)
    clip_gradients(list(ours.parameters()), limit)
    torch.nn.utils.clip_grad_norm_(theirs.parameters(), limit)
    for one, two in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad)


def test_clipping_counts_an_item_that_was_met_twice_once() -> None:
    dense, sparse = network_of(sparse=False), network_of(sparse=True)
    for network in (dense, sparse):
        backward(network, 0)
        clip_gradients(list(network.parameters()), 0.1)
    gradient = sparse.items.weight.grad
    assert gradient is not None
    torch.testing.assert_close(gradient.to_dense(), dense.items.weight.grad)


def test_the_first_step_on_met_items_is_that_of_adam_on_all() -> None:
    """Later ones differ: what a step does not meet keeps its moments."""
    dense, sparse = network_of(sparse=False), network_of(sparse=True)
    for network in (dense, sparse):
        optimizer = NetworkOptimizer(network, small_settings(), meets_few_items=network is sparse)
        backward(network, 0)
        optimizer.step(0.01)
    for one, two in zip(dense.parameters(), sparse.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_restored_optimizer_goes_on_exactly(sparse: bool) -> None:
    whole, halves = network_of(sparse=sparse), network_of(sparse=sparse)
    settings = small_settings(weight_decay=0.1)
    optimizer = NetworkOptimizer(whole, settings, meets_few_items=sparse)
    other = NetworkOptimizer(halves, settings, meets_few_items=sparse)
    for step in range(4):
        for network, adam in ((whole, optimizer), (halves, other)):
            adam.zero_grad()
            backward(network, step)
            adam.step(0.01)
        if step == 1:
            state = {name: tensor.clone() for name, tensor in other.state().items()}
            other = NetworkOptimizer(halves, settings, meets_few_items=sparse)
            other.restore(state)
    for one, two in zip(whole.parameters(), halves.parameters(), strict=True):
        assert torch.equal(one, two)
