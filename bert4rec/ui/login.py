"""The door of a shared dashboard: who is not let in sees nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from bert4rec.errors import FormatError
from bert4rec.login_file import FAILED_COOKIE, LOGIN_VARIABLE, Login, read_login
from bert4rec.ui.state import show_error
from bert4rec.view.markdown import escape

NO_DOOR = FormatError(
    "a login is meant here, but the dashboard was not started with it",
    fix="Start it with: bert4rec app --login FILE, see docs/sharing.md.",
)


def asked_login() -> Login | None:
    """Return how visitors log in; None where nobody has to."""
    path = os.environ.get(LOGIN_VARIABLE)
    return read_login(Path(path)) if path else None


def is_let_in() -> bool:
    """Whether the visitor may use the dashboard."""
    if lacks_door():
        return False
    login = asked_login()
    return login is None or (_is_known() and login.lets_in(_user()))


def lacks_door() -> bool:
    """Whether a login is meant that only `bert4rec app` can ask for, and Streamlit runs alone."""
    path = os.environ.get(LOGIN_VARIABLE)
    if path is None:
        return st.secrets.load_if_toml_exists() and "auth" in st.secrets
    return bool(path) and path not in st.get_option("secrets.files")


def stop_strangers() -> None:
    """Draw the door and end the page, unless the visitor is let in; every page begins with it.

    `streamlit run app.py` runs a page by itself for whoever asks for that page first.
    """
    if not is_let_in():
        draw_door()
        st.stop()


def draw_door() -> None:
    """Draw how to get in, or that somebody is not let in."""
    if lacks_door():
        show_error(NO_DOOR)
        return
    login = asked_login()
    assert login is not None
    with st.container(width=420):
        st.title("BERT4Rec", anchor=False)
        if _is_known():
            st.error(
                "This account is not let in here. Ask whoever runs this dashboard, or log out and "
                "take another account.",
                icon=":material/block:",
            )
            draw_leaving()
            return
        if st.context.cookies.get(FAILED_COOKIE):
            st.warning(
                "The login failed: it was refused, or it took too long. Try again.",
                icon=":material/warning:",
            )
        st.markdown("Whoever uses this dashboard has to log in first.")
        for provider in login.providers:
            words = f"Log in with {escape(provider.capitalize())}" if provider else "Log in"
            if st.button(words, key=f"login_{provider}", icon=":material/login:", type="primary"):
                st.login(provider or None)


def draw_leaving() -> None:
    """Draw who is logged in and the way out; nothing where nobody has to log in."""
    if asked_login() is None:
        return
    with st.container(gap="xsmall"):
        st.caption("Logged in as")
        # Not every provider tells more than a number of its own.
        told = (str(_user().get(claim) or "") for claim in ("email", "name", "sub"))
        st.markdown(escape(next(filter(None, told), "")))
        if st.button("Log out", icon=":material/logout:", type="tertiary"):
            st.logout()


def _user() -> Mapping[str, Any]:
    return st.user.to_dict()


def _is_known() -> bool:
    return bool(_user().get("is_logged_in"))
