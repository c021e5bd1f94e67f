"""What a calibration says, in sentences whose every word goes back to a figure of it."""

from __future__ import annotations

from bert4rec.held_out.calibration import Bin, Calibration, Reliability
from bert4rec.held_out.future_words import PART_WORDS
from bert4rec.held_out.places import LEAST_USERS
from bert4rec.words import number, span

# Probabilities that are off by less on average are taken as they are.
SMALL_ERROR = 0.02


def calibration_finding(found: Calibration) -> str:
    """Return how far the probabilities that are shown are what they say, in two sentences."""
    if not found.is_enough:
        return (
            "This is not enough to tell whether the probabilities are what they say: fewer than "
            f"{LEAST_USERS} users have items for it."
        )
    context = "both" if "both" in found.used else next(iter(found.used))
    used = found.used[context]
    how = "are about what they say" if used.error < SMALL_ERROR else _lean(used)
    worst = max(used.bins, key=lambda one: abs(one.probability - one.share.mean))
    return (
        f"The probabilities {how}: those of the ten listed items are off by {used.error:.3f} on "
        f"average. {_of_bin(worst)}"
    )


def _lean(used: Reliability) -> str:
    listed = sum(one.n for one in used.bins)
    lean = sum(one.n * (one.probability - one.share.mean) for one in used.bins) / max(listed, 1)
    if abs(lean) < used.error / 2:
        return "are too high in places and too low in others"
    return "are too high" if lean > 0 else "are too low"


def _of_bin(one: Bin) -> str:
    share = one.share
    return (
        f"Farthest off: of {one.n:,} items listed with a chance of {one.probability:.1%} on "
        f"average, {share.mean:.1%} are the hidden one (95% interval {share.low:.1%} to "
        f"{share.high:.1%})."
    )


def temperature_finding(found: Calibration) -> str:
    """Return whether a temperature is used and what it is worth, and on what that was measured."""
    if not found.n_fitted:
        return f"No temperature is used: it takes {2 * LEAST_USERS} users to fit and judge one."
    mean, low, high = found.gain.mean, found.gain.low, found.gain.high
    verb, ends = ("costs", (-mean, -high, -low)) if mean < 0 else ("saves", (mean, low, high))
    gain = f"{verb} {number(ends[0], 3)} bits an item (95% interval {span(*ends[1:])})"
    if found.pays:
        said = f"Scores are divided by {found.temperature:.2f}, which {gain} and changes no rank."
    else:
        said = f"No temperature is used: dividing scores by {found.temperature:.2f} {gain}."
    return (
        f"{said} Fitted on {found.n_fitted:,} {PART_WORDS[found.part]}, measured on "
        f"{found.n_places:,} of {found.n_users:,} other users."
    )
