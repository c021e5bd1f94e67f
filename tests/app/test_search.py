from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from streamlit.testing.v1 import AppTest

from bert4rec.background.searches import SearchService
from bert4rec.control import Control
from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import RunError
from bert4rec.own_presets import own_presets
from bert4rec.policy import Policy
from bert4rec.runs.registry import list_runs
from bert4rec.search.plan import Budget, SearchPlan, checked_plan, dump_plan
from bert4rec.search.space import parse_space
from bert4rec.search.studies import create_study
from bert4rec.search.study import Study, quiet
from bert4rec.search.trials import best_trial, distributions
from bert4rec.sweep import search
from bert4rec.ui import presses, state
from bert4rec.ui.settings.estimate_panel import search_words
from bert4rec.ui.settings.setting_fields import EMPTIED
from tests.factories import small_settings
from tests.reading import labels, plain
from tests.unfolding import unfolded
from tests.waiting import LIMIT_S, wait_until
from tests.widgets import press

ROOT = Path(__file__).resolve().parents[2]
LONG = 100_000
Open = Callable[..., AppTest]
CHILD = """
import sys
from pathlib import Path
from bert4rec.search.studies import find_study
from bert4rec.sweep import search
search(find_study(Path(sys.argv[1]), "one"))
"""
SPACE = {"mask_rate": "0.1..0.5:0.1", "learning_rate": "log:1e-3..1e-2", "n_layers": "1,2"}


@pytest.fixture
def open_search(workspace: Path) -> Open:
    def open_page(name: str | None = None) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=LIMIT_S)
        if name is not None:
            app.query_params["study"] = name
        app.run().switch_page("pages/search.py").run()
        # What is said once is gone by the next run.
        return app if name == "nosuch" else unfolded(app)

    return open_page


@pytest.fixture
def service(workspace: Path) -> Iterator[SearchService]:
    made = state._search_service(str(workspace))
    yield made
    for name in made.active():
        # It may have ended by itself.
        with suppress(RunError):
            made.stop(name)
        assert made.wait(name, LIMIT_S)


def small_plan(
    n_trials: int = 3, space: Mapping[str, str] = SPACE, **changes: object
) -> SearchPlan:
    base = small_settings(**({"n_epochs": 2} | changes))
    return checked_plan(SearchPlan(base, parse_space(space), Budget(n_trials)))


def new_study(dataset: SequenceDataset, name: str = "one", **changes: Any) -> Study:
    assert dataset.folder is not None
    return create_study(dataset.folder.parents[1], dataset, small_plan(**changes), name=name)


def invented_study(
    dataset: SequenceDataset, n_finished: int, name: str = "one", **changes: Any
) -> Study:
    """A study whose trials were not trained, among them one pruned and one failed."""
    study = new_study(dataset, name, n_trials=n_finished + 2, **changes)
    with quiet():
        for number in range(n_finished + 2):
            trial = study.optuna_study.ask(distributions(study.plan()))
            trial.report(0.1, 1)
            if number == 1:
                trial.set_user_attr("reason", "behind the others at epoch 1")
                study.optuna_study.tell(trial, state=TrialState.PRUNED)
            elif number == 2:
                trial.set_user_attr("reason", "the loss became nan")
                study.optuna_study.tell(trial, state=TrialState.FAIL)
            else:
                trial.report(trial.params["mask_rate"], 2)
                study.optuna_study.tell(trial, trial.params["mask_rate"])
    return study


@pytest.mark.parametrize("has_pruned", [True, False])
def test_signs_of_pruned_trials_are_explained_where_there_are_any(
    has_pruned: bool, dataset: SequenceDataset, open_search: Open
) -> None:
    if has_pruned:
        invented_study(dataset, 4)
    else:
        study = new_study(dataset, "one", n_trials=4)
        with quiet():
            for _ in range(4):
                trial = study.optuna_study.ask(distributions(study.plan()))
                trial.report(trial.params["mask_rate"], 1)
                study.optuna_study.tell(trial, trial.params["mask_rate"])
    app = unfolded(open_search("one"), "All trials")
    assert not app.exception
    assert "Each point is a trial." in plain(app)
    assert "The best first" in plain(app)
    assert ("A pruned one (▼)" in plain(app)) == has_pruned
    assert ("then those that were pruned" in plain(app)) == has_pruned


