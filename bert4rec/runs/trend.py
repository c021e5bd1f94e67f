"""Whether a run was still getting better when it ended, told from its last validations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bert4rec.baselines.titles import NETWORK
from bert4rec.runs.curves import Curves
from bert4rec.runs.folder import Run

# A line is laid through so many validations, the last ones.
N_LAST = 5
# The latest of them have to rise as well.
N_LATEST = 3
# Of fewer, chance cannot be told from a rise by how far they lie off their line.
N_FOR_A_LINE = 4
# What Student's t exceeds by chance in one of twenty lines that do not rise, by validations.
T_LIMIT = {4: 2.920, 5: 2.353}
# The same of a normal distribution.
Z_LIMIT = 1.645
# Of how large a share of its level a rise is one.
LEAST_RISE = 0.01
# Standard errors in the width of a 95% interval.
ERRORS_WIDE = 2 * 1.960


@dataclass(frozen=True)
class Trend:
    """Where the last validations of a run were going.

    Args:
        state: `rising`: it was still getting better. `level`: it was not, as far as can be seen.
            `unknown`: the last of few validations was the best, which says nothing yet.
        metric: The one that chose the best epoch.
        n: How many validations were looked at.
        first: What the first of these reached.
        last: What the last one reached.
    """

    state: Literal["rising", "level", "unknown"]
    metric: str
    n: int
    first: float
    last: float


def trend_of(run: Run) -> Trend | None:
    """Return where the last validations of a run that has ended were going, None without one."""
    metric = run.hyperparameters().valid_metric
    rows = [row["metrics"] for row in Curves.of_validation(run.journal).valid]
    scores = [float(row[metric]) for row in rows if row.get(metric) is not None]
    return trend(scores, metric, standard_error(run.summary() or {}, metric))


def trend(scores: Sequence[float], metric: str, error: float | None = None) -> Trend | None:
    """Return where scores were going, None where there is none.

    They rise where a line through the last ones does, by more than they scatter about it, and by
    at least the standard error of a score: what is less would hardly show beside another model.
    Users are the same in all validations, so that one differs from the next by less than that.
    Where there are too few for a line, the rise has to be more than two scores of different users
    differ by.

    Args:
        scores: Of all validations, oldest first, bigger is better.
        metric: What they are.
        error: Standard error of such a score over the users, if it is known.

    Source: the t-test of a slope in linear regression, one-sided at 5%.
    """
    if not scores:
        return None
    last = np.asarray(scores[-N_LAST:], dtype=np.float64)
    is_best = last[-1] >= max(scores)
    if len(last) >= N_FOR_A_LINE:
        rise, t = _line(last)
        least = max(error or 0.0, LEAST_RISE * float(last.mean()))
        # A curve that has come to its height within these rises on the whole, and no more.
        is_going_on = float(last[-1] - last[-N_LATEST]) >= least / 2
        is_rising = t > T_LIMIT[len(last)] and rise >= least and is_going_on
        state = "rising" if is_rising else "level"
    else:
        rise = float(last[-1] - last[0])
        is_clear = error is not None and rise > Z_LIMIT * math.sqrt(2) * error
        state = "level" if not is_best else "rising" if is_clear and rise else "unknown"
    return Trend(state, metric, len(last), float(last[0]), float(last[-1]))  # type: ignore[arg-type]


def _line(scores: np.ndarray) -> tuple[float, float]:
    """Return by how much the line through scores rises from end to end, and the slope's t."""
    n = len(scores)
    at = np.arange(n) - (n - 1) / 2
    slope = float(at @ scores / (at @ at))
    off = scores - scores.mean() - slope * at
    error = math.sqrt(float(off @ off) / (n - 2) / float(at @ at))
    # Without any scatter, what rises does so surely.
    t = slope / error if error else math.copysign(math.inf, slope) if slope else 0.0
    return slope * (n - 1), t


def standard_error(summary: Mapping[str, Any], metric: str) -> float | None:
    """Return the standard error of a run's score on its test items, None where none is told."""
    own = summary.get("report", {}).get("test", {}).get(NETWORK, {})
    ends = own.get("intervals", {}).get(metric)
    return None if ends is None else float(ends[1] - ends[0]) / ERRORS_WIDE
