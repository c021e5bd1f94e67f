from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from bert4rec.data.item_groups import places_by_size
from bert4rec.maps.film import AlignedMaps
from bert4rec.maps.projection import EmbeddingMap, drawn_part
from bert4rec.ui.embeddings.aligned_charts import draw_aligned, draw_film
from bert4rec.view.group_colours import GroupLook
from bert4rec.view.map_charts import (
    MAX_DRAWN,
    Rings,
    chart_config,
    draw_map,
    hidden_groups,
    outlined_rows,
    safe_text,
    selected_rows,
    surroundings,
    to_grid,
)
from bert4rec.view.map_colours import Colouring, Group, Scale, by_scale, group_rows

RED, BLUE = GroupLook("red"), GroupLook("blue", "diamond")
NASTY = '<b>bold</b> <a href="http://e.org">x</a> & %{x}'


def map_of(n: int, n_components: int = 2) -> EmbeddingMap:
    points = np.random.default_rng(0).normal(size=(n, n_components)).astype(np.float32)
    return EmbeddingMap("pca", points, np.arange(1, n + 1), 0.9, 0.8, n)


def everything(n: int) -> Colouring:
    return Colouring([Group("all", np.arange(n), GroupLook("#0072B2"))])


def test_a_title_cannot_become_markup_of_the_figure() -> None:
    figure = draw_map(map_of(1), everything(1), [NASTY], "light", counts=np.array([3]))
    shown = figure.data[0]["text"][0]
    assert "<b>" not in shown
    assert "<a" not in shown
    assert shown == f"{safe_text(NASTY)}<br>3 interactions"
    # The title is data of the template, not a part of it.
    assert "bold" not in figure.data[0]["hovertemplate"]


def test_the_name_of_a_group_cannot_become_markup_either() -> None:
    names = [NASTY, "b"]
    groups = group_rows(names, places_by_size(names), "light")
    figure = draw_map(map_of(2), Colouring(groups), ["x", "y"], "light", counts=np.array([1, 1]))
    assert not any("<" in trace["name"] for trace in figure.data)


def test_a_selection_names_its_items_by_trace_and_place() -> None:
    groups = [Group("a", np.array([4, 0]), GroupLook("")), Group("b", np.array([2]), GroupLook(""))]
    points = [
        {"curve_number": 1, "point_number": 0},
        {"curve_number": 0, "point_number": 1},
        {"curve_number": 2, "point_number": 0},  # a path
        {"curve_number": 0, "point_number": 9},  # of a figure that is gone
    ]
    assert selected_rows(points, groups) == [0, 2]


def test_the_points_of_a_large_map_carry_little_so_that_a_lasso_stays_small() -> None:
    n = MAX_DRAWN
    titles = ["A title that is very long indeed, as some are"] * n
    figure = draw_map(map_of(n), everything(n), titles, "light", counts=np.ones(n, int))
    trace = figure.data[0]
    assert trace["customdata"] is None
    # What the browser sends for each point of a lasso.
    one = {"curve_number": 0, "point_number": n - 1, "point_index": n - 1}
    one |= {"x": float(trace["x"][0]), "y": float(trace["y"][0]), "text": trace["text"][0]}
    assert n * len(json.dumps(one, separators=(",", ":"), ensure_ascii=False)) < 1_500_000


