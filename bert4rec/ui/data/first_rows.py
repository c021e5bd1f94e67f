"""What the first rows of a log come to: sequences, and an order of dates that they leave open."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from bert4rec.data.first_sequences import FirstSequences, first_sequences
from bert4rec.data.item_table import ItemTable
from bert4rec.data.log import LogPreview, Roles
from bert4rec.data.rejects import usual_reason
from bert4rec.plain_text import contained
from bert4rec.ui.data.import_address import hold, told
from bert4rec.ui.data.log_choice import LogChoice
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.name_room import cell_beginning, cell_text
from bert4rec.view.import_link import DATES
from bert4rec.view.markdown import escape
from bert4rec.view.worded import worded
from bert4rec.words import counted, number, sentence

USER_PX, SEQUENCE_PX = 120, 840
CELLS = {"User": cell_text(USER_PX), "Sequence": cell_beginning(SEQUENCE_PX)}
N_PREVIEW_ITEMS = 30
ORDER_LABELS = {
    "": "As the whole log tells",
    "day-first": "Day before month",
    "month-first": "Month before day",
    "year-first": "Year first",
}


def ask_date_order(choice: LogChoice, preview: LogPreview, roles: Roles, key: str) -> Roles:
    """Ask for the order of dates where the first rows fit several; return the roles with it."""
    orders = _sequences(str(choice.path), choice.stamp, preview.form, roles, preview).date_orders
    if not orders:
        return roles
    options = ["", *orders]
    picked = st.selectbox(
        "Order of the dates",
        options,
        index=options.index(told(DATES, "", options)),
        format_func=lambda order: ORDER_LABELS[order],
        key=f"{DATES}|{key}",
        help="The dates of the first rows fit all of these. Later ones, such as the 17th of a"
        " month, may tell; if none does, choose.",
        persist_state="session",
    )
    hold(DATES, picked, "")
    return replace(roles, dates=next((order for order in orders if order == picked), None))


def draw_sequences(
    choice: LogChoice, preview: LogPreview, roles: Roles, table: ItemTable | None
) -> None:
    """Show what the histories would be: wrong columns show before anything is read."""
    found = _sequences(str(choice.path), choice.stamp, preview.form, roles, preview)
    titles = _titles(found, table)
    st.markdown("**What the sequences would be, oldest item first**")
    rows = [
        {
            "User": sequence.user_id,
            "Length": len(sequence.item_ids),
            "Sequence": " → ".join(
                contained(titles.get(item_id, item_id))
                for item_id in sequence.item_ids[:N_PREVIEW_ITEMS]
            )
            + " → …" * (len(sequence.item_ids) > N_PREVIEW_ITEMS),
        }
        for sequence in found.longest
    ]
    longest = pd.DataFrame(rows, columns=["User", "Length", "Sequence"])
    draw_frame(
        worded(longest, CELLS),
        hide_index=True,
        column_config={
            "User": st.column_config.TextColumn(width=USER_PX),
            "Length": st.column_config.NumberColumn(format="localized", width=70),
            "Sequence": st.column_config.TextColumn(width=SEQUENCE_PX),
        },
        alt="The longest sequences of the first rows as the chosen columns give them",
    )
    st.caption(_sequences_words(found))


@st.cache_data(max_entries=16, show_spinner=False)
def _sequences(
    path: str, stamp: str, form: str, roles: Roles, _preview: LogPreview
) -> FirstSequences:
    return first_sequences(_preview, roles)


def _titles(found: FirstSequences, table: ItemTable | None) -> dict[str, str]:
    if table is None:
        return {}
    shown = {item_id for one in found.longest for item_id in one.item_ids[:N_PREVIEW_ITEMS]}
    rows = table.rows[table.rows["item_id"].isin(shown)]
    return dict(zip(rows["item_id"], rows["title"], strict=True))


def _sequences_words(found: FirstSequences) -> str:
    text = f"The longest within the first {counted(found.n_rows, 'interaction')}."
    if found.reject_reasons:
        n_rejected = number(sum(found.reject_reasons.values()))
        reason = usual_reason(found.reject_reasons)
        text += f" {n_rejected} of these would be rejected, most often for: {reason}."
    if found.time_problem:
        problem = escape(sentence(found.time_problem))
        text += f" :orange[:material/warning:] {problem} Here the order is that of the file."
    return text
