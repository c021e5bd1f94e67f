"""What is doubtful about times, and about the order that comes of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import numpy as np

from bert4rec.data.check import Check
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.date_order import ORDER_WORDS
from bert4rec.data.order_signs import shared_order
from bert4rec.data.profile import Profile
from bert4rec.words import counted, percent

MANY_TIES = 0.2
MANY_REPEATS = 0.3
# Times of Unix seconds, not counters; of another unit is what is this many times smaller or larger.
LEAST_UNIX_S = 1e8
OTHER_UNIT = 300
# Times without a zone may be of one that is ahead.
ZONES_S = 86_400
N_TIMES_SAMPLED = 100_000


def order_checks(dataset: SequenceDataset, found: Profile) -> Iterator[Check]:
    """Yield what to know of times and order.

    Args:
        dataset: What to look at.
        found: Its figures.
    """
    yield from _date_checks(dataset)
    yield from _time_checks(dataset)
    yield from _neighbour_checks(found)
    yield from _sorted_checks(dataset)


def _date_checks(dataset: SequenceDataset) -> Iterator[Check]:
    other = dataset.manifest.get("other_order")
    if not other:
        return
    n_rows, n_read = other["n_rows"], dataset.manifest["report"]["read"]
    chosen, read = (ORDER_WORDS[other[order]] for order in ("chosen", "read"))
    yield Check(
        "warning",
        f"the dates of {n_rows:,} of {n_read:,} rows ({percent(n_rows / n_read)}) do not fit the"
        f" chosen order, {chosen}: all dates were read as {read}, which fits more of them",
        f"If {read} is right, choose that order, or none. If not, mend these rows, or write all"
        " dates as YYYY-MM-DD, and prepare the log again.",
        n_rows,
    )


def _time_checks(dataset: SequenceDataset) -> Iterator[Check]:
    n_others, n_to_come = _strange_times(dataset)
    if n_others:
        share = n_others / dataset.n_interactions
        yield Check(
            "warning",
            f"{counted(n_others, 'time')} ({percent(share)}) {'is' if n_others == 1 else 'are'}"
            " hundreds of times smaller or larger than the others, as where seconds and"
            " milliseconds are mixed",
            "Write all times in one unit and prepare the log again: these stand at the wrong end"
            " of their histories.",
            n_others,
        )
    if n_to_come:
        share = n_to_come / dataset.n_interactions
        yield Check(
            "warning",
            f"{counted(n_to_come, 'time')} ({percent(share)})"
            f" {'was' if n_to_come == 1 else 'were'} still to come when the log was prepared, as"
            " 9999-12-31 is where none is known",
            "If nothing happens so late, leave such cells empty in the log: their lines are then"
            " rejected.",
            n_to_come,
        )


def _strange_times(dataset: SequenceDataset) -> tuple[int, int]:
    """Return how many Unix times are of another unit than the middle one, and how many to come."""
    times_s = dataset.times_s
    if times_s is None or not len(times_s):
        return 0, 0
    middle_s = float(np.median(np.abs(times_s[:: len(times_s) // N_TIMES_SAMPLED + 1])))
    if middle_s < LEAST_UNIX_S:
        return 0, 0
    last_s = _prepared_s(dataset.manifest) + ZONES_S
    n_others = n_to_come = 0
    for first, end in dataset.blocks():
        block_s = times_s[dataset.offsets[first] : dataset.offsets[end]]
        sizes = np.abs(block_s)
        is_other = (sizes < middle_s / OTHER_UNIT) | (sizes > middle_s * OTHER_UNIT)
        n_others += int(np.count_nonzero(is_other))
        n_to_come += int(np.count_nonzero((block_s > last_s) & ~is_other))
    return n_others, n_to_come


def _prepared_s(manifest: Mapping[str, Any]) -> float:
    """Return when a log was prepared, in Unix seconds; where that is not known, the end of time."""
    try:
        return datetime.fromisoformat(str(manifest.get("created_at"))).timestamp()
    except ValueError:
        return math.inf


def _neighbour_checks(found: Profile) -> Iterator[Check]:
    if found.n_backward:
        yield Check(
            "error",
            f"{found.n_backward:,} neighbours in a history go back in time",
            "The dataset is damaged; prepare its log again.",
            found.n_backward,
        )
    if found.n_duplicates:
        yield Check(
            "warning",
            f"{found.n_duplicates:,} interactions are there twice, with the same user, item and"
            " time",
            "Drop them, unless each stands for something that happened.",
            found.n_duplicates,
            {"drop_duplicates": True},
            "Prepare again without duplicates",
        )
    if found.share_time_ties > MANY_TIES:
        yield Check(
            "warning",
            f"{found.n_time_ties:,} neighbours in a history ({percent(found.share_time_ties)}) have"
            " the same time",
            "Their order is that of the file; bring finer times if there are any.",
            found.n_time_ties,
        )
    if found.share_repeats > MANY_REPEATS:
        yield Check(
            "info",
            f"{found.n_repeats:,} interactions ({percent(found.share_repeats)} of all) repeat an"
            f" item of the same history, {found.n_repeats_in_a_row:,} of them the item just before",
            "Keep seen items in the recommendations, or repeats can never be hit; a run does so by "
            "itself where those that it trains on repeat like this.",
            found.n_repeats,
        )


def _sorted_checks(dataset: SequenceDataset) -> Iterator[Check]:
    order = shared_order(dataset)
    if order.is_one:
        yield Check(
            "warning",
            f"nearly all histories hold the same items in the same order: {percent(order.share)} of"
            f" {order.n_met:,} pairs of popular items stand as they mostly do",
            "If its source is sorted by item, bring one in the order of time: else what comes next"
            " tells of the sorting, and so do all figures. It looks the same where everybody"
            " follows one plan, as in a course.",
            order.n_pairs,
        )