def test_without_a_dataset_the_page_says_what_it_is_for_and_offers_one_way_on(
    open_search: Open,
) -> None:
    app = open_search()
    assert not app.exception
    assert "needs a dataset" in plain(app)
    assert labels(app) == ["Bring data"]


def test_the_form_opens_with_the_usual_search(dataset: SequenceDataset, open_search: Open) -> None:
    app = open_search()
    assert not app.exception
    assert not app.error
    for name in ("learning_rate", "hidden_size"):
        app.session_state[f"search_varied_{name}"] = False
    headings = [box.label for box in app.run().expander]
    assert "**Learning rate**: 0\\.0003 to 0\\.005\\, log range; first trial 0\\.002" in headings
    assert "**Hidden size**: 32\\, 64 or 128; first trial 64" in headings
    unfolded(app)
    assert app.selectbox(key="search_mode_learning_rate").value == "log"
    assert app.text_input(key="search_low_learning_rate").value == "0.0003"
    assert app.text_input(key="search_values_hidden_size").value == "32, 64, 128"
    start = next(button for button in app.button if button.label == "Start the search")
    assert not start.disabled
    assert "bert4rec sweep made-1" in "\n".join(code.value for code in app.code)


def test_before_the_start_a_trial_can_be_timed_and_windows_alike_are_told_of(
    dataset: SequenceDataset, open_search: Open
) -> None:
    app = open_search()
    longest = int(dataset.lengths.max())
    assert longest < 50
    assert f"No history is longer than {longest}, so windows of 50, 100 and 200" in plain(app)
    press(app, "Estimate the time")
    assert not app.exception
    assert {"All epochs", "One epoch", "Parameters"} <= {metric.label for metric in app.metric}
    assert "30 trials like this one would take" in plain(app)
    app.text_input(key="search_values_max_seq_length").set_value("10, 20").run()
    assert "No history is longer" not in plain(app)


def test_windows_alike_are_mended_with_one_click(
    dataset: SequenceDataset, open_search: Open
) -> None:
    app = open_search()
    longest = int(dataset.lengths.max())
    app.text_input(key="search_values_max_seq_length").set_value("5, 50, 100").run()
    button = app.button(key="search_mend_windows")
    assert button.label == f"Use 5 or {longest}"
    button.click().run()
    assert not app.exception
    assert "No history is longer" not in plain(app)
    assert app.text_input(key="search_values_max_seq_length").value == f"5, {longest}"
    app.text_input(key="search_values_max_seq_length").set_value("50, 100").run()
    button = app.button(key="search_mend_windows")
    assert button.label == f"Use {longest} alone"
    button.click().run()
    assert not app.exception
    assert app.number_input(key="search_field_max_seq_length").value == longest
    assert "max_seq_length" not in app.session_state["search_draft"].space


def test_a_preset_that_hides_nothing_leaves_a_search_that_can_start(
    dataset: SequenceDataset, open_search: Open
) -> None:
    app = open_search()
    app.segmented_control(key="search_preset").set_value("sasrec").run()
    assert not app.exception
    assert "Mask rate" not in "\n".join(c.value for c in app.caption if c.value.startswith("- "))
    assert app.get_by_key("search_field_mask_rate").disabled
    assert "Not used, as SASRec hides no item: Mask rate." in plain(app)
    assert "Mask rate" not in app.selectbox(key="search_add").options
    start = next(button for button in app.button if button.label == "Start the search")
    assert not start.disabled


def test_all_that_is_wrong_is_told_as_one_types(
    dataset: SequenceDataset, open_search: Open
) -> None:
    app = open_search()
    app.text_input(key="search_low_learning_rate").set_value("fast").run()
    app.text_input(key="search_values_hidden_size").set_value("32").run()
    app.number_input(key="search_trials").set_value(0).run()
    app.number_input(key="search_field_n_epochs").set_value(0).run()
    assert not app.exception
    start = next(button for button in app.button if button.label == "Start the search")
    assert start.disabled
    told = plain(app)
    assert "Learning rate: 'fast' should be a number above 0." in told
    assert "Hidden size: give 2 to" in told
    assert "Trials: 0 should be 1 to" in told
    assert "Epochs: 0 should be a whole number from 1 to 1,000,000." in told
    # Beside the boxes, and all of it before the button.
    assert len(app.error) == 5


