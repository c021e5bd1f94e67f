"""Figures of embedding maps; plotly only, no Streamlit.

A browser sends all that it knows of each point in a lasso, so points carry nothing but a short
text: a selection names them by trace and place, and the groups know which item that is.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from bert4rec.maps.projection import EmbeddingMap
from bert4rec.maps.regions import inside_box, inside_polygon
from bert4rec.plain_text import shortened
from bert4rec.view.group_colours import Theme
from bert4rec.view.map_colours import Colouring, Group
from bert4rec.words import counted

RING_COLOURS: dict[Theme, str] = {"light": "#000000", "dark": "#FFFFFF"}
HEIGHT = 540
# A lasso sends about 125 bytes a drawn point; what is not drawn is tested against its outline.
MAX_DRAWN = 10_000
# Steps along the longest side of a map: finer than a pixel, also when zoomed in a little.
GRID = 4000
# Room around what is zoomed in on: a share of its own width, and at least one of the map's. With it
# a neighbourhood takes a third of what is seen, amid what is around it.
ZOOM_MARGIN, LEAST_ZOOM = 1.0, 0.1
# Room around the whole of a map.
EDGE = 0.05
# Room for the tools, which would lie over points.
TOOLS_HEIGHT = 32
# More points are drawn by WebGL, which takes longer to begin with.
MAX_SVG = 1500
OPACITY = 0.85
# A lasso is told from the rest, and so is an item that was clicked; the rest can still be read.
UNSELECTED = {"marker": {"opacity": 0.4}}
# Rings in 3D are smaller by this.
RING_SHARE_3D = 0.7
# A diamond in 3D is drawn larger than a circle of the same size.
DIAMOND_SHARE_3D = 0.75
MAX_TITLE = 60
# Above this number of points their texts are cut short, because a lasso sends them back.
N_LONG_TEXTS = 5000
SHORT_TITLE = 24


@dataclass(frozen=True)
class Rings:
    """What is marked on a map.

    Args:
        row: The item in focus.
        near: Rows of its neighbours, the nearest first.
    """

    row: int
    near: Sequence[int] = ()

    def looks(self) -> Iterator[tuple[list[int], float, float]]:
        """Yield rows that are marked alike, with diameter and width of line in pixels."""
        yield list(self.near), 12.0, 1.5
        yield [self.row], 18.0, 2.5


def safe_text(title: str, max_length: int = MAX_TITLE) -> str:
    """Return a title that plotly shows as it is: plotly takes `<b>` and `<a href>` for HTML."""
    return html.escape(shortened(title, max_length), quote=False)


def selected_rows(
    points: Sequence[dict[str, Any]], groups: Sequence[Group], *, is_pair: bool = False
) -> list[int]:
    """Return the rows that a selection names, in order; points of other traces are passed over.

    Args:
        points: What the browser tells of them.
        groups: Those that were drawn.
        is_pair: Whether two maps of these groups stand side by side, and nothing else.
    """
    rows = set()
    for point in points:
        trace, place = int(point["curve_number"]), int(point["point_number"])
        trace = trace % len(groups) if is_pair else trace
        if trace < len(groups) and place < len(groups[trace].rows):
            rows.add(int(groups[trace].rows[place]))
    return sorted(rows)


def draw_map(
    found: EmbeddingMap,
    colours: Colouring,
    titles: Sequence[str],
    theme: Theme,
    *,
    counts: np.ndarray,
    rings: Rings | None = None,
    zoomed_on: Rings | None = None,
    path: Sequence[int] = (),
) -> go.Figure:
    """Draw a map.

    Args:
        found: The points.
        colours: One trace each group, in its order, before every other trace.
        titles: One a row.
        theme: Chooses colours.
        counts: How often each item occurs, one a row.
        rings: What to mark if the map is in 3D; on a flat one `map_rings` does so.
        zoomed_on: What a flat map shows with its surroundings only.
        path: Rows to join by a line, in order.
    """
    texts, points = _texts(titles, counts), to_grid(found.points)
    is_flat = points.shape[1] == 2
    figure = go.Figure()
    for at, group in enumerate(colours.groups):
        share = 1.0 if is_flat or group.look.shape == "circle" else DIAMOND_SHARE_3D
        marker = {"size": share * point_size(len(texts), is_flat)} | colours.marker(at)
        figure.add_trace(
            _trace(
                points[group.rows],
                texts[group.rows],
                safe_text(group.name),
                marker,
                is_many=len(texts) > MAX_SVG,
            )
        )
    if len(path):
        _add_path(figure, points[list(path)], theme)
    if rings is not None and not is_flat:
        _add_rings(figure, points, rings, titles, theme)
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 0, "t": TOOLS_HEIGHT, "b": 0},
        showlegend=colours.has_legend,
        legend={"orientation": "h", "yanchor": "top", "y": -0.02, "itemsizing": "constant"},
        # Zoom and rotation survive a new colour, not another kind of map.
        uirevision=f"{found.method}-{is_flat}-{zoomed_on.row if zoomed_on else ''}",
        dragmode="pan" if is_flat else "orbit",
    )
    _set_axes(figure, points, zoomed_on)
    return figure


def chart_config(file_stem: str) -> dict[str, Any]:
    """Return what plotly is told of a map's tools: the camera saves a picture of this name."""
    picture = {"filename": file_stem, "scale": 2}
    # Since plotly 7 a button uploads the chart to its makers' cloud, unless it is told not to.
    stays_here = {"showSendToCloud": False, "plotlyServerURL": ""}
    return {"displaylogo": False, "scrollZoom": True, "toImageButtonOptions": picture} | stays_here


