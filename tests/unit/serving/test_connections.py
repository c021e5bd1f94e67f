from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPResponse
from threading import Event
from typing import Any

import pytest
import uvicorn

from bert4rec.serving.connections import (
    MAX_CONNECTIONS,
    OTHER_FILES,
    Connection,
    room_for_connections,
)
from bert4rec.serving.messages import Problem
from tests.waiting import LIMIT_S, wait_until

HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n"


async def greet(scope: Any, receive: Any, send: Any) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"hi"})


def port() -> socket.socket:
    """A port of this machine: what is sent before anybody serves it lies there from the start."""
    return socket.create_server(("127.0.0.1", 0))


@contextmanager
def serving(taking: socket.socket, app: Any, **limits: Any) -> Iterator[None]:
    """Let an application serve a port; what is not limited may take as long as it likes."""
    connection: Any = partial(
        Connection, **({"head_seconds": LIMIT_S, "taking_seconds": LIMIT_S} | limits)
    )
    config = uvicorn.Config(
        app,
        http=connection,
        lifespan="off",
        log_level="warning",
        timeout_keep_alive=int(LIMIT_S),
    )
    server = uvicorn.Server(config)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(server.run, [taking])
        try:
            yield
        finally:
            server.should_exit = True
            running.result()


@contextmanager
def listening(app: Any, **limits: Any) -> Iterator[tuple[str, int]]:
    """An application on a port of this machine."""
    with port() as taking, serving(taking, app, **limits):
        yield taking.getsockname()


def connected(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=LIMIT_S)


def heard(client: socket.socket) -> HTTPResponse:
    response = HTTPResponse(client)
    response.begin()
    return response


def test_a_connection_without_a_whole_head_is_closed() -> None:
    with port() as taking, ExitStack() as clients:
        silent, half, whole = (
            clients.enter_context(connected(taking.getsockname())) for _ in range(3)
        )
        half.sendall(HEAD)
        whole.sendall(HEAD + b"\r\n")
        with serving(taking, greet, most=10, head_seconds=0.05):
            assert silent.recv(1) == b""
            assert half.recv(1) == b""
            assert heard(whole).read() == b"hi"
            # The head of a second request on it has to be whole in time as well.
            whole.sendall(HEAD)
            assert whole.recv(1) == b""


def test_a_request_may_take_longer_than_its_head() -> None:
    may_answer = Event()

    async def greet_late(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.to_thread(may_answer.wait, LIMIT_S)
        await greet(scope, receive, send)

    with port() as taking, connected(taking.getsockname()) as first:
        first.sendall(HEAD + b"\r\n")
        with serving(taking, greet_late, most=10, head_seconds=0.05):
            with connected(taking.getsockname()) as second:
                assert second.recv(1) == b""
            may_answer.set()
            assert heard(first).read() == b"hi"


def test_a_connection_too_many_is_told_so_in_the_form_of_all_problems() -> None:
    with listening(greet, most=1) as address, connected(address) as first:
        with connected(address) as second:
            response = heard(second)
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
            body = response.read()
            assert json.loads(body)["error"]["type"] == "BusyError"
            assert Problem.model_validate_json(body).error.fix
            assert second.recv(1) == b""
        first.sendall(HEAD + b"\r\n")
        assert heard(first).status == 200


@pytest.mark.parametrize("kind", [b"keep-alive", b"close"])
def test_a_connection_that_nobody_reads_from_makes_room(kind: bytes) -> None:
    body = b"a" * 2**24  # more than the system keeps of it

    async def tell_much(scope: Any, receive: Any, send: Any) -> None:
        length = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": body})

    limits = {"most": 1, "taking_seconds": 0.05}
    with listening(tell_much, **limits) as address, connected(address) as first:
        first.sendall(HEAD + b"Connection: " + kind + b"\r\n\r\n")
        assert heard(first).status == 200
        wait_until(lambda: is_taken(address))


def is_taken(address: tuple[str, int]) -> bool:
    """Whether one more connection may ask."""
    with connected(address) as client:
        client.sendall(HEAD + b"\r\n")
        return heard(client).status == 200


def test_a_connection_that_is_read_from_gets_all_of_a_long_answer() -> None:
    parts = [bytes([at]) * 2**20 for at in range(8)]

    async def tell_parts(scope: Any, receive: Any, send: Any) -> None:
        length = [(b"content-length", str(len(parts) * 2**20).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})

    with listening(tell_parts, most=1) as address, connected(address) as client:
        client.sendall(HEAD + b"\r\n")
        assert heard(client).read() == b"".join(parts)


def test_the_limit_of_open_files_is_raised_for_the_connections() -> None:
    resource = pytest.importorskip("resource")
    _, hard = before = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = MAX_CONNECTIONS + OTHER_FILES
    has_enough = hard == resource.RLIM_INFINITY or hard >= needed
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[0]), hard))
        assert (room_for_connections() == MAX_CONNECTIONS) == has_enough
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (needed if has_enough else hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
