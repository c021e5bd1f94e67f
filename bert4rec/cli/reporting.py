"""A run, or several beside each other, as one HTML file: `report`."""

from __future__ import annotations

from pathlib import Path

import click

from bert4rec.cli.progress import StageProgress
from bert4rec.cli.terminal import shared_options, show, wrong_use
from bert4rec.files import expanded
from bert4rec.words import size


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--out", required=True, metavar="FILE", help="The HTML file to write.")
@shared_options
def report(runs: tuple[str, ...], out: str, workspace: Path) -> None:
    """Write a report on RUN, or up to five runs beside each other, for people who know no jargon.

    The file is complete in itself: it loads nothing, runs no script, and prints on A4. A RUN is a
    run's id, name or folder, or `last`; one that has not ended tells what it has so far.
    """
    from bert4rec.runs.registry import find_run

    path = expanded(out).resolve()
    if path.suffix not in (".html", ".htm"):
        wrong_use("--out should end in .html")
    found = [find_run(workspace, run) for run in runs]
    with StageProgress("opening the runs") as watch:
        from bert4rec.report.page import write_report

        write_report(found, path, watch=watch)
    document = {"runs": [run.id for run in found], "out": str(path)}
    show(document, [f"Wrote {path}, {size(path.stat().st_size)}"])
