"""What to be warned of before training on a dataset, and the settings that would mend it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.id_signs import dated_ids, first_times, gaps_among, time_correlation
from bert4rec.data.order_signs import shared_order
from bert4rec.data.profile import Profile, profile
from bert4rec.data.rejects import usual_reason
from bert4rec.words import counted, percent

LEVELS = ("error", "warning", "info")
MIN_INTERACTIONS = 1_000
MIN_USERS_OF_TWO = 25
# One item to train, one to validate and one to test.
SHORTEST_HISTORY = 3
MANY_REJECTED = 0.03
MANY_SINGLE_ITEMS, SOME_SINGLE_ITEMS = 0.5, 0.1
MANY_TIES = 0.2
MANY_REPEATS = 0.3
MANY_LONG = 0.25
MANY_DATED_IDS = 0.5
IDS_IN_ORDER = 0.95
# A history is absurd when it is far longer than that of nearly everybody, and long in itself.
ABSURD_LENGTH = 1_000
ABSURD_TIMES_P90 = 10
# Times of Unix seconds, not counters; of another unit is what is this many times smaller or larger.
LEAST_UNIX_S = 1e8
OTHER_UNIT = 300
# Times without a zone may be of one that is ahead.
ZONES_S = 86_400
N_TIMES_SAMPLED = 100_000


@dataclass(frozen=True)
class Check:
    """Something to know before training.

    Args:
        level: `info`, `warning` or `error`; an error means that nothing can be learned.
        message: What was found.
        fix: What to do about it.
        count: How many users, items or interactions it is about.
        fix_settings: Settings of the preparation that would mend it, by name; None if none would.
        fix_label: What a button that prepares with them says.
    """

    level: str
    message: str
    fix: str
    count: int = 0
    fix_settings: dict[str, Any] | None = None
    fix_label: str = ""


def check_dataset(dataset: SequenceDataset, found: Profile | None = None) -> tuple[Check, ...]:
    """Return what to know of a dataset before training on it, gravest first.

    Args:
        dataset: What to look at.
        found: Its figures, if they are there already.

    Cost: one pass over the interactions, beside the figures.
    """
    found = found or profile(dataset)
    checks = [
        *_report_checks(dataset.manifest),
        *_size_checks(dataset, found),
        *_user_checks(dataset, found),
        *_item_checks(found),
        *_time_checks(dataset),
        *_order_checks(found),
        *_sorted_checks(dataset),
        *_gap_checks(dataset),
        *_id_checks(dataset),
    ]
    return tuple(sorted(checks, key=lambda check: LEVELS.index(check.level)))


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
        "Look at the rejected lines: a wrong form or column loses lines that are whole.",
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


def _order_checks(found: Profile) -> Iterator[Check]:
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
            " tells of the sorting, and so do all figures. One programme for all looks like it.",
            order.n_pairs,
        )


def _gap_checks(dataset: SequenceDataset) -> Iterator[Check]:
    for noun, ids, counts in (
        ("user", dataset.users["user_id"].tolist(), dataset.lengths),
        ("item", dataset.vocabulary.item_ids, dataset.vocabulary.counts),
    ):
        for place in gaps_among(ids):
            n = int(counts[place])
            yield Check(
                "warning",
                f"{ids[place]!r} is the {noun} of {counted(n, 'interaction')}, and how many"
                " programs write that there is none",
                "If it is no id, leave such cells empty in the log: their lines are then rejected.",
                n,
            )
        name = dataset.manifest.get("roles", {}).get(noun)
        if name in ids:
            n = int(counts[ids.index(name)])
            yield Check(
                "warning",
                f"{name!r} is the {noun} of {counted(n, 'interaction')}, and the name of the"
                " column",
                "The line that names the columns may come again where files were joined: take it"
                " out of the log and prepare that again.",
                n,
            )


def _id_checks(dataset: SequenceDataset) -> Iterator[Check]:
    users_s, items_s = first_times(dataset)
    user_ids = dataset.users["user_id"].tolist()
    for noun, ids, first_s in (
        ("item", dataset.vocabulary.item_ids, items_s),
        ("user", user_ids, users_s),
    ):
        share_dated, example = dated_ids(ids)
        if share_dated > MANY_DATED_IDS:
            yield Check(
                "warning",
                f"{percent(share_dated)} of the {noun} ids contain a date, such as {example!r}",
                f"Check that one {noun} keeps one id over the days; such an id tells the time.",
                round(share_dated * len(ids)),
            )
        correlation = time_correlation(ids, first_s)
        if abs(correlation) >= IDS_IN_ORDER:
            yield Check(
                "info",
                f"{noun} ids follow the time at which they are first met (rank correlation"
                f" {correlation:.2f})",
                "The model sees no ids, but features made of them would tell it the future.",
                len(ids),
            )
