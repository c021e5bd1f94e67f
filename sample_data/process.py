"""What a simulated sample must know about itself: the exact chance of each next item.

Sequences are drawn from these chances and the ceilings are computed from the same ones, so a
ceiling can't describe another process than the one that wrote the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
State = TypeVar("State")


class Process(Protocol[State]):
    """A known way in which a sequence comes about, one item at a time.

    States are never changed in place, so that one past can be continued in many ways.
    """

    def start(self) -> State:
        """Return the state before the first item."""
        ...

    def probabilities(self, state: State) -> Floats:
        """Return the chance of every item to come next: float64, sums to 1, 0 for seen items."""
        ...

    def advance(self, state: State, item: int) -> State:
        """Return the state after `item` has come."""
        ...


@dataclass(frozen=True)
class Sample:
    """One simulated data set before it is written."""

    name: str
    seed: int
    items: list[dict[str, object]]
    process: Process[object]
    sequences: list[list[int]]
    times: list[list[int]]
    user_prefix: str


def replay(process: Process[State], items: Iterable[int]) -> State:
    """Return the state after `items`, from the start."""
    state = process.start()
    for item in items:
        state = process.advance(state, item)
    return state


def likelihood(process: Process[State], state: State, items: Sequence[int]) -> float:
    """Return the chance that exactly `items` follow on `state`."""
    total = 1.0
    for item in items:
        total *= float(process.probabilities(state)[item])
        if total == 0.0:
            break
        state = process.advance(state, item)
    return total


def draw(chances: Floats, rng: np.random.Generator) -> int:
    """Draw an index by its chance, from one uniform number."""
    cumulative = np.cumsum(chances)
    return int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))


def draw_sequence(process: Process[State], length: int, rng: np.random.Generator) -> list[int]:
    """Draw the first `length` items of a sequence."""
    state, items = process.start(), []
    for _ in range(length):
        items.append(draw(process.probabilities(state), rng))
        state = process.advance(state, items[-1])
    return items


def draw_sequences(
    process: Process[State], n: int, shortest: int, longest: int, rng: np.random.Generator
) -> list[list[int]]:
    """Draw `n` sequences whose lengths are uniform and say nothing about their content."""
    lengths = rng.integers(shortest, longest + 1, size=n)
    return [draw_sequence(process, int(length), rng) for length in lengths]


def draw_times(
    sequences: list[list[int]], shortest_s: int, longest_s: int, rng: np.random.Generator
) -> list[list[int]]:
    """Draw strictly increasing unix seconds for each sequence, starting in 2023 or 2024.

    Args:
        sequences: the sequences to be timed.
        shortest_s: least seconds between two items.
        longest_s: most seconds between two items.
        rng: where chance comes from.
    """
    first_day, n_days = 1_672_531_200, 700
    times = []
    for sequence in sequences:
        start = first_day + int(rng.integers(n_days * 86_400))
        gaps = rng.integers(shortest_s, longest_s + 1, size=len(sequence))
        times.append((start + np.cumsum(gaps)).tolist())
    return times


def mixture(parts: Iterable[tuple[float, Floats]], is_open: NDArray[np.bool_]) -> Floats:
    """Mix chance vectors after closing items that can't come any more.

    Each part is renormalised over the open items by itself; a part with nothing open left gives
    its share to the others.

    Args:
        parts: pairs of a share and a non-negative vector over items.
        is_open: True for items that may still come.
    """
    total = np.zeros(len(is_open))
    shares = 0.0
    for share, weights in parts:
        allowed = weights * is_open
        mass = allowed.sum()
        if share > 0.0 and mass > 0.0:
            total += allowed * (share / mass)
            shares += share
    return total / shares