def test_a_setting_can_be_fixed_and_another_one_varied(
    dataset: SequenceDataset, open_search: Open
) -> None:
    app = open_search()
    app.selectbox(key="search_mode_batch_size").set_value("fixed").run()
    assert app.number_input(key="search_field_batch_size").value == 64
    app.selectbox(key="search_add").set_value("weight_decay").run()
    app.selectbox(key="search_mode_weight_decay").set_value("log").run()
    app.text_input(key="search_low_weight_decay").set_value("1e-5").run()
    app.text_input(key="search_high_weight_decay").set_value("0.1").run()
    app.selectbox(key="search_add").set_value("loss_type").run()
    assert not app.exception
    assert not app.error
    (text,) = [code.value for code in app.code if code.value.startswith("search:")]
    assert "low: 1.0e-05" in text
    assert "- gBCE" in text
    offered = app.selectbox(key="search_add").options
    assert "Seed" not in offered
    assert "Device" not in offered
    assert "Batch size" in offered


def test_a_list_becomes_a_range_between_its_ends_and_back(
    dataset: SequenceDataset, open_search: Open
) -> None:
    app = open_search()
    app.selectbox(key="search_mode_hidden_size").set_value("range").run()
    assert app.text_input(key="search_low_hidden_size").value == "32"
    assert app.text_input(key="search_high_hidden_size").value == "128"
    # A width that the heads do not divide.
    assert "not a multiple of Attention heads" in plain(app)
    app.text_input(key="search_step_hidden_size").set_value("32").run()
    assert not app.error
    app.selectbox(key="search_mode_hidden_size").set_value("list").run()
    assert app.text_input(key="search_values_hidden_size").value == "32, 64, 128"


def test_a_search_file_fills_the_form_and_a_broken_one_says_all_of_it(
    dataset: SequenceDataset, open_search: Open
) -> None:
    app = open_search()
    broken = "search: {space: {learning_rate: [1]}, settings: {n_epochs: 0}, trials: x}"
    app.text_area(key="search_yaml_text").set_value(broken).run()
    press(app, "Fill the form")
    told = plain(app)
    assert "form is unchanged" in told
    assert all(name in told for name in ("learning_rate", "n_epochs: 0", "trials: 'x'"))
    good = "search: {preset: quick, metric: hr@10, space: {mask_rate: [0.2, 0.4]}, minutes: 5}"
    app.text_area(key="search_yaml_text").set_value(good).run()
    press(app, "Fill the form")
    assert app.text_input(key="search_values_mask_rate").value == "0.2, 0.4"
    assert app.selectbox(key="search_metric").value == "hr@10"
    assert app.number_input(key="search_minutes").value == 5
    assert app.number_input(key="search_field_n_epochs").value == 20


def test_the_form_survives_a_visit_to_another_page(
    dataset: SequenceDataset, open_search: Open
) -> None:
    app = open_search()
    app.number_input(key="search_trials").set_value(7).run()
    app.number_input(key="search_trials").set_value(EMPTIED).run()
    app.text_input(key="search_values_hidden_size").set_value("16, 32").run()
    app.switch_page("pages/home.py").run()
    app.switch_page("pages/search.py").run()
    unfolded(app)
    assert app.number_input(key="search_trials").value == 7
    assert app.text_input(key="search_values_hidden_size").value == "16, 32"


def shrink(app: AppTest, n_trials: int = 2, n_epochs: int = 2) -> AppTest:
    """Let the form hold a search that takes a moment."""
    plan = small_plan(n_trials, n_epochs=n_epochs)
    app.text_area(key="search_yaml_text").set_value(dump_plan(plan)).run()
    return press(app, "Fill the form")


