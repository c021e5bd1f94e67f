from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from optuna.trial import TrialState
from playwright.sync_api import Page, expect

from bert4rec.data.samples import prepare_sample
from bert4rec.search.plan import Budget, SearchPlan
from bert4rec.search.studies import create_study
from bert4rec.search.study import Study, quiet
from bert4rec.search.trials import Trial, distributions
from tests.e2e.conftest import Server, settle
from tests.waiting import LIMIT_S, wait_until

pytestmark = pytest.mark.browser
N_TRIALS = 3
# Small enough for seconds a trial, long enough to be killed in the middle of one on a fast machine.
PLAN = f"""search:
  preset: quick
  settings: {{n_epochs: 15, eval_step: 1, hidden_size: 16, inner_size: 32, n_layers: 1}}
  trials: {N_TRIALS}
  space:
    learning_rate: {{low: 1e-3, high: 1e-2, log: true}}
    mask_rate: [0.2, 0.3, 0.5]
"""


@pytest.fixture
def study(server: Server) -> Study:
    """Where the search called `killed` lies, on a bundled sample of the server's workspace."""
    prepare_sample("courses", server.workspace)
    return Study(server.workspace / "studies" / "killed.db")


def start_search(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/search")
    settle(page)
    page.get_by_text("Search YAML and command").click()
    settle(page)
    page.get_by_label("Or paste it").fill(PLAN)
    page.get_by_label("Or paste it").press("Tab")
    settle(page)
    page.get_by_role("button", name="Fill the form").click()
    expect(page.get_by_text("The form is filled")).to_be_visible()
    settle(page)
    name = page.get_by_role("textbox", name="Name of the search")
    name.fill("killed")
    name.press("Enter")
    settle(page)
    page.get_by_role("button", name="Start the search").click()


def test_a_search_in_the_browser_survives_the_death_of_its_server(
    server: Server, page: Page, study: Study
) -> None:
    start_search(server, page)
    expect(page).to_have_url(re.compile(r"study=killed"))
    expect(page.get_by_text(re.compile(r"Trial \d under way"))).to_be_visible()
    # In the middle of a trial that is not the first, and was judged at least once.
    wait_until(lambda: any(t.number and t.state == "running" and t.curve for t in read(study)))
    server.kill()
    killed = read(study)
    n_ended = len(killed) - 1
    assert [trial.state for trial in killed] == [*n_ended * ["finished"], "interrupted"]

    server.start()
    page.goto(f"{server.url}/search?study=killed")
    expect(page.get_by_text("The process that searched is gone")).to_be_visible()
    expect(page.get_by_text(f"{n_ended} of {N_TRIALS} trials")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text(f"{N_TRIALS} of {N_TRIALS} trials")).to_be_visible()
    expect(page.get_by_text("Finished", exact=True).first).to_be_visible()

    trials = read(study)
    counted = [trial for trial in trials if trial.state in ("finished", "pruned")]
    assert len(counted) == N_TRIALS
    assert Counter(trial.state for trial in trials)["interrupted"] == 1
    # Nothing was drawn twice, and the point that was under way has been tried to its end.
    points = [tuple(sorted(trial.values.items())) for trial in counted]
    assert len(set(points)) == N_TRIALS
    assert tuple(sorted(killed[-1].values.items())) in points


def read(study: Study) -> list[Trial]:
    return study.trials() if study.path.exists() else []


def test_a_search_of_the_command_line_is_seen_live(
    server: Server, page: Page, study: Study, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    command = [str(Path(sys.executable).with_name("bert4rec")), "sweep", "courses"]
    command += ["--name", "killed", "--config", str(plan), "--workspace", str(server.workspace)]
    # Once a page was drawn the next one comes at once, long before the search ends.
    page.goto(f"{server.url}/search")
    settle(page)
    sweep = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: bool(study.path.exists()) and any(t.curve for t in study.trials()))
        page.goto(f"{server.url}/search?study=killed")
        expect(page.get_by_text("Another process searches")).to_be_visible()
        whole = page.get_by_text(f"{N_TRIALS} of {N_TRIALS} trials")
        expect(whole).to_be_visible()
        assert sweep.wait(LIMIT_S) == 0
        expect(page.get_by_role("button", name="Train the best")).to_be_visible()
    finally:
        sweep.kill()


def test_no_name_of_a_legend_is_cut_off_above_a_narrow_chart(server: Server, page: Page) -> None:
    dataset = prepare_sample("courses", server.workspace)
    made = create_study(server.workspace, dataset, SearchPlan(budget=Budget(4)), name="tried")
    with quiet():
        for state in (*3 * [TrialState.COMPLETE], TrialState.PRUNED):
            trial = made.optuna_study.ask(distributions(made.plan()))
            trial.report(0.1, 1)
            made.optuna_study.tell(trial, 0.1 if state == TrialState.COMPLETE else None, state)
    page.goto(f"{server.url}/search?study=tried")
    expect(page.get_by_text("4 of 4 trials")).to_be_visible()
    settle(page)
    chart = page.get_by_test_id("stVegaLiteChart").last
    names = chart.locator(".role-legend-label text")
    expect(names).to_have_text(["Finished", "Pruned"])
    top = chart.bounding_box()
    assert top is not None
    assert top["width"] < 280
    for name in names.all():
        place = name.bounding_box()
        assert place is not None
        assert place["y"] >= top["y"]
