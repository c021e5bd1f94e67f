"""What is too little or too much of a dataset: rows left out, users, items, lengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bert4rec.data.check import Check
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.profile import Profile
from bert4rec.data.rejects import usual_reason
from bert4rec.data.times import NO_MOMENT
from bert4rec.words import counted, percent

MIN_INTERACTIONS = 1_000
MIN_USERS_OF_TWO = 25
# One item to train, one to validate and one to test.
SHORTEST_HISTORY = 3
MANY_REJECTED = 0.03
MANY_SINGLE_ITEMS, SOME_SINGLE_ITEMS = 0.5, 0.1
MANY_LONG = 0.25
# A history is absurd when it is far longer than that of nearly everybody, and long in itself.
ABSURD_LENGTH = 1_000
ABSURD_TIMES_P90 = 10


def amount_checks(dataset: SequenceDataset, found: Profile) -> Iterator[Check]:
    """Yield what to know of how much there is.

    Args:
        dataset: What to look at.
        found: Its figures.
    """
    yield from _report_checks(dataset.manifest)
    yield from _size_checks(dataset, found)
    yield from _user_checks(dataset, found)
    yield from _item_checks(found)


def _report_checks(manifest: Mapping[str, Any]) -> Iterator[Check]:
    report = manifest.get("report", {})
    n_read, n_rejected = report.get("read", 0), report.get("rejected", 0)
    if n_rejected <= MANY_REJECTED * n_read:
        return
    reason = usual_reason(manifest.get("reject_reasons", {}))
    yield Check(
        "warning",
        f"{n_rejected:,} of {n_read:,} rows ({percent(n_rejected / n_read)}) were rejected"
        + (f", most often for: {reason}" if reason else ""),
        "Look at the rejected lines: "
        + (
            "times of another unit than most, as milliseconds among seconds, end up there."
            if reason == NO_MOMENT
            else "a wrong form or column loses lines that are whole."
        ),
        n_rejected,
    )


def _size_checks(dataset: SequenceDataset, found: Profile) -> Iterator[Check]:
    n_users_of_two = int(np.count_nonzero(dataset.lengths >= 2))
    if n_users_of_two == 0:
        yield Check(
            "error",
            "no history has two items, so there is nothing to learn an order from",
            "Check which column holds the user: each one here occurs once.",
            found.n_users,
        )
    elif n_users_of_two < MIN_USERS_OF_TWO:
        yield Check(
            "warning",
            f"only {n_users_of_two} users have two or more interactions",
            f"Figures on fewer than {MIN_USERS_OF_TWO} users say little; bring more users.",
            n_users_of_two,
        )
    if found.n_items < 2:
        yield Check(
            "error",
            "there is only one item, so there is nothing to choose from",
            "Check which column holds the item.",
            found.n_items,
        )
    if found.n_interactions < MIN_INTERACTIONS:
        yield Check(
            "warning",
            f"there are only {found.n_interactions:,} interactions",
            f"Below {MIN_INTERACTIONS:,} a network rarely beats popularity; bring a longer log.",
            found.n_interactions,
        )


def _user_checks(dataset: SequenceDataset, found: Profile) -> Iterator[Check]:
    limit = max(ABSURD_LENGTH, int(ABSURD_TIMES_P90 * found.length_quantiles["p90"]))
    is_absurd = dataset.lengths > limit
    n_absurd = int(np.count_nonzero(is_absurd))
    if n_absurd:
        share = dataset.lengths[is_absurd].sum() / max(found.n_interactions, 1)
        yield Check(
            "warning",
            f"{_users(n_absurd)} more than {limit:,} interactions, {percent(share, 1)} of all; the"
            f" median is {found.length_quantiles['median']:,.0f}",
            "They may be bots, tests or shared accounts; leave them out unless they are people.",
            n_absurd,
            {"max_sequence_length": limit},
            f"Prepare again without users of more than {limit:,}",
        )
    n_short = int(np.count_nonzero(dataset.lengths < SHORTEST_HISTORY))
    if n_short:
        is_left = found.n_users - n_short >= 2
        yield Check(
            "info",
            f"{_users(n_short)} fewer than three interactions",
            "Three are needed to train, validate and test on one user.",
            n_short,
            {"min_sequence_length": SHORTEST_HISTORY} if is_left else None,
            "Prepare again without short histories" if is_left else "",
        )
    if found.share_long > MANY_LONG:
        yield Check(
            "info",
            f"{found.n_long:,} histories ({percent(found.share_long)}) are longer than a window"
            f" of {found.window} items",
            "Raise the window length to see more of them at once; it costs time and memory.",
            found.n_long,
        )


def _users(n: int) -> str:
    return counted(n, "user has", "users have")


def _item_checks(found: Profile) -> Iterator[Check]:
    share_single = found.n_single_items / max(found.n_items, 1)
    if share_single > SOME_SINGLE_ITEMS:
        is_left = found.n_items - found.n_single_items >= 2
        yield Check(
            "warning" if share_single > MANY_SINGLE_ITEMS else "info",
            f"{found.n_single_items:,} items ({percent(share_single)}) occur once",
            "Nothing can be learned of them, yet each is one more to tell apart.",
            found.n_single_items,
            {"min_item_count": 2} if is_left else None,
            "Prepare again without items seen once" if is_left else "",
        )
    if found.n_items > found.n_interactions / 2:
        yield Check(
            "warning",
            "there is an item for every second interaction or more",
            "Check which column holds the item: it may name single events.",
            found.n_items,
        )
