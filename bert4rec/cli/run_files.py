"""Runs as files: `runs export`, `runs import` and `runs curves`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bert4rec.cli.runs import find_one
from bert4rec.cli.terminal import shared_options, show, wrong_use
from bert4rec.errors import Bert4RecError
from bert4rec.files import expanded
from bert4rec.words import size

if TYPE_CHECKING:
    from bert4rec.runs.folder import Run


@click.command()
@click.argument("run")
@click.option("--out", required=True, metavar="FILE", help="The zip file to write.")
@click.option("--with-last", is_flag=True, help="Take the checkpoint to go on from along.")
@shared_options
def export(run: str, out: str, with_last: bool, workspace: Path) -> None:
    """Write RUN as one zip file, without its dataset, for another workspace."""
    from bert4rec.runs.archive import export_run

    found, path = find_one(workspace, run), expanded(out).resolve()
    if path.suffix != ".zip":
        wrong_use("--out should end in .zip")
    names = export_run(found, path, with_last=with_last)
    document = {"run": found.id, "out": str(path), "files": names}
    show(document, [f"Wrote {path}, {size(path.stat().st_size)}"])


@click.command(name="import")
@click.argument("file", metavar="FILE-OR-FOLDER")
@shared_options
def import_(file: str, workspace: Path) -> None:
    """Bring a run into the workspace: a zip FILE of runs export, or the FOLDER of a run.

    Names, sizes and contents are checked before anything is put in place, and nothing in it is
    executed. The last checkpoint comes along where it is there.
    """
    from bert4rec.runs.archive import import_run

    run = import_run(workspace, expanded(file).resolve())
    document = {"run": run.id, "name": run.name, "dataset": run.config()["dataset"]}
    lines = [f"Imported run {run.name} as {run.id}."]
    show(document, [*lines, *_lacking(run)])


def _lacking(run: Run) -> list[str]:
    try:
        run.dataset()
    except Bert4RecError:
        return ["Its dataset is not in this workspace, so its model cannot be used here yet."]
    return []


@click.command()
@click.argument("run")
@click.option(
    "--form",
    type=click.Choice(["csv", "tensorboard"]),
    default="csv",
    show_default=True,
    help="A table, or an event file that TensorBoard reads.",
)
@click.option("--out", required=True, metavar="PATH", help="The CSV file, or TensorBoard's folder.")
@shared_options
def curves(run: str, form: str, out: str, workspace: Path) -> None:
    """Write the curves of RUN for another program: losses, rates and validation metrics by step.

    For TensorBoard, --out names the folder that it is started with (--logdir). Each run gets a
    folder in there, so that several are compared; settings come along.
    """
    from bert4rec.runs.curve_files import write_curves

    found, path = find_one(workspace, run), expanded(out).resolve()
    if form == "csv" and path.suffix != ".csv":
        wrong_use("--out should end in .csv, or give --form tensorboard")
    written = write_curves(found, "csv" if form == "csv" else "tensorboard", path)
    next_line = [] if form == "csv" else [f"Next: tensorboard --logdir {shlex.quote(str(path))}"]
    document = {"run": found.id, "form": form, "out": str(written)}
    show(document, [f"Wrote {written}, {size(written.stat().st_size)}", *next_line])
