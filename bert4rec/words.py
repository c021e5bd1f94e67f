"""Words and figures as a person reads them; pure functions, no Streamlit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import count

METRIC_NAMES = {"hr": "HR", "ndcg": "NDCG", "mrr": "MRR"}
# Digits of a metric, the same wherever one is told.
METRIC_DIGITS = 4
MINUS = "−"
# What the groups of `evaluation.POPULARITY_SLICES` are called where they are read.
POPULARITY_WORDS = {
    "top 10 %": "Most popular 10%",
    "10 to 50 %": "Next 40%",
    "rest": "Least popular half",
}


def number(value: float | int | None, digits: int = 0) -> str:
    """Return a number with thousands separated.

    Example:
        >>> number(1234.5), number(0.12345, 3), number(None), number(-0.0002, 3), number(-2)
        ('1,234', '0.123', '–', '0.000', '−2')
    """
    if value is None or not math.isfinite(value):
        return "–"
    # A rounded nothing has no sign.
    return f"{round(value, digits) or 0:,.{digits}f}".replace("-", MINUS)


def metric_text(value: float | None) -> str:
    """Return the value of a metric.

    Example:
        >>> metric_text(0.12345), metric_text(None)
        ('0.1235', '–')
    """
    return number(value, METRIC_DIGITS)


def signed(value: float, digits: int = METRIC_DIGITS) -> str:
    """Return a difference with its sign; a rounded nothing is no loss.

    Example:
        >>> signed(0.25), signed(-0.25), signed(-0.00001)
        ('+0.2500', '−0.2500', '+0.0000')
    """
    # Adding 0 takes the minus from a rounded nothing.
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", MINUS)


def digits_apart(one: float, other: float, digits: int = 3, most: int = 6) -> int:
    """Return with how many digits two numbers that differ are seen to differ.

    Args:
        one: A number.
        other: Another one.
        digits: So many at least, and where not even `most` tell them apart.
        most: So many at most.

    Example:
        >>> digits_apart(0.2, 0.3), digits_apart(0.2, 0.2004), digits_apart(0.2, 0.2)
        (3, 4, 3)
    """
    enough = (n for n in range(digits, most + 1) if number(one, n) != number(other, n))
    return next(enough, digits)


def ranged(mean: float | None, low: float, high: float, digits: int = METRIC_DIGITS) -> str:
    """Return a mean with the ends of its interval in brackets.

    Example:
        >>> ranged(0.31246, 0.29, 0.335), ranged(-0.0002, -0.0004, 0.01, 3)
        ('0.3125 (0.2900 to 0.3350)', '0.000 (0.000 to 0.010)')
    """
    return f"{number(mean, digits)} ({span(low, high, digits)})"


def span(low: float, high: float, digits: int = METRIC_DIGITS) -> str:
    """Return the two ends of an interval.

    Example:
        >>> span(0.29, 0.335)
        '0.2900 to 0.3350'
    """
    return f"{number(low, digits)} to {number(high, digits)}"


def counted(n: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun.

    Example:
        >>> counted(1, "item"), counted(1200, "item"), counted(0, "history", "histories")
        ('1 item', '1,200 items', '0 histories')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def some_of(names: Sequence[str], n_named: int = 5) -> str:
    """Return the first of many names, and how many more there are.

    Example:
        >>> some_of(["a", "b"]), some_of(["a", "b", "c"], 1)
        ('a, b', 'a and 2 more')
    """
    n_more = len(names) - n_named
    return ", ".join(names[:n_named]) + (f" and {n_more:,} more" if n_more > 0 else "")


def duration(seconds: float | None) -> str:
    """Return a time span in its two largest units.

    Example:
        >>> duration(0.4), duration(192), duration(7260), duration(200_000)
        ('0.4 s', '3 min 12 s', '2 h 1 min', '2 d 7 h')
    """
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    for size, unit, part, part_unit in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if whole >= size:
            return _two_units(whole // size, unit, whole % size // part, part_unit)
    return _two_units(whole // 60, "min", whole % 60, "s") if whole >= 60 else f"{whole} s"


def _two_units(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large} {unit} {small} {small_unit}" if small else f"{large} {unit}"


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share as a percentage with as many digits as it needs.

    Args:
        share: 0 to 1; a gain may be more.
        digits: Those of a tenth and more, where near shares are to be told apart.

    Example:
        >>> percent(0.5), percent(0.0123), percent(0.00004), percent(3e-7), percent(0.2994, 1)
        ('50%', '1.2%', '0.004%', '<0.001%', '29.9%')
        >>> percent(19.4)
        '1,940%'

        What lacks a little is not told as the whole:

        >>> percent(0.9986), percent(0.99999), percent(1.0)
        ('99.9%', '>99.9%', '100%')
    """
    if share is None or not math.isfinite(share):
        return "–"
    value = 100 * share
    if 0 < value < 0.001:
        return "<0.001%"
    if value in (0, 100):
        return f"{value:.0f}%"
    if value < 100 <= round(value, digits):
        return f"{value:.1f}%" if value < 99.95 else ">99.9%"
    if value >= 9.95:
        return f"{value:,.{digits}f}%"
    text = f"{value:.1f}%" if abs(value) >= 0.095 else f"{value:.2g}%"
    return text.replace("-", MINUS)


