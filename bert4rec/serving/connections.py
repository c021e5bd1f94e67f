"""Connections: how many there may be, how long each may take to ask, and to take what is sent."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from bert4rec.serving.messages import Problem, Told

MAX_CONNECTIONS = 1_024
HEAD_SECONDS = 20.0
# Answers of 12 MB, which are among the largest, take so long at 1.6 Mbit/s.
TAKING_SECONDS = 60.0
# Connections that are taken from the system in one go.
BACKLOG = 128
# Files beside those of the connections: some for the model, and those of connections that are
# taken, of three goes at most, before the first of them is turned away.
OTHER_FILES = 4 * BACKLOG


def room_for_connections() -> int:
    """Return how many connections there may be; the limit of open files is raised if need be."""
    try:
        import resource
    except ImportError:
        # Windows has no such limit.
        return MAX_CONNECTIONS
    needed = MAX_CONNECTIONS + OTHER_FILES
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (needed if limit == resource.RLIM_INFINITY else limit for limit in limits)
    n_files = min(needed, hard)
    if soft < n_files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (n_files, limits[1]))
    return max(n_files - OTHER_FILES, n_files // 2)


class Connection(H11Protocol):
    """A connection that is closed where there are too many, no request comes, or nobody reads.

    uvicorn leaves a connection open for good until the head of a request is there, counts
    connections only then, and waits for good until what it has sent is taken.

    Args:
        most: How many there may be.
        head_seconds: How long the head of a request may take, from the opening of the connection
            or from its own first byte.
        taking_seconds: How long what is sent may wait to be taken, all of it, also on a
            connection that is closed by then.
        given: What uvicorn gives.
    """

    def __init__(
        self,
        *,
        most: int,
        head_seconds: float = HEAD_SECONDS,
        taking_seconds: float = TAKING_SECONDS,
        **given: Any,
    ) -> None:
        super().__init__(**given)
        self._most, self._head_seconds, self._taking_seconds = most, head_seconds, taking_seconds
        self._too_late: asyncio.TimerHandle | None = None
        self._not_taken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or turn it away."""
        super().connection_made(transport)
        # Writing pauses whenever something waits to be taken, and goes on once nothing does.
        transport.set_write_buffer_limits(high=0)
        if len(self.connections) > self._most:
            transport.write(_turned_away())
            transport.close()
        else:
            self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        # Before the first request there is no cycle.
        if getattr(self.cycle, "response_complete", True):
            self._wait_for_head()
        else:
            self._wait_no_longer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hear that the connection is closed."""
        self._wait_no_longer()
        self._has_been_taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Hear that something waits to be taken."""
        super().pause_writing()
        # A transport that is closed as usual would still wait for that.
        self._not_taken = self.loop.call_later(self._taking_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Hear that all has been taken."""
        self._has_been_taken()
        super().resume_writing()

    def _has_been_taken(self) -> None:
        if self._not_taken is not None:
            self._not_taken.cancel()
            self._not_taken = None

    def _wait_for_head(self) -> None:
        if self._too_late is None:
            self._too_late = self.loop.call_later(self._head_seconds, self.transport.close)

    def _wait_no_longer(self) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None


def _turned_away() -> bytes:
    """Return an answer in the form of all problems, for there is nobody yet to make it."""
    message = "the service has too many connections"
    told = Told(type="BusyError", message=message, fix="Ask again in a moment.")
    body = Problem(error=told).model_dump_json()
    head = (
        "HTTP/1.1 503 Service Unavailable",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Retry-After: 1",
        "Connection: close",
    )
    return "\r\n".join((*head, "", body)).encode()
