from __future__ import annotations

import ast
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.login_file import LOGIN_VARIABLE
from tests.waiting import LIMIT_S

APP = Path(__file__).resolve().parents[2] / "app.py"
PAGES = sorted(APP.parent.glob("pages/*.py"))


def opened(script: Path = APP, **secrets: object) -> AppTest:
    app = AppTest.from_file(str(script), default_timeout=LIMIT_S)
    app.secrets = secrets
    return app.run()


def tells_that_there_is_no_door(app: AppTest) -> bool:
    assert not app.exception
    return "login is meant here" in " ".join(each.value for each in app.error)


def test_streamlit_alone_shows_nothing_where_a_login_was_meant(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for app in (opened(auth={"client_id": "id"}), opened(auth={"okta": {}})):
        assert tells_that_there_is_no_door(app)
        assert not app.button
        assert not app.sidebar.children
    monkeypatch.setenv(LOGIN_VARIABLE, "login.toml")
    assert tells_that_there_is_no_door(opened())


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_that_streamlit_runs_by_itself_shows_nothing_where_a_login_was_meant(
    page: Path,
) -> None:
    app = opened(page, auth={"client_id": "id"})
    assert tells_that_there_is_no_door(app)
    assert not app.title
    assert not app.button


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_nothing_before_it_has_looked_at_who_asks(page: Path) -> None:
    body = ast.parse(page.read_text("utf-8")).body
    first = next(each for each in body if not isinstance(each, ast.Import | ast.ImportFrom))
    assert ast.unparse(first) == "stop_strangers()"


def test_other_secrets_and_a_dashboard_without_a_login_are_open(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert opened(database="x").button
    # As the launcher says where no login is asked for.
    monkeypatch.setenv(LOGIN_VARIABLE, "")
    assert opened(auth={"client_id": "id"}).button
