"""Elements of SVG as text that is escaped, and the scales that charts stand on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

# A letter of a text beside a scale.
MARK_LETTER_PX = 8


def element(name: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """Return an element; text inside is escaped, elements stay.

    Args:
        name: Its name.
        children: Elements or text.
        attributes: By name, with `_` for `-` and at an end for names that Python keeps; None is
            left out.

    Example:
        >>> print(element("text", "a < b", class_="tick", x=1.0))
        <text class="tick" x="1">a &lt; b</text>
    """
    given = Markup("").join(
        Markup(' {}="{}"').format(key.strip("_").replace("_", "-"), _value(value))
        for key, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(map(escape, children))
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), given, inside)


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def path_of(points: Iterable[tuple[float, float]]) -> str:
    """Return a line through points as the `d` of a path.

    Example:
        >>> path_of([(0, 1), (2.25, 3)])
        'M0 1L2.2 3'
    """
    # A tenth of a unit is finer than a pixel of any screen that a report is read on.
    steps = (f"{x:.1f} {y:.1f}".replace(".0", "") for x, y in points)
    return "M" + "L".join(steps)


@dataclass(frozen=True)
class Scale:
    """A straight line from values to places.

    Args:
        low: Value at `start`.
        high: Value at `end`.
        start: Place of `low`.
        end: Place of `high`.
        is_log: Whether equal ratios of values are equally far apart; all are above 0 then.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        at, low, high = (
            math.log(one) if self.is_log else one for one in (value, self.low, self.high)
        )
        share = (at - low) / (high - low) if high != low else 0.5
        return self.start + share * (self.end - self.start)

    def marks(self) -> list[float]:
        """Return the values that are told beside it."""
        if not self.is_log:
            return ticks(self.low, self.high)
        found = [float(mark) for mark in ratio_marks(self.low, self.high)]
        # The last one is the longest and, beside the one before, among those with least room.
        room = self(2 * self.low) - self(self.low)
        is_narrow = bool(found) and room < MARK_LETTER_PX * (len(tick_text(found[-1])) + 1)
        tens = [mark for mark in found if math.log10(mark).is_integer()]
        return tens if is_narrow and len(tens) > 1 else found


def ticks(low: float, high: float, n: int = 5) -> list[float]:
    """Return round values between two others, `n` of them or somewhat fewer or more.

    Example:
        >>> ticks(0, 1), ticks(3, 17)
        ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [5.0, 10.0, 15.0])
    """
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    rough = span / n
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.75)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(step * at, 12) for at in range(first, last + 1)]


def ratio_marks(low: float, high: float) -> list[int]:
    """Return round values, each two to two and a half times the one before.

    Example:
        >>> ratio_marks(3, 120)
        [5, 10, 20, 50, 100]
    """
    marks = [step * 10**power for power in range(len(str(int(high)))) for step in (1, 2, 5)]
    return [mark for mark in marks if low <= mark <= high]


def tick_text(value: float) -> str:
    """Return a value at an axis.

    Example:
        >>> tick_text(12000), tick_text(0.25)
        ('12,000', '0.25')
    """
    return f"{value:,.10g}"


def wide_range(values: Sequence[float], *, from_zero: bool) -> tuple[float, float]:
    """Return the ends of an axis that holds the values with some air."""
    low, high = min(values), max(values)
    if from_zero:
        low = min(0.0, low)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return (low if from_zero and low == 0 else low - room), high + room
