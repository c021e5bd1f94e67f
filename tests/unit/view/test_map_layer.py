from __future__ import annotations

import numpy as np

from bert4rec.maps.projection import EmbeddingMap
from bert4rec.view.group_colours import GroupLook
from bert4rec.view.map_charts import Rings, to_grid
from bert4rec.view.map_colours import Group
from bert4rec.view.map_labels import item_labels, moving_points
from bert4rec.view.map_layer import Layer, circles_of, layer_over

LOOK = GroupLook("#0072B2")
GROUPS = [
    Group(name, rows, LOOK, is_named=True)
    for name, rows in (
        ("calm", np.arange(3)),
        ("wild", np.arange(3, 5)),
    )
]
TITLES = list("abcde")


def map_of(n_dimensions: int) -> EmbeddingMap:
    points = np.random.default_rng(0).normal(size=(5, n_dimensions)).astype(np.float32)
    return EmbeddingMap("pca", points, np.arange(1, 6), 0.9, 0.8, 5)


def test_circles_lie_where_the_points_do_and_that_in_focus_is_the_largest() -> None:
    points = to_grid(map_of(2).points)
    circles = list(circles_of(Rings(3, [0, 1]), points, axes="2"))
    assert [(each.x, each.y) for each in circles] == [tuple(points[row]) for row in (0, 1, 3)]
    assert circles[-1].size > circles[0].size == circles[1].size
    assert {each.axes for each in circles} == {"2"}


def test_rings_and_names_follow_the_points_of_their_rows_where_these_move() -> None:
    points, rings, moving = to_grid(map_of(2).points), Rings(3, [0, 1]), moving_points(GROUPS)
    assert moving == {0: (0, 0), 1: (0, 1), 2: (0, 2), 3: (1, 0), 4: (1, 1)}
    circles = circles_of(rings, points, moving=moving)
    assert [each.point for each in circles] == [(0, 0), (0, 1), (1, 0)]
    labels = item_labels(rings, points, TITLES, moving=moving)
    assert [(each.text, each.point) for each in labels] == [
        ("d", (1, 0)),
        ("a", (0, 0)),
        ("b", (0, 1)),
    ]
    assert {each.point for each in circles_of(rings, points)} == {None}


def test_items_are_named_before_groups_on_the_grid_of_the_map() -> None:
    layer = layer_over(map_of(2), GROUPS, TITLES, Rings(3, [0, 1]))
    assert [label.text for label in layer.labels] == ["d", "a", "b", "calm", "wild"]
    assert len(layer.circles) == 3
    x, y = to_grid(map_of(2).points)[3]
    assert (layer.labels[0].x, layer.labels[0].y) == (x, y)


def test_without_an_item_in_focus_groups_alone_are_named() -> None:
    layer = layer_over(map_of(2), GROUPS, TITLES)
    assert [label.text for label in layer.labels] == ["calm", "wild"]
    assert not layer.circles


def test_nothing_lies_over_a_map_in_3d() -> None:
    assert layer_over(map_of(3), GROUPS, TITLES, Rings(3)) == Layer()
