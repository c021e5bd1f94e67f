"""The button that gives a browser a table as CSV."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from bert4rec.spreadsheets import csv_text


def draw_csv(
    what: str, name: str, make: Callable[[], pd.DataFrame], *, about: str | None = None
) -> None:
    """Offer a table as a file, which is made at the press: of full precision, for programs.

    Args:
        what: What the table is of, for the button.
        name: Of the file, without its ending, safe as a part of a path.
        make: Returns the table. It is called in a thread that no page belongs to.
        about: What is told to who points at the button.
    """
    st.download_button(
        f"{what} (CSV)",
        lambda: csv_text(make()).encode(),
        f"{name}.csv",
        "text/csv",
        icon=":material/download:",
        help=about,
        on_click="ignore",
        key=f"csv_{what}",
    )