def map_words(found: EmbeddingMap, colour: str) -> str:
    """Return what a map shows, in a sentence without its stop."""
    return (
        f"{found.method.upper()} map of {counted(len(found.item_idx), 'item')}, coloured by "
        f"{colour}; trustworthiness {found.trustworthiness:.2f}"
    )


def to_grid(points: np.ndarray, drawn: np.ndarray | None = None) -> np.ndarray:
    """Return the points as whole numbers: the figure and a lasso stay small, the shape stays.

    Args:
        points: (n, 2 or 3).
        drawn: The points that make the grid, where they are others.
    """
    drawn = points if drawn is None else drawn
    extent = float(np.ptp(drawn, axis=0).max(initial=0.0))
    scale = GRID / extent if extent > 0 else 1.0
    return np.asarray(np.round((points - drawn.mean(axis=0)) * scale), dtype=np.int32)


def outlined_rows(
    selection: Mapping[str, Any], whole: EmbeddingMap, drawn: EmbeddingMap
) -> list[int]:
    """Return the rows of a whole map inside the lassos and boxes on its drawn part, in order.

    Args:
        selection: What the browser sent.
        whole: The map.
        drawn: The part of it that the figure shows, flat.
    """
    points = to_grid(whole.points, drawn.points)
    is_inside = np.zeros(len(points), dtype=bool)
    for lasso in selection.get("lasso", ()):
        is_inside |= inside_polygon(points, np.array(lasso["x"]), np.array(lasso["y"]))
    for box in selection.get("box", ()):
        is_inside |= inside_box(points, tuple(box["x"]), tuple(box["y"]))
    return [int(row) for row in np.flatnonzero(is_inside)]


def hidden_groups(
    selection: Mapping[str, Any], drawn: EmbeddingMap, groups: Sequence[Group]
) -> set[str]:
    """Return the names of groups that a reader hid by the legend, as an outline over them shows.

    The browser tells of no point of theirs, though some lie inside.

    Args:
        selection: What the browser sent.
        drawn: What the figure shows, flat.
        groups: Those of its points.
    """
    inside = outlined_rows(selection, drawn, drawn)
    told = selected_rows(selection["points"], groups)
    return {
        group.name
        for group in groups
        if np.isin(inside, group.rows).any() and not np.isin(told, group.rows).any()
    }


def _texts(titles: Sequence[str], counts: np.ndarray) -> np.ndarray:
    if len(titles) > N_LONG_TEXTS:
        return np.array([safe_text(title, SHORT_TITLE) for title in titles], dtype=object)
    pairs = zip(titles, counts, strict=True)
    return np.array([f"{safe_text(title)}<br>{n:,} interactions" for title, n in pairs], object)


def point_size(n: int, is_flat: bool) -> float:
    """Return the diameter of each of `n` points, in pixels."""
    return float(np.clip(160 / np.sqrt(max(n, 1)), 3, 9)) * (1.0 if is_flat else 0.6)


