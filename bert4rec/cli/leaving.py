"""The command with which a model leaves the workspace: export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bert4rec.cli.answers import id_of, load_run, own_notes
from bert4rec.cli.progress import StageProgress
from bert4rec.cli.terminal import shared_options, show, wrong_use
from bert4rec.files import expanded
from bert4rec.words import size

# What an ONNX network answers, in words.
ANSWERS = {"scores": "scores of all items", "hidden": "vectors"}


@click.command()
@click.argument("run")
@click.option("--out", metavar="FILE", help="Write a bundle: a zip file with model and card.")
@click.option("--onnx", metavar="FILE", help="Write the network for ONNX runtimes.")
@click.option(
    "--answer",
    type=click.Choice(tuple(ANSWERS)),
    help="What the ONNX network answers: scores of all items, or vectors.  [default: as the policy"
    " asks]",
)
@shared_options
def export(run: str, out: str | None, onnx: str | None, answer: Any, workspace: Path) -> None:
    """Write the model of RUN as one file, to be used without the dataset.

    A bundle (--out) holds weights, items, settings, policy and a card with data, figures and
    limits; the commands recommend, fill, compose, score, embed, export and serve and bert4rec.load
    take it in place of a run. To carry a run itself to another workspace, use runs export.

    With --onnx the network alone is written, and compared with the library before it is kept.

    RUN is a run's id, name or folder, or `last`; for --onnx also a bundle.
    """
    if out is None and onnx is None:
        wrong_use("give --out, --onnx or both")
    if out is not None and Path(out).suffix != ".zip":
        wrong_use("--out should end in .zip")
    if onnx is not None and Path(onnx).suffix != ".onnx":
        wrong_use("--onnx should end in .onnx")
    document: dict[str, Any] = {"run": run}
    lines: list[str] = []
    if out is not None:
        document, lines = _bundle(workspace, run, Path(out))
    if onnx is not None:
        found, more = _onnx(workspace, run, Path(onnx), answer)
        document, lines = document | found, lines + more
    show(document, lines)


def _bundle(workspace: Path, run: str, out: Path) -> tuple[dict[str, Any], list[str]]:
    from bert4rec.bundle.writing import export_bundle
    from bert4rec.runs.registry import find_run

    found, path = find_run(workspace, run), expanded(out).resolve()
    with StageProgress("opening the run") as watch:
        files = export_bundle(found, path, watch=watch)
    is_calibrated = found.temperatures() is not None
    notes = [] if is_calibrated else own_notes(found)
    document = {"run": found.id, "out": str(path), "files": files, "calibrated": is_calibrated}
    return document, [f"Wrote {path}, {size(path.stat().st_size)}", *notes]


def _onnx(workspace: Path, run: str, out: Path, answer: Any) -> tuple[dict[str, Any], list[str]]:
    from bert4rec.bundle.onnx_file import export_onnx

    model, path = load_run(workspace, run), expanded(out).resolve()
    report = export_onnx(model, path, answer=answer)
    found = {
        "out": str(path),
        "answer": report.answer,
        "largest_difference": report.largest_difference,
        "tolerance": report.tolerance,
        "n_sequences": report.n_sequences,
    }
    line = (
        f"Wrote {path}, {size(path.stat().st_size)}, which answers {ANSWERS[report.answer]}; the"
        " largest difference to the library"
        f" over {report.n_sequences:,} sequences is {report.largest_difference:.1e}"
        f" (allowed: {report.tolerance:.1e})"
    )
    return {"run": id_of(model), "onnx": found}, [line]
