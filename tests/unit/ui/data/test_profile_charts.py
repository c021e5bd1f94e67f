from __future__ import annotations

import numpy as np
import pytest

from bert4rec.ui.data.profile_charts import (
    DAY_S,
    length_chart,
    over_time_chart,
    popularity_chart,
    time_axis,
)


def test_a_bin_of_one_length_stands_over_that_length() -> None:
    points = length_chart(np.array([3, 4, 8]), np.array([10, 5])).points
    assert points[["low", "high"]].to_numpy().tolist() == [[2.5, 3.5], [3.5, 7.5]]
    assert points["bin"].tolist() == ["3", "4 to 7"]


def test_bins_of_equal_ratios_are_equally_wide_and_marked_by_round_numbers() -> None:
    edges = np.array([2, 3, 20, 1201])
    spec = length_chart(edges, np.array([10, 5, 1]), is_log=True).spec
    x = spec["encoding"]["x"]
    assert x["scale"] == {"type": "log", "nice": False}
    assert x["axis"]["values"] == [2, 5, 10, 20, 50, 100, 200, 500, 1000]
    assert "logarithmic" in x["title"]
    assert length_chart(edges, np.array([10, 5, 1])).spec["encoding"]["x"]["scale"]["zero"] is False


def test_a_large_catalogue_is_drawn_by_few_points_from_end_to_end() -> None:
    share = np.linspace(0, 1, 100_000)
    points = popularity_chart(share, np.sqrt(share)).points
    assert 90 < len(points) <= 100
    assert points.iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]


def test_the_steep_beginning_of_the_popularity_is_drawn_as_smoothly_as_the_rest() -> None:
    share = np.linspace(0, 1, 1_000_000)
    points = popularity_chart(share, share**0.2).points
    assert points["share"].diff().max() < 0.13


def test_times_are_told_in_milliseconds_and_bins_by_their_moments() -> None:
    edges_s = 1.7e9 + DAY_S * np.array([0.0, 1.0, 2.0])
    points = over_time_chart(edges_s, np.array([1, 2])).points
    assert points["low"].tolist() == [1.7e12, 1.7e12 + 1000 * DAY_S]
    assert points["bin"].tolist() == ["14 Nov 2023 to 15 Nov 2023", "15 Nov 2023 to 16 Nov 2023"]


@pytest.mark.parametrize(
    ("days", "form"), [(700, "%b %Y"), (30, "%d %b %Y"), (0.5, "%d %b, %H:%M")]
)
def test_labels_of_a_time_axis_say_what_tells_them_apart(days: float, form: str) -> None:
    assert time_axis(days * DAY_S)["format"] == form
