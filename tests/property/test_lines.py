from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bert4rec.runs.lines import Line

VALUES = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=400)
LIMITS = st.integers(6, 60)


def line_of(values: list[float], limit: int) -> Line:
    line = Line(limit)
    for step, value in enumerate(values):
        line.add(step, step / 10, value)
    return line


@given(VALUES, LIMITS)
def test_a_line_keeps_its_extremes_its_ends_and_its_limit(values: list[float], limit: int) -> None:
    points = line_of(values, limit).points()
    assert len(points) <= limit
    assert [point.step for point in points] == sorted({point.step for point in points})
    assert all(values[point.step] == point.value for point in points)
    drawn = [point.value for point in points]
    assert (min(drawn), max(drawn)) == (min(values), max(values))
    assert (points[0].step, points[-1].step) == (0, len(values) - 1)


@given(VALUES, st.integers(6, 12))
def test_fewer_points_may_be_asked_for_later(values: list[float], limit: int) -> None:
    line = line_of(values, 60)
    points = line.points(limit)
    assert len(points) <= limit
    drawn = [point.value for point in points]
    assert (min(drawn), max(drawn)) == (min(values), max(values))
    assert len(line.smoothed(0.5, limit)) <= limit


@given(VALUES, LIMITS, st.floats(0, 0.99))
def test_an_average_stays_within_what_was_measured(
    values: list[float], limit: int, weight: float
) -> None:
    averages = [point.value for point in line_of(values, limit).smoothed(weight)]
    slack = 1e-6 * (1 + max(map(abs, values)))
    assert min(values) - slack <= min(averages)
    assert max(averages) <= max(values) + slack


@given(VALUES, st.floats(0, 0.99))
def test_the_average_of_a_line_in_full_is_the_one_step_by_step(
    values: list[float], weight: float
) -> None:
    found = [point.value for point in line_of(values, 10_000).smoothed(weight)]
    average = total = 0.0
    for at, value in enumerate(values):
        average, total = weight * average + value, weight * total + 1
        assert abs(found[at] - average / total) <= 1e-6 * (1 + max(map(abs, values)))


@given(VALUES, LIMITS, st.integers(0, 400))
def test_what_is_forgotten_and_comes_again_leaves_no_trace(
    values: list[float], limit: int, step: int
) -> None:
    """A killed run does the steps after its checkpoint again, with the same numbers."""
    line = line_of(values, limit)
    line.forget_after(step)
    for at, value in list(enumerate(values))[step + 1 :]:
        line.add(at, at / 10, value)
    points = line.points()
    assert len(points) <= limit
    assert [point.step for point in points] == sorted({point.step for point in points})
    drawn = [point.value for point in points]
    assert (min(drawn), max(drawn)) == (min(values), max(values))
    assert points[-1].step == len(values) - 1


def test_an_empty_line_has_no_points() -> None:
    line = Line()
    line.forget_after(3)
    assert not line
    assert line.points() == line.smoothed(0.5) == []
    assert line.highest() == 0
