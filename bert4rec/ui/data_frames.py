"""Tables to sort, search and take along: Streamlit's, with texts that start no formula."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from bert4rec.spreadsheets import unseen_harmless

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def draw_frame(table: pd.DataFrame | Styler, **options: Any) -> Any:
    """Draw a table; its button for CSV writes every text in a form that starts no formula.

    Args:
        table: The table, or one whose numbers are told in words.
        options: As `streamlit.dataframe` has them, and so is what is returned.
    """
    if isinstance(table, pd.DataFrame):
        table = unseen_harmless(table)
    else:
        # Names of columns are ours there.
        table.data = unseen_harmless(table.data)  # type: ignore[attr-defined]
    return st.dataframe(table, **options)