def _trace(
    points: np.ndarray,
    texts: np.ndarray,
    name: str,
    marker: dict[str, Any],
    *,
    is_many: bool,
) -> go.Scatter | go.Scattergl | go.Scatter3d:
    shown: dict[str, Any] = {
        "mode": "markers",
        "name": name,
        "text": texts,
        "hovertemplate": "%{text}<extra>%{fullData.name}</extra>",
        "marker": marker | {"opacity": OPACITY},
    }
    if points.shape[1] == 2:
        draw = go.Scattergl if is_many else go.Scatter
        return draw(x=points[:, 0], y=points[:, 1], unselected=UNSELECTED, **shown)
    return go.Scatter3d(x=points[:, 0], y=points[:, 1], z=points[:, 2], **shown)


def _add_path(figure: go.Figure, points: np.ndarray, theme: Theme) -> None:
    """Join points by a line that points on: arrows on a flat map, numbers at both ends."""
    is_flat, last = points.shape[1] == 2, len(points) - 1
    shown: dict[str, Any] = {
        "mode": "lines+markers+text",
        "line": {"color": RING_COLOURS[theme], "width": 1.5 if is_flat else 3},
        "text": ["1" if not at else str(last + 1) if at == last else "" for at in range(last + 1)],
        "textposition": "top center",
        "textfont": {"color": RING_COLOURS[theme], "size": 13},
        "hoverinfo": "skip",
        "showlegend": False,
        "opacity": 0.75,
    }
    if is_flat:
        arrow = {"symbol": "arrow", "angleref": "previous", "size": 11}
        marker = arrow | {"color": RING_COLOURS[theme]}
        figure.add_trace(go.Scatter(x=points[:, 0], y=points[:, 1], marker=marker, **shown))
        return
    marker = {"color": RING_COLOURS[theme], "size": 3}
    x, y, z = points.T
    figure.add_trace(go.Scatter3d(x=x, y=y, z=z, marker=marker, **shown))


def _add_rings(
    figure: go.Figure, points: np.ndarray, rings: Rings, titles: Sequence[str], theme: Theme
) -> None:
    plain = {"color": RING_COLOURS[theme], "symbol": "circle-open"}
    for rows, size, width in rings.looks():
        x, y, z = points[rows].T
        marker = plain | {"size": size * RING_SHARE_3D, "line": {"width": width}}
        # Names of neighbours would lie over each other from most sides.
        name = safe_text(titles[rings.row], SHORT_TITLE) if rows == [rings.row] else None
        shown = {
            "mode": "markers+text",
            "text": name,
            "textposition": "middle right",
            "textfont": {"color": RING_COLOURS[theme]},
            "hoverinfo": "skip",
            "showlegend": False,
        }
        figure.add_trace(go.Scatter3d(x=x, y=y, z=z, marker=marker, **shown))


def _set_axes(figure: go.Figure, points: np.ndarray, zoomed_on: Rings | None) -> None:
    # A map has no axes: neither a direction nor a length means anything by itself.
    none = {"visible": False, "showspikes": False}
    if points.shape[1] == 3:
        # Nearer than plotly's own 1.25, which leaves room for labels of axes.
        camera = {"eye": {"x": 1.0, "y": 1.0, "z": 1.0}}
        scene = {"xaxis": none, "yaxis": none, "zaxis": none, "camera": camera}
        figure.update_layout(scene=scene)
        return
    figure.update_layout(xaxis=none, yaxis=none)
    if zoomed_on is not None:
        (x_low, x_high), (y_low, y_high) = surroundings(points, zoomed_on)
        figure.update_xaxes(range=[x_low, x_high])
        figure.update_yaxes(range=[y_low, y_high])


def surroundings(points: np.ndarray, rings: Rings) -> tuple[tuple[float, float], ...]:
    """Return the range of each axis that holds the item in focus, its neighbours, and more.

    It does not go beyond the map.
    """
    shown = points[[rings.row, *rings.near]].astype(np.float64)
    low, high = shown.min(axis=0), shown.max(axis=0)
    extent = np.ptp(points, axis=0).astype(np.float64)
    # Neighbours that lie on one spot are still shown with what is around them.
    least = np.where(extent > 0, LEAST_ZOOM * extent, 1.0)
    margin = np.maximum(ZOOM_MARGIN * (high - low), least)
    edge = EDGE * np.where(extent > 0, extent, 1.0)
    first = np.maximum(low - margin, points.min(axis=0) - edge)
    last = np.minimum(high + margin, points.max(axis=0) + edge)
    ends = zip(first, last, strict=True)
    return tuple((float(start), float(end)) for start, end in ends)
