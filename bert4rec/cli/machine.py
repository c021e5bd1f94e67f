"""Commands about this machine: app opens the dashboard, doctor looks whether all is well."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bert4rec.cli.terminal import (
    FAILED,
    answer,
    refuse_no_host,
    shared_options,
    show,
    table,
    wants_json,
)
from bert4rec.control import RUNNER_NAMES, RUNNER_VARIABLE
from bert4rec.errors import Bert4RecError
from bert4rec.login_file import LOGIN_VARIABLE

if TYPE_CHECKING:
    from bert4rec.examination import Finding


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8501, show_default=True, type=click.IntRange(1, 65535), help="Its port."
)
@click.option("--no-browser", is_flag=True, help="Do not open the page.")
@click.option(
    "--runner",
    default=RUNNER_NAMES[0],
    show_default=True,
    type=click.Choice(RUNNER_NAMES),
    envvar=RUNNER_VARIABLE,
    show_envvar=True,
    help="Train in a thread of the dashboard, or each run in a process of its own.",
)
@click.option(
    "--login",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar=LOGIN_VARIABLE,
    show_envvar=True,
    help="File that names who may use it; without it whoever reaches it may.",
)
@click.pass_context
@shared_options
def app(
    ctx: click.Context,
    host: str,
    port: int,
    no_browser: bool,
    runner: str,
    login: Path | None,
    workspace: Path,
) -> None:
    """Open the dashboard in the browser; Ctrl+C ends it.

    A run in a process of its own starts a few seconds later, and takes nothing with it when it
    dies, as for want of memory. A login needs an OpenID provider and the extra `login`; what
    stands in its file is told in docs/sharing.md.
    """
    refuse_no_host(host)
    from bert4rec.ui.server import serve

    is_json = wants_json()

    def say(line: str) -> None:
        # The server speaks once it listens: what cannot start must not answer.
        if is_json:
            answer(ctx, {"host": host, "port": port, "workspace": str(workspace)})
        click.echo(line, err=True)

    try:
        serve(
            workspace=workspace,
            host=host,
            port=port,
            open_browser=not no_browser,
            runner=runner,
            login=login,
            tell=say,
        )
    except KeyboardInterrupt:
        click.echo("The dashboard has ended.", err=True)


@click.command()
@click.pass_context
@shared_options
def doctor(ctx: click.Context, workspace: Path) -> None:
    """Look whether everything that is needed is there; exits with 1 if something is not."""
    from bert4rec.examination import examine

    findings = [*examine(workspace), _dashboard()]
    show({"checks": [asdict(finding) for finding in findings]}, _finding_lines(findings))
    if any(finding.state == "failed" for finding in findings):
        ctx.exit(FAILED)


def _finding_lines(findings: list[Finding]) -> list[str]:
    rows = [(one.state, one.name, f"{one.value}. {one.fix}".rstrip(". ")) for one in findings]
    return table(("", "", ""), rows)[1:]


def _dashboard() -> Finding:
    from bert4rec.examination import Finding
    from bert4rec.ui.server import find_app

    try:
        return Finding("dashboard", "ok", str(find_app()))
    except Bert4RecError as error:
        return Finding("dashboard", "failed", error.message, error.fix or "")