def size(n_bytes: int | float) -> str:
    """Return a size in bytes as a person reads it.

    Example:
        >>> size(512), size(2_500_000)
        ('512 B', '2.5 MB')
    """
    value = float(n_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def when(moment: str | None, *, with_time: bool = True, with_seconds: bool = False) -> str:
    """Return an ISO moment as a date, in UTC.

    Example:
        >>> when("2024-05-17T20:15:00+00:00"), when(None)
        ('17 May 2024, 20:15 UTC', '–')
    """
    if not moment:
        return "–"
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    day = f"{at.day} {at:%b %Y}"
    clock = f"{at:%H:%M:%S}" if with_seconds else f"{at:%H:%M}"
    return f"{day}, {clock} UTC" if with_time else day


def day(at_s: float) -> str:
    """Return Unix seconds as a date in UTC, a dash where they are beyond any calendar.

    Example:
        >>> day(1_715_976_000.0), day(1e300)
        ('17 May 2024', '–')
    """
    try:
        at = datetime.fromtimestamp(at_s, UTC)
    except (OverflowError, ValueError, OSError):
        return "–"
    return f"{at.day} {at:%b %Y}"


def unique_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels by key; those that occur more than once are told apart by their keys.

    A box of the browser knows an option by its label alone.

    Example:
        >>> unique_labels({"log-1": "log", "log-2": "log", "other-3": "other"})
        {'log-1': 'log · log-1', 'log-2': 'log · log-2', 'other-3': 'other'}
    """
    counts = Counter(labels.values())
    return {
        key: label if counts[label] == 1 else f"{label} · {key}" for key, label in labels.items()
    }


def numbered_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels by key; those that occur more than once are numbered in order of key.

    For keys that are too long to be read in a box.

    Example:
        >>> numbered_labels({"b": "log", "a": "log", "c": "other"})
        {'b': 'log (2)', 'a': 'log (1)', 'c': 'other'}
        >>> numbered_labels({"a": "log", "b": "log", "c": "log (2)"})
        {'a': 'log (1)', 'b': 'log (3)', 'c': 'log (2)'}
    """
    found: dict[str, list[str]] = {}
    for key in sorted(labels):
        found.setdefault(labels[key], []).append(key)
    alone = {label for label, keys in found.items() if len(keys) == 1}
    shown = {keys[0]: label for label, keys in found.items() if label in alone}
    for label in found.keys() - alone:
        # A label may end as if it were numbered.
        free = (name for name in (f"{label} ({n})" for n in count(1)) if name not in alone)
        shown |= dict(zip(found[label], free, strict=False))
    return {key: shown[key] for key in labels}


def time_span(first: str | None, last: str | None) -> str:
    """Return how long it is from one ISO moment to another.

    Example:
        >>> time_span("1996-03-29", "2018-09-24"), time_span("2024-01-01", "2024-01-09")
        ('22 years', '8 days')
    """
    if not first or not last:
        return "–"
    start, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
    days = (end - start).total_seconds() / 86_400
    for length, unit in ((365.25, "years"), (30.44, "months"), (1.0, "days")):
        if days >= 2 * length:
            amount = days / length
            return (
                f"{amount:.0f} {unit}"
                if amount >= 9.95 or unit == "days"
                else f"{amount:.1f} {unit}"
            )
    return duration(days * 86_400)


def training_words(n_trained: int, n_items: int) -> str:
    """Return how much of a user's history a model was trained on.

    Example:
        >>> training_words(2, 2)
        'Nothing of this history was held out: the model was trained on all of it.'
    """
    if not n_trained:
        return "The model was not trained on this user: the whole history was held out."
    if n_trained == n_items:
        return "Nothing of this history was held out: the model was trained on all of it."
    return (
        f"The model was trained on the first {n_trained:,} of this history's {n_items:,} items; "
        "the others are held out, and it was not trained on these."
    )


def metric_name(key: str) -> str:
    """Return a metric's name as written in papers.

    Example:
        >>> metric_name("ndcg@10"), metric_name("coverage")
        ('NDCG@10', 'Coverage')
    """
    name, at, cut_off = key.partition("@")
    return METRIC_NAMES.get(name, name.capitalize()) + at + cut_off


def device_word(device: str) -> str:
    """Return a device as a page names it.

    Example:
        >>> device_word("cpu"), device_word("cuda:0")
        ('CPU', 'CUDA:0')
    """
    return device.upper()


def caption_of(column: str) -> str:
    """Return the name of a column of an item table as a label.

    Example:
        >>> caption_of("release_year")
        'Release year'
    """
    return column_words(column).capitalize()


def column_words(column: str) -> str:
    """Return the name of a column of an item table within a sentence.

    Example:
        >>> column_words("release_year")
        'release year'
    """
    return column.replace("_", " ")


def sentence(text: str) -> str:
    """Return a message with a capital first letter and a full stop."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
