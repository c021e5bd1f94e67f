"""The gallery of a run's best and worst predictions."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.held_out.extremes import Extremes, RankedItem
from bert4rec.plain_text import contained
from bert4rec.runs.folder import Run
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.inspect.inspected_model import draw_finding
from bert4rec.ui.name_room import cell_text
from bert4rec.view.worded import worded
from bert4rec.words import counted

Take = Callable[[str, int], None]
CHOSEN_KEY = "inspect_gallery_rows"
TITLE_PX, USER_PX = 212, 64
TABLE_PX = 620


def draw_gallery(run: Run, vocabulary: Vocabulary, take: Take) -> None:
    """Draw the held-out items that a run ranks best and worst; a click takes one.

    Args:
        run: The run.
        vocabulary: Names the items.
        take: Gets the user's id and how many items of the history to show, the last one hidden.
    """
    extremes: Extremes | None = draw_finding(
        run, "extremes", "Ranking held-out items of some users…"
    )
    if extremes is None:
        return
    which = st.segmented_control(
        "Ranked", ["Best", "Worst"], default="Best", required=True, key="inspect_gallery_which"
    )
    rows = extremes.worst if which == "Worst" else extremes.best
    # Other rows forget the mark of those before.
    key = f"{CHOSEN_KEY}_{which}_{run.id}_{hash(rows)}"

    def take_row() -> None:
        chosen = st.session_state[key].selection.rows
        if chosen:
            take(rows[chosen[0]].user_id, rows[chosen[0]].n_items)

    widths = {"item": TITLE_PX, "last": TITLE_PX, "user": USER_PX}
    draw_frame(
        worded(
            gallery_table(rows, vocabulary), {name: cell_text(px) for name, px in widths.items()}
        ),
        hide_index=True,
        key=key,
        on_select=take_row,
        selection_mode="single-row",
        row_height=32,
        width=TABLE_PX,
        column_config={
            "rank": st.column_config.NumberColumn("Rank", width=48, format="localized"),
            "item": st.column_config.TextColumn("Held-out item", width=TITLE_PX),
            "last": st.column_config.TextColumn("After", width=TITLE_PX),
            "count": st.column_config.NumberColumn("Count", width=52, format="localized"),
            "user": st.column_config.TextColumn("User", width=USER_PX),
        },
        alt=f"The {len(rows)} held-out items ranked {str(which).lower()}",
    )
    st.caption(
        f"Of the newest held-out item of {counted(extremes.n_judged, 'user')}, asked from all "
        "before it. Mark a row to look into it."
    )


def gallery_table(rows: tuple[RankedItem, ...], vocabulary: Vocabulary) -> pd.DataFrame:
    """Return held-out items as a table: rank from 1, title, the item before it, count, user."""
    return pd.DataFrame(
        {
            "rank": [one.rank + 1 for one in rows],
            "item": [contained(vocabulary.title(one.item_idx)) for one in rows],
            "last": [contained(vocabulary.title(one.last_idx)) for one in rows],
            "count": [int(vocabulary.counts[one.item_idx - 1]) for one in rows],
            "user": [one.user_id for one in rows],
        }
    )
