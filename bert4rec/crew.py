"""Threads that compute the parts of a training step side by side, and meet once a step."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from bert4rec.model import Network
from bert4rec.threads import thread_pool


class Crew:
    """Collect the gradients of a step's parts.

    The same parts and number of threads give the same sums in the same order, whichever thread
    is faster.

    Args:
        network: Whose parameters get the gradients.
        n_threads: Threads that compute; one is the calling thread itself.
    """

    def __init__(self, network: Network, n_threads: int = 1) -> None:
        self.networks = [network, *(_sharing_copy(network) for _ in range(n_threads - 1))]
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Crew:
        if len(self.networks) > 1:
            self._pool = thread_pool(len(self.networks), "train")
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def backward(self, costs: Sequence[int], loss: Callable[[Network, int], Tensor]) -> Tensor:
        """Add the gradient of the sum of all parts' losses to the network's parameters.

        Args:
            costs: What each part takes, in any unit.
            loss: Returns the loss of the part of that number, computed with that network.

        Returns:
            The sum of the losses, a scalar without gradient.
        """
        if self._pool is None:
            return _backward(self.networks[0], range(len(costs)), loss)
        shares = fair_shares(costs, len(self.networks))
        for network in self.networks[1:]:
            network.train(self.networks[0].training)
        jobs = [
            self._pool.submit(_backward, network, share, loss)
            for network, share in zip(self.networks, shares, strict=True)
        ]
        total = torch.stack([job.result() for job in jobs]).sum()
        for network in self.networks[1:]:
            _hand_over(network, self.networks[0])
        return total


def fair_shares(costs: Sequence[int], n_shares: int) -> list[list[int]]:
    """Return which parts each thread computes: the dearest first, to whom has the least."""
    shares: list[list[int]] = [[] for _ in range(n_shares)]
    loads = [0] * n_shares
    for part in sorted(range(len(costs)), key=lambda index: -costs[index]):
        lightest = loads.index(min(loads))
        shares[lightest].append(part)
        loads[lightest] += costs[part]
    return shares


def _backward(
    network: Network, parts: Sequence[int], loss: Callable[[Network, int], Tensor]
) -> Tensor:
    # One part after the other, so that only one part's activations are held.
    total = next(network.parameters()).new_zeros(())
    for part in parts:
        value = loss(network, part)
        value.backward()  # type: ignore[no-untyped-call]
        total += value.detach()
    return total


def _sharing_copy(network: Network) -> Network:
    """Return a copy that has the same weights in memory, but gradients and dropout of its own."""
    twin = copy.deepcopy(network)
    for own, shared in zip(twin.parameters(), network.parameters(), strict=True):
        own.data = shared.data
    return twin


def _hand_over(giver: Network, taker: Network) -> None:
    """Add the giver's gradients to the taker's, and clear them."""
    for given, taken in zip(giver.parameters(), taker.parameters(), strict=True):
        if given.grad is not None:
            taken.grad = given.grad if taken.grad is None else taken.grad + given.grad
            given.grad = None
