"""A run's curves out of the run: as CSV, or as the event file that TensorBoard reads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from bert4rec.files import make_folder, swapped_in, writing_explained
from bert4rec.json_files import write_text
from bert4rec.runs import event_file
from bert4rec.runs.curves import Curves, Row
from bert4rec.runs.folder import Run
from bert4rec.spreadsheets import csv_text

CurveForm = Literal["csv", "tensorboard"]
# An event file holds numbers of 32 bits.
MAX_FLOAT32 = 3.4e38
# What a line of training or validation tells beside metrics.
FIGURES = ("loss", "grad_norm", "learning_rate", "sequences_per_s", "elapsed_s")


def curves_table(curves: Curves) -> pd.DataFrame:
    """Return curves as one table in the order of steps.

    A line of training has a loss, a line of validation has metrics; what a line lacks is empty.
    """
    known = ("epoch", "step", *FIGURES)
    rows = [{key: row.get(key) for key in known} for row in curves.train]
    rows += [
        {key: row.get(key) for key in known} | {f"valid_{k}": v for k, v in row["metrics"].items()}
        for row in curves.valid
    ]
    table = pd.DataFrame(rows, columns=None if rows else list(known))
    return table.sort_values("step", kind="stable").reset_index(drop=True)


def curves_csv(run: Run) -> str:
    """Return the curves of a run as CSV."""
    return csv_text(curves_table(_read(run)))


def curve_events(run: Run) -> bytes:
    """Return the curves and settings of a run as the content of an event file of TensorBoard.

    Figures of training stand under `train`, metrics on the validation items under `valid`; steps
    and moments are those of the run. The settings come as a text and as hyperparameters, by which
    TensorBoard's HParams page compares several runs.

    Raises:
        FormatError: the configuration is damaged.

    Cost: linear in the journal, about a second for ten million bytes.
    """
    curves, begun_s = _read(run), _created_s(run)
    settings = run.hyperparameters().in_effect()
    parts = [
        event_file.first_event(begun_s),
        event_file.text(begun_s, "settings", _markdown_table(settings)),
        event_file.settings(begun_s, {k: v for k, v in settings.items() if v is not None}),
    ]
    at_s = begun_s
    for row in sorted([*curves.train, *curves.valid], key=lambda row: int(row["step"])):
        at_s = _moment_s(row.get("at"), at_s)
        values = {tag: value for tag, value in _figures(row) if _is_number(value)}
        parts.append(event_file.scalars(at_s, int(row["step"]), values))
    return b"".join(parts)


def _read(run: Run) -> Curves:
    curves = Curves()
    curves.update(run.journal)
    return curves


def _figures(row: Row) -> Iterator[tuple[str, Any]]:
    if "metrics" in row:
        yield from ((f"valid/{name}", value) for name, value in row["metrics"].items())
    else:
        yield from ((f"train/{name}", row.get(name)) for name in FIGURES)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= MAX_FLOAT32


def _markdown_table(settings: dict[str, Any]) -> str:
    lines = [f"| {name} | {'' if value is None else value} |" for name, value in settings.items()]
    return "\n".join(["| setting | value |", "| --- | --- |", *lines])


def _created_s(run: Run) -> float:
    return _moment_s(run.config()["created_at"], 0.0)


def _moment_s(moment: Any, otherwise_s: float) -> float:
    """Return a moment in seconds since 1970; another one where it is missing or damaged."""
    try:
        return datetime.fromisoformat(moment).timestamp()
    except (OSError, OverflowError, TypeError, ValueError):
        return otherwise_s


def event_file_name(run: Run) -> str:
    """Return the name of a run's event file, always the same one; TensorBoard finds it by that."""
    return f"events.out.tfevents.{int(_created_s(run))}.bert4rec"


def write_curves(run: Run, form: CurveForm, path: Path) -> Path:
    """Write the curves of a run; return the file.

    Args:
        run: The run, of any state.
        form: `csv`, or `tensorboard` for an event file.
        path: The file to write or, for TensorBoard, the folder that it is started with; the run
            gets a folder of its own in there, by whose name it is listed. What was written there
            of the run before is replaced.

    Raises:
        FormatError: the run is damaged.
        UnwritableError: the file cannot be written.
    """
    is_table = form == "csv"
    target = path if is_table else path / run.id / event_file_name(run)
    make_folder(target.parent)
    with writing_explained(target.parent):
        if is_table:
            write_text(target, curves_csv(run))
        else:
            with swapped_in(target) as temporary:
                temporary.write_bytes(curve_events(run))
    return target
