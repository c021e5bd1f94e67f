"""The launcher: serves the dashboard from this process, wherever it is called from."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
import tomllib
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import psutil

from bert4rec.addresses import address_error
from bert4rec.control import RUNNER_NAMES, RUNNER_VARIABLE
from bert4rec.errors import NotFoundError
from bert4rec.files import WORKSPACE_VARIABLE
from bert4rec.login_file import LOGIN_VARIABLE, Login, read_login

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERY_ADDRESS = ("0.0.0.0", "::", "")
# The server listens a moment after it has said that it starts.
BROWSER_DELAY_S = 1.0
# How long the server waits at its end for runs to save where they are.
LEAVE_S = 20.0


def find_app() -> Path:
    """Return the path of `app.py`: in the checkout, else inside the installed package.

    Raises:
        NotFoundError: it is in neither place.
    """
    spec = find_spec("bert4rec")
    places = list(spec.submodule_search_locations or []) if spec else []
    for package in map(Path, places):
        for path in (package.parent / "app.py", package / "_app" / "app.py"):
            if (path.parent / "pages").is_dir() and path.is_file():
                return path
    raise NotFoundError(
        "the dashboard's files are not there",
        where=", ".join(places),
        fix="Install bert4rec again, or start it from a checkout.",
    )


def read_config(app: Path) -> dict[str, Any]:
    """Return the settings beside `app.py`, by dotted name.

    Streamlit itself would look for them in the working directory and beside the command that was
    called, where they are only by chance.
    """
    path = app.parent / ".streamlit" / "config.toml"
    return dict(_flat(tomllib.loads(path.read_text("utf-8")))) if path.is_file() else {}


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def serve(
    workspace: Path,
    host: str = "127.0.0.1",
    port: int = 8501,
    open_browser: bool = True,
    *,
    runner: str = RUNNER_NAMES[0],
    login: Path | None = None,
    tell: Callable[[str], object] = click.echo,
) -> None:
    """Serve the dashboard until it is interrupted.

    Args:
        workspace: Folder of datasets and runs; made if it is not there.
        host: Address to listen on; anything but this machine's own is said aloud.
        port: Port to listen on.
        open_browser: Open the page once the server listens.
        runner: Where runs train, one of `RUNNER_NAMES`.
        login: File that names who may use it, see `login_file`; None for whoever reaches it.
        tell: Gets the lines that a person should read.

    Raises:
        NotFoundError: the dashboard's files are missing, or that of the login.
        FormatError: the file of the login does not hold what a login needs.
        MissingExtraError: what a login needs is not installed.
        DeviceError: the port is taken, or the address is not one of this machine.
    """
    import streamlit as st
    from starlette.middleware import Middleware
    from streamlit import net_util
    from streamlit.runtime.pages_manager import PagesManager

    from bert4rec.ui.login_return import LoginReturn
    from bert4rec.ui.packed_assets import PackedAssets

    app = find_app()
    asked = None if login is None else read_login(login.resolve())
    _check_port(host, port)
    workspace.mkdir(parents=True, exist_ok=True)
    os.environ[WORKSPACE_VARIABLE] = str(workspace.resolve())
    os.environ[RUNNER_VARIABLE] = runner
    os.environ[LOGIN_VARIABLE] = "" if asked is None else str(asked.path)
    # As `st.navigation` does on its first run. Before that, Streamlit 1.67 takes a folder named
    # "pages" for its older kind of app, and a link straight to a page would bypass app.py.
    PagesManager.uses_pages_directory = False
    # Streamlit would ask a server outside for this machine's address whenever a page of another
    # origin knocks. Who is let in from elsewhere is named in `allowedHosts`.
    net_util.get_external_ip = lambda: None
    greeting = _greeting(host, port, workspace, login=asked, open_browser=open_browser, tell=tell)
    config = launch_config(read_config(app), host, port, asked)
    layers = [Middleware(PackedAssets)]
    if asked is not None:
        layers.append(Middleware(LoginReturn, origin=asked.origin))
    st.App(app, lifespan=greeting, middleware=layers).run(config=config)


def launch_config(
    configured: dict[str, Any], host: str, port: int, login: Login | None = None
) -> dict[str, Any]:
    """Return the configured settings with those of this launch on top."""
    config = configured | {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        # A changed file would import its classes a second time beside those of a running job.
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "logger.hideWelcomeMessage": True,
    }
    if host not in LOOPBACK or login is not None:
        # What pages send, as `PackedAssets` does it with what they are made of.
        config["server.enableWebsocketCompression"] = True
    names = set(configured.get("server.allowedHosts", []))
    if host not in LOOPBACK:
        names |= _names_of(host)
    if login is not None:
        config["secrets.files"] = [str(login.path)]
        names.add(login.host)
    if names:
        config["server.allowedHosts"] = sorted(names)
    return config


def _names_of(host: str) -> set[str]:
    """Return the names by which a browser may ask for this server; they stop DNS rebinding."""
    if host not in EVERY_ADDRESS:
        return {host, "127.0.0.1", "localhost"}
    addresses = psutil.net_if_addrs().values()
    own = {
        address.address.partition("%")[0]
        for interface in addresses
        for address in interface
        if address.family in (socket.AF_INET, socket.AF_INET6)
    }
    return own | {"localhost", socket.gethostname(), socket.getfqdn()}


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server will do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, UnicodeError) as error:
            raise address_error(host, port, error) from error


def _greeting(
    host: str,
    port: int,
    workspace: Path,
    *,
    login: Login | None,
    open_browser: bool,
    tell: Callable[[str], object],
) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    shown = "localhost" if host in (*EVERY_ADDRESS, *LOOPBACK) else host
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"

    @asynccontextmanager
    async def greet(_: Any) -> AsyncIterator[None]:
        tell(f"The dashboard is at {address} (workspace {workspace}). Stop it with Ctrl+C.")
        if login is not None:
            tell(f"Visitors log in; {_let_in(login)}.")
        elif host not in LOOPBACK:
            tell(f"It listens on {host or 'every address'}: whoever reaches it can use it.")
        if open_browser:
            opener = threading.Timer(BROWSER_DELAY_S, webbrowser.open, [address])
            opener.daemon = True
            opener.start()
        yield
        await asyncio.to_thread(_leave)

    return greet


def _let_in(login: Login) -> str:
    if not login.allowed:
        return "whoever the provider knows is let in, for the file allows everybody"
    return f"let in are {', '.join(sorted(login.allowed))}"


def _leave() -> None:
    """Let runs save where they are and end what is made beside pages, before the process ends."""
    service = None
    if "bert4rec.jobs" in sys.modules:
        from bert4rec.ui.state import job_service

        service = job_service()
        # They save while the others are waited for.
        service.interrupt()
    if "bert4rec.ui.long_making" in sys.modules:
        from bert4rec.ui.long_making import end_all

        end_all(LEAVE_S)
    if service is not None:
        service.wait(lambda: not service.active(), LEAVE_S)
