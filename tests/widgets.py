"""Widgets of a page by what stands on them."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button, Selectbox


def button(app: AppTest, label: str) -> Button:
    """Return the first button of this label."""
    return next(one for one in app.button if one.label == label)


def box(app: AppTest, label: str) -> Selectbox:
    """Return the first box to choose from of this label."""
    return next(one for one in app.selectbox if one.label == label)


def press(app: AppTest, beginning: str) -> AppTest:
    """Press the first button whose label begins like this; return the page as it is then."""
    next(one for one in app.button if one.label.startswith(beginning)).click()
    app.run()
    assert not app.exception
    return app
