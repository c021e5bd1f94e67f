"""Who may use a shared dashboard: a file that names an OpenID provider, and whom to let in.

The file is TOML. Its section `[auth]` is that of Streamlit's secrets, and `[bert4rec]` is ours:

    [auth]
    redirect_uri = "https://maps.example.org/oauth2callback"
    cookie_secret = "..."   # 32 random signs or more, kept to yourself
    client_id = "..."
    client_secret = "..."
    server_metadata_url = "https://accounts.example.org/.well-known/openid-configuration"

    [bert4rec]
    allowed = ["ann@example.com", "@example.org"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bert4rec.errors import FormatError, NotFoundError
from bert4rec.extras import is_installed, missing_extra

# Names the file to the pages of the server's process; without it anybody is let in.
LOGIN_VARIABLE = "BERT4REC_LOGIN"
EXTRA = "login"
CALLBACK = "/oauth2callback"
# Tells the door for a while that somebody came back from the provider and was not recognised.
FAILED_COOKIE = "bert4rec_login_failed"
SHARED = ("redirect_uri", "cookie_secret")
OF_PROVIDER = ("client_id", "client_secret", "server_metadata_url")
LEAST_SECRET = 32


@dataclass(frozen=True)
class Login:
    """How visitors of a dashboard log in.

    Args:
        path: Of the file.
        providers: Names of the providers; without a name there is one, the empty text.
        origin: Scheme and host to which the provider sends visitors back.
        allowed: Addresses, and domains that begin with `@`, in lower case; without any, whoever
            the provider knows is let in.
    """

    path: Path
    providers: tuple[str, ...]
    origin: str
    allowed: frozenset[str]

    @property
    def host(self) -> str:
        """Return by which name visitors reach the dashboard."""
        return urlsplit(self.origin).hostname or ""

    def lets_in(self, user: Mapping[str, Any]) -> bool:
        """Whether somebody that a provider knows is one of those allowed.

        Args:
            user: Claims of the identity token, of which `email` and `email_verified` count.
        """
        if not self.allowed:
            return True
        address = str(user.get("email") or "").casefold()
        is_verified = str(user.get("email_verified", True)).casefold() != "false"
        _, at, domain = address.rpartition("@")
        return is_verified and bool(at) and not self.allowed.isdisjoint({address, at + domain})


@cache
def read_login(path: Path) -> Login:
    """Read such a file, once in a process: what becomes of it later on opens no door.

    Raises:
        MissingExtraError: what a login needs is not installed.
        NotFoundError: there is no such file.
        FormatError: it is no TOML, or lacks what a login needs.
    """
    if not is_installed("authlib"):
        raise missing_extra("a login", "Authlib", EXTRA)
    told = _read(path)
    auth, ours = _section(path, told, "auth"), _section(path, told, "bert4rec")
    providers = _providers(auth)
    _check_auth(path, auth, providers)
    back = urlsplit(auth["redirect_uri"])
    origin = f"{back.scheme}://{back.netloc}".lower()
    if "allowed" in told or "allowed" in auth:
        raise _misfit(path, "allowed stands outside [bert4rec]", "Write it below that line.")
    return Login(path, tuple(providers), origin, _allowed(path, ours))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise NotFoundError(
            "there is no such file of a login",
            where=str(path),
            fix="Name the file that describes your OpenID provider, see docs/sharing.md.",
        ) from error
    except (OSError, ValueError) as error:
        raise _misfit(path, f"it cannot be read: {error}", "Write it as TOML, in UTF-8.") from error


def _section(path: Path, told: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = told.get(name, {})
    if not isinstance(section, dict):
        raise _misfit(path, f"{name} is no section", f"Begin it with a line [{name}].")
    return dict(section)


def _providers(auth: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the section of each provider by its name."""
    named: dict[str, Mapping[str, Any]] = {
        name: each
        for name, each in auth.items()
        if isinstance(each, dict) and name != "client_kwargs"
    }
    return {"": auth, **named} if "client_id" in auth or not named else named


def _check_auth(
    path: Path, auth: Mapping[str, Any], providers: Mapping[str, Mapping[str, Any]]
) -> None:
    """Refuse what Streamlit would stumble over at the first visit."""
    wanted: list[tuple[str, Mapping[str, Any], Sequence[str]]] = [("auth", auth, SHARED)]
    wanted += [(f"auth.{name}".rstrip("."), each, OF_PROVIDER) for name, each in providers.items()]
    for section, each, keys in wanted:
        if "_" in section:
            raise _misfit(path, f"[{section}] has a _ in its name", "Give it another name.")
        missing = [key for key in keys if not isinstance(each.get(key), str) or not each[key]]
        if missing:
            raise _misfit(
                path,
                f"[{section}] lacks {', '.join(missing)}",
                "Take them from your provider, see docs/sharing.md.",
            )
    back = auth["redirect_uri"]
    if not back.startswith(("https://", "http://")) or not back.endswith(CALLBACK):
        raise _misfit(
            path,
            f"redirect_uri should begin with https:// and end in {CALLBACK}, got {back}",
            "Write the address of the dashboard with that end, and tell your provider the same.",
        )
    if len(auth["cookie_secret"]) < LEAST_SECRET:
        raise _misfit(
            path,
            f"cookie_secret should have {LEAST_SECRET} signs or more, got "
            f"{len(auth['cookie_secret'])}",
            'Make one: python -c "import secrets; print(secrets.token_urlsafe(32))"',
        )


def _allowed(path: Path, ours: Mapping[str, Any]) -> frozenset[str]:
    unknown = sorted(set(ours) - {"allowed"})
    if unknown:
        raise _misfit(path, f"[bert4rec] has no {', '.join(unknown)}", "It takes `allowed`.")
    if "allowed" not in ours:
        return frozenset()
    told = ours["allowed"]
    is_list = isinstance(told, list) and bool(told)
    if not is_list or not all(isinstance(each, str) and "@" in each for each in told):
        raise _misfit(
            path,
            f"allowed should be a list of addresses and domains, got {told!r}",
            'Write it like ["ann@example.com", "@example.org"], or leave it out to let in whoever '
            "the provider knows.",
        )
    return frozenset(each.strip().casefold() for each in told)


def _misfit(path: Path, what: str, fix: str) -> FormatError:
    return FormatError(what, where=str(path), fix=fix)
