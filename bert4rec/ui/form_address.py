"""The form of something new in its address: there again after a reload, and for who gets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import streamlit as st

from bert4rec.ui.address import FORM_NAMES, read_address
from bert4rec.ui.data_link import name_data
from bert4rec.view.form_link import name_from_link


class FormAddress(NamedTuple):
    """How a page's form is put into its address, and filled from it.

    Args:
        name_key: Where the page keeps the name that is typed.
        is_begun: Whether this session has begun the form.
        show: Shows the form in place of what else the page may show.
        fill: Fills the form from the parameters of an address; refuses them before it changes
            anything.
        link: Returns those parameters, but for the name.
    """

    name_key: str
    is_begun: Callable[[], bool]
    show: Callable[[], None]
    fill: Callable[[Mapping[str, str]], None]
    link: Callable[[], dict[str, str]]

    def follow(self) -> None:
        """Fill the form from the address, unless this session has begun one.

        Raises:
            SettingsError: the address is malformed; the form is as it comes.
        """
        link = read_address(FORM_NAMES)
        if not link or self.is_begun():
            return
        self.show()
        name = name_from_link(link)
        self.fill(link)
        st.session_state[self.name_key] = name

    def write(self) -> None:
        """Put the form into the address, beside its dataset."""
        name = str(st.session_state.get(self.name_key) or "")
        name_data(self.link() | ({"name": name} if name.strip() else {}), FORM_NAMES)
