from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bert4rec import run_memory
from bert4rec.data.collection import find_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import split_dataset
from bert4rec.estimate import size_of
from bert4rec.explain import predict_masked
from bert4rec.jobs import JobService
from bert4rec.json_files import read_json, write_json
from bert4rec.loaded_model import load_model
from bert4rec.own_presets import own_presets
from bert4rec.policy import Policy
from bert4rec.presets import MACHINE, PRESETS
from bert4rec.runs.curves import Curves
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run, list_runs
from bert4rec.setting_checks import parse_settings
from bert4rec.ui import presses, state
from bert4rec.ui.settings.setting_fields import EMPTIED
from bert4rec.ui.train.watched_prediction import middle_place, offered_users
from bert4rec.view import forms
from bert4rec.view.curve_findings import small_finding
from bert4rec.words import percent
from tests.ends import curves_of
from tests.reading import labels, plain, small_charts, table_with, tables, texts
from tests.unfolding import unfolded
from tests.waiting import LIMIT_S, wait_until

ROOT = Path(__file__).resolve().parents[2]
TINY = {"hidden_size": 8, "inner_size": 16, "n_epochs": 2, "n_threads": 1, "batch_size": 16}
Open = Callable[..., AppTest]


@pytest.fixture
def open_train(workspace: Path) -> Open:
    def open_page(run: Run | None = None) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=LIMIT_S)
        if run is not None:
            app.query_params["run"] = run.id
        app.run().switch_page("pages/train.py").run()
        return unfolded(app, *forms.folded_fields(), "Policy YAML")

    return open_page


def service_of(workspace: Path) -> JobService:
    return state._job_service(str(workspace))


def wait_for_the_end(workspace: Path) -> None:
    service = service_of(workspace)
    assert service.wait(lambda: not service.active(), LIMIT_S)


def queued_run(workspace: Path, name: str = "mine", **settings: object) -> Run:
    policy = Policy("scoring_policy", parse_settings(TINY | settings))
    return create_run(workspace, find_dataset(workspace, "made"), policy, name=name)


def set_field(app: AppTest, name: str, value: object) -> AppTest:
    app.get_by_key(f"train_field_{name}").set_value(value)
    return app.run()


def draft(app: AppTest) -> dict[str, object]:
    return dict(app.session_state["train_draft"])


def test_without_a_dataset_the_page_says_what_it_is_for_and_offers_one_way_on(
    open_train: Open,
) -> None:
    app = open_train()
    assert not app.exception
    assert "needs a dataset" in texts(app)
    assert labels(app) == ["Bring data"]


