"""After a login back to the address that was asked for; Streamlit itself leads to Home.

Of a login that failed, Streamlit says nothing; the door is told of it.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bert4rec.login_file import CALLBACK, FAILED_COOKIE

LOGIN_PATH = "/auth/login"
COOKIE = "bert4rec_asked_for"
# Long enough for somebody who first has to find a password.
COOKIE_SECONDS = 600
# As long as the door tells of a login that failed.
FAILED_SECONDS = 60
# With it Streamlit remembers who was recognised; one to be forgotten is empty.
USER_COOKIE = "_streamlit_user="
# With one of them a provider sends a visitor back from a login; it may send back after a logout.
OF_A_LOGIN = ("code", "error")
# Signs of an address that may stand in a cookie as they are.
ADDRESS_SIGNS = "/?#[]@!$&'()*+=:%~-._"


class LoginReturn:
    """Keeps the address of a page while its visitor is away at the provider.

    A cookie does, for the visitor comes back as a new session.

    Args:
        app: The dashboard.
        origin: Scheme and host by which visitors reach it: no other address is led to.
    """

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self.app, self.origin = app, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope["path"] if scope["type"] == "http" else ""
        if not path.endswith((LOGIN_PATH, CALLBACK)):
            await self.app(scope, receive, send)
            return
        request = Request(scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if path.endswith(LOGIN_PATH):
                    headers.append("set-cookie", _cookie(self._asking(request), COOKIE_SECONDS))
                    headers.append("set-cookie", _cookie("", 0, FAILED_COOKIE))
                elif "location" in headers:
                    headers["location"] = self._asked_for(request) or headers["location"]
                    headers.append("set-cookie", _cookie("", 0))
                    if _has_failed(request, headers):
                        headers.append("set-cookie", _cookie("1", FAILED_SECONDS, FAILED_COOKIE))
            await send(message)

        await self.app(scope, receive, answer)

    def _asking(self, request: Request) -> str:
        """Return the address, without its origin, of the page that asks to log in."""
        page = request.headers.get("referer", "")
        return page.removeprefix(self.origin) if page.startswith(f"{self.origin}/") else ""

    def _asked_for(self, request: Request) -> str | None:
        # Whoever wrote the cookie: it leads nowhere else, and stays one header.
        kept = _plain(request.cookies.get(COOKIE, ""))
        return self.origin + kept if kept.startswith("/") else None


def _has_failed(request: Request, headers: MutableHeaders) -> bool:
    """Whether the provider sent somebody back whom Streamlit did not take in."""
    is_login = any(name in request.query_params for name in OF_A_LOGIN)
    kept = [each for each in headers.getlist("set-cookie") if each.startswith(USER_COOKIE)]
    is_taken_in = any(not each.startswith(f'{USER_COOKIE}"";') for each in kept)
    return is_login and not is_taken_in


def _cookie(kept: str, seconds: int, name: str = COOKIE) -> str:
    return f"{name}={_plain(kept)}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax"


def _plain(address: str) -> str:
    return quote(address, safe=ADDRESS_SIGNS)
