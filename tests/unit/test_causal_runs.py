"""A SASRec run is a run like any other: stopped, resumed, extended, moved and judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bert4rec.control import Control
from bert4rec.errors import FormatError, SettingsError
from bert4rec.estimate import size_of
from bert4rec.first_batch import first_batch
from bert4rec.held_out.future_report import future_report
from bert4rec.json_files import read_json, write_json
from bert4rec.loaded_model import load_model
from bert4rec.pipeline import evaluate, extend, resume, train
from bert4rec.runs.archive import export_run, import_run
from bert4rec.runs.folder import Run
from tests.ends import assert_equal_ends, curves_of, summary_of
from tests.factories import ring_dataset, small_settings

# 40 histories in batches of 8: five steps an epoch.
SETTINGS = small_settings(attention="causal", mask_rate=0.3, batch_size=8, n_epochs=4)
DATASET = ring_dataset(n_users=40)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(DATASET, SETTINGS, workspace=tmp_path_factory.mktemp("whole"))


def test_its_record_names_the_model_and_what_is_not_used(uninterrupted: Run) -> None:
    started = curves_of(uninterrupted).started
    assert started["model"] == "SASRec"
    assert started["model_reason"] == (
        "attention is causal; not used, as no item is hidden: mask_rate and next_item_rate"
    )
    assert uninterrupted.hyperparameters().model_name == "SASRec"
    assert started["n_parameters"] == size_of(DATASET, SETTINGS).n_parameters


def test_judging_it_again_gives_the_reported_figures(uninterrupted: Run) -> None:
    again = json.loads(json.dumps(evaluate(uninterrupted)))
    assert again == summary_of(uninterrupted)["report"]


def test_a_run_that_was_stopped_and_resumed_equals_an_uninterrupted_one(
    uninterrupted: Run, tmp_path: Path
) -> None:
    control = Control()

    def stop_at_seven(line: dict[str, object]) -> None:
        if line["event"] == "train" and line["step"] == 7:
            control.stop()

    run = train(DATASET, SETTINGS, workspace=tmp_path, control=control, watch=stop_at_seven)
    assert run.status().state == "stopped"
    resume(run)
    assert_equal_ends(run, uninterrupted)


def test_a_run_that_goes_on_for_longer_equals_one_go(uninterrupted: Run, tmp_path: Path) -> None:
    short = train(DATASET, SETTINGS.model_copy(update={"n_epochs": 2}), workspace=tmp_path)
    longer = extend(short, 2)
    assert longer.hyperparameters().attention == "causal"
    assert summary_of(longer)["test"] == summary_of(uninterrupted)["test"]


@pytest.mark.parametrize(("was", "claimed"), [("bidirectional", "causal"), ("causal", None)])
def test_a_run_cannot_become_one_of_the_other_kind(
    was: str, claimed: str | None, tmp_path: Path
) -> None:
    """By a configuration that was changed by hand: neither used, nor resumed, nor imported."""
    settings = SETTINGS.model_copy(update={"attention": was, "n_epochs": 1})
    run = train(DATASET, settings, workspace=tmp_path)
    config = read_json(run.folder / "config.json")
    for part in ("settings", "effective_settings"):
        config[part]["attention"] = claimed or "bidirectional"
    write_json(run.folder / "config.json", config)
    with pytest.raises(FormatError, match="does not fit the network"):
        load_model(run)
    export_run(run, tmp_path / "run.zip")
    with pytest.raises(FormatError, match="do not fit the network of the settings"):
        import_run(tmp_path / "elsewhere", tmp_path / "run.zip")
    run.set_status(state="stopped")
    with pytest.raises(FormatError, match="does not fit the network"):
        resume(run)


def test_it_is_carried_to_another_workspace(uninterrupted: Run, tmp_path: Path) -> None:
    export_run(uninterrupted, tmp_path / "run.zip")
    uninterrupted.dataset().save(tmp_path / "there" / "datasets" / "ring")
    moved = import_run(tmp_path / "there", tmp_path / "run.zip")
    items = ["3", "4", "5"]
    assert load_model(moved).recommend(items) == load_model(uninterrupted).recommend(items)


def test_its_first_batch_hides_nothing_and_asks_for_all_but_the_first() -> None:
    batch = first_batch(DATASET, SETTINGS)
    assert batch.n_next == batch.n_sequences == 8
    for row in batch.rows:
        assert [place.is_asked for place in row.places] == [False, *[True] * (len(row.places) - 1)]


def test_it_cannot_tell_what_the_future_adds(uninterrupted: Run) -> None:
    with pytest.raises(SettingsError, match="sees the past alone"):
        future_report(load_model(uninterrupted))