def test_a_search_is_started_followed_and_its_best_trial_trained_to_its_score(
    dataset: SequenceDataset, workspace: Path, open_search: Open, service: SearchService
) -> None:
    app = shrink(open_search())
    app.text_input(key="search_name").set_value("my search").run()
    press(app, "Start the search")
    assert not app.exception
    assert app.query_params["study"] == "my-search"
    assert service.wait("my-search", LIMIT_S)
    app.run()
    assert not app.exception
    assert "2 of 2 trials" in app.progress[0].text
    assert next(metric.label for metric in app.metric) == "Best NDCG@10"
    assert len(app.get("vega_lite_chart")) == 2 + len(SPACE)
    press(app, "Train the best")
    jobs = state.job_service()
    assert jobs.wait(lambda: not jobs.active(), LIMIT_S)
    (run,) = list_runs(workspace)
    study = Study(workspace / "studies" / "my-search.db")
    best = best_trial(study.trials())
    assert best is not None
    assert run.name == "my-search-best"
    assert run.status().best_score == best.score
    assert app.session_state["run_id"] == run.id


def test_what_was_typed_just_before_the_press_is_what_is_searched(
    dataset: SequenceDataset, workspace: Path, open_search: Open, service: SearchService
) -> None:
    app = shrink(open_search())
    # One message of the browser tells all three: nothing is drawn in between.
    app.number_input(key="search_trials").set_value(1)
    app.text_input(key="search_name").set_value("typed last")
    press(app, "Start the search")
    assert not app.exception
    assert service.wait("typed-last", LIMIT_S)
    study = Study(workspace / "studies" / "typed-last.db")
    assert study.plan().budget == Budget(1)
    assert len(study.trials()) == 1


def test_a_plan_that_became_wrong_just_before_the_press_is_told_and_not_searched(
    dataset: SequenceDataset, workspace: Path, open_search: Open
) -> None:
    app = open_search()
    app.number_input(key="search_trials").set_value(0)
    press(app, "Start the search")
    assert not app.exception
    assert "Trials: 0 should be 1 to" in plain(app)
    assert not (workspace / "studies").exists()


def test_a_trial_picked_just_before_the_press_is_the_one_that_is_used(
    dataset: SequenceDataset, open_search: Open
) -> None:
    study = invented_study(dataset, 4)
    app = open_search("one")
    chosen = study.trials()[1]
    assert app.selectbox(key="search_trial_one").value != chosen.number
    app.selectbox(key="search_trial_one").set_value(chosen.number)
    press(app, "Use these settings")
    assert not app.exception
    assert app.session_state["train_draft"] == study.plan().settings(chosen.values).given()


def test_the_settings_of_a_chosen_trial_fill_the_train_form(
    dataset: SequenceDataset, open_search: Open
) -> None:
    study = invented_study(dataset, 4)
    app = open_search("one")
    options = app.selectbox(key="search_trial_one").options
    assert "the best" in options[0]
    assert "pruned" in options[-1]
    chosen = study.trials()[1]
    app.selectbox(key="search_trial_one").set_value(chosen.number).run()
    press(app, "Use these settings")
    assert not app.exception
    expected = study.plan().settings(chosen.values).given()
    assert dict(app.session_state["train_draft"]) == expected
    assert app.session_state["train_name"] == "one"


def test_a_trial_of_a_device_that_is_gone_is_not_trained_and_leaves_no_run_behind(
    dataset: SequenceDataset, workspace: Path, open_search: Open
) -> None:
    study = invented_study(dataset, 2)
    plan = study.facts()["plan"]
    study.optuna_study.set_user_attr(
        "plan", plan | {"settings": plan["settings"] | {"device": "cuda:97"}}
    )
    app = press(open_search("one"), "Train the best")
    assert not app.exception
    assert "cuda:97" in plain(app)
    assert list_runs(workspace) == []


