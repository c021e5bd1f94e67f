"""The rules of an outline, bound to a catalogue: what each of them bars at a place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Protocol

import numpy as np
import pandas as pd

from bert4rec.composer.outline import OPEN, Limit, Order, Outline
from bert4rec.data.item_cells import column_of, texts_of, values_of
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import SettingsError
from bert4rec.words import column_words

ID_SIGNS = re.compile(r"[;|,]")


class Rule(Protocol):
    """What may not stand at a place."""

    # Whether the same items are barred at every open place of a sequence.
    is_everywhere: bool

    @property
    def name(self) -> str:
        """The rule in words, as the end of `n items are barred by ...`."""
        ...

    def barred(self, items: np.ndarray, place: int) -> np.ndarray:
        """Return which items may not stand at an open place, bool (N,), True for those.

        Args:
            items: The sequence, `OPEN` for gaps, int64 (n,).
            place: A position of it.
        """
        ...

    def problem(self, items: np.ndarray) -> str | None:
        """Return how the items that stand in the sequence break the rule, None if they do not."""
        ...


class Unchosen:
    """Items that may not be chosen: the excluded ones, and those that are there already."""

    is_everywhere = True

    def __init__(self, excluded: frozenset[int], vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.is_excluded = np.zeros(len(vocabulary) + 1, dtype=bool)
        self.is_excluded[list(excluded)] = True

    @property
    def name(self) -> str:
        """The rule in words."""
        n_excluded = int(self.is_excluded.sum())
        return "being there already" + (f" or excluded ({n_excluded:,})" if n_excluded else "")

    def barred(self, items: np.ndarray, place: int) -> np.ndarray:
        """Return the items that are excluded or in the sequence."""
        del place
        is_barred = self.is_excluded.copy()
        is_barred[items] = True
        return is_barred[1:]

    def problem(self, items: np.ndarray) -> str | None:
        """Return which item is kept and excluded."""
        both = [item for item in items[items != OPEN] if self.is_excluded[item]]
        return (
            f"{self.vocabulary.title(int(both[0]))!r} is both kept and excluded" if both else None
        )


class GroupLimit:
    """At most n items of each value of a column."""

    is_everywhere = True

    def __init__(self, limit: Limit, vocabulary: Vocabulary) -> None:
        self.limit = limit
        cells = values_of(vocabulary, limit.column)
        codes, values = pd.factorize(np.array([*chain(*cells)], dtype=object))
        sizes = np.array([len(cell) for cell in cells], dtype=np.int64)
        self.values = [str(value) for value in values]
        self.groups = codes.astype(np.int64)
        self.sizes = sizes
        self.offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.members = np.repeat(np.arange(len(vocabulary)), sizes)
        # By value, and in each of them the items of fewest values first.
        self.narrowest = np.lexsort((sizes[self.members], self.groups))

    @property
    def name(self) -> str:
        """The rule in words."""
        return f"at most {self.limit.n} of the same {column_words(self.limit.column)}"

    def counts(self, items: np.ndarray) -> np.ndarray:
        """Return how many items of the sequence have each value, int64 (n_values,)."""
        there = items[items != OPEN]
        found = [self.groups[self.offsets[item - 1] : self.offsets[item]] for item in there]
        groups = np.concatenate([np.empty(0, dtype=np.int64), *found])
        return np.bincount(groups, minlength=len(self.values))

    def barred(self, items: np.ndarray, place: int) -> np.ndarray:
        """Return the items of which one value has no room left."""
        del place
        is_full = self.counts(items) >= self.limit.n
        is_barred = np.zeros(len(self.offsets) - 1, dtype=bool)
        if is_full.any():
            is_barred[self.members[is_full[self.groups]]] = True
        return is_barred

    def room(self, items: np.ndarray, is_free: np.ndarray) -> tuple[float, np.ndarray]:
        """Return for how many items there is room at most, and how much of it each takes.

        Each of an item's n values takes 1 / n of it, and the free items of fewest values come
        first: so room that only items of several values can use counts for less.

        Args:
            items: The sequence, `OPEN` for gaps, int64 (n,).
            is_free: Which items may be chosen by the other rules, bool (N,).

        Returns:
            The room, and what it falls by with each item that may be chosen, float64 (N,).
        """
        is_free = is_free & ~self.barred(items, -1)
        shares = 1 / self.sizes[self.members]
        free = self.narrowest[is_free[self.members[self.narrowest]]]
        groups = self.groups[free]
        ranks = np.arange(len(free)) - np.searchsorted(groups, groups)
        fits = free[ranks < (self.limit.n - self.counts(items))[groups]]
        least = np.ones(len(self.values))
        np.minimum.at(least, self.groups[fits], shares[fits])
        takes = np.where(self.sizes == 0, 1.0, 0.0)
        np.add.at(takes, self.members, np.maximum(shares, least[self.groups]))
        n_ungrouped = int((is_free & (self.sizes == 0)).sum())
        return float(shares[fits].sum()) + n_ungrouped, takes

    def problem(self, items: np.ndarray) -> str | None:
        """Return of which value the kept items hold too many."""
        counts = self.counts(items)
        most = int(counts.argmax()) if len(counts) else 0
        if not len(counts) or counts[most] <= self.limit.n:
            return None
        return f"{counts[most]} of {self.values[most]!r} are kept, against {self.name}"


class SeriesOrder:
    """Items of a series stand in the order of their numbers."""

    is_everywhere = False

    def __init__(self, order: Order, vocabulary: Vocabulary) -> None:
        self.order = order
        self.vocabulary = vocabulary
        series = pd.Series(texts_of(vocabulary, order.column))
        numbers = pd.to_numeric(column_of(vocabulary, str(order.number)), errors="coerce")
        codes, values = pd.factorize(series.where(series != "", None))
        # The last code is of what belongs to no series: nothing is known of its order.
        codes = np.where((codes < 0) | numbers.isna(), len(values), codes)
        self.codes = np.concatenate([[len(values)], codes]).astype(np.int64)
        self.numbers = np.concatenate([[0.0], numbers.fillna(0).to_numpy(dtype=np.float64)])
        self.n_series = len(values)

    @property
    def name(self) -> str:
        """The rule in words."""
        number, series = column_words(str(self.order.number)), column_words(self.order.column)
        return f"the order of {number} within {series}"

    def barred(self, items: np.ndarray, place: int) -> np.ndarray:
        """Return the items that come, in their series, before an earlier or after a later one."""
        lowest = np.full(self.n_series + 1, -np.inf)
        highest = np.full(self.n_series + 1, np.inf)
        before, after = items[:place], items[place + 1 :]
        np.maximum.at(lowest, self.codes[before], self.numbers[before])
        np.minimum.at(highest, self.codes[after], self.numbers[after])
        lowest[-1], highest[-1] = -np.inf, np.inf
        numbers, codes = self.numbers[1:], self.codes[1:]
        return np.asarray((numbers < lowest[codes]) | (numbers > highest[codes]))

    def problem(self, items: np.ndarray) -> str | None:
        """Return which kept items stand in the wrong order."""
        last: dict[int, int] = {}
        for item in items[self.codes[items] < self.n_series].tolist():
            earlier = last.get(int(self.codes[item]))
            if earlier is not None and self.numbers[item] < self.numbers[earlier]:
                titles = [self.vocabulary.title(one) for one in (earlier, item)]
                return f"{titles[0]!r} stands before {titles[1]!r}, against {self.name}"
            last[int(self.codes[item])] = item
        return None


class Requirements:
    """An item stands after what it directly requires, where both are in the sequence."""

    is_everywhere = False

    def __init__(self, order: Order, vocabulary: Vocabulary) -> None:
        self.order = order
        self.vocabulary = vocabulary
        known = {item_id: idx for idx, item_id in enumerate(vocabulary.item_ids, start=1)}
        self.required: dict[int, list[int]] = {}
        self.required_by: dict[int, list[int]] = {}
        for item, text in enumerate(texts_of(vocabulary, order.column), start=1):
            for name in filter(None, map(str.strip, ID_SIGNS.split(text))):
                if name in known and known[name] != item:
                    self.required.setdefault(item, []).append(known[name])
                    self.required_by.setdefault(known[name], []).append(item)

    @property
    def name(self) -> str:
        """The rule in words."""
        return f"the order of {column_words(self.order.column)}"

    def barred(self, items: np.ndarray, place: int) -> np.ndarray:
        """Return what an earlier item requires, and what requires a later one."""
        is_barred = np.zeros(len(self.vocabulary) + 1, dtype=bool)
        for item in items[:place].tolist():
            is_barred[self.required.get(item, [])] = True
        for item in items[place + 1 :].tolist():
            is_barred[self.required_by.get(item, [])] = True
        return is_barred[1:]

    def problem(self, items: np.ndarray) -> str | None:
        """Return which kept item stands before what it requires."""
        for at, item in enumerate(items.tolist()):
            later = set(items[at + 1 :].tolist())
            missed = next((one for one in self.required.get(item, []) if one in later), None)
            if missed is not None:
                titles = [self.vocabulary.title(one) for one in (item, missed)]
                return f"{titles[0]!r} stands before {titles[1]!r}, which it requires"
        return None


def bind_rules(outline: Outline, vocabulary: Vocabulary) -> list[Rule]:
    """Return the rules of an outline for this catalogue.

    Raises:
        SettingsError: an item or a column is not in the catalogue, or a limit is below 1.
    """
    numbers = [*outline.places, *outline.rules.excluded]
    outside = [item for item in numbers if not 0 <= item <= len(vocabulary)]
    if outside:
        raise SettingsError(
            [f"item number {outside[0]} is not in the catalogue of {len(vocabulary):,} items"]
        )
    for limit in outline.rules.limits:
        if limit.n < 1:
            raise SettingsError([f"the limit of {limit.column!r} is {limit.n}, not 1 or more"])
    limits = [GroupLimit(limit, vocabulary) for limit in outline.rules.limits]
    orders = [
        SeriesOrder(order, vocabulary) if order.number else Requirements(order, vocabulary)
        for order in outline.rules.orders
    ]
    return [Unchosen(outline.rules.excluded, vocabulary), *limits, *orders]


def allowed_at(rules: Sequence[Rule], items: np.ndarray, places: Sequence[int]) -> np.ndarray:
    """Return which items may stand at open places of a sequence, bool (M, N), True for those."""
    everywhere = [rule.barred(items, -1) for rule in rules if rule.is_everywhere]
    allowed = np.tile(~np.logical_or.reduce(everywhere), (len(places), 1))
    for rule in rules:
        if not rule.is_everywhere:
            for row, place in enumerate(places):
                allowed[row] &= ~rule.barred(items, place)
    return allowed


def broken_rules(rules: Sequence[Rule], items: np.ndarray) -> list[str]:
    """Return how what is kept breaks rules by itself, a line each."""
    return [problem for rule in rules if (problem := rule.problem(items))]


def places_to_open(rules: Sequence[Rule], items: np.ndarray) -> list[int]:
    """Return the kept places that would have to be opened for all rules to hold: the later ones.

    Cost: for each broken rule, what it bars at each place.
    """
    # What stands there twice is barred at a gap, and still breaks no rule.
    is_excluded = [rules[0].problem(items[[place]]) is not None for place in range(len(items))]
    left = np.where(is_excluded, OPEN, items)
    for rule in rules[1:]:
        for place in reversed(range(len(items))):
            if left[place] == OPEN or rule.problem(left) is None:
                continue
            without = left.copy()
            without[place] = OPEN
            if rule.barred(without, place)[items[place] - 1]:
                left = without
    return np.flatnonzero(left != items).tolist()


def why_nothing(rules: Sequence[Rule], items: np.ndarray, place: int) -> str:
    """Return which rules together leave no item for a place, in one line."""
    parts, is_left = [], np.ones(len(rules[0].barred(items, place)), dtype=bool)
    for rule in rules:
        is_barred = rule.barred(items, place) & is_left
        if is_barred.any():
            parts.append(f"{int(is_barred.sum()):,} are barred by {rule.name}")
            is_left &= ~is_barred
    if is_left.any():
        parts.append(f"{int(is_left.sum()):,} leave nothing for another gap")
    total = len(is_left)
    return f"nothing may stand at place {place + 1}: of {total:,} items, " + ", ".join(parts)