def test_an_outline_holds_items_that_are_not_drawn() -> None:
    whole = map_of(60)
    drawn = drawn_part(whole, [], 20)
    low, high = to_grid(drawn.points).min(axis=0), to_grid(drawn.points).max(axis=0)
    box = {"x": [float(low[0]), float(high[0])], "y": [float(low[1]), float(high[1])]}
    rows = outlined_rows({"box": [box], "lasso": []}, whole, drawn)
    assert set(drawn.item_idx - 1) <= set(rows)
    assert len(rows) > 20
    corners = [(box["x"][a], box["y"][b]) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
    lasso = {"x": [x for x, _ in corners], "y": [y for _, y in corners]}
    assert set(outlined_rows({"lasso": [lasso]}, whole, drawn)) <= set(rows)


def test_a_group_is_hidden_of_which_points_lie_inside_an_outline_and_none_is_told() -> None:
    drawn = map_of(6)
    points = to_grid(drawn.points)
    groups = [Group(name, np.array(rows), RED) for name, rows in (("a", [0, 2, 4]), ("b", [1, 3]))]
    groups.append(Group("far", np.array([5]), BLUE))
    inside = points[:5]
    box = {
        axis: [float(inside[:, at].min()), float(inside[:, at].max())]
        for at, axis in enumerate("xy")
    }
    told = [{"curve_number": 0, "point_number": place} for place in range(3)]
    there = outlined_rows({"box": [box]}, drawn, drawn)
    hidden = {"b"} | ({"far"} if 5 in there else set())
    assert hidden_groups({"box": [box], "points": told}, drawn, groups) == hidden
    both = [*told, {"curve_number": 1, "point_number": 0}]
    assert "b" not in hidden_groups({"box": [box], "points": both}, drawn, groups)
    assert hidden_groups({"box": [], "points": []}, drawn, groups) == set()


def scaled(values: list[float], *, is_log: bool = False) -> go.Figure:
    colours = by_scale(Scale("Interactions", np.array(values, dtype=float), is_log), "dark")
    n = len(values)
    return draw_map(map_of(n), colours, ["t"] * n, "dark", counts=np.ones(n, int))


def test_popularity_is_one_trace_with_a_scale_in_interactions() -> None:
    figure = scaled([1, 10, 1000], is_log=True)
    bar = figure.data[0]["marker"]["colorbar"]
    assert bar["ticktext"][0] == "1"
    assert bar["ticktext"][-1] == "1,000"
    assert bar["title"]["text"] == "Interactions"
    assert not figure.layout.showlegend


@pytest.mark.parametrize("is_log", [True, False])
def test_equal_numbers_are_no_error(is_log: bool) -> None:
    figure = scaled([5, 5], is_log=is_log)
    assert len(figure.data[0]["marker"]["colorbar"]["tickvals"]) == 1


def test_what_has_no_number_is_grey_and_named() -> None:
    figure = scaled([1980, np.nan, 2001])
    assert [trace["name"] for trace in figure.data] == ["Interactions", "Not known"]
    assert figure.data[0]["marker"]["color"].tolist() == [1980, 2001]
    assert figure.layout.showlegend
    assert scaled([np.nan, np.nan]).data[1]["name"] == "Not known"


def test_years_have_no_comma_and_large_numbers_have() -> None:
    assert scaled([1980.0, 2001.0]).data[0]["marker"]["colorbar"]["ticktext"][0] == "1980"
    texts = scaled([0.0, 80_000.0]).data[0]["marker"]["colorbar"]["ticktext"]
    assert "," in texts[-1]


@pytest.mark.parametrize("n_components", [2, 3])
def test_a_path_joins_its_items_in_order_beneath_the_rings(n_components: int) -> None:
    found = map_of(6, n_components)
    figure = draw_map(
        found,
        everything(6),
        list("abcdef"),
        "light",
        counts=np.ones(6, int),
        rings=Rings(0),
        path=[4, 1, 4, 2],
    )
    path = figure.data[1]
    assert path["x"].tolist() == to_grid(found.points)[[4, 1, 4, 2], 0].tolist()
    assert list(path["text"]) == ["1", "", "", "4"]


def ringed(found: EmbeddingMap, rings: Rings | None) -> go.Figure:
    n = len(found.points)
    return draw_map(found, everything(n), ["t"] * n, "light", counts=np.ones(n, int), rings=rings)


def test_rings_in_3d_come_after_the_groups_and_mark_the_item_and_its_neighbours() -> None:
    found = map_of(5, 3)
    figure, shown = ringed(found, Rings(3, [0, 1])), to_grid(found.points)
    assert [list(trace["x"]) for trace in figure.data[1:]] == [
        shown[[0, 1], 0].tolist(),
        shown[[3], 0].tolist(),
    ]


def test_in_3d_the_item_in_focus_is_named() -> None:
    found, counts = map_of(9, 3), np.ones(9, int)
    rings, titles = Rings(0, [8, 1]), [NASTY, *"abcdefgh"]
    figure = draw_map(found, everything(9), titles, "light", counts=counts, rings=rings)
    near, focus = figure.data[1:]
    assert near["text"] is None
    assert "bold" in focus["text"]
    assert "<" not in focus["text"]


def test_a_flat_map_is_the_same_whatever_is_ringed() -> None:
    """A chart that changes is drawn anew by the browser, which takes half a second."""
    found = map_of(5)
    assert ringed(found, Rings(3, [0, 1])).to_json() == ringed(found, None).to_json()


def test_a_zoom_holds_the_item_and_its_neighbours_amid_what_is_around_them() -> None:
    points = map_of(500).points * 1000
    row = int(np.argmin((points**2).sum(axis=1)))
    near = np.argsort(((points - points[row]) ** 2).sum(axis=1))[1:40].tolist()
    ranges = surroundings(points, Rings(row, near))
    for (low, high), values in zip(ranges, points[[row, *near]].T, strict=True):
        assert low < values.min()
        assert values.max() < high
        assert 2.5 < (high - low) / np.ptp(values) < 4


def test_a_zoom_on_neighbours_far_apart_does_not_go_beyond_the_map() -> None:
    points = map_of(50).points * 1000
    for (low, high), values in zip(
        surroundings(points, Rings(7, range(50))), points.T, strict=True
    ):
        assert low < values.min() < values.max() < high
        assert high - low < 1.2 * np.ptp(values)


def test_no_point_of_a_map_lies_under_the_tools() -> None:
    layout = draw_map(map_of(9), everything(9), ["t"] * 9, "light", counts=np.ones(9, int)).layout
    assert layout.margin.t >= 30


def test_a_zoom_on_an_item_alone_shows_its_surroundings() -> None:
    found = map_of(50)
    counts = np.ones(50, int)
    figure = draw_map(found, everything(50), ["t"] * 50, "light", counts=counts, zoomed_on=Rings(7))
    low, high = figure.layout.xaxis.range
    shown = to_grid(found.points)
    assert low < shown[7, 0] < high
    assert 0 < high - low < np.ptp(shown[:, 0]) / 3


def test_the_grid_keeps_the_shape_of_a_map() -> None:
    points = map_of(40).points * np.array([0.01, 0.02], dtype=np.float32)
    shown = to_grid(points)
    ratio = np.ptp(shown, axis=0) / np.ptp(points, axis=0)
    assert ratio[0] == pytest.approx(ratio[1], rel=1e-2)
    assert to_grid(np.ones((3, 2), dtype=np.float32)).tolist() == [[0, 0]] * 3


@pytest.mark.parametrize("n_components", [2, 3])
def test_a_map_has_no_axes(n_components: int) -> None:
    found, counts = map_of(9, n_components), np.ones(9, int)
    layout = draw_map(found, everything(9), ["t"] * 9, "light", counts=counts).layout
    space = layout if n_components == 2 else layout.scene
    axes = [space[f"{axis}axis"] for axis in "xyz"[:n_components]]
    assert [axis.visible for axis in axes] == [False] * n_components


def test_a_picture_of_a_map_is_named_after_its_file() -> None:
    assert chart_config("demo-umap")["toImageButtonOptions"]["filename"] == "demo-umap"


def test_no_tool_of_a_map_offers_to_send_it_anywhere() -> None:
    config = chart_config("demo-umap")
    assert config["showSendToCloud"] is False
    assert not config["plotlyServerURL"]


def test_one_point_alone_has_surroundings_too() -> None:
    (low, high), _ = surroundings(np.zeros((1, 2), dtype=np.float32), Rings(0))
    assert low < 0 < high


def aligned(n_maps: int, n: int) -> AlignedMaps:
    points = np.random.default_rng(0).normal(size=(n_maps, n, 2)).astype(np.float32)
    names = tuple(f"epoch {at}" for at in range(1, n_maps + 1))
    return AlignedMaps(names, points, np.arange(1, n + 1), (0.5,) * n_maps)


def test_a_film_has_a_frame_an_epoch_in_one_order_of_traces() -> None:
    groups = [Group("a", np.array([0, 2]), RED), Group("b", np.array([1]), BLUE)]
    figure = draw_film(aligned(4, 3), Colouring(groups), [NASTY, "b", "c"], "light")
    assert [frame.name for frame in figure.frames] == [f"epoch {at}" for at in range(1, 5)]
    assert all(len(frame.data) == len(figure.data) == 2 for frame in figure.frames)
    assert [step.label for step in figure.layout.sliders[0].steps] == list("1234")
    assert "<b>" not in figure.data[0]["text"][0]


def test_the_controls_of_a_film_stand_above_it() -> None:
    figure = draw_film(aligned(4, 3), Colouring([]), list("abc"), "light")
    for controls in (figure.layout.sliders[0], figure.layout.updatemenus[0]):
        assert (controls.y, controls.yanchor) == (1, "bottom")
    assert figure.layout.legend.yanchor == "top"


def test_maps_side_by_side_share_colours_and_one_legend() -> None:
    groups = [Group("a", np.array([0, 2]), RED), Group("b", np.array([1]), BLUE)]
    figure = draw_aligned(aligned(2, 3), Colouring(groups), list("abc"))
    assert [trace.name for trace in figure.data] == ["a", "b", "a", "b"]
    assert [bool(trace.showlegend) for trace in figure.data] == [True, True, False, False]
    assert {trace.xaxis for trace in figure.data} == {"x", "x2"}


def test_a_click_on_either_map_names_the_same_item() -> None:
    groups = [Group("a", np.array([0, 2]), RED), Group("b", np.array([1]), BLUE)]
    for curve, place, rows in ((0, 1, [2]), (2, 1, [2]), (3, 0, [1]), (1, 7, [])):
        point = {"curve_number": curve, "point_number": place}
        assert selected_rows([point], groups, is_pair=True) == rows
