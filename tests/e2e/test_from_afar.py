"""What those get from the dashboard who come from elsewhere, without a proxy before it."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server
from tests.waiting import LIMIT_S

pytestmark = pytest.mark.browser

SCRIPT = re.compile(r"/static/js/index\..*\.js$")


@pytest.mark.parametrize(("address", "packing"), [("192.0.2.1", "gzip"), ("", None)])
def test_scripts_come_packed_to_a_browser_elsewhere_which_draws_the_page(
    server: Server, page: Page, address: str, packing: str | None
) -> None:
    if address:
        # As a proxy on this machine says for whom it asks.
        page.set_extra_http_headers({"X-Forwarded-For": address})
    with page.expect_response(SCRIPT) as found:
        page.goto(f"{server.url}/data")
    assert found.value.header_value("content-encoding") == packing
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()


def test_a_page_of_another_origin_is_shut_out_and_nobody_outside_is_asked_about_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as outside:
        outside.setblocking(False)
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{outside.getsockname()[1]}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        server = Server(tmp_path / "workspace")
        try:
            server.start()
            assert " 403 " in knock(server.port, "http://evil.example")
            assert " 101 " in knock(server.port, server.url)
        finally:
            server.kill()
        with pytest.raises(BlockingIOError):
            outside.accept()


def knock(port: int, origin: str) -> str:
    """Ask for the web socket as a page of an origin does; return the first line of the answer."""
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Origin: {origin}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as asked:
        asked.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return asked.makefile("r").readline()
