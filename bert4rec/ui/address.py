"""What a page says of itself in its address, beside the run that `state.py` names there."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import streamlit as st

# By these an address tells what the form of a new run or search holds.
FORM_NAMES = ("preset", "set", "for", "name", "vary", "trials", "minutes", "points")

# By these it tells where a log lies that is not prepared yet, and what was said of it.
IMPORT_NAMES = ("log", "item_table", "file", "item_file", "form", "columns", "keep", "name")


def read_address(names: Collection[str]) -> dict[str, str]:
    """Return what the address says by these names."""
    return {name: st.query_params[name] for name in names if name in st.query_params}


def write_address(link: Mapping[str, str], names: Collection[str]) -> None:
    """Put a link into the address, and take out what else of `names` stands there.

    All at once: each message to the browser is a step of its way back.
    """
    now = st.query_params.to_dict()
    new = {name: value for name, value in now.items() if name not in names} | dict(link)
    if new != now:
        st.query_params.from_dict(new)
