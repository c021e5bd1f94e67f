from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bert4rec.login_file import FAILED_COOKIE
from bert4rec.ui.login_return import COOKIE, LoginReturn

HOME = "https://maps.example.org"


@pytest.fixture
def client() -> TestClient:
    """A dashboard that sends everybody on, as Streamlit does."""

    def to_provider(_: object) -> RedirectResponse:
        return RedirectResponse("https://accounts.example.org/", 302)

    def to_home(request: Request) -> RedirectResponse:
        answer = RedirectResponse("/", 302)
        if request.query_params.get("code") == "right":
            answer.set_cookie("_streamlit_user", "ann")
        else:
            answer.delete_cookie("_streamlit_user")
        return answer

    def page(_: object) -> PlainTextResponse:
        return PlainTextResponse("a page")

    routes = [
        Route("/auth/login", to_provider),
        Route("/oauth2callback", to_home),
        Route("/data", page),
    ]
    app = LoginReturn(Starlette(routes=routes), HOME)
    return TestClient(app, base_url=HOME, follow_redirects=False)


def led_to(client: TestClient) -> str:
    return str(client.get("/oauth2callback").headers["location"])


@pytest.mark.parametrize("where", ["/data", "/inspect?run=a-1&items=%5B1%2C%22b%22%5D", "/"])
def test_a_visitor_comes_back_to_the_address_that_asked(client: TestClient, where: str) -> None:
    asked = client.get("/auth/login", headers={"referer": HOME + where})
    assert asked.headers["location"] == "https://accounts.example.org/"
    assert led_to(client) == HOME + where
    assert led_to(client) == "/", "only once"


@pytest.mark.parametrize(
    "referer", ["", "https://evil.example/data", f"{HOME}.evil.example/data", f"{HOME}@evil/data"]
)
def test_who_was_sent_from_elsewhere_stands_on_home(client: TestClient, referer: str) -> None:
    client.get("/auth/login", headers={"referer": f"{HOME}/data"})
    client.get("/auth/login", headers={"referer": referer})
    assert led_to(client) == "/"


@pytest.mark.parametrize(
    "planted", ["//evil.example", "/\\evil.example", "/a\r\nx: y", "evil", "@evil"]
)
def test_a_cookie_of_somebody_else_leads_to_no_other_place(
    client: TestClient, planted: str
) -> None:
    answer = client.get("/oauth2callback", headers={"cookie": f"{COOKIE}={planted}"})
    assert answer.headers["location"] == "/" or answer.headers["location"].startswith(f"{HOME}/")
    assert "x" not in answer.headers


def test_other_paths_are_left_alone(client: TestClient) -> None:
    assert "set-cookie" not in client.get("/data", headers={"referer": f"{HOME}/data"}).headers


@pytest.mark.parametrize(
    ("query", "has_failed"),
    [("code=right", False), ("code=forged&state=x", True), ("error=access_denied", True)],
)
def test_the_door_is_told_of_a_login_that_failed_until_the_next_one(
    client: TestClient, query: str, has_failed: bool
) -> None:
    client.get(f"/oauth2callback?{query}")
    assert (FAILED_COOKIE in client.cookies) == has_failed
    client.get("/auth/login")
    assert FAILED_COOKIE not in client.cookies


def test_who_comes_back_from_a_logout_has_failed_at_nothing(client: TestClient) -> None:
    client.get("/oauth2callback?state=x")
    assert FAILED_COOKIE not in client.cookies
