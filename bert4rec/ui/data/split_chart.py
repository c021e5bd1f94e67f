"""How a dataset would be split: some histories as dots coloured by part, with the counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Split, TimeCuts, split_dataset
from bert4rec.data.split_picture import N_NEWEST, PARTS, UNUSED, SplitPicture, picture_of
from bert4rec.data.split_record import counts_words, few_words, moment, split_record
from bert4rec.errors import Bert4RecError
from bert4rec.hyperparameters import Hyperparameters, setting_field
from bert4rec.plain_text import shortened
from bert4rec.setting_checks import parse_settings
from bert4rec.setting_values import typed_value
from bert4rec.ui import cache, state
from bert4rec.ui.data.profile_charts import time_axis
from bert4rec.ui.data.split_dots import N_ON_A_PHONE, by_room, dots_of
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.folded import folded
from bert4rec.ui.vega_charts import draw_vega
from bert4rec.view.markdown import escape
from bert4rec.view.vega import (
    AXIS,
    GREY,
    LETTER_PX,
    PADDING_PX,
    QUIET_TEXT,
    SIGN_PX,
    Chart,
    joining,
    legend_of,
)
from bert4rec.words import counted, number, unique_labels, when

Given = tuple[tuple[str, Any], ...]
ROW_PX = 22
FRAME_PX = 110
MAX_TEXT = 40
# An id is cut where it would leave no room for the dots on a phone; the table has all of it. With
# a number behind, where others begin alike, it takes so much.
MAX_ID, LABEL_PX = 14, 125
# In a wide chart there is room for a UUID.
MAX_ROOMY_ID, ROOMY_LABEL_PX = 36, 300
# Between the two forms of an id.
FORMS_BETWEEN = "\x1f"
# The name of a moment of a cut; the two stand above each other, for they may be close in time.
CUT_NAME_PX = 14
PART_NAMES = ("Training", "Validation", "Test", "User held out", "Not used")
# Beside the colours of the theme, which go by the order of the parts.
SHAPES = ("circle", "diamond", "cross", "triangle-up", "square")


class Way(NamedTuple):
    """A way to split: the settings that ask for it, and the one that says how much of it.

    Args:
        given: Settings as they would be typed.
        amount: Name of the setting to choose here, empty for none.
        first: Its value at first.
        lowest: Its lowest value here.
        highest: Its highest value here.
        step: What a click adds.
        label: What it is called here, if not as in the form.
    """

    given: Mapping[str, Any]
    amount: str = ""
    first: float = 0
    lowest: float = 0
    highest: float = 0
    step: float = 0
    label: str = ""


WAYS = {
    "Leave-one-out": Way({}),
    "Last K": Way({"split_strategy": "last_k"}, "held_out_items", 3, 1, 50, 1),
    "Global time": Way({"split_strategy": "global_time"}, "held_out_share", 0.1, 0.01, 0.49, 0.05),
    "Held-out users": Way(
        {"sample_strategy": "user_based"},
        "sample_ratio",
        0.8,
        0.05,
        0.95,
        0.05,
        "Share that trains",
    ),
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
        chart = split_chart(picture, dataset, split)
        height = FRAME_PX + ROW_PX * len(picture.user_idx)
        height += 2 * CUT_NAME_PX if split.cuts else 0
        draw_vega(chart, height=height, alt=finding)
        st.caption(_legend_words(picture, over_time=split.cuts is not None))
        with folded("As a table", key="split_table") as is_open:
            if is_open:
                draw_frame(split_table(picture, dataset), hide_index=True, alt=finding)
        _draw_command(settings)


def _ask() -> Hyperparameters:
    row = st.container(horizontal=True, vertical_alignment="bottom")
    chosen = row.segmented_control(
        "Way to split",
        list(WAYS),
        default=next(iter(WAYS)),
        required=True,
        key="split_way",
        persist_state="session",
        label_visibility="collapsed",
    )
    way = WAYS[str(chosen)]
    given = dict(way.given)
    if way.amount:
        field = setting_field(way.amount)
        given[way.amount] = row.number_input(
            way.label or str(field.title),
            way.lowest,
            way.highest,
            way.first,
            way.step,
            help=field.description,
            key=f"split_{way.amount}",
            width=160,
            persist_state="session",
        )
    return parse_settings(given)


@cache.kept(8)
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


def _legend_words(picture: SplitPicture, *, over_time: bool) -> str:
    text = f"{counted(len(picture.user_idx), 'user')}, always the same, one a row."
    if not over_time and picture.n_later.max(initial=0) >= N_ON_A_PHONE:
        text += (
            " Of longer histories the newest items are drawn, as many as there is room for:"
            f" {N_NEWEST} at most."
        )
    elif (picture.place[picture.n_later == N_NEWEST - 1] > 0).any():
        text += f" Of longer histories the newest {N_NEWEST} items are drawn."
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
    options = " ".join(f"--set {name}={typed_value(value)}" for name, value in given.items())
    st.caption(
        f"To train so: `{options}` on the command line, or the same settings in the group *Data* of"
        " the Train page."
    )


def split_chart(picture: SplitPicture, dataset: SequenceDataset, split: Split) -> Chart:
    """Return the histories as rows of dots: over time for a split by time, else from the end."""
    x = _x_axis(picture, over_time=split.cuts is not None)
    roomy, narrow = (_user_labels(picture, dataset, limit) for limit in (MAX_ROOMY_ID, MAX_ID))
    both = [FORMS_BETWEEN.join(forms) for forms in zip(roomy, narrow, strict=True)]
    roomy_px, narrow_px = (
        min(LETTER_PX * max(map(len, labels)), limit)
        for labels, limit in ((roomy, ROOMY_LABEL_PX), (narrow, LABEL_PX))
    )
    titles = dataset.vocabulary.titles
    present = [part for part in range(len(PARTS)) if (picture.part == part).any()]
    points = pd.DataFrame(
        {
            "x": _x_values(picture, over_time=split.cuts is not None),
            "user": np.array(both, dtype=object)[picture.row],
            "part": [PART_NAMES[part] for part in picture.part],
            "title": [shortened(titles[item - 1], MAX_TEXT) for item in picture.items],
            "place": picture.place + 1,
        }
    )
    # In the order of the table: a list of ids from a log is not for a description to hold.
    y = {"field": "user", "type": "nominal", "sort": None, "title": "User"}
    layers: list[dict[str, Any]] = [
        {
            **dots_of(picture, over_time=split.cuts is not None),
            "encoding": {
                "x": x | {"field": "x"},
                "y": y | {"axis": AXIS | {"grid": True} | _label_forms()},
                "tooltip": [
                    {"field": "title", "type": "nominal", "title": "Item"},
                    {"field": "place", "title": "Place", "format": ",d"},
                    {"field": "part", "title": "Part"},
                ],
            }
            | _part_channels(
                present,
                offset=4 + (2 * CUT_NAME_PX if split.cuts else 0),
                beside=by_room(f"{roomy_px + SIGN_PX:g}", f"{narrow_px + SIGN_PX:g}"),
            ),
        }
    ]
    if split.cuts is not None:
        layers += _cut_layers(x, split.cuts)
    return Chart(points, {"padding": dict(PADDING_PX), "layer": layers})


def _user_labels(picture: SplitPicture, dataset: SequenceDataset, limit: int) -> list[str]:
    users = {
        str(at): shortened(dataset.user_id(int(user)).replace(FORMS_BETWEEN, " "), limit)
        for at, user in enumerate(picture.user_idx)
    }
    return list(unique_labels(users).values())


def _label_forms() -> dict[str, Any]:
    """Return what has an axis show that form of an id for which there is room."""
    form = f"split(datum.label, {FORMS_BETWEEN!r})[{by_room('0', '1')}]"
    limit = {"expr": by_room(f"{ROOMY_LABEL_PX}", f"{LABEL_PX}")}
    # Further out than 200 pixels no title stands by itself.
    return {"labelExpr": form, "labelLimit": limit, "maxExtent": ROOMY_LABEL_PX}


def _cut_layers(x: dict[str, Any], cuts: TimeCuts) -> list[dict[str, Any]]:
    """Return for each part that begins at a moment a dashed line there, with its name above."""
    layers: list[dict[str, Any]] = []
    # Once, and not once a point.
    once = {"transform": [{"aggregate": [{"op": "count", "as": "n"}]}]}
    line = {"type": "rule", "color": GREY, "strokeDash": [4, 3]}
    named = (("validation", cuts.valid_at_s), ("test", cuts.test_at_s))
    for place, (name, cut_s) in enumerate(named):
        at = {"x": x | {"datum": _at(cut_s)}}
        word = QUIET_TEXT | {"text": f"{name} begins", "align": "right"}
        above = {"y": {"value": -CUT_NAME_PX * (place + 0.5)}}
        layers.append(once | {"mark": line, "encoding": at})
        layers.append(once | {"mark": word, "encoding": at | above})
    return layers


def _x_axis(picture: SplitPicture, *, over_time: bool) -> dict[str, Any]:
    axis: dict[str, Any] = AXIS | {"grid": False}
    if not over_time:
        count = {"expr": "min(10, max(2, floor(width / 50)))"}
        axis |= {"format": "d", "tickMinStep": 1, "tickCount": count}
        title = "Items from the newest (0)"
        scale: dict[str, Any] = {"zero": False, "nice": False, "padding": 10}
        return {"type": "quantitative", "title": title, "axis": axis, "scale": scale}
    scale = {"nice": False, "padding": 10}
    times_s = picture.times_s
    if times_s is None or not isinstance(moment(float(times_s[0])), str):
        scale |= {"zero": False}
        return {"type": "quantitative", "title": "Time", "axis": axis, "scale": scale}
    axis = time_axis(float(times_s.max() - times_s.min()))
    scale |= {"type": "utc"}
    return {"type": "temporal", "title": "Time (UTC)", "axis": axis, "scale": scale}


def _x_values(picture: SplitPicture, *, over_time: bool) -> list[float]:
    if not over_time or picture.times_s is None:
        return [float(-n_later) for n_later in picture.n_later]
    return [_at(float(time_s)) for time_s in picture.times_s]


def _at(time_s: float) -> float:
    """Return a time as Vega takes it: a moment in milliseconds, a counter as it is."""
    return 1000 * time_s if isinstance(moment(time_s), str) else time_s


def _part_channels(present: Sequence[int], offset: int, beside: str) -> dict[str, Any]:
    """Return colour and shape of the parts; the legend, so high above, tells of those there."""
    names = [PART_NAMES[part] for part in present]
    legend = legend_of(names, beside=beside)
    legend |= {"symbolOpacity": 1, "offset": offset, "values": names}
    field: dict[str, Any] = {"field": "part", "type": "nominal"}
    domain = list(PART_NAMES)
    return {
        "color": field | {"scale": {"domain": domain}, "legend": legend},
        "shape": field
        | {"scale": {"domain": domain, "range": list(SHAPES)}, "legend": joining(legend)},
    }


def split_table(picture: SplitPicture, dataset: SequenceDataset) -> pd.DataFrame:
    """Return how many items of each drawn user are in each part; parts without any are left out."""
    counts = picture.counts()
    columns = {
        PART_NAMES[part]: counts[:, part] for part in range(len(PARTS)) if counts[:, part].any()
    }
    users = {"User": [dataset.user_id(int(user)) for user in picture.user_idx]}
    return pd.DataFrame(users | columns)
