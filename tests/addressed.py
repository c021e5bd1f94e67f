"""Pages opened by an address, and what the address says of them then."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.waiting import LIMIT_S

APP = Path(__file__).resolve().parents[1] / "app.py"


def open_page(
    page: str,
    link: Mapping[str, str] | None = None,
    *,
    chosen: Mapping[str, object] | None = None,
) -> AppTest:
    """Open a page of the dashboard by its name.

    Args:
        page: Its name.
        link: What its address says.
        chosen: What somebody chose on it before, by the keys of the session.
    """
    app = AppTest.from_file(str(APP), default_timeout=LIMIT_S).run()
    app.switch_page(f"pages/{page}.py")
    for name, value in (link or {}).items():
        app.query_params[name] = value
    for key, value in (chosen or {}).items():
        app.session_state[key] = value
    app.run()
    assert not app.exception
    return app


def linked(app: AppTest, name: str) -> str | None:
    """Return what the address says by a name, if it says something."""
    value = app.query_params.get(name)
    return value[0] if isinstance(value, list) else value


def link_of(app: AppTest, names: Collection[str]) -> dict[str, str]:
    """Return what the address says by these names."""
    return {name: value for name in names if (value := linked(app, name)) is not None}
