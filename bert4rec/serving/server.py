"""The service on a port of this machine, until it is told to end."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

import torch

from bert4rec.addresses import address_error
from bert4rec.extras import missing_extra
from bert4rec.recommender import Recommender
from bert4rec.serving.limits import MAX_BODY_BYTES

# Requests under way get so long to be answered once the service is told to end.
ENDING_SECONDS = 10


def serve(
    model: Recommender,
    *,
    host: str = "127.0.0.1",
    port: int = 8600,
    max_body_bytes: int = MAX_BODY_BYTES,
    access_log: bool = False,
    tell: Callable[[str, int], object] = lambda address, port: None,
) -> None:
    """Serve a model over HTTP until SIGINT or SIGTERM.

    Requests under way are answered first, as far as `ENDING_SECONDS` allow.

    Args:
        model: What is asked. Its `choice.n_threads` bound the threads of the network.
        host: Address to listen on.
        port: Its port; 0 for any that is free.
        max_body_bytes: The largest body of a request.
        access_log: Whether each request gets a line on standard error.
        tell: Is told address and port once the service listens.

    Raises:
        MissingExtraError: FastAPI or uvicorn is not installed.
        DeviceError: the port is taken, or the address is not one of this machine.
    """
    try:
        import uvicorn

        from bert4rec.serving.connections import BACKLOG, Connection, room_for_connections
        from bert4rec.serving.service import create_service
    except ImportError as error:
        raise missing_extra("the service", str(error.name or "fastapi"), "serve") from error

    torch.set_num_threads(model.scorer.choice.n_threads)
    listening = _listen(host, port)
    try:
        config = uvicorn.Config(
            create_service(model, max_body_bytes=max_body_bytes),
            log_level="info" if access_log else "warning",
            access_log=access_log,
            server_header=False,
            http=partial(Connection, most=room_for_connections()),  # type: ignore[arg-type]
            backlog=BACKLOG,
            timeout_graceful_shutdown=ENDING_SECONDS,
            ws="none",
        )
        tell(host, listening.getsockname()[1])
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    # A port whose last connections are still closing is free.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # From here on the system takes connections, which are answered once the service is up.
        listening.listen()
    except (OSError, OverflowError, UnicodeError) as error:
        listening.close()
        raise address_error(host, port, error) from error
    return listening
