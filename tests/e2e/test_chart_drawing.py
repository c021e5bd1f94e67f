"""What a browser makes of charts: no warning in its console, and no sign cut off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from optuna.trial import TrialState
from playwright.sync_api import ConsoleMessage, Page

from bert4rec.data.dataset import SequenceDataset
from bert4rec.pipeline import train
from bert4rec.runs.folder import Run
from bert4rec.search.plan import Budget, SearchPlan
from bert4rec.search.space import parse_space
from bert4rec.search.studies import create_study
from bert4rec.search.study import quiet
from bert4rec.search.trials import distributions
from tests.e2e.conftest import Server, settle
from tests.factories import ring_dataset, saved_dataset, small_settings, timed_dataset

pytestmark = pytest.mark.browser
SPACE = {"mask_rate": "0.1..0.5", "learning_rate": "log:1e-3..1e-2", "n_layers": "1,2"}
N_TRIALS = 14
# How far each diamond stands out of the place in which lines and signs are drawn.
BEYOND_PX = """() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].map(chart => {
    const frame = chart.querySelector('.role-frame path.background');
    if (!frame) return [];
    const place = frame.getBoundingClientRect();
    return [...chart.querySelectorAll('path[aria-roledescription=point]')]
        .map(sign => sign.getBoundingClientRect())
        .map(sign => Math.max(0, place.top - sign.top, sign.bottom - place.bottom));
}).flat()"""


def invented_study(
    workspace: Path, dataset: SequenceDataset, name: str, *, has_pruned: bool
) -> None:
    """A search whose trials were not trained; every third one may be pruned."""
    plan = SearchPlan(small_settings(n_epochs=2), parse_space(SPACE), Budget(N_TRIALS))
    study = create_study(workspace, dataset, plan, name=name)
    with quiet():
        for number in range(N_TRIALS):
            trial = study.optuna_study.ask(distributions(plan))
            trial.report(0.1, 1)
            if has_pruned and number % 3 == 1:
                study.optuna_study.tell(trial, state=TrialState.PRUNED)
            else:
                trial.report(trial.params["mask_rate"], 2)
                study.optuna_study.tell(trial, trial.params["mask_rate"])


def judged_at(run: Run, score: float) -> None:
    """Write another score into the journal of a run, at each validation and for baselines."""
    journal = run.folder / "metrics.jsonl"
    lines = [json.loads(line) for line in journal.read_text("utf-8").splitlines()]
    for line in lines:
        if line["event"] == "valid":
            line["metrics"] = dict.fromkeys(line["metrics"], score)
    kept = [json.dumps(line) for line in lines if line["event"] != "baselines"]
    journal.write_text("\n".join(kept) + "\n", "utf-8")


def test_vega_warns_of_no_chart(server: Server, page: Page) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset(n_items=40, n_users=40))
    timed = saved_dataset(server.workspace, timed_dataset([9, 8, 7, 6]))
    runs = [
        train(dataset, small_settings(n_epochs=2), workspace=server.workspace, name=name)
        for name in ("first", "second")
    ]
    for name, has_pruned in {"one": True, "whole": False}.items():
        invented_study(server.workspace, dataset, name, has_pruned=has_pruned)
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "warning":
            said.append(f"{page.url}: {message.text}")

    page.on("console", note)
    compared = ",".join(run.id for run in runs)
    n_charts = {
        f"data?data={timed.fingerprint}": 4,
        f"train?run={runs[0].id}": 2,
        "search?study=one": 2 + len(SPACE),
        # Where all have finished there is no legend.
        "search?study=whole": 2 + 1 + len(SPACE),
        f"runs?compare={compared}": 2,
    }
    for path, n in n_charts.items():
        page.goto(f"{server.url}/{path}")
        page.wait_for_function(
            "n => document.querySelectorAll('[data-testid=stVegaLiteChart] .marks').length >= n",
            arg=n,
        )
        settle(page)
    assert not said


def test_the_sign_of_the_best_epoch_stands_whole_at_the_top_of_the_scale(
    server: Server, page: Page
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset())
    run = train(dataset, small_settings(n_epochs=2), workspace=server.workspace)
    # Where a scale that ends at a round number would end.
    judged_at(run, 0.5)
    page.goto(f"{server.url}/train?run={run.id}")
    page.wait_for_function(f"() => ({BEYOND_PX})().length > 0")
    settle(page)
    assert max(page.evaluate(BEYOND_PX)) < 1
