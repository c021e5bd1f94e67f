from __future__ import annotations

import numpy as np

from bert4rec.maps.regions import inside_box, inside_polygon


def test_what_lies_in_the_notch_of_a_polygon_is_outside() -> None:
    x, y = np.array([0, 4, 4, 2, 0]), np.array([0, 0, 4, 1, 4])
    points = np.array([[1, 1], [3, 1], [2, 3], [2, 0.5], [5, 1], [-1, 1], [2, 5]])
    assert inside_polygon(points, x, y).tolist() == [True, True, False, True, False, False, False]


def test_a_polygon_that_is_a_box_holds_what_the_box_holds() -> None:
    points = np.random.default_rng(0).normal(size=(500, 2))
    x, y = np.array([-1, 1, 1, -1]), np.array([-0.5, -0.5, 0.7, 0.7])
    expected = inside_box(points, (1, -1), (-0.5, 0.7))
    assert 0 < expected.sum() < 500
    np.testing.assert_array_equal(inside_polygon(points, x, y), expected)


def test_a_polygon_without_corners_holds_nothing() -> None:
    assert not inside_polygon(np.zeros((3, 2)), np.array([]), np.array([])).any()
