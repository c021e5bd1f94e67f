"""A line in few points, however long it gets: its extremes stay, what lies between them goes.

Points come one by one and are put into buckets of equally many. A bucket keeps its lowest and its
highest point, and the mean for smoothing. Once there are too many buckets, each two become one, so
that a point costs the same however many there were before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

MAX_POINTS = 1200


class Point(NamedTuple):
    """A value of a line.

    Args:
        step: Steps done by then.
        epoch: The same in epochs.
        value: What was measured.
    """

    step: int
    epoch: float
    value: float


@dataclass(slots=True)
class _Bucket:
    low: Point
    high: Point
    last: Point
    total: float
    n: int = 1

    @classmethod
    def of(cls, point: Point) -> _Bucket:
        return cls(point, point, point, point.value)

    def take(self, point: Point) -> None:
        """Add the next point."""
        self.last, self.n, self.total = point, self.n + 1, self.total + point.value
        if point.value < self.low.value:
            self.low = point
        elif point.value > self.high.value:
            self.high = point

    def joined(self, later: _Bucket) -> _Bucket:
        low = later.low if later.low.value < self.low.value else self.low
        high = later.high if later.high.value > self.high.value else self.high
        return _Bucket(low, high, later.last, self.total + later.total, self.n + later.n)

    def points(self) -> list[Point]:
        """Return the extremes in the order of steps."""
        first, second = sorted((self.low, self.high))
        return [first] if first is second else [first, second]


class Line:
    """A line that never has more than `limit` points; its first and its newest are among them.

    Args:
        limit: The most points; at least 6.
    """

    def __init__(self, limit: int = MAX_POINTS) -> None:
        # First and newest beside the extremes of an even number of buckets.
        self._max_buckets = max(limit - 2, 4) // 4 * 2
        self._buckets: list[_Bucket] = []
        self._per_bucket = 1
        self.first: Point | None = None
        self.last: Point | None = None

    def __bool__(self) -> bool:
        return self.last is not None

    @property
    def has_several(self) -> bool:
        """Whether it has more than one point."""
        return self.first is not self.last

    def add(self, step: int, epoch: float, value: float) -> None:
        """Take the next point."""
        point = Point(step, epoch, value)
        self.first, self.last = self.first or point, point
        newest = self._buckets[-1] if self._buckets else None
        if newest is not None and newest.n < self._per_bucket:
            newest.take(point)
            return
        if len(self._buckets) == self._max_buckets:
            self._buckets = _in_pairs(self._buckets)
            self._per_bucket *= 2
        self._buckets.append(_Bucket.of(point))

    def forget_after(self, step: int) -> None:
        """Drop what came after a step; of a bucket that it divides, the earlier extremes stay."""
        kept = []
        for bucket in self._buckets:
            points = [p for p in (bucket.low, bucket.high, bucket.last) if p.step <= step]
            if not points:
                break
            if bucket.last.step > step:
                low, high = (pick(points, key=lambda p: p.value) for pick in (min, max))
                bucket = _Bucket(low, high, max(points), bucket.total, bucket.n)
            kept.append(bucket)
        self._buckets = kept
        self.first = self.first if kept else None
        self.last = kept[-1].last if kept else None

    def points(self, limit: int | None = None) -> list[Point]:
        """Return the points to draw, at most `limit`, in the order of steps."""
        if self.first is None or self.last is None:
            return []
        found = [point for bucket in self._few(limit) for point in bucket.points()]
        return list(dict.fromkeys([self.first, *found, self.last]))

    def smoothed(self, weight: float, limit: int | None = None) -> list[Point]:
        """Return the exponential moving average, one point a bucket.

        Args:
            weight: Of what came before, 0 to below 1. The start is not pulled towards zero: each
                average is divided by the weight of all that is in it (Kingma & Ba 2015, section 3).
            limit: The most points.
        """
        found, average, left = [], 0.0, 1.0
        for bucket in self._few(limit):
            old = weight**bucket.n
            average = old * average + (1 - old) * bucket.total / bucket.n
            left *= old
            step, epoch, _ = bucket.last
            found.append(Point(step, epoch, average / (1 - left)))
        return found

    def highest(self) -> float:
        """Return the largest value; 0 without one."""
        return max((bucket.high.value for bucket in self._buckets), default=0.0)

    def _few(self, limit: int | None) -> list[_Bucket]:
        """Return buckets for at most so many points."""
        buckets = self._buckets
        while limit is not None and 2 * len(buckets) + 2 > limit and len(buckets) > 1:
            buckets = _in_pairs(buckets)
        return buckets


def _in_pairs(buckets: list[_Bucket]) -> list[_Bucket]:
    paired = [one.joined(two) for one, two in zip(buckets[::2], buckets[1::2], strict=False)]
    return paired if len(buckets) % 2 == 0 else [*paired, buckets[-1]]