def test_the_form_opens_with_a_preset_and_the_size_of_the_run(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = open_train()
    assert not app.exception
    assert draft(app) == dict(PRESETS["balanced"].values)
    assert "60 users, 30 items" in texts(app)
    assert "(default: unset)" in texts(app)
    assert app.selectbox(key="train_field_loss_type").placeholder == "auto"
    told = texts(app).replace("\\", "")
    assert re.search(
        r"Loss: auto, here CE; up to about [\d,]+ places × 30 items .* into 2 GiB\.", told
    )
    assert [metric.label for metric in app.metric] == ["Parameters", "Memory, about"]


def test_a_run_without_a_name_is_called_after_data_and_preset_and_no_two_alike(
    dataset: SequenceDataset, open_train: Open
) -> None:
    def shown(app: AppTest) -> str:
        assert not app.exception
        return str(app.text_input(key="train_name").placeholder)

    app = open_train()
    assert shown(app) == "made balanced"
    app.get_by_key("train_preset").set_value("sasrec").run()
    assert shown(app) == "made SASRec"
    assert shown(set_field(app, "n_epochs", 7)) == "made own settings"
    queued_run(dataset.folder.parents[1], "made own settings")
    assert shown(app.run()) == "made own settings 2"


def test_the_test_figures_say_what_they_are(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace)
    service_of(workspace).submit(run)
    wait_for_the_end(workspace)
    helps = {metric.label: metric.proto.help for metric in open_train(run).metric}
    assert "counts more the higher it stands" in helps["NDCG@10 on test"]
    assert "really came next" in helps["HR@10 on test"]


def test_a_policy_is_handed_over_with_every_setting_of_its_own(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = open_train()
    app.get_by_key("train_preset").set_value("quick").run()
    assert "n_heads" not in app.code[0].value
    app.toggle(key="whole_made.yaml").set_value(True).run()
    assert "n_heads: 2" in app.code[0].value
    assert "next_item_rate" not in app.code[0].value
    assert "Next-item share" in texts(app).replace("\\", "")


def test_a_preset_fills_the_form(dataset: SequenceDataset, open_train: Open) -> None:
    app = open_train()
    app.get_by_key("train_preset").set_value("quick").run()
    assert not app.exception
    assert draft(app) == dict(PRESETS["quick"].values)
    shown = app.number_input(key="train_field_n_epochs").value
    assert shown == PRESETS["quick"].values["n_epochs"]


@pytest.mark.parametrize("name", ["n_epochs", "learning_rate"])
def test_an_emptied_number_keeps_what_it_was(
    name: str, dataset: SequenceDataset, open_train: Open
) -> None:
    app = open_train()
    given, shown = dict(draft(app)), app.number_input(key=f"train_field_{name}").value
    app.number_input(key=f"train_field_{name}").set_value(EMPTIED).run()
    assert not app.exception
    assert draft(app) == given
    assert app.number_input(key=f"train_field_{name}").value == shown


def test_a_wrong_setting_is_shown_at_once_and_start_is_off_with_the_reason(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = set_field(open_train(), "n_heads", 3)
    assert any(
        "not a multiple of Attention heads" in error.value.replace("\\", "") for error in app.error
    )
    # A mark in the label would be read out as markup by a screen reader.
    box = app.number_input(key="train_field_hidden_size")
    assert (box.label, box.proto.icon) == ("Hidden size", ":material/error:")
    start = next(button for button in app.button if button.label == "Start training")
    assert start.disabled
    assert "To be put right first" in texts(app)
    app = set_field(app, "hidden_size", 66)
    start = next(button for button in app.button if button.label == "Start training")
    assert not start.disabled


@pytest.mark.parametrize(("name", "value"), [("n_epochs", 0), ("mask_rate", 5.0)])
def test_a_number_out_of_range_is_taken_and_told_and_a_preset_replaces_it(
    dataset: SequenceDataset, open_train: Open, name: str, value: float
) -> None:
    app = set_field(open_train(), name, value)
    assert not app.exception
    assert draft(app)[name] == value
    assert any("should be" in error.value for error in app.error)
    start = next(button for button in app.button if button.label == "Start training")
    assert start.disabled
    box = app.number_input(key=f"train_field_{name}")
    # A limit of the box's own would keep the browser from telling what was typed.
    assert (box.min, box.max) == (1 - 2**53, 2**53 - 1)
    app.get_by_key("train_preset").set_value("quick").run()
    assert app.number_input(key=f"train_field_{name}").value != value
    assert not app.error


def test_the_form_survives_a_visit_to_another_page(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = set_field(open_train(), "n_epochs", 7)
    app.text_input(key="train_name").set_value("kept").run()
    app.switch_page("pages/home.py").run()
    app.switch_page("pages/train.py").run()
    assert app.number_input(key="train_field_n_epochs").value == 7
    assert app.text_input(key="train_name").value == "kept"


def test_a_policy_yaml_fills_the_form_and_what_it_gives_stays_given(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = open_train()
    text = "policy_configs: {embedding_policy: {policy_type: bert4rec, n_epochs: 100}}"
    app.text_area(key="train_yaml_text").set_value(text)
    next(button for button in app.button if button.label == "Fill the form").click()
    app.run()
    assert draft(app) == {"n_epochs": 100}
    assert app.session_state["train_kind"] == "embedding_policy"
    assert any("n_epochs: 100" in code.value for code in app.code)
    assert any("--policy embedding_policy" in code.value for code in app.code)


def test_every_problem_of_a_policy_yaml_is_listed_and_the_form_stays(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = set_field(open_train(), "n_epochs", 7)
    text = "policy_configs: {scoring_policy: {policy_type: als, n_epoch: 1, mask_rate: 2}}"
    app.text_area(key="train_yaml_text").set_value(text)
    next(button for button in app.button if button.label == "Fill the form").click()
    app.run()
    told = texts(app).replace("\\", "")
    assert "policy_type is 'als'" in told
    assert "nearest name is n_epochs" in told
    assert "mask_rate: 2" in told
    assert draft(app)["n_epochs"] == 7


def test_a_policy_yaml_of_another_form_is_answered_with_one_to_start_from(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = open_train()
    app.text_area(key="train_yaml_text").set_value("n_epochs: 3")
    next(button for button in app.button if button.label == "Fill the form").click()
    told = app.run().error[0].value.replace("\\", "")
    assert "There is no policy_configs section" in told
    assert "Start from:\n```yaml\npolicy_configs:\n  scoring_policy:" in told


def test_what_a_policy_yaml_did_to_the_form_is_told_until_the_form_is_another(
    dataset: SequenceDataset, open_train: Open
) -> None:
    def take(text: str) -> AppTest:
        app.text_area(key="train_yaml_text").set_value(text)
        next(button for button in app.button if button.label == "Fill the form").click()
        return app.run()

    app = open_train()
    take("policy_configs: {scoring_policy: {policy_type: bert4rec, n_epochs: 20}}")
    assert [told.value for told in app.success] == ["The form is filled from the policy."]
    app.text_area(key="train_yaml_text").set_value("nonsense").run()
    assert app.success
    app.session_state["train_preset"] = "quick"
    assert not app.run().success
    take("nonsense")
    assert "The form is unchanged" in app.error[0].value
    app.text_area(key="train_yaml_text").set_value("another").run()
    assert app.error
    assert not set_field(app, "n_epochs", 7).error


def test_an_estimate_adds_the_time(
    dataset: SequenceDataset, open_train: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert4rec.estimate.MAX_PROBE_STEPS", 2)
    app = set_field(open_train(), "hidden_size", 8)
    next(button for button in app.button if button.label == "Estimate the time").click()
    app.run()
    assert not app.exception
    assert "All epochs" in [metric.label for metric in app.metric]


def test_the_first_batch_is_shown_with_its_hidden_items(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = open_train()
    app.session_state["train_first_batch"] = True
    app.run()
    assert not app.exception
    assert any(r"\[mask\]" in table.value.to_string() for table in app.table)


def test_a_run_started_in_the_browser_shows_its_own_settings_and_ends_with_figures(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    app = open_train()
    for name, value in TINY.items():
        set_field(app, name, value)
    app.text_input(key="train_name").set_value("from the page").run()
    next(button for button in app.button if button.label == "Start training").click()
    app.run()
    assert not app.exception
    run = list_runs(workspace)[0]
    assert run.name == "from the page"
    assert app.session_state["train_name"] == ""
    assert app.session_state["run_id"] == run.id
    given = run.hyperparameters().given()
    assert given["n_epochs"] == 2
    assert given["hidden_size"] == 8
    wait_for_the_end(workspace)
    app.run()
    assert not app.exception
    assert "Inspect its predictions" in labels(app)
    assert "Recommend with it" in labels(app)
    assert app.metric[0].label == "NDCG@10 on test"
    assert "BERT4Rec" in tables(app)[0].columns
    # Metric and loss; learning rate, gradient norm, speed and memory.
    assert len(app.get("vega_lite_chart")) == 2
    assert len(small_charts(app)) == 4
    next(button for button in app.button if button.label == "Evaluate it").click().run()
    assert app.title[0].value == "Evaluate"
    assert app.session_state["evaluate_runs"] == [run.id]


def test_new_run_stays_when_the_box_still_tells_of_another_run(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    first, second = queued_run(workspace, "first"), queued_run(workspace, "second")
    for run in (first, second):
        run.set_status(state="stopped")
    app = open_train(first)
    app.selectbox(key="train_view").set_value(second.id)
    next(button for button in app.button if button.label == "New run").click()
    app.run()
    assert "Start training" in labels(app)


def test_the_address_names_a_run_only_while_one_is_shown(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace, "shown")
    run.set_status(state="stopped")
    app = open_train(run)
    assert app.query_params["run"] == run.id
    next(button for button in app.button if button.label == "New run").click()
    app.run()
    assert "run" not in app.query_params
    set_field(app, "n_epochs", 3)
    assert "run" not in app.query_params
    # The browser's way back.
    app.query_params["run"] = run.id
    app.run()
    assert "Start training" not in labels(app)
    app.selectbox(key="train_view").set_value("new").run()
    assert "Start training" in labels(app)
    assert "run" not in app.query_params
    # It is still the run in use elsewhere.
    assert app.session_state["run_id"] == run.id


def test_a_press_on_start_counts_when_the_box_still_tells_of_another_run(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    shown = queued_run(workspace, "shown")
    shown.set_status(state="stopped")
    app = open_train(shown)
    next(button for button in app.button if button.label == "New run").click()
    unfolded(app.run(), *forms.folded_fields())
    for name, value in TINY.items():
        set_field(app, name, value)
    app.selectbox(key="train_view").set_value(shown.id)
    next(button for button in app.button if button.label == "Start training").click()
    app.run()
    assert not app.exception
    (started,) = (run for run in list_runs(workspace) if run.id != shown.id)
    assert app.session_state["run_id"] == started.id
    wait_for_the_end(workspace)


def test_a_new_form_starts_another_run_however_soon(
    dataset: SequenceDataset,
    workspace: Path,
    open_train: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presses, "TWICE_S", 1_000.0)

    def press(label: str) -> None:
        next(button for button in app.button if button.label == label).click()
        app.run()
        assert not app.exception

    app = unfolded(open_train(), *forms.folded_fields())
    for name, value in TINY.items():
        set_field(app, name, value)
    for label in ("Start training", "New run", "Start training"):
        press(label)
    assert len(list_runs(workspace)) == 2
    wait_for_the_end(workspace)


def test_a_start_that_fails_is_told_on_the_form(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    app = open_train()
    set_field(app, "device", "cuda:99")
    next(button for button in app.button if button.label == "Start training").click()
    app.run()
    assert not app.exception
    assert "cuda" in texts(app)
    assert not list_runs(workspace)


def test_the_active_run_that_is_shown_is_named_in_the_address(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace, n_epochs=100_000, eval_step=0)
    service_of(workspace).submit(run)
    app = open_train()
    assert run.name in [heading.value for heading in app.subheader]
    assert app.query_params["run"] == run.id
    service_of(workspace).stop(run.id)
    wait_for_the_end(workspace)


def test_a_run_is_found_by_its_link(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace, "linked")
    run.set_status(state="stopped", message="stopped on request")
    app = open_train(run)
    assert not app.exception
    assert "linked" in [heading.value for heading in app.subheader]
    assert "Stopped on request" in texts(app)


def test_runs_of_one_name_and_moment_stay_two_runs(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    first, second = queued_run(workspace), queued_run(workspace)
    moment = first.config()["created_at"]
    for run in (first, second):
        run.set_status(state="stopped")
        write_json(run.folder / "config.json", run.config() | {"created_at": moment})
    app = open_train(first)
    options = app.selectbox(key="train_view").options
    assert len(set(options)) == len(options) == 3
    assert app.session_state["run_id"] == first.id
    app.run()
    assert app.session_state["run_id"] == first.id


def test_datasets_of_one_name_stay_two_datasets(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    dataset.save(workspace / "datasets" / "made-2")
    options = open_train().selectbox(key="train_dataset").options
    assert len(set(options)) == len(options) == 2


def test_the_form_changes_nothing_about_the_settings_a_run_shows(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace, n_epochs=3)
    run.set_status(state="stopped")
    app = open_train(run)
    app.session_state["train_draft"] = {"n_epochs": 99}
    unfolded(app, "Settings of this run")
    assert any("n_epochs: 3" in code.value for code in app.code)
    assert not any("99" in code.value for code in app.code)
    came_from = app.dataframe[0].value.set_index("Setting")["From"]
    assert (came_from["Epochs"], came_from["Patience"]) == ("given", "default")


@pytest.mark.parametrize("error", ["DeviceMemoryError", "ProcessKilled"])
def test_a_run_that_did_not_fit_starts_again_with_half_the_batch_at_one_click(
    dataset: SequenceDataset, workspace: Path, open_train: Open, error: str
) -> None:
    # What it takes is that of a step, and not of judging many at once.
    run = queued_run(workspace, eval_batch_size=1)
    run.set_status(state="failed", error=error, message="it did not fit", fix="less")
    app = open_train(run)
    assert "It did not fit" in texts(app)
    next(button for button in app.button if "batch size 8" in button.label).click()
    app.run()
    wait_for_the_end(workspace)
    newest = list_runs(workspace)[0]
    assert newest.id != run.id
    assert newest.hyperparameters().given() == TINY | {"batch_size": 8, "eval_batch_size": 1}
    assert newest.status().state == "finished"


def test_a_run_of_which_half_would_not_fit_either_is_offered_the_batch_that_does(
    dataset: SequenceDataset,
    workspace: Path,
    open_train: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What it takes is that of a step, and not of judging many at once.
    run = queued_run(workspace, eval_batch_size=1)
    run.set_status(state="failed", error="DeviceMemoryError", message="it did not fit", fix="less")
    small = run.hyperparameters().model_copy(update={"batch_size": 4})
    free = int(size_of(dataset, small).memory_bytes / run_memory.FIT_SHARE) + 1
    monkeypatch.setattr(run_memory, "free_memory_bytes", lambda device: free)
    (again,) = (b for b in open_train(run).button if b.label.startswith("Again with"))
    assert again.label == "Again with batch size 4"
    monkeypatch.setattr(run_memory, "free_memory_bytes", lambda device: 1000)
    # The weights alone would not fit.
    assert not [b for b in open_train(run).button if b.label.startswith("Again with")]


def test_a_run_that_judged_too_many_at_once_is_offered_both_batches_in_one_button(
    dataset: SequenceDataset,
    workspace: Path,
    open_train: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = queued_run(workspace, eval_batch_size=32)
    run.set_status(state="failed", error="DeviceMemoryError", message="it did not fit", fix="less")
    found = {"batch_size": 8, "eval_batch_size": 16}
    monkeypatch.setattr(run_memory, "smaller_batches", lambda *_: found)
    (again,) = (b for b in open_train(run).button if b.label.startswith("Again with"))
    assert again.label == "Again with batch size 8 and evaluation batch size 16"


@pytest.mark.parametrize(
    ("rate", "smaller", "told"), [(0.005, 0.0005, "0.0005"), (40.0, 0.001, "0.001")]
)
def test_a_run_that_lost_its_numbers_starts_again_with_a_smaller_learning_rate_at_one_click(
    dataset: SequenceDataset,
    workspace: Path,
    open_train: Open,
    rate: float,
    smaller: float,
    told: str,
) -> None:
    run = queued_run(workspace, learning_rate=rate)
    run.set_status(state="failed", error="NonFiniteLossError", message="lost", fix="less")
    app = open_train(run)
    button = next(one for one in app.button if one.label.startswith("Again with"))
    assert button.label == f"Again with learning rate {told}"
    button.click()
    app.run()
    wait_for_the_end(workspace)
    newest = list_runs(workspace)[0]
    assert newest.id != run.id
    assert newest.hyperparameters().learning_rate == pytest.approx(smaller)


def test_a_smaller_batch_on_a_device_that_is_gone_leaves_no_run_behind(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace, device="cuda:97")
    run.set_status(state="failed", error="DeviceMemoryError", message="it did not fit", fix="less")
    app = open_train(run)
    next(button for button in app.button if "batch size 8" in button.label).click()
    app.run()
    assert not app.exception
    assert "cuda:97" in texts(app).replace("\\", "")
    assert list_runs(workspace) == [run]


def test_a_failed_run_names_settings_as_the_form_does(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace)
    fix = "Use a smaller learning_rate, or precision=float32."
    run.set_status(state="failed", message="the loss became nan", fix=fix)
    (said,) = (box.value for box in open_train(run).error)
    assert "Use a smaller Learning rate, or Precision: float32." in said.replace("\\", "")
    # Whoever reads the folder or the command line finds the names.
    assert run.status().fix == fix


def test_an_interrupted_run_says_so_and_can_be_resumed(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace)
    run.set_status(state="running")
    path = run.folder / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": 2**22 + 1}))
    app = open_train(run)
    assert "gone" in texts(app)
    app.button(key=f"submit_{run.id}").click().run()
    wait_for_the_end(workspace)
    assert run.status().state == "finished"


def test_a_running_run_can_be_paused_resumed_and_stopped(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace, n_epochs=100_000, eval_step=0)
    service_of(workspace).submit(run)
    app = open_train(run)
    app.button(key=f"pause_{run.id}").click().run()
    assert not app.exception
    assert service_of(workspace).is_paused(run.id)
    app.button(key=f"resume_{run.id}").click().run()
    assert not service_of(workspace).is_paused(run.id)
    # One that is stopped before its first step would have nothing to go on from.
    wait_until(lambda: bool(curves_of(run).train))
    app.button(key=f"stop_{run.id}").click().run()
    wait_for_the_end(workspace)
    app.run()
    assert run.status().state == "stopped"
    assert "Resume" in labels(app)


def test_a_second_press_of_resume_is_not_refused_however_late_it_is_heard_of(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace, n_epochs=100_000)
    run.set_status(state="interrupted")
    # As of two windows, the second press is of a page that was drawn before the first.
    pages = [open_train(run), open_train(run)]
    for app in pages:
        app.button(key=f"submit_{run.id}").click().run()
        assert not app.exception
        assert not app.error
        assert "Stop and keep best" in labels(app)
    service_of(workspace).stop(run.id)
    wait_for_the_end(workspace)


def test_an_ended_run_goes_into_the_trash_and_comes_back_by_undo(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace)
    run.set_status(state="finished")
    app = open_train(run)
    assert "Discard" not in labels(app)
    # A run of the whole page draws a dialog only if what opens it is pressed in the same run.
    app.button(key=f"delete_{run.id}").click().run()
    app.button(key=f"delete_{run.id}").click()
    app.button(key="really_delete").click().run()
    assert not app.exception
    assert list_runs(workspace) == []
    assert "1 run went into the trash" in texts(app)
    next(button for button in app.button if button.label == "Undo").click().run()
    assert not app.exception
    assert list_runs(workspace) == [run]


def test_what_is_under_way_is_discarded_and_not_deleted(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace, n_epochs=100_000, eval_step=0)
    service_of(workspace).submit(run)
    app = open_train(run)
    assert "Discard" in labels(app)
    assert "Delete" not in labels(app)
    service = service_of(workspace)
    service.discard(run.id)
    # It is not among the active ones any more, but its thread has yet to let go of it.
    assert service.wait(lambda: service.position(run.id) is None, LIMIT_S)


def test_a_second_run_waits_and_says_so(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    # Without validations none of them can end it for want of a gain.
    first = queued_run(workspace, n_epochs=100_000, eval_step=0)
    second = queued_run(workspace, "waits")
    service = service_of(workspace)
    service.submit(first)
    service.submit(second)
    app = open_train(second)
    assert "Number 1 in the queue" in texts(app)
    # It has not started yet.
    assert "created " in texts(app)
    assert "started " not in texts(app)
    app.button(key=f"take_out_{second.id}").click().run()
    assert second.status().state == "stopped"
    service.stop(first.id)
    wait_for_the_end(workspace)


def test_a_run_of_another_process_is_only_watched(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace)
    assert "It waits in another process" in texts(open_train(run))
    run.set_status(state="running")
    app = open_train(run)
    assert "It runs in another process" in texts(app)
    assert not any(label in labels(app) for label in ("Pause", "Stop and keep best"))


def test_a_prediction_can_be_watched_while_the_model_learns(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace)
    service_of(workspace).submit(run)
    wait_for_the_end(workspace)
    app = open_train(run)
    app.toggle(key="watch_prediction").set_value(True).run()
    assert not app.exception
    assert "Rank of the hidden item" in [metric.label for metric in app.metric]


def test_after_the_end_the_watched_prediction_is_the_one_of_all_other_pages(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = finished_run(workspace)
    summary = run.folder / "summary.json"
    for divisor in (None, 3.0):
        by = [{"context": "both", "least": 2**power, "temperature": divisor} for power in range(5)]
        write_json(summary, read_json(summary) | {"temperatures": None if divisor is None else by})
        app = open_train(run)
        app.toggle(key="watch_prediction").set_value(True).run()
        assert not app.exception
        assert ("calibrated where that pays" in texts(app)) == (divisor is not None)
        assert ("the network's own" in texts(app)) == (divisor is None)
        model = load_model(run).calibrated()
        history = dataset.history(dataset.user_idx(offered_users(dataset)[0]))
        place = middle_place(len(history), model.settings.max_seq_length)
        (asked,) = predict_masked(model, history, [place], k=5)
        shown = table_with(app, "Probability")["Probability"].tolist()
        assert shown == [percent(guess.probability) for guess in asked.top]


def test_a_run_that_never_began_is_not_said_to_go_on_from_a_checkpoint(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace)
    path = run.folder / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": 2**22 + 1}))
    app = open_train(run)
    assert "begins with its first step" in texts(app)
    assert "goes on from its last checkpoint" not in texts(app)


def test_of_a_user_held_out_the_watched_prediction_does_not_say_that_it_trains(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = queued_run(workspace, sample_strategy="user_based", sample_ratio=0.5)
    service_of(workspace).submit(run)
    wait_for_the_end(workspace)
    trained = set(split_dataset(dataset, run.hyperparameters()).train.user_idx.tolist())
    held_out = next(idx for idx in range(dataset.n_users) if idx not in trained)
    app = open_train(run)
    app.toggle(key="watch_prediction").set_value(True).run()
    watched = f"watched_user_{dataset.fingerprint}"
    app.selectbox(key=watched).set_value(dataset.user_id(held_out)).run()
    assert not app.exception
    assert "does not train on the hidden item" in texts(app)
    app.selectbox(key=watched).set_value(dataset.user_id(min(trained))).run()
    assert "trains on this history too" in texts(app)


def finished_run(workspace: Path, **settings: object) -> Run:
    run = queued_run(workspace, **settings)
    service_of(workspace).submit(run)
    wait_for_the_end(workspace)
    return run


def test_a_run_that_held_users_out_shows_how_it_does_for_them(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    title = "Users of whom nothing was trained on"
    assert title not in texts(open_train(finished_run(workspace)))
    app = open_train(finished_run(workspace, sample_strategy="user_based", sample_ratio=0.5))
    assert not app.exception
    assert title in texts(app)
    assert "30 held-out items, ranked alike" in texts(app)


@pytest.mark.usefixtures("dataset")
def test_the_metrics_of_all_validations_have_as_many_digits(
    workspace: Path, open_train: Open
) -> None:
    app = unfolded(open_train(finished_run(workspace)), "As a table")
    assert sum(table.proto.columns.count('"format": "%.4f"') for table in app.dataframe) == 12


def test_the_metric_of_validation_is_named_as_everywhere_else(
    dataset: SequenceDataset, open_train: Open
) -> None:
    assert dataset.n_items
    (box,) = (box for box in open_train().selectbox if box.label == "Validation metric")
    assert "NDCG@10" in box.options


def test_another_metric_of_the_validations_can_be_drawn(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    first, second = finished_run(workspace), finished_run(workspace)
    app = open_train(first)
    assert "**NDCG@10 on the validation items**" in plain(app)
    app.selectbox(key="curve_metric_ndcg@10").set_value("hr@5").run()
    assert not app.exception
    assert "**HR@5 on the validation items**" in plain(app)
    assert "the best by NDCG@10" in plain(app)
    app.selectbox(key="train_view").set_value(second.id).run()
    assert app.selectbox(key="curve_metric_ndcg@10").value == "hr@5"


def test_smoothing_and_log_scale_are_chosen_once_for_all_runs(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    first, second = finished_run(workspace), finished_run(workspace)
    app = open_train(first)
    assert "faint line" in texts(app)
    app.slider(key="curve_smoothing").set_value(0.0).run()
    assert "faint line" not in texts(app)
    app.toggle(key="curve_log_scale").set_value(True).run()
    assert not app.exception
    app.selectbox(key="train_view").set_value(second.id).run()
    assert app.slider(key="curve_smoothing").value == 0.0
    assert app.toggle(key="curve_log_scale").value is True


def test_a_live_run_tells_gradient_norm_learning_rate_speed_and_memory(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = finished_run(workspace)
    # As a page sees it that another process trains.
    run.set_status(state="running")
    app = open_train(run)
    assert not app.exception
    figures = {metric.label: metric.value for metric in app.metric}
    assert {"Gradient norm", "Learning rate", "Sequences/s", "Memory"} <= figures.keys()
    assert "–" not in figures.values()
    curves = Curves()
    curves.update(run.journal)
    assert f"{figures['Sequences/s']}, the median" in small_finding(curves, "speed")
    assert len(small_charts(app)) == 4


def test_the_best_figure_of_a_live_run_is_that_of_the_curves_on_the_page(
    dataset: SequenceDataset, workspace: Path
) -> None:
    run = finished_run(workspace)
    run.set_status(state="running")
    curves = Curves()
    curves.update(run.journal)
    first = curves.bests[0]
    run.journal.append(first | {"metrics": dict.fromkeys(first["metrics"], 0.875)})

    def page(folder: str, first: dict[str, object]) -> None:
        from pathlib import Path

        from bert4rec.runs.folder import Run
        from bert4rec.ui import cache
        from bert4rec.ui.train import live_run
        from bert4rec.ui.train.pace import note_watcher, pace_of

        run = Run(Path(folder))
        pace = pace_of(cache.curves(run.id), note_watcher())
        drawn = live_run.Drawn("running", "running", False, pace, first)
        live_run._draw_figures(run, drawn)
        live_run._draw_curves(run, drawn)
        live_run._draw_figures(run, drawn)

    app = AppTest.from_function(page, kwargs={"folder": str(run.folder), "first": first})
    app.run(timeout=LIMIT_S)
    assert not app.exception
    told = [metric.value for metric in app.metric if metric.label == "Best NDCG@10"]
    assert told == [f"{first['metrics']['ndcg@10']:.4f}", "0.8750"]
    assert "0\\.8750 at epoch" in texts(app)


def test_a_run_that_ended_within_its_first_steps_is_not_said_to_have_had_none(
    dataset: SequenceDataset, open_train: Open
) -> None:
    run = queued_run(dataset.folder.parents[1])
    run.set_status(state="failed", error="NonFiniteLossError", message="lost", fix="less")
    assert "It ended before its first training step" in texts(open_train(run))
    run.set_status(step=2)
    told = texts(open_train(run))
    assert "It ended before the figures of its first training steps" in told
    assert "before its first training step," not in told


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe{{{\n"])
def test_a_trained_run_without_its_journal_is_not_said_to_have_ended_before_training(
    dataset: SequenceDataset, open_train: Open, content: bytes | None
) -> None:
    run = finished_run(dataset.folder.parents[1])
    run.journal.path.unlink()
    if content is not None:
        run.journal.path.write_bytes(content)
    told = texts(open_train(run)).replace("\\", "")
    assert "There are no curves: its journal, metrics.jsonl, is missing or cannot be read" in told
    assert "before its first training step" not in told


def test_the_training_time_is_that_of_the_lists(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = finished_run(workspace)
    run.set_status(trained_s=90.0)
    figures = {metric.label: metric.value for metric in open_train(run).metric}
    assert figures["Training time"] == "1 min 30 s"


def test_a_run_that_was_never_validated_has_no_best_epoch(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = finished_run(workspace)
    best = run.status().best_epoch
    figures = {metric.label: metric.value for metric in open_train(run).metric}
    assert figures["Best epoch"].startswith(f"{best} of ")
    run.set_status(best_score=None)
    figures = {metric.label: metric.value for metric in open_train(run).metric}
    assert figures["Best epoch"].startswith("none of ")


def test_the_log_is_shown_as_it_is_and_only_when_asked_for(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    run = finished_run(workspace)
    hostile = "<img src=x onerror=alert(1)> :red[x] [a](javascript:b) `$$x$$`"
    run.log(hostile)
    app = open_train(run)
    assert not any(hostile in code.value for code in app.code)
    app.session_state[f"log_{run.id}"] = True
    app.run()
    assert not app.exception
    (shown,) = (code for code in app.code if hostile in code.value)
    assert hostile in shown.value.splitlines()[0]
    assert shown.language in (None, "", "plaintext")


def first_version_run(workspace: Path) -> Run:
    """A run as the first version wrote it."""
    for part in ("datasets", "runs"):
        shutil.copytree(ROOT / "tests" / "golden" / "run_v1" / part, workspace / part)
    (run,) = list_runs(workspace)
    return run


def test_a_run_of_the_first_version_is_drawn_without_what_it_did_not_tell(
    workspace: Path, open_train: Open
) -> None:
    run = first_version_run(workspace)
    app = open_train(run)
    assert not app.exception
    assert small_charts(app) == ["Learning rate", "Sequences/s", "Memory"]
    assert "before clipping" not in texts(app)


def test_a_run_without_a_report_is_drawn_with_the_figures_that_it_has(
    workspace: Path, open_train: Open
) -> None:
    run = first_version_run(workspace)
    summary = run.summary()
    assert summary is not None
    del summary["report"]
    write_json(run.folder / "summary.json", summary)
    app = open_train(run)
    assert not app.exception
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["NDCG@10 on test"] == f"{summary['test']['ndcg@10']:.4f}"


def test_advice_names_its_figure_and_a_click_takes_it(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = set_field(open_train(), "batch_size", 500)
    assert "only 60 sequences train" in texts(app)
    app.button(key="train_mend_batch_size").click().run()
    assert not app.exception
    assert draft(app)["batch_size"] == 8
    assert "only 60 sequences train" not in texts(app)
    # Doubt keeps nobody from starting.
    app = set_field(app, "batch_size", 500)
    start = next(button for button in app.button if button.label == "Start training")
    assert not start.disabled


def test_attention_is_a_choice_of_the_form_that_makes_a_sasrec_run(
    dataset: SequenceDataset, workspace: Path, open_train: Open
) -> None:
    app = open_train()
    assert list(app.get_by_key("train_field_attention").options) == ["bidirectional", "causal"]
    app.session_state["train_draft"] = TINY | {"mask_rate": 0.3}
    app.session_state["train_first_batch"] = True
    set_field(app, "attention", "causal")
    assert "SASRec hides no item" in texts(app)
    assert "policy_type: sasrec" in "\n".join(code.value for code in app.code)
    assert "each from the items before it alone" in texts(app)
    next(button for button in app.button if button.label == "Start training").click().run()
    assert not app.exception
    wait_for_the_end(workspace)
    app.run()
    assert not app.exception
    assert "SASRec" in tables(app)[0].columns
    assert "BERT4Rec" not in tables(app)[0].columns
    assert "SASRec · made" in texts(app)


def test_masks_are_off_and_no_change_where_no_item_is_hidden(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = set_field(open_train(), "mask_rate", 0.4)
    set_field(app, "next_item_rate", 0.1)
    assert "train_back_mask_rate" in [button.key for button in app.button]
    set_field(app, "attention", "causal")
    for name, title in (("mask_rate", "Mask rate"), ("next_item_rate", "Next-item share")):
        field = app.get_by_key(f"train_field_{name}")
        assert field.disabled
        assert "Not used, as SASRec hides no item" in field.help
        assert texts(app).count(f"as SASRec hides no item: {title}") == 1
        assert f"train_back_{name}" not in [button.key for button in app.button]
    assert "Data" in [box.label for box in app.expander]
    # What was typed is there again with masks.
    set_field(app, "attention", "bidirectional")
    assert app.get_by_key("train_field_mask_rate").value == 0.4
    assert not app.get_by_key("train_field_mask_rate").disabled


def test_a_mask_rate_that_cannot_be_is_mended_also_where_it_does_nothing(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = set_field(set_field(open_train(), "mask_rate", 2.0), "attention", "causal")
    assert not app.get_by_key("train_field_mask_rate").disabled
    set_field(app, "mask_rate", 0.2)
    assert app.get_by_key("train_field_mask_rate").disabled


def test_an_error_is_mended_by_a_click(dataset: SequenceDataset, open_train: Open) -> None:
    app = set_field(open_train(), "n_heads", 3)
    assert app.number_input(key="train_field_hidden_size").proto.icon == ":material/error:"
    app.button(key="train_mend_hidden_size").click().run()
    assert draft(app)["hidden_size"] == 66
    assert not app.error
    app = set_field(open_train(), "n_heads", 6)
    app.button(key="train_mend_n_heads").click().run()
    assert draft(app)["n_heads"] == 4
    assert not app.error


def test_a_split_that_leaves_nobody_is_told_by_the_form_and_start_is_off(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = set_field(open_train(), "split_strategy", "global_time")
    assert not app.exception
    assert "no times" in texts(app)
    start = next(button for button in app.button if button.label == "Start training")
    assert start.disabled


def test_what_was_changed_since_the_preset_is_marked_and_goes_back_one_by_one_or_at_once(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = open_train()
    assert "Changed since" not in texts(app)
    app = set_field(app, "n_epochs", 7)
    app = set_field(app, "seed", 5)
    app = set_field(app, "hidden_size", 32)
    assert "Changed since *Balanced*" in texts(app)
    box = app.number_input(key="train_field_n_epochs")
    assert (box.label, box.proto.icon) == ("Epochs", ":material/edit:")
    assert "it was 100" in box.help
    # A switch has no place for an icon.
    switch = set_field(app, "compile", True).toggle(key="train_field_compile")
    assert (switch.label.split(" · ")[1:], switch.value) == (["changed"], True)
    app.button(key="train_back_seed").click().run()
    assert "seed" not in draft(app)
    assert draft(app)["n_epochs"] == 7
    app.button(key="train_back").click().run()
    assert draft(app) == dict(PRESETS["balanced"].values)
    assert not app.number_input(key="train_field_n_epochs").proto.icon


def test_a_policy_is_what_changes_are_told_against_after_it_filled_the_form(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = open_train()
    text = "policy_configs: {scoring_policy: {policy_type: bert4rec, n_epochs: 30}}"
    app.text_area(key="train_yaml_text").set_value(text)
    next(button for button in app.button if button.label == "Fill the form").click()
    app.run()
    assert "Changed since" not in texts(app)
    app = set_field(app, "n_epochs", 7)
    assert "Changed since *the policy*" in texts(app)
    app.button(key="train_back_n_epochs").click().run()
    assert draft(app) == {"n_epochs": 30}


def test_a_preset_of_ones_own_is_kept_fills_the_form_again_and_goes(
    dataset: SequenceDataset, open_train: Open, workspace: Path
) -> None:
    app = open_train()
    set_field(app, "hidden_size", 32)
    app.text_input(key="own_preset_name").set_value("quick").run()
    app.button(key="own_preset_keep").click().run()
    assert "There is a preset called quick already" in texts(app)
    app.text_input(key="own_preset_name").set_value("narrow one").run()
    app.button(key="own_preset_keep").click().run()
    assert not app.exception
    (kept,) = own_presets(workspace)
    assert kept.policy is not None
    assert (kept.name, kept.policy.settings.hidden_size) == ("narrow-one", 32)

    other = open_train()
    assert draft(other).get("hidden_size") != 32
    other.button(key="own_preset_use_narrow-one").click().run()
    assert draft(other)["hidden_size"] == 32
    assert r"your preset narrow\-one" in texts(other)
    other.button(key="own_preset_delete_narrow-one").click().run()
    assert not other.exception
    assert own_presets(workspace) == []


def keep_preset(app: AppTest, name: str) -> str:
    """Press to keep the settings under a name; return what the page says then."""
    app.text_input(key="own_preset_name").set_value(name)
    app.button(key="own_preset_keep").click().run()
    assert not app.exception
    return " ".join(toast.value for toast in app.toast)


def test_presets_kept_shortly_after_each_other_are_each_kept_under_their_name(
    dataset: SequenceDataset,
    open_train: Open,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presses, "TWICE_S", 1_000.0)
    app = open_train()
    assert keep_preset(app, "one") == "Kept as one"
    # As the second press of two, whether the box is emptied by then or not.
    assert keep_preset(app, "one") == keep_preset(app, "") == "Kept as one"
    assert keep_preset(app, "two") == "Kept as two"
    assert [preset.name for preset in own_presets(workspace)] == ["one", "two"]
    set_field(app, "hidden_size", 32)
    keep_preset(app, "two")
    assert "There is a preset called two already" in texts(app)
    app.button(key="own_preset_delete_one").click().run()
    assert keep_preset(app, "one") == "Kept as one"
    assert [preset.name for preset in own_presets(workspace)] == ["one", "two"]
    app.button(key="own_preset_delete_one").click().run()
    assert keep_preset(app, "one") == "Kept as one"
    assert [preset.name for preset in own_presets(workspace)] == ["one", "two"]


def test_a_preset_that_cannot_be_read_says_why(
    dataset: SequenceDataset, open_train: Open, workspace: Path
) -> None:
    (workspace / "presets").mkdir(parents=True)
    (workspace / "presets" / "old.yaml").write_text("policy_configs: {scoring_policy: {a: 1}}")
    app = open_train()
    assert not app.exception
    assert "type is missing" in texts(app)


def test_what_the_presets_reached_stands_in_their_help_with_the_machine(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = open_train()
    told = app.get_by_key("train_preset").help
    for preset in PRESETS.values():
        assert preset.title in told
        assert all(found.short in told for found in preset.measured)
    assert MACHINE in texts(app)


def test_the_form_is_given_as_policy_command_and_python(
    dataset: SequenceDataset, open_train: Open
) -> None:
    app = open_train()
    assert [tab.label for tab in app.tabs] == ["Policy YAML", "Command", "Python"]
    for words in ("policy_type: bert4rec", "bert4rec train made-1", "bert4rec.open_dataset("):
        assert any(words in code.value for code in app.code), words
