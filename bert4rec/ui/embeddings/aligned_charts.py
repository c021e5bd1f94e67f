"""Figures of maps of the same items: side by side, and as a film; plotly only, no Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bert4rec.maps.film import AlignedMaps
from bert4rec.view.group_colours import Theme
from bert4rec.view.map_charts import HEIGHT, OPACITY, point_size, safe_text, to_grid
from bert4rec.view.map_colours import Colouring
from bert4rec.view.map_page import GROUNDS

# All of it, controls included, is in sight on a screen of 1440 by 900.
FILM_HEIGHT = HEIGHT - 10
# The epoch stands below the tools that every chart has at its right end.
CONTROLS_HEIGHT = 116
# Of what one takes hold of, and of the rail that it slides on.
RIM = "#7A838C"
RAILS: dict[Theme, str] = {"light": "#E9ECEF", "dark": "#3A434D"}


def draw_aligned(maps: AlignedMaps, colours: Colouring, titles: Sequence[str]) -> go.Figure:
    """Draw maps of the same items side by side.

    Args:
        maps: The maps, in 2D.
        colours: Of the rows.
        titles: One a row.
    """
    texts = np.array([safe_text(title) for title in titles], dtype=object)
    names = [safe_text(name) for name in maps.names]
    figure = make_subplots(1, len(names), subplot_titles=names, horizontal_spacing=0.02)
    for column, points in enumerate(on_one_grid(maps.points), start=1):
        for trace in _group_traces(points, colours, texts):
            figure.add_trace(trace.update(showlegend=column == 1), row=1, col=column)
    # At the left of each map: on the right the tools would lie over it.
    for title, axis in zip(figure.layout.annotations, figure.select_xaxes(), strict=True):
        title.update(x=axis.domain[0], xanchor="left")
    _lay_out_aligned(figure, colours)
    return figure


def draw_film(
    maps: AlignedMaps,
    colours: Colouring,
    titles: Sequence[str],
    theme: Theme,
) -> go.Figure:
    """Draw maps of the same items as a film with a slider; see `draw_aligned`.

    Args:
        maps: See `draw_aligned`.
        colours: See `draw_aligned`.
        titles: See `draw_aligned`.
        theme: Chooses the colour of the controls.
    """
    texts = np.array([safe_text(title) for title in titles], dtype=object)
    places = on_one_grid(maps.points)
    traces = [_group_traces(points, colours, texts) for points in places]
    frames = [
        go.Frame(data=[{"x": t.x, "y": t.y, "type": "scatter"} for t in each], name=name)
        for name, each in zip(maps.names, traces, strict=True)
    ]
    figure = go.Figure(traces[0], frames=frames)
    _lay_out_aligned(figure, colours)
    moving = {"frame": {"duration": 900, "redraw": False}, "transition": {"duration": 800}}
    still = {"frame": {"duration": 0, "redraw": False}, "mode": "immediate"}
    steps = [
        {"method": "animate", "label": name.removeprefix("epoch "), "args": [[name], still]}
        for name in maps.names
    ]
    play = {"label": "Play", "method": "animate", "args": [None, moving | {"fromcurrent": True}]}
    pause = {"label": "Pause", "method": "animate", "args": [[None], still]}
    (low, high) = places.min(axis=(0, 1)), places.max(axis=(0, 1))
    edge = 0.04 * (high - low)
    figure.update_xaxes(range=[low[0] - edge[0], high[0] + edge[0]])
    figure.update_yaxes(range=[low[1] - edge[1], high[1] + edge[1]])
    _put_controls_above(figure, steps, [play, pause], theme)
    return figure


def _put_controls_above(
    figure: go.Figure, steps: list[Any], buttons: list[Any], theme: Theme
) -> None:
    """Lay slider and buttons over the film: whoever sees its beginning sees them too."""
    ground, text = GROUNDS[theme]
    above = {"y": 1, "yanchor": "bottom", "font": {"color": text}, "bordercolor": RIM}
    bar = {"bgcolor": RAILS[theme], "activebgcolor": text, "tickcolor": RIM}
    # The epoch at the right end, as the buttons stand at the left one, on a telephone too.
    slider = {"steps": steps, "currentvalue": {"prefix": "Epoch ", "xanchor": "right"}}
    menu = {"type": "buttons", "direction": "left", "buttons": buttons, "showactive": False}
    figure.update_layout(
        sliders=[slider | bar | above | {"pad": {"t": 0, "b": 8}}],
        updatemenus=[
            menu | above | {"bgcolor": ground, "x": 0, "xanchor": "left", "pad": {"b": 64}}
        ],
        margin={"t": CONTROLS_HEIGHT},
        height=FILM_HEIGHT,
    )


def on_one_grid(points: np.ndarray) -> np.ndarray:
    """Return maps on one grid, int32 of the same shape (n_maps, n, 2)."""
    return to_grid(points.reshape(-1, points.shape[2])).reshape(points.shape)


def _group_traces(points: np.ndarray, colours: Colouring, texts: np.ndarray) -> list[Any]:
    size = point_size(len(texts), is_flat=True)
    return [
        go.Scatter(
            x=points[group.rows, 0],
            y=points[group.rows, 1],
            text=texts[group.rows],
            mode="markers",
            name=safe_text(group.name),
            legendgroup=safe_text(group.name),
            hovertemplate="%{text}<extra>%{fullData.name}</extra>",
            marker={"size": size, "opacity": OPACITY} | colours.marker(at),
            # A click is marked by rings, on both maps alike.
            unselected={"marker": {"opacity": OPACITY}},
        )
        for at, group in enumerate(colours.groups)
    ]


def _lay_out_aligned(figure: go.Figure, colours: Colouring) -> None:
    bare = {"showticklabels": False, "zeroline": False, "showgrid": False}
    figure.update_xaxes(**bare)
    figure.update_yaxes(**bare)
    figure.update_layout(
        height=HEIGHT,
        showlegend=colours.has_legend,
        margin={"l": 0, "r": 0, "t": 32, "b": 0},
        legend={"orientation": "h", "yanchor": "top", "y": -0.02, "itemsizing": "constant"},
        dragmode="pan",
    )
