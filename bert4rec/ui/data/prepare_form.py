"""What to leave out of a log on the way to a dataset, and what that would cost."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from bert4rec.data.events import count_events
from bert4rec.data.filters import MOST_ROWS, PrepareSettings, filter_log
from bert4rec.data.log import Roles, read_log
from bert4rec.errors import Bert4RecError
from bert4rec.plain_text import contained
from bert4rec.ui import state
from bert4rec.ui.data.import_address import hold, told
from bert4rec.ui.data.log_choice import LogChoice
from bert4rec.ui.data_frames import draw_frame
from bert4rec.view.import_link import EVENTS
from bert4rec.words import percent

COUNT_FIELDS = ("min_sequence_length", "max_sequence_length", "min_item_count")
# Settings to compare with, as (label, minimum length, minimum count of an item).
ALTERNATIVES = (
    ("Histories of 5 or more", 5, 1),
    ("Histories and items of 5 or more (5-core)", 5, 5),
)
EVERYTHING = PrepareSettings(min_sequence_length=1, drop_duplicates=False)


def ask_settings(choice: LogChoice, form: str, roles: Roles) -> PrepareSettings:
    """Ask what to leave out; labels, help and defaults come from the settings' model.

    Raises:
        LogError: the column of events cannot be read, or tells no kinds of events apart.
    """
    columns = st.columns(4, vertical_alignment="bottom")
    values: dict[str, Any] = {}
    for column, name in zip(columns, COUNT_FIELDS, strict=False):
        values[name] = _ask_count(column, name)
    if roles.value is not None:
        field = PrepareSettings.model_fields["min_value"]
        values["min_value"] = columns[3].number_input(
            str(field.title),
            value=told("min_value", None),
            placeholder="no limit",
            help=field.description,
            key=f"prepare_min_value|{choice.path}",
            persist_state="session",
        )
    if roles.event is not None:
        values["events"] = _ask_events(choice, form, roles.event)
    field = PrepareSettings.model_fields["drop_duplicates"]
    values["drop_duplicates"] = st.toggle(
        str(field.title),
        value=told("drop_duplicates", field.default),
        help=field.description,
        key="prepare_duplicates",
        persist_state="session",
    )
    for name, field in PrepareSettings.model_fields.items():
        hold(name, values.get(name), field.default)
    return PrepareSettings(**values)


def _ask_count(column: DeltaGenerator, name: str) -> int | None:
    field = PrepareSettings.model_fields[name]
    count: int | None = column.number_input(
        str(field.title),
        min_value=1,
        max_value=MOST_ROWS,
        value=told(name, field.default),
        placeholder="no limit",
        help=field.description,
        key=f"prepare_{name}",
        persist_state="session",
    )
    return count


def _ask_events(choice: LogChoice, form: str, column: str) -> tuple[str, ...] | None:
    """Ask which kinds of events to keep, each with its count; None means all."""
    counts = dict(_events(str(choice.path), choice.stamp, form, column))
    field = PrepareSettings.model_fields["events"]
    chosen = st.multiselect(
        str(field.title),
        list(counts),
        default=told(EVENTS, (), counts),
        format_func=lambda event: f"{contained(event)} ({counts.get(event, 0):,})",
        placeholder="All events",
        help=field.description,
        key=f"prepare_events|{choice.path}|{column}",
        persist_state="session",
    )
    return tuple(chosen) or None


@st.cache_data(max_entries=16, show_spinner="Counting the events…")
def _events(path: str, stamp: str, form: str, column: str) -> list[tuple[str, int]]:
    return count_events(path, column, form=form, workspace=state.workspace())


def draw_costs(choice: LogChoice, form: str, roles: Roles, settings: PrepareSettings) -> None:
    """Offer to count what these settings and the usual others would leave."""
    if not st.toggle(
        "Count what the settings would leave",
        key="show_costs",
        persist_state="session",
        help="Reads the whole log once and tries these settings and the usual others.",
    ):
        return
    try:
        frame = _costs(str(choice.path), choice.stamp, form, roles, settings)
    except Bert4RecError as error:
        state.show_error(error)
        return
    counts = {
        name: st.column_config.NumberColumn(format="localized")
        for name in ("Users", "Items", "Interactions")
    }
    draw_frame(
        frame,
        hide_index=True,
        column_config=counts,
        alt="What each setting would leave of the log",
    )


@st.cache_data(max_entries=16, show_spinner="Reading the log and counting…")
def _costs(
    path: str, stamp: str, form: str, roles: Roles, settings: PrepareSettings
) -> pd.DataFrame:
    tried = {"These settings": settings, "All rows that can be read": EVERYTHING}
    for label, length, count in ALTERNATIVES:
        other = settings.model_copy(update={"min_sequence_length": length, "min_item_count": count})
        tried[label] = other
    rows = []
    with read_log(path, roles, form=form, workspace=state.workspace()) as log:
        for label, one in tried.items():
            left = filter_log(log, one)
            lost = 1 - left.n_kept / log.n_rows_read if log.n_rows_read else 0.0
            rows.append(
                {
                    "Settings": label,
                    "Users": left.n_users,
                    "Items": left.n_items,
                    "Interactions": left.n_kept,
                    "Left out": percent(lost),
                    "Rows left out, by reason": _reasons(left.steps),
                }
            )
    return pd.DataFrame(rows)


def _reasons(steps: tuple[dict[str, Any], ...]) -> str:
    lost = [s for s in steps if s["step"] not in ("read", "kept") and s["n_rows"]]
    return "; ".join(f"{s['n_rows']:,} ({s['reason']})" for s in lost) or "None"