def test_the_best_trial_is_kept_as_a_preset_with_one_click(
    dataset: SequenceDataset, open_search: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = invented_study(dataset, 4)
    app = open_search("one")
    press(app, "Keep as preset")
    # The second half of a double click, and another press later.
    press(app, "Keep as preset")
    assert len(own_presets(study.workspace)) == 1
    monkeypatch.setattr(presses, "TWICE_S", -1.0)
    press(app, "Keep as preset")
    assert not app.exception
    best = app.selectbox(key="search_trial_one").value
    kept = own_presets(study.workspace)
    assert [preset.name for preset in kept] == [f"one-trial-{best + 1}{end}" for end in ("", "-2")]
    expected = study.plan().settings(study.trials()[best].values)
    assert all(preset.policy == Policy(settings=expected) for preset in kept)


def test_a_study_shows_why_trials_ended_and_when_importance_begins(
    dataset: SequenceDataset, open_search: Open
) -> None:
    invented_study(dataset, 5)
    app = open_search("one")
    assert not app.exception
    table = app.dataframe[0].value
    assert "the loss became nan" in list(table["Why it ended"])
    assert "↓ Pruned" in list(table["State"])
    # Labels of figures have no room for it in a narrow window.
    assert app.progress[0].text == "7 of 7 trials, 1 failed"
    assert max(len(metric.label) for metric in app.metric) <= len("Time in trials")
    assert "from 10 finished trials on; there are 5, so 5 more are needed" in plain(app)
    assert "Go on with 5 more trials" in labels(app)


def test_with_enough_trials_the_setting_that_matters_is_named(
    dataset: SequenceDataset, open_search: Open
) -> None:
    invented_study(dataset, 14)
    app = open_search("one")
    assert not app.exception
    assert "Mask rate" in plain(app)
    assert "matters most" in plain(app)
    app.session_state["search_axes"] = True
    app.run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 1


def test_the_score_stands_against_the_settings_that_matter_most_and_the_others_are_folded(
    dataset: SequenceDataset, open_search: Open
) -> None:
    rest = {"learning_rate": "log:1e-3..1e-2", "n_layers": "1,2", "batch_size": "32,64"}
    rest |= {"schedule": "linear,cosine", "hidden_dropout_prob": "0.1..0.3"}
    invented_study(dataset, 14, space=rest | {"mask_rate": "0.1..0.5:0.1"})
    app = open_search("one")
    assert "Share of the differences in score" in app.dataframe[1].value
    assert len(slices(app)) == 6
    assert slices(app)[0].startswith("Mask rate")
    app.session_state["search_slices"] = False
    app.run()
    assert not app.exception
    assert len(slices(app)) == 4
    # Beside them importance and the two curves of the trials.
    assert len(app.get("vega_lite_chart")) == 7


def test_before_importance_is_told_settings_stand_in_the_order_of_the_search(
    dataset: SequenceDataset, open_search: Open
) -> None:
    invented_study(dataset, 5)
    app = open_search("one")
    assert [words.partition(":")[0] for words in slices(app)] == [
        *("Mask rate", "Learning rate", "Layers"),
    ]
    assert "Against the other settings" not in [box.label for box in app.expander]


def slices(app: AppTest) -> list[str]:
    """Return what the charts of the score against each setting say, in the order of the page."""
    alts = [chart.proto.alt for chart in app.get("vega_lite_chart")]
    return [alt for alt in alts if "the best trial has" in alt]


def test_a_running_search_is_watched_stopped_and_gone_on_with(
    dataset: SequenceDataset, workspace: Path, open_search: Open, service: SearchService
) -> None:
    study = new_study(dataset, n_trials=1, n_epochs=LONG)
    service.start("one")
    wait_until(lambda: any(trial.curve for trial in study.trials()))
    # Without a link the search that is under way is shown.
    app = open_search()
    assert not app.exception
    assert "Trial 1 under way, epoch" in plain(app)
    assert "Delete" not in labels(app)
    press(app, "Stop")
    assert service.wait("one", LIMIT_S)
    app.run()
    assert not app.exception
    assert "Go on" in labels(app)
    table = app.dataframe[0].value
    assert sorted(table["State"]) == ["▲ Interrupted", "○ Waiting"]
    # What was tried in vain does not count.
    assert [m.value for m in app.metric if m.label == "Time in trials"] == ["–"]
    press(app, "Go on")
    wait_until(lambda: study.trials()[-1].state == "running")
    assert service.active() == ["one"]


def test_whoever_starts_a_run_meanwhile_is_told_that_it_goes_before_the_next_trial(
    dataset: SequenceDataset, open_search: Open, service: SearchService
) -> None:
    study = new_study(dataset, n_trials=1, n_epochs=LONG)
    service.start("one")
    wait_until(lambda: any(trial.curve for trial in study.trials()))
    app = open_search()
    app.switch_page("pages/train.py").run()
    assert not app.exception
    assert "this run will start after its present trial" in plain(app)


def test_the_best_is_followed_until_another_trial_is_picked(
    dataset: SequenceDataset, open_search: Open
) -> None:
    study = invented_study(dataset, 4)
    app = open_search("one")
    box = app.selectbox(key="search_trial_one")
    best = best_trial(study.trials())
    assert best is not None
    assert box.value == best.number
    with quiet():
        study.widen(Budget(8))
        trial = study.optuna_study.ask(distributions(study.plan()))
        study.optuna_study.tell(trial, 0.99)
    app.run()
    assert app.selectbox(key="search_trial_one").value == trial.number
    app.selectbox(key="search_trial_one").set_value(0).run()
    assert "Train this one" in labels(app)
    app.run()
    assert app.selectbox(key="search_trial_one").value == 0


def test_a_search_that_waits_for_the_device_says_so(
    dataset: SequenceDataset, workspace: Path, open_search: Open, service: SearchService
) -> None:
    study = new_study(dataset)
    with state._job_service(str(workspace)).turn("cpu", Control()):
        service.start("one")
        wait_until(lambda: study.status(study.trials()).state == "queued")
        app = open_search("one")
        assert "Waiting for the device" in plain(app)
        press(app, "Stop")
        assert service.wait("one", LIMIT_S)


def test_a_finished_search_goes_on_with_a_larger_budget(
    dataset: SequenceDataset, open_search: Open, service: SearchService
) -> None:
    study = new_study(dataset, n_trials=1)
    search(study)
    app = open_search("one")
    app.number_input(key="search_more_one").set_value(2).run()
    press(app, "Go on")
    assert service.wait("one", LIMIT_S)
    assert len([t for t in study.trials() if t.state in ("finished", "pruned")]) == 2


def test_a_search_of_a_few_seconds_goes_on_as_any_other(
    dataset: SequenceDataset, workspace: Path, open_search: Open
) -> None:
    plan = checked_plan(replace(small_plan(), budget=Budget(3, 0.05)))
    create_study(workspace, dataset, plan, name="short").close()
    app = open_search("short")
    assert not app.exception
    assert app.number_input(key="search_more_short_minutes").value == 0.05


def test_a_search_of_another_process_is_watched_and_its_death_is_seen(
    dataset: SequenceDataset, workspace: Path, open_search: Open, service: SearchService
) -> None:
    study = new_study(dataset, n_trials=1, n_epochs=LONG)
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(workspace)])
    try:
        wait_until(lambda: any(trial.curve for trial in study.trials()))
        app = open_search("one")
        assert "Another process searches" in plain(app)
        assert "Trial 1 under way" in plain(app)
        assert "Stop" not in labels(app)
        assert "Go on" not in labels(app)
    finally:
        child.kill()
        child.wait(LIMIT_S)
    app.run()
    assert not app.exception
    assert "process that searched is gone" in plain(app)
    assert list(app.dataframe[0].value["State"]) == ["▲ Interrupted"]
    press(app, "Go on")
    wait_until(lambda: study.trials()[-1].state == "running")
    assert [trial.state for trial in study.trials()] == ["interrupted", "running"]


