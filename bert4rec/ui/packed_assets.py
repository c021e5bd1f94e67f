"""What a browser loads once, packed for those who load it over a network."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

ASSETS = "/static/"
# The highest takes half as long again for some thousandths less.
LEVEL = 6
THIS_MACHINE = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


class PackedAssets:
    """Packs scripts, styles and fonts, which Streamlit sends as they are.

    Streamlit leaves it to a proxy, and packs what pages send by itself. On this machine, where a
    browser or a proxy asks, it would only take time.

    Args:
        app: The dashboard.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.packing = app, GZipMiddleware(app, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_asset = scope["type"] == "http" and scope["path"].startswith(ASSETS)
        app = self.packing if is_asset and _comes_from_afar(scope) else self.app
        await app(scope, receive, send)


def _comes_from_afar(scope: Scope) -> bool:
    client = scope.get("client")
    # A proxy may say of its visitors what it likes.
    return client is not None and client[0] not in THIS_MACHINE
