"""How a dataset would be split: some histories as dots coloured by part, with the counts."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Split, split_dataset
from bert4rec.data.split_picture import PARTS, UNUSED, SplitPicture, picture_of
from bert4rec.data.split_record import counts_words, few_words, moment, split_record
from bert4rec.errors import Bert4RecError
from bert4rec.hyperparameters import Hyperparameters, parse_settings, setting_field
from bert4rec.ui import state
from bert4rec.ui.folded import folded
from bert4rec.ui.words import contained, counted, escape, number, when

Given = tuple[tuple[str, Any], ...]
ROW_PX = 22
CONFIG = {"displayModeBar": False}
MAX_TEXT = 40
PART_NAMES = ("Training", "Validation", "Test", "User held out", "Not used")
# Beside the colours of the theme, which go by the order of the traces.
SYMBOLS = ("circle", "diamond", "star", "triangle-up", "circle-open")
SIZES = (8, 11, 13, 9, 7)


class Way(NamedTuple):
    """A way to split: the settings that ask for it, and the one that says how much of it.

    Args:
        given: Settings as they would be typed.
        amount: Name of the setting to choose here, empty for none.
        first: Its value at first.
        lowest: Its lowest value here.
        highest: Its highest value here.
        step: What a click adds.
    """

    given: Mapping[str, Any]
    amount: str = ""
    first: float = 0
    lowest: float = 0
    highest: float = 0
    step: float = 0


WAYS = {
    "Leave-one-out": Way({}),
    "Last K": Way({"split_strategy": "last_k"}, "held_out_items", 3, 1, 50, 1),
    "Global time": Way({"split_strategy": "global_time"}, "held_out_share", 0.1, 0.01, 0.49, 0.05),
    "Held-out users": Way({"sample_strategy": "user_based"}, "sample_ratio", 0.8, 0.05, 0.95, 0.05),
}


def draw_split(dataset: SequenceDataset) -> None:
    """Let a person choose a way to split and draw what it would make of the dataset."""
    with st.container(border=True):
        st.markdown("**How it would be split**")
        settings = _ask()
        try:
            split = _split(dataset.fingerprint, tuple(settings.given().items()), dataset)
        except Bert4RecError as error:
            state.show_error(error)
            return
        record = split_record(split, settings)
        finding = split_words(record, dataset.n_interactions)
        st.caption(finding)
        if few_words(record):
            st.warning(escape(few_words(record)), icon=":material/warning:")
        picture = picture_of(dataset, split)
        figure = split_figure(picture, dataset, split)
        st.plotly_chart(figure, alt=finding, config=CONFIG, key="split")
        st.caption(_legend_words(picture))
        with folded("As a table", key="split_table") as is_open:
            if is_open:
                st.dataframe(split_table(picture, dataset), hide_index=True, alt=finding)
        _draw_command(settings)


def _ask() -> Hyperparameters:
    row = st.container(horizontal=True, vertical_alignment="bottom")
    chosen = row.segmented_control(
        "Way to split",
        list(WAYS),
        default=next(iter(WAYS)),
        required=True,
        key="split_way",
        label_visibility="collapsed",
    )
    way = WAYS[str(chosen)]
    given = dict(way.given)
    if way.amount:
        field = setting_field(way.amount)
        given[way.amount] = row.number_input(
            str(field.title),
            way.lowest,
            way.highest,
            way.first,
            way.step,
            help=field.description,
            key=f"split_{way.amount}",
            width=160,
        )
    return parse_settings(given)


@st.cache_resource(max_entries=8, show_spinner=False)
def _split(fingerprint: str, given: Given, _dataset: SequenceDataset) -> Split:
    return split_dataset(_dataset, parse_settings(dict(given)))


def split_words(record: Mapping[str, Any], n_interactions: int) -> str:
    """Return what a split comes to, in a sentence or two.

    Args:
        record: What `split_record` tells.
        n_interactions: Interactions of the whole dataset.
    """
    text = f"Of {number(n_interactions)} in all, {counts_words(record)}"
    if "valid_at" in record:
        text += f" Validation begins on {_moment_words(record['valid_at'])}"
        text += f", test on {_moment_words(record['test_at'])}."
    return text


def _moment_words(at: str | float) -> str:
    return when(at) if isinstance(at, str) else f"{at:,.10g}"


def _legend_words(picture: SplitPicture) -> str:
    text = f"{counted(len(picture.user_idx), 'user')}, always the same, one a row."
    if (picture.part == UNUSED).any():
        text += (
            " Not used: neither trained on nor asked for, though it may be part of the history"
            " that a later item is asked from."
        )
    return text


def _draw_command(settings: Hyperparameters) -> None:
    given = settings.given()
    if not given:
        st.caption("This is how every run is split unless its settings say otherwise.")
        return
    options = " ".join(f"--set {name}={value}" for name, value in given.items())
    st.caption(
        f"To train so: `{options}` on the command line, or the same settings in the group *Data* of"
        " the Train page."
    )


def split_figure(picture: SplitPicture, dataset: SequenceDataset, split: Split) -> go.Figure:
    """Return the histories as rows of dots: over time for a split by time, else from the end."""
    over_time = split.cuts is not None
    x = _x_values(picture, over_time=over_time)
    titles = dataset.vocabulary.titles
    texts = np.array([_plain(titles[item - 1]) for item in picture.items], dtype=object)
    figure = go.Figure()
    for part in range(len(PARTS)):
        figure.add_trace(_trace(picture, part, x, texts))
    for cut in (split.cuts.valid_at_s, split.cuts.test_at_s) if split.cuts else ():
        figure.add_shape(
            type="line",
            x0=moment(cut),
            x1=moment(cut),
            y0=0,
            y1=1,
            yref="paper",
            line={"color": "gray", "width": 1, "dash": "dash"},
        )
    _lay_out(figure, picture, dataset, over_time=over_time)
    return figure


def _x_values(picture: SplitPicture, *, over_time: bool) -> np.ndarray:
    if not over_time or picture.times_s is None:
        return -picture.n_later
    return np.array([moment(float(time_s)) for time_s in picture.times_s], dtype=object)


def _trace(picture: SplitPicture, part: int, x: np.ndarray, texts: np.ndarray) -> go.Scatter:
    is_in = picture.part == part
    marker: dict[str, Any] = {"symbol": SYMBOLS[part], "size": SIZES[part]}
    if part == UNUSED:
        marker["color"] = "gray"
    return go.Scatter(
        x=x[is_in],
        y=picture.row[is_in],
        text=texts[is_in],
        customdata=picture.place[is_in] + 1,
        name=PART_NAMES[part],
        mode="markers",
        marker=marker,
        showlegend=bool(is_in.any()),
        hovertemplate="%{text}, item %{customdata:,d}<extra>%{fullData.name}</extra>",
    )


def _plain(text: str) -> str:
    """Return text from a log so that plotly shows it as it is, and not as HTML."""
    short = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
    return html.escape(contained(short), quote=False)


def _lay_out(
    figure: go.Figure, picture: SplitPicture, dataset: SequenceDataset, *, over_time: bool
) -> None:
    labels = [_plain(dataset.user_id(int(user))) for user in picture.user_idx]
    figure.update_layout(
        height=110 + ROW_PX * len(labels),
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        xaxis_title="Time" if over_time else "Items counted from the newest, which is 0",
    )
    figure.update_xaxes(showgrid=False, zeroline=False)
    figure.update_yaxes(
        tickvals=list(range(len(labels))), ticktext=labels, autorange="reversed", zeroline=False
    )


def split_table(picture: SplitPicture, dataset: SequenceDataset) -> pd.DataFrame:
    """Return how many items of each drawn user are in each part; parts without any are left out."""
    counts = picture.counts()
    columns = {
        PART_NAMES[part]: counts[:, part] for part in range(len(PARTS)) if counts[:, part].any()
    }
    users = {"User": [dataset.user_id(int(user)) for user in picture.user_idx]}
    return pd.DataFrame(users | columns)