def test_broken_foreign_and_locked_files_are_told_in_one_clear_message(
    dataset: SequenceDataset, workspace: Path, open_search: Open
) -> None:
    studies = workspace / "studies"
    new_study(dataset, "newer").optuna_study.set_user_attr("format_version", 99)
    held = new_study(dataset, "held")
    held.close()
    (studies / "broken.db").write_bytes(b"no database at all" * 100)
    (studies / "empty.db").touch()
    with closing(sqlite3.connect(studies / "foreign.db")) as foreign:
        foreign.execute("create table other (x)")
    n_bytes = (studies / "foreign.db").stat().st_size
    lock = sqlite3.connect(studies / "held.db", isolation_level=None)
    lock.execute("begin exclusive")
    expected = {
        "broken": "is damaged, or its file is no study",
        "empty": "is damaged, or its file is no study",
        "foreign": "is damaged, or its file is no study",
        "newer": "was written by another version (99, here is 1)",
        "held": "Another process holds the file of the study",
    }
    for name, said in expected.items():
        app = open_search(name)
        assert not app.exception
        (told,) = [error.value.replace("\\", "") for error in app.error]
        assert said in told
    lock.close()
    app = open_search("held")
    assert not app.error
    assert "Delete" in labels(app)
    # Nothing was made of files that are none of ours.
    assert (studies / "empty.db").stat().st_size == 0
    assert (studies / "foreign.db").stat().st_size == n_bytes


