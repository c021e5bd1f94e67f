"""Pages opened by an address, and what the address says of them then."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.waiting import LIMIT_S

APP = Path(__file__).resolve().parents[1] / "app.py"


def open_page(page: str, link: dict[str, str] | None = None) -> AppTest:
    """Open a page of the dashboard by its name and what its address says."""
    app = AppTest.from_file(str(APP), default_timeout=LIMIT_S).run()
    app.switch_page(f"pages/{page}.py")
    for name, value in (link or {}).items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def link_of(app: AppTest, names: Collection[str]) -> dict[str, str]:
    """Return what the address says by these names."""
    found = {name: app.query_params[name] for name in names if name in app.query_params}
    return {name: str(v if isinstance(v, str) else v[0]) for name, v in found.items()}
