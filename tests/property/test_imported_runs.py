"""Whatever is changed in the files of a run: it is refused, or all views of it can be drawn."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bert4rec.errors import FormatError
from bert4rec.runs.curve_files import curve_events, curves_csv
from bert4rec.runs.curves import Curves
from bert4rec.runs.folder import Run
from bert4rec.runs.soundness import check_run
from bert4rec.ui.run_list import list_frame, listed_run
from bert4rec.ui.train.small_curves import small_curves
from bert4rec.view import curve_charts, curve_findings, run_figures
from bert4rec.view.run_table import run_row

FILES = ("config.json", "status.json", "summary.json", "metrics.jsonl")
OTHERS = [None, True, -1, 0, 3, 1.5, 1e308, 1e39, 10**400, "", "x", "9" * 30, [], [1], {}, {"x": 1}]
Place = list[str | int]


@pytest.fixture(scope="module")
def run(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("imported") / "runs" / tiny_run.id
    shutil.copytree(tiny_run.folder, folder)
    return Run(folder)


def places(document: Any, above: Place) -> Iterator[Place]:
    """Every place in a document, the inner ones too."""
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in inner:
        yield [*above, key]
        if isinstance(value, dict | list):
            yield from places(value, [*above, key])


def changed(document: Any, place: Place, value: Any, *, is_gone: bool) -> Any:
    copy = json.loads(json.dumps(document))
    at = copy
    for key in place[:-1]:
        at = at[key]
    if is_gone:
        del at[place[-1]]
    else:
        at[place[-1]] = value
    return copy


def read(path: Path) -> Any:
    lines = path.read_text().splitlines()
    return (
        [json.loads(line) for line in lines]
        if path.suffix == ".jsonl"
        else json.loads(path.read_text())
    )


def write(path: Path, document: Any) -> None:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(line) + "\n" for line in document))
    else:
        path.write_text(json.dumps(document))


def draw(run: Run) -> None:
    """Make all that pages make of a run's files."""
    row = run_row(run)
    assert row.problem is None
    list_frame([listed_run(run, row)])
    curves = Curves()
    curves.update(run.journal)
    metric = run.hyperparameters().valid_metric
    curve_charts.metric_chart(curves, metric)
    curve_findings.metric_finding(curves, metric)
    curve_charts.loss_chart(curves)
    curve_findings.loss_finding(curves)
    for name in small_curves(curves):
        curve_findings.small_finding(curves, name)
    curve_findings.valid_table(curves)
    curve_findings.train_table(curves)
    curve_findings.small_table(curves)
    run_figures.progress_of(run.status(), curves)
    report = (run.summary() or {})["report"]["test"]
    run_figures.final_table(report)
    run_figures.final_finding(report)
    run_figures.seen_words(run.summary() or {})
    curves_csv(run)
    curve_events(run)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(FILES),
    choice=st.integers(0, 10**6),
    value=st.sampled_from(OTHERS),
    is_gone=st.booleans(),
)
def test_a_changed_run_is_refused_or_can_be_shown(
    name: str, choice: int, value: Any, is_gone: bool, run: Run
) -> None:
    path = run.folder / name
    before = path.read_text()
    document = read(path)
    there = list(places(document, []))
    try:
        write(path, changed(document, there[choice % len(there)], value, is_gone=is_gone))
        try:
            check_run(run)
        except FormatError:
            return
        draw(run)
    finally:
        path.write_text(before)
