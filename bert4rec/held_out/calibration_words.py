"""What a calibration says, in sentences whose every word goes back to a figure of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bert4rec.contexts import CONTEXT_NAMES
from bert4rec.held_out.calibration import Calibration
from bert4rec.held_out.future_words import PART_WORDS
from bert4rec.held_out.reliability import Bin, Reliability
from bert4rec.metrics import LEAST_USERS
from bert4rec.temperatures import Shown, Temperatures
from bert4rec.words import counted, percent

# Probabilities that are off by less of the share that they should tell are taken as they are. No
# fixed error would do: ten items share one hit at most, so that share, HR@10 / 10, can be tiny.
SMALL_ERROR = 0.25


def calibration_finding(found: Calibration) -> str:
    """Return how far the probabilities that are shown are what they say, in two sentences."""
    if not found.is_enough:
        return (
            "This is not enough to tell whether the probabilities are what they say: fewer than "
            f"{LEAST_USERS} users have items for it."
        )
    context = "both" if "both" in found.contexts else next(iter(found.contexts))
    used = found.contexts[context]
    worst = max(used.bins, key=lambda one: abs(one.probability - one.share.mean))
    # A share of the whole, not of the probabilities.
    points = percent(used.error).removesuffix("%")
    return (
        f"The probabilities {_how(used)}: on average those of the ten listed items say "
        f"{percent(_probability(used))}, and {percent(_share(used))} of these items are the "
        f"hidden one; they are off by {points} percentage points. {_of_bin(worst)}"
    )


def _how(used: Reliability) -> str:
    if used.error <= SMALL_ERROR * _share(used) + _noise(used):
        return "are about what they say"
    lean = _probability(used) - _share(used)
    if abs(lean) < used.error / 2:
        return "are too high in places and too low in others"
    return "are too high" if lean > 0 else "are too low"


def _probability(used: Reliability) -> float:
    return _over_items(used, [one.probability for one in used.bins])


def _share(used: Reliability) -> float:
    return _over_items(used, [one.share.mean for one in used.bins])


def _noise(used: Reliability) -> float:
    """Return the error that chance alone may make of probabilities that are right."""
    # What is certain may lie above 1 by a rounding.
    variances = [max(one.probability * (1 - one.probability), 0.0) / one.n for one in used.bins]
    return _over_items(used, [math.sqrt(variance) for variance in variances])


def _over_items(used: Reliability, values: Sequence[float]) -> float:
    """Return the mean over the listed items of a value for each bin."""
    n_listed = sum(one.n for one in used.bins)
    return sum(one.n * value for one, value in zip(used.bins, values, strict=True)) / n_listed


def _of_bin(one: Bin) -> str:
    share = one.share
    return (
        f"Farthest off: of {one.n:,} items listed with a probability of "
        f"{percent(one.probability)} on average, {percent(share.mean)} are the hidden one (95% "
        f"interval {percent(share.low)} to {percent(share.high)})."
    )


def temperature_finding(found: Calibration, *, is_used: bool = True) -> str:
    """Return which temperatures are used and which do not pay, and on what that was measured.

    Args:
        found: What was found.
        is_used: Whether answers are told with what pays, and with nothing where nothing does;
            else it is said what would pay.
    """
    if not found.n_fitted:
        none = "No temperature is used" if is_used else "No temperature was fitted"
        return f"{none}: it takes {2 * LEAST_USERS} users to fit and judge one."
    used = found.temperatures
    if used:
        how = "Scores are divided by" if is_used else "It would pay to divide scores by"
        said = f"{how} {divisor_words(used, found.most_shown)}, which changes no rank."
        said += "" if len(used) == len(found.groups) else " Elsewhere none pays."
    elif is_used:
        said = "No temperature is used: none of those that were fitted pays."
    else:
        said = "None of the temperatures that were fitted pays."
    return (
        f"{said} Fitted on {found.n_fitted:,} {PART_WORDS[found.part]}; measured on "
        f"{found.n_places:,} such items of {counted(found.n_users, 'other user')}."
    )


def divisor_words(temperatures: Temperatures, most: int | None, about: str = "") -> str:
    """Return temperatures in a few words.

    Args:
        temperatures: One or more.
        most: The most items that there is room for, if that is known.
        about: Whose they are.
    """
    told = {shown: f"{divisor:.2f}" for shown, divisor in temperatures.items()}
    by_size = sorted(told, key=lambda shown: temperatures[shown])
    least, greatest = told[by_size[0]], told[by_size[-1]]
    if len(told) == 1:
        return f"{least} ({', '.join(filter(None, (about, shown_words(by_size[0], most))))})"
    whose = f" ({about})" if about else ""
    return (least if least == greatest else f"{least} to {greatest}") + f"{whose}, by what is shown"


def shown_words(shown: Shown, most: int | None) -> str:
    """Return what a place is shown: a context, and of how many items. See `items_words`."""
    return f"{CONTEXT_NAMES[shown.context]}, {items_words(shown, most)}"


def items_words(shown: Shown, most: int | None) -> str:
    """Return how many items a place is shown.

    Args:
        shown: What places are shown.
        most: The most items that there is room for, if that is known.

    Example:
        >>> items_words(Shown("past", 32), None), items_words(Shown("past", 32), 49)
        ('32 to 63 items', '32 to 49 items')
    """
    most = shown.most if most is None else max(shown.least, min(shown.most, most))
    if most == shown.least:
        return counted(shown.least, "item")
    return f"{shown.least:,} to {most:,} items"
