"""The look of what the pages draw as HTML of their own."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

STYLESHEET = Path(__file__).with_name("page_style.css")


def draw_page_style() -> None:
    """Make the look known to the page that is drawn; takes no place on it."""
    st.html(STYLESHEET)
