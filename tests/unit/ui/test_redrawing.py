from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from tests.reading import texts
from tests.waiting import LIMIT_S


def tells() -> None:
    import streamlit as st

    from bert4rec.ui.redrawing import begin_drawing, draw_anew, tell_once

    begin_drawing()
    st.button("Ask", on_click=lambda: st.session_state.update(word="refused", moves=2))
    told = tell_once("word")
    if told:
        st.error(told)
    # A run comes further, twice.
    if st.session_state.get("moves"):
        st.session_state["moves"] -= 1
        draw_anew()


def opens_a_dialog() -> None:
    import streamlit as st

    from bert4rec.ui.redrawing import begin_drawing, dialog, draw_anew

    @dialog("Rename")
    def ask() -> None:
        st.text_input("Name")

    begin_drawing()
    drawn = st.session_state.setdefault("drawn", 0)
    st.session_state["drawn"] = drawn + 1
    if st.button("Ask"):
        ask()
    if st.session_state.get("is_moving"):
        st.session_state["is_moving"] = False
        draw_anew()


@pytest.fixture
def opened() -> Callable[[Callable[[], None]], AppTest]:
    return lambda page: AppTest.from_function(page, default_timeout=LIMIT_S).run()


def test_a_word_told_once_stays_while_the_page_draws_itself_anew(
    opened: Callable[[Callable[[], None]], AppTest],
) -> None:
    app = opened(tells)
    app.button[0].click().run()
    assert app.session_state["moves"] == 0
    assert "refused" in texts(app)
    app.run()
    assert "refused" not in texts(app)


def test_a_page_draws_itself_anew_under_no_dialog(
    opened: Callable[[Callable[[], None]], AppTest],
) -> None:
    app = opened(opens_a_dialog)
    app.session_state["is_moving"] = True
    app.button[0].click().run()
    # Once at first, once at the press; drawn anew, it would not show the dialog any more.
    assert app.session_state["drawn"] == 2
    assert [box.label for box in app.text_input] == ["Name"]
    app.session_state["is_moving"] = True
    app.run()
    assert app.session_state["drawn"] == 4
    assert not app.text_input
