from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from bert4rec.ui.packed_assets import PackedAssets

SCRIPT = b"export default 1;\n" * 1000
AFAR = "192.0.2.1"


def client_at(address: str) -> TestClient:
    """Return a visitor of a dashboard that sends things as they are."""

    def answer(_: object) -> Response:
        return Response(SCRIPT, media_type="application/javascript")

    def font(_: object) -> Response:
        return Response(SCRIPT, media_type="font/woff2")

    routes = [
        Route("/static/js/index.js", answer),
        Route("/static/media/a.woff2", font),
        Route("/media/a.js", answer),
    ]
    return TestClient(PackedAssets(Starlette(routes=routes)), client=(address, 50_000))


def test_a_script_goes_packed_to_another_machine() -> None:
    answer = client_at(AFAR).get("/static/js/index.js")
    assert answer.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert answer.content == SCRIPT
    assert answer.num_bytes_downloaded < len(SCRIPT) / 10


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_to_this_machine_it_goes_as_it_is(address: str) -> None:
    answer = client_at(address).get("/static/js/index.js")
    assert "content-encoding" not in answer.headers
    assert answer.content == SCRIPT


@pytest.mark.parametrize("path", ["/static/media/a.woff2", "/media/a.js"])
def test_what_is_packed_already_and_what_is_no_part_of_the_browser_stays(path: str) -> None:
    assert "content-encoding" not in client_at(AFAR).get(path).headers


def test_who_does_not_take_it_packed_gets_it_as_it_is() -> None:
    answer = client_at(AFAR).get("/static/js/index.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in answer.headers


def test_what_a_proxy_calls_its_visitor_need_be_no_address() -> None:
    answer = client_at("nobody; or nothing").get("/static/js/index.js")
    assert answer.content == SCRIPT
