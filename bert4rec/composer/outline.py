"""What is asked for: places that hold an item or are open, rules, and how bold to be."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from bert4rec.errors import SettingsError

# In arrays of item indices, an open place; the network sees MASK there.
OPEN = 0
MAX_PLACES = 400


@dataclass(frozen=True)
class Limit:
    """At most `n` items of the same value of a column, in the whole sequence.

    Where more than that are kept, they stay, and no further one is chosen.

    Args:
        column: A column of the item table. A cell such as `Comedy|Drama` counts for both values;
            an empty one counts for none.
        n: The most that may stand in the sequence, 1 or more.
    """

    column: str
    n: int


@dataclass(frozen=True)
class Order:
    """What has to come before what, of any two items of which at least one is chosen.

    Args:
        column: The column that names the series of an item or, without `number`, the ids of the
            items that it requires, separated by `;`, `|` or a comma.
        number: The column with the place of an item in its series; equal ones may stand in any
            order.
    """

    column: str
    number: str | None = None

    @property
    def told_by(self) -> str:
        """The column that tells this order and no other: a series may have several numbers."""
        return self.number or self.column


@dataclass(frozen=True)
class Rules:
    """What the chosen items have to respect; no item is ever chosen twice.

    Args:
        excluded: Item indices that may not be chosen.
        limits: At most so many of each value of a column.
        orders: Series that keep their order, and requirements that come first.
    """

    excluded: frozenset[int] = frozenset()
    limits: tuple[Limit, ...] = ()
    orders: tuple[Order, ...] = ()


@dataclass(frozen=True)
class Dials:
    """How bold the choice is; all zeros is the network's own opinion.

    Scores are logits over the run's temperatures.

    Args:
        novelty: In [0, 1]. Each score loses `novelty * log(share)`, where share is the item's part
            of the interactions that trained: at 1 items are chosen by how much more likely the
            context makes them than they are anyway.
        diversity: In [0, 1]. Each score loses `diversity * 8 * max(0, c)`, where c is the greatest
            cosine of the item's vector and that of any item in the sequence (maximal marginal
            relevance; Carbonell & Goldstein 1998). At 1 a twin of an item that is there becomes
            e^8, about 3,000 times, less likely.
        temperature: 0 or more. Each score gains `temperature` times Gumbel noise that is drawn once
            for every place and item: at 1 alone, a place's first choice is a draw from the
            probabilities that are told of it.
        seed: Chance behind that noise.
    """

    novelty: float = 0.0
    diversity: float = 0.0
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            SettingsError: a value is out of range.
        """
        problems = [
            f"{name} is {getattr(self, name)}, not a number from 0 to 1"
            for name in ("novelty", "diversity")
            if not 0 <= getattr(self, name) <= 1
        ]
        if not 0 <= self.temperature <= 10:
            problems.append(f"temperature is {self.temperature}, not a number from 0 to 10")
        if self.seed < 0:
            problems.append(f"seed is {self.seed}, not a whole number from 0 on")
        if problems:
            raise SettingsError(problems)


@dataclass(frozen=True)
class Outline:
    """A sequence with open places. Every change returns a new outline.

    Args:
        places: An item index 1..N that stays where it is, or `OPEN` for a gap, oldest first.
        rules: What the choice has to respect.
        dials: How bold it is.
    """

    places: tuple[int, ...]
    rules: Rules = field(default_factory=Rules)
    dials: Dials = field(default_factory=Dials)

    def __post_init__(self) -> None:
        """Check the number of places.

        Raises:
            SettingsError: there are too many.
        """
        if len(self.places) > MAX_PLACES:
            raise SettingsError(
                [f"the sequence has {len(self.places):,} places, more than {MAX_PLACES}"],
                fix="Leave out its oldest items, or ask for fewer gaps.",
            )

    @classmethod
    def of(
        cls,
        items: Iterable[int | None],
        rules: Rules | None = None,
        dials: Dials | None = None,
    ) -> Outline:
        """Start from item indices 1..N, None for a gap.

        Raises:
            SettingsError: an item is no index, or there are too many.
        """
        places = tuple(OPEN if item is None else _index(item) for item in items)
        return cls(places, rules or Rules(), dials or Dials())

    def __len__(self) -> int:
        return len(self.places)

    @property
    def items(self) -> np.ndarray:
        """Item indices, `OPEN` for gaps, int64 (n,)."""
        return np.array(self.places, dtype=np.int64)

    @property
    def gaps(self) -> list[int]:
        """The open positions, in order."""
        return [at for at, item in enumerate(self.places) if item == OPEN]

    def with_gaps(self, position: int, n: int = 1) -> Outline:
        """Open `n` new places before a position; at the length of the sequence, after its end."""
        before, after = self.places[:position], self.places[position:]
        return replace(self, places=(*before, *[OPEN] * n, *after))

    def extended_to(self, length: int) -> Outline:
        """Open new places at the end until the sequence has this length.

        Raises:
            SettingsError: it is longer already.
        """
        if length < len(self):
            raise SettingsError(
                [f"the sequence has {len(self)} places, more than the target of {length}"],
                fix="Take places out, or ask for a longer sequence.",
            )
        return self.with_gaps(len(self), length - len(self))

    def locked(self, position: int, item_idx: int) -> Outline:
        """Keep an item at a position."""
        return self._put(position, item_idx)

    def opened(self, position: int) -> Outline:
        """Make a place a gap."""
        return self._put(position, OPEN)

    def _put(self, position: int, item: int) -> Outline:
        return replace(self, places=(*self.places[:position], item, *self.places[position + 1 :]))

    def inserted(self, position: int, item_idx: int) -> Outline:
        """Put an item before a position; at the length of the sequence it becomes the last."""
        return self.with_gaps(position).locked(position, item_idx)

    def without(self, position: int) -> Outline:
        """Take a place out."""
        return replace(self, places=self.places[:position] + self.places[position + 1 :])

    def moved(self, position: int, to: int) -> Outline:
        """Move a place to another position; it stops at either end."""
        places = list(self.places)
        place = places.pop(min(position, len(places) - 1))
        places.insert(min(max(to, 0), len(places)), place)
        return replace(self, places=tuple(places))

    def excluding(self, item_idx: int) -> Outline:
        """Choose an item no more; the places that hold it become gaps."""
        places = tuple(OPEN if item == item_idx else item for item in self.places)
        rules = replace(self.rules, excluded=self.rules.excluded | {item_idx})
        return replace(self, places=places, rules=rules)


def _index(item: int) -> int:
    try:
        return operator.index(item)
    except TypeError:
        raise SettingsError(
            [f"{item!r} is no index of an item"],
            fix="Give indices from 1 on, and None for a gap: model.vocabulary.idx(item) finds the "
            "index of an id or a title, model.vocabulary.encode(items) those of several.",
        ) from None
