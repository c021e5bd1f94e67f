from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.waiting import LIMIT_S


def after_a_discarded_run_took_its_choice_along() -> None:
    import streamlit as st

    from bert4rec.ui.train.train_view import VIEW_KEY, take_view

    take_view()
    st.write(f"shows {st.session_state.get(VIEW_KEY)}")


def test_a_late_word_of_the_box_about_a_run_that_is_gone_says_nothing() -> None:
    page = AppTest.from_function(
        after_a_discarded_run_took_its_choice_along, default_timeout=LIMIT_S
    ).run()
    assert not page.exception
    assert page.markdown[0].value == "shows None"
