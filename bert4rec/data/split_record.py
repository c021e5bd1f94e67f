"""What a split came to: its counts and moments, to be kept with a run and read by a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from bert4rec.data.profile import FIRST_MOMENT_S, LAST_MOMENT_S
from bert4rec.data.split import Split
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.words import counted


def split_record(split: Split, settings: Hyperparameters) -> dict[str, Any]:
    """Return a split's strategy, counts and moments as plain data.

    Args:
        split: The split.
        settings: What it was asked for with.

    Returns:
        `n_train` counts interactions, the other parts items to find; by time also `valid_at` and
        `test_at` as `moment` gives them, and the users without a past in each of the parts.
    """
    record: dict[str, Any] = {"strategy": settings.split_strategy}
    if settings.split_strategy == "last_k":
        record["held_out_items"] = settings.held_out_items
    if settings.split_strategy == "global_time":
        record["held_out_share"] = settings.held_out_share
    record |= {
        "n_train": int(split.train.lengths.sum()),
        "n_train_users": int((split.train.lengths > 0).sum()),
        "n_valid": len(split.valid),
        "n_test": len(split.test),
        "n_unseen": len(split.unseen),
    }
    if split.cuts is not None:
        record |= {
            "valid_at": moment(split.cuts.valid_at_s),
            "test_at": moment(split.cuts.test_at_s),
            "n_cold_valid": split.n_cold_valid,
            "n_cold_test": split.n_cold_test,
            "n_cold_unseen": split.n_cold_unseen,
        }
    return record


def moment(time_s: float) -> str | float:
    """Return a time as an ISO moment in UTC; a counter stays the number that it is.

    Example:
        >>> moment(1_700_000_000.0), moment(12.0)
        ('2023-11-14T22:13:20+00:00', 12.0)
    """
    if not FIRST_MOMENT_S < time_s < LAST_MOMENT_S:
        return time_s
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="auto")


def ask_alike(summaries: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether runs on one dataset were asked for the same items, ranked among the same ones.

    Example:
        >>> ask_alike([{"split": {"strategy": "last_k"}}, {"split": {"strategy": "global_time"}}])
        False
    """
    asked = [(told.get("split"), told.get("removes_seen")) for told in summaries]
    return all(one == asked[0] for one in asked)


def asked_words(record: Mapping[str, Any] | None) -> str:
    """Return which items the test asks for; runs of before the record have each user's last one.

    Example:
        >>> asked_words(None), asked_words({"strategy": "last_k", "held_out_items": 3})
        ("each user's last item", "each user's last 3 items, or fewer of a short history")
    """
    if record and record["strategy"] == "global_time":
        return "each user's first item after the second cut in time"
    n_items = record.get("held_out_items", 1) if record else 1
    if n_items > 1:
        return f"each user's last {n_items} items, or fewer of a short history"
    return "each user's last item"


def counts_words(record: Mapping[str, Any]) -> str:
    """Return a record's counts in a sentence or two; its moments are left to whoever shows them.

    Example:
        >>> counts = {"n_train": 24_000, "n_train_users": 300, "n_valid": 290, "n_test": 290}
        >>> counts_words(counts | {"n_unseen": 0})
        '24,000 interactions of 300 users train. Items to find: 290 to validate, 290 to test.'
    """
    found = f"{record['n_train']:,} interactions of {record['n_train_users']:,} users train. "
    found += f"Items to find: {record['n_valid']:,} to validate, {record['n_test']:,} to test"
    if record["n_unseen"]:
        found += f", {record['n_unseen']:,} of users held out whole"
    n_cold = sum(record.get(f"n_cold_{part}", 0) for part in ("valid", "test", "unseen"))
    if n_cold:
        found += f". Users without a past at their cut, not judged: {n_cold:,}"
    return found + "."


def few_words(record: Mapping[str, Any] | None) -> str:
    """Return a warning where a split in time leaves out most of those it could ask about.

    Example:
        >>> few_words({"n_valid": 9, "n_test": 9, "n_cold_valid": 1, "n_cold_test": 0})
        ''
    """
    for part, name in (("valid", "validation"), ("test", "the test")):
        n_cold = record.get(f"n_cold_{part}", 0) if record else 0
        if record and n_cold > record[f"n_{part}"]:
            return (
                f"{counted(n_cold, 'user')} of {name} began after its cut and cannot be judged,"
                f" having no past to be asked from: more than the {record[f'n_{part}']:,} who can."
                " Where histories are as short in time as this, leave-one-out says more."
            )
    return ""
