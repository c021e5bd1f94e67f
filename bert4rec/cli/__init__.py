"""The command line: every command is a thin door to the library."""

from __future__ import annotations

import click

from bert4rec.cli import (
    answers,
    bulk,
    comparing,
    composing,
    datasets,
    explaining,
    leaving,
    logs,
    machine,
    mapping,
    reporting,
    run_files,
    runs,
    searching,
    serving,
    settings,
    training,
)
from bert4rec.cli.terminal import Door

__all__ = ["main"]


@click.group(cls=Door, invoke_without_command=True)
@click.version_option(package_name="bert4rec")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Train and explore sequential recommendations with BERT4Rec.

    Every command takes --workspace and --json and exits with 0 when it is done, 1 when it failed,
    2 when it was called wrongly, and 130, 143 or 129 when it was interrupted by Ctrl+C, SIGTERM or
    a terminal that was closed.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _command in (run_files.export, run_files.import_, run_files.curves):
    runs.runs.add_command(_command)

for _command in (
    machine.app,
    logs.samples,
    logs.prepare,
    datasets.datasets,
    training.train,
    searching.sweep,
    training.evaluate,
    comparing.compare,
    explaining.future,
    explaining.calibration,
    reporting.report,
    runs.runs,
    answers.recommend,
    answers.fill,
    composing.compose,
    bulk.score,
    bulk.embed,
    bulk.nearest,
    leaving.export,
    serving.serve,
    mapping.map_,
    settings.policy,
    machine.doctor,
):
    main.add_command(_command)
