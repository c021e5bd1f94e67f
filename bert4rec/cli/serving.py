"""The command that offers a model as a service: serve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bert4rec.cli.answers import calibration_notes, id_of, load_run
from bert4rec.cli.terminal import answer, bundled, refuse_no_host, shared_options, tell, wants_json

LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Offered:
    """How the service is offered, as typed."""

    host: str
    port: int
    threads: int | None
    device: str
    max_body_kb: int
    access_log: bool


OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
    click.option(
        "--port",
        default=8600,
        show_default=True,
        type=click.IntRange(0, 65535),
        help="Its port, 0 for any that is free.",
    ),
    click.option(
        "--threads", type=click.IntRange(min=1), help="Threads of the network.  [default: cores]"
    ),
    click.option(
        "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps."
    ),
    click.option(
        "--max-body-kb",
        default=1_024,
        show_default=True,
        type=click.IntRange(1, 65_536),
        help="The largest body of a request.",
    ),
    click.option("--access-log", is_flag=True, help="Write a line for each request."),
)


@click.command()
@click.argument("run")
@bundled("offered", Offered, OPTIONS)
@click.pass_context
@shared_options
def serve(ctx: click.Context, run: str, offered: Offered, workspace: Path) -> None:
    """Offer the model of RUN over HTTP: /fill, /recommend, /score, /embed, /health.

    /openapi.json describes them. There is no password: whoever reaches the address may ask. It
    listens on this machine alone unless --host says otherwise. Ctrl+C ends it, once requests under
    way are answered or 10 seconds have passed.

    RUN is a run's id, name or folder, `last`, or a bundle of the command export.
    """
    refuse_no_host(offered.host)
    from bert4rec.serving.server import serve as listen

    model = load_run(workspace, run, device=offered.device, n_threads=offered.threads)
    is_json, notes = wants_json(), calibration_notes(model)

    def say(host: str, port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        if is_json:
            told = {"run": id_of(model), "host": host, "port": port}
            answer(ctx, told | {"calibrated": model.is_calibrated})
        tell(f"Serving {id_of(model) or run} on http://{shown}:{port}; Ctrl+C ends it.")
        if host not in LOCAL:
            tell("Whoever reaches this address may ask: there is no password.")
        for note in notes:
            tell(note)

    try:
        listen(
            model,
            host=offered.host,
            port=offered.port,
            max_body_bytes=offered.max_body_kb * 1024,
            access_log=offered.access_log,
            tell=say,
        )
    except KeyboardInterrupt:
        tell("The service has ended.")
