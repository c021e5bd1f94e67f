"""What to be warned of before training on a dataset, and the settings that would mend it."""

from __future__ import annotations

from bert4rec.data.amount_checks import amount_checks
from bert4rec.data.check import LEVELS, Check
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.name_checks import name_checks
from bert4rec.data.order_checks import order_checks
from bert4rec.data.profile import Profile, profile


def check_dataset(dataset: SequenceDataset, found: Profile | None = None) -> tuple[Check, ...]:
    """Return what to know of a dataset before training on it, gravest first.

    Args:
        dataset: What to look at.
        found: Its figures, if they are there already.

    Cost: one pass over the interactions, beside the figures.
    """
    found = found or profile(dataset)
    checks = [
        *amount_checks(dataset, found),
        *order_checks(dataset, found),
        *name_checks(dataset),
    ]
    return tuple(sorted(checks, key=lambda check: LEVELS.index(check.level)))
