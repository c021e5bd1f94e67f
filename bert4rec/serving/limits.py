"""What a client may send, held to before anybody reads it: bytes, and seconds to send them."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 2**20
BODY_SECONDS = 20.0


class BoundedBodies:
    """Refuses a body that is too large, also one that does not say so, or comes too slowly.

    Args:
        app: What is asked then.
        max_bytes: The largest body.
        seconds: How long a body may take to arrive.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES, seconds: float = BODY_SECONDS
    ) -> None:
        self.app, self.max_bytes, self.seconds = app, max_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(self, receive, _said_length(scope))
        await self.app(scope, body.receive, send)


def _said_length(scope: Scope) -> int:
    said: Any = dict(scope["headers"]).get(b"content-length", b"0")
    return int(said) if said.isdigit() and len(said) < 20 else 0


class _Body:
    def __init__(self, limits: BoundedBodies, receive: Receive, said_bytes: int) -> None:
        self._limits, self._receive, self._said_bytes = limits, receive, said_bytes
        self._n_bytes, self._is_whole = 0, False
        self._until = asyncio.get_running_loop().time() + limits.seconds

    async def receive(self) -> Message:
        """Hand on a part of the body.

        Raises:
            HTTPException: it is too large, or too late, or the service ends.
        """
        if self._is_whole:
            # Only whether the client has gone is still to be heard.
            return await self._receive()
        if self._said_bytes > self._limits.max_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError as error:
            detail = f"the body did not arrive within {self._limits.seconds:g} s"
            raise HTTPException(408, detail) from error
        except asyncio.CancelledError as error:
            raise HTTPException(503, "the service ends") from error
        self._n_bytes += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._n_bytes > self._limits.max_bytes:
            raise self._too_large()
        return message

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"the body is larger than {self._limits.max_bytes:,} bytes")