def test_a_broken_study_can_be_deleted_after_a_question(
    dataset: SequenceDataset, workspace: Path, open_search: Open
) -> None:
    (workspace / "studies").mkdir()
    path = workspace / "studies" / "broken.db"
    path.write_bytes(b"no database at all" * 100)
    app = press(open_search("broken"), "Delete")
    assert path.exists()
    # A run of the whole page draws a dialog only if what opens it is pressed in the same run.
    next(button for button in app.button if button.label == "Delete").click()
    app.button(key="really_delete").click().run()
    assert not path.exists()
    app.run()
    assert not app.exception
    assert "Start the search" in labels(app)


def test_a_search_whose_dataset_is_gone_says_so_when_it_is_to_go_on(
    dataset: SequenceDataset, open_search: Open
) -> None:
    new_study(dataset)
    assert dataset.folder is not None
    shutil.rmtree(dataset.folder)
    app = open_search("one")
    assert not app.exception
    press(app, "Go on")
    assert not app.exception
    assert "dataset" in "\n".join(error.value for error in app.error)


def test_a_link_to_a_search_that_is_not_there_says_so(
    dataset: SequenceDataset, open_search: Open
) -> None:
    app = open_search("nosuch")
    assert not app.exception
    assert "names no search" in plain(app)
    assert "Start the search" in labels(app)


def test_several_studies_are_listed_and_a_name_is_taken_once(
    dataset: SequenceDataset, open_search: Open
) -> None:
    invented_study(dataset, 3, "first")
    new_study(dataset, "second")
    app = open_search()
    assert not app.exception
    table = app.dataframe[-1].value
    assert set(table["Search"]) == {"first", "second"}
    assert set(table["Trials"]) == {"5 of 5", "0 of 3"}
    app.text_input(key="search_name").set_value("first").run()
    assert "There is a search first already" in plain(app)
    start = next(button for button in app.button if button.label == "Start the search")
    assert start.disabled


def test_a_search_can_be_made_anew_like_another_one(
    dataset: SequenceDataset, open_search: Open
) -> None:
    new_study(dataset)
    app = open_search("one")
    press(app, "New search like this")
    assert not app.exception
    unfolded(app)
    assert app.text_input(key="search_low_mask_rate").value == "0.1"
    assert app.number_input(key="search_trials").value == 3


def test_an_interrupted_trial_alone_makes_no_empty_charts(
    dataset: SequenceDataset, open_search: Open
) -> None:
    study = new_study(dataset)
    with quiet():
        trial = study.optuna_study.ask(distributions(study.plan()))
        trial.report(0.1, 1)
    study.retry(study.optuna_study.trials[0])
    app = open_search("one")
    assert not app.exception
    assert "The curves begin with the first validation of the first trial" in plain(app)
    assert "so far" not in plain(app)


def test_a_search_that_has_tried_every_point_does_not_offer_to_go_on(
    dataset: SequenceDataset, open_search: Open
) -> None:
    study = new_study(dataset, n_trials=30, space={"n_layers": "1,2"}, n_epochs=1)
    search(study)
    app = open_search("one")
    assert not app.exception
    assert "Every point of what it searches has been tried" in plain(app)
    assert "2 of 2 trials" in app.progress[0].text
    assert not any(label.startswith("Go on") for label in labels(app))
    assert "New search like this" in labels(app)


def test_the_mark_of_a_search_is_plain_data(dataset: SequenceDataset) -> None:
    study = new_study(dataset, n_trials=1)
    search(study)
    mark = study.facts()["search"]
    assert json.loads(json.dumps(mark)) == mark
    assert mark["state"] == "stopped"
    assert study.status(study.trials()).state == "finished"


def test_the_time_of_a_search_is_that_of_its_trials_or_its_limit() -> None:
    plan = small_plan(30)
    free = search_words(120, plan)
    assert free.startswith("30 trials like this one would take 1 h; pruning shortens that")
    assert search_words(120, replace(plan, budget=Budget(30, 90))) == free
    short = search_words(120, replace(plan, budget=Budget(30, 5)))
    assert short.endswith("the search ends after 5 min of them.")
    few = replace(plan, space=parse_space({"n_layers": "1,2"}))
    assert search_words(120, few).startswith("2 trials like this one would take 4 min")
