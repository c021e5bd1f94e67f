"""For how many gaps the limits leave items: a bound for each step, and the exact answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csc_array, vstack

from bert4rec.composer.outline import OPEN
from bert4rec.composer.rules import GroupLimit, Rule
from bert4rec.errors import SettingsError
from bert4rec.words import counted

# By how much a sum of thirds can miss a whole number.
ROUNDING = 1e-6
# What the exact answer may cost: counted, not timed, so that it depends on no machine.
MAX_NODES = 1_000


def limits_of(rules: Sequence[Rule]) -> list[GroupLimit]:
    """Return those of the rules that are limits."""
    return [rule for rule in rules if isinstance(rule, GroupLimit)]


def leaves_room(rules: Sequence[Rule], items: np.ndarray) -> np.ndarray:
    """Return which items leave each limit room for all gaps but their own, bool (N,).

    A bound that is quick to find: an item that it passes may still leave too little.
    """
    n_others = int((items == OPEN).sum()) - 1
    is_free = ~rules[0].barred(items, -1)
    does_leave = np.ones_like(is_free)
    for limit in limits_of(rules):
        room, takes = limit.room(items, is_free)
        does_leave &= room - takes >= n_others - ROUNDING
    return does_leave


def check_room(rules: Sequence[Rule], items: np.ndarray) -> None:
    """Check, before anything is chosen, that there can be an item for every gap.

    Raises:
        SettingsError: an item is both kept and excluded, or there are more gaps than items for
            them; the rule is named.
    """
    if problem := rules[0].problem(items):
        raise SettingsError([problem], fix="Open its place, or allow it again.")
    n_gaps = int((items == OPEN).sum())
    is_free = ~rules[0].barred(items, -1)
    n_left = int(is_free.sum())
    if n_left < n_gaps:
        are = "item is" if n_left == 1 else "items are"
        raise SettingsError(
            [f"there are {n_gaps:,} gaps, but only {n_left:,} {are} left to choose from"],
            fix="Exclude fewer items, or close some gaps.",
        )
    bounds = [limit.room(items, is_free)[0] for limit in limits_of(rules)]
    if min(bounds, default=n_gaps) + ROUNDING < n_gaps:
        check_limits(rules, items)


def check_limits(rules: Sequence[Rule], items: np.ndarray) -> None:
    """Check by the exact answer that the limits, each alone and all together, can fill every gap.

    Raises:
        SettingsError: they cannot; which, and for how many gaps there are items.
    """
    limits = limits_of(rules)
    worth = np.where(rules[0].barred(items, -1), -np.inf, 1.0)
    n_gaps = int((items == OPEN).sum())
    for some in [*([limit] for limit in limits), *([limits] if len(limits) > 1 else [])]:
        room = _room(some, items, worth)
        if room < n_gaps:
            names = " and ".join(limit.name for limit in some)
            leaves = "leaves room" if len(some) == 1 else "together leave room"
            are = "is" if n_gaps == 1 else "are"
            raise SettingsError(
                [
                    f"{names} {leaves} for {counted(room, 'item')}, "
                    f"but there {are} {counted(n_gaps, 'gap')}"
                ],
                fix="Raise a limit, or close some gaps.",
            )


def best_set(rules: Sequence[Rule], items: np.ndarray, worth: np.ndarray) -> np.ndarray | None:
    """Return which items fill all gaps together within the limits, those of the greatest sum.

    Args:
        rules: Whose limits hold.
        items: The sequence, `OPEN` for gaps, int64 (n,).
        worth: What each item adds, minus infinity for one that may not be chosen, (N,).

    Returns:
        bool (N,), True for as many items as there are gaps; None if none were found.

    Cost: a whole-number program over the best few items of each combination of values.
    """
    return _solve(limits_of(rules), items, worth, int((items == OPEN).sum()))[0]


def _room(limits: Sequence[GroupLimit], items: np.ndarray, worth: np.ndarray) -> int:
    # What is proven, should the whole answer have been too dear: no more than that.
    return int(_solve(limits, items, worth, n_least=0)[1] + ROUNDING)


def _solve(
    limits: Sequence[GroupLimit], items: np.ndarray, worth: np.ndarray, n_least: int
) -> tuple[np.ndarray | None, float]:
    """Return which items, at most one a gap, are worth most within the limits, and how much.

    Returns:
        bool (N,), None if none were found; and what their sum does not exceed.
    """
    n_gaps = int((items == OPEN).sum())
    uses = _uses(limits)
    left = np.concatenate([np.maximum(one.limit.n - one.counts(items), 0) for one in limits])
    candidates = _candidates(uses, left, worth, n_gaps)
    if not len(candidates):
        return None, 0.0
    solved = milp(
        -worth[candidates],
        integrality=np.ones(len(candidates)),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(uses[:, candidates], -np.inf, left),
            LinearConstraint(np.ones((1, len(candidates))), n_least, n_gaps),
        ],
        options={"node_limit": MAX_NODES},
    )
    if solved.x is None:
        return None, np.inf
    is_chosen = np.zeros(len(worth), dtype=bool)
    is_chosen[candidates[solved.x > 0.5]] = True
    return is_chosen, -solved.mip_dual_bound


def _uses(limits: Sequence[GroupLimit]) -> csc_array:
    """Return which values of all limits each item has, ones, (values, N)."""
    parts = [
        csc_array(
            (np.ones(len(limit.groups)), (limit.groups, limit.members)),
            shape=(len(limit.values), len(limit.sizes)),
        )
        for limit in limits
    ]
    return csc_array(vstack(parts))


def _candidates(uses: csc_array, left: np.ndarray, worth: np.ndarray, n_gaps: int) -> np.ndarray:
    """Return the items that can be among the best: of the same values no more than find room."""
    n_met: Counter[bytes] = Counter()
    found = []
    for item in np.argsort(-worth, kind="stable")[: int(np.isfinite(worth).sum())].tolist():
        values = uses.indices[uses.indptr[item] : uses.indptr[item + 1]]
        n_met[values.tobytes()] += 1
        if n_met[values.tobytes()] <= left[values].min(initial=n_gaps):
            found.append(item)
    return np.array(found, dtype=np.int64)
