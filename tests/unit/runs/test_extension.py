from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bert4rec.control import Control
from bert4rec.errors import NotFoundError, RunError, SettingsError
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.json_files import read_json, write_json
from bert4rec.pipeline import execute, extend, resume, train
from bert4rec.policy import Policy
from bert4rec.runs.checkpoints import load_checkpoint, save_checkpoint
from bert4rec.runs.curves import Curves
from bert4rec.runs.extension import Parent, extend_run, parent_of, plan_extension
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run, list_runs
from bert4rec.runs.storage import prune_run
from tests.factories import ring_dataset, saved_dataset, small_settings

# 40 histories in batches of 8: five steps an epoch.
DATASET = ring_dataset(n_users=40)


def settings_of(**changes: Any) -> Hyperparameters:
    return small_settings(**{"batch_size": 8, "n_epochs": 3} | changes)


def curves_of(run: Run) -> tuple[list[Any], list[Any]]:
    curves = Curves()
    curves.update(run.journal)
    return (
        [(row["step"], row["loss"], row["learning_rate"]) for row in curves.train],
        [(row["step"], row["metrics"], row["is_best"]) for row in curves.valid],
    )


def position_of(run: Run, kind: str = "last") -> dict[str, Any]:
    return load_checkpoint(run.checkpoint(kind))[1]


def assert_same_end(one: Run, two: Run) -> None:
    """Hold two runs to the same weights, moments, metrics and curves, to the last digit."""
    for kind in ("last", "best"):
        left, position = load_checkpoint(one.checkpoint(kind))
        right, other = load_checkpoint(two.checkpoint(kind))
        assert left.keys() == right.keys()
        assert all(torch.equal(left[name], right[name]) for name in left)
        assert position | {"trained_s": 0} == other | {"trained_s": 0}
    assert curves_of(one) == curves_of(two)
    for key in ("test", "valid", "best_epoch", "n_epochs_done", "reason"):
        assert (one.summary() or {})[key] == (two.summary() or {})[key]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ema_decay": 0.0},
        {"loss_type": "sampled_CE", "warmup_steps": 8},
        {"early_stopping_step": 4},
        {"eval_step": 0},
    ],
    ids=str,
)
def test_three_epochs_and_two_more_are_five_in_one_go(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    short = train(DATASET, settings_of(**changes), workspace=tmp_path, name="short")
    assert plan_extension(short, 2).notes == ()
    longer = extend(short, 2, name="longer")
    whole = train(DATASET, settings_of(n_epochs=5, **changes), workspace=tmp_path, name="whole")
    assert_same_end(longer, whole)
    assert longer.hyperparameters() == whole.hyperparameters()
    assert (longer.status().state, longer.status().n_epochs) == ("finished", 5)


def test_a_run_that_was_stopped_within_an_epoch_goes_on_there(tmp_path: Path) -> None:
    control = Control()

    def watch(line: dict[str, Any]) -> None:
        if line["event"] == "train" and line["step"] == 13:
            control.stop()

    stopped = train(DATASET, settings_of(), workspace=tmp_path, control=control, watch=watch)
    assert position_of(stopped)["epoch_step"] == 3
    longer = extend(stopped, 3, name="longer")
    whole = train(DATASET, settings_of(n_epochs=5), workspace=tmp_path, name="whole")
    assert_same_end(longer, whole)


def test_the_run_that_was_trained_longer_stays_as_it_was_and_is_named(tmp_path: Path) -> None:
    short = train(DATASET, settings_of(), workspace=tmp_path, name="short")
    before = {path: path.read_bytes() for path in short.folder.rglob("*") if path.is_file()}
    longer = extend_run(short, 2)
    assert longer.status().state == "queued"
    assert parent_of(longer) == Parent(short.id, "short", 3, 15)
    assert parent_of(short) is None
    assert (longer.name, longer.summary()) == ("short 2", None)
    assert (longer.status().epoch, longer.status().best_score) == (3, short.status().best_score)
    execute(longer)
    assert {path: path.read_bytes() for path in before} == before
    assert [line["event"] for line in longer.journal.read()[0]].count("started") == 1


def test_a_longer_run_that_is_interrupted_before_its_first_step_is_resumed_to_the_same_end(
    tmp_path: Path,
) -> None:
    short = train(DATASET, settings_of(), workspace=tmp_path, name="short")
    longer = extend_run(short, 2)
    longer.set_status(state="interrupted")
    resume(longer)
    whole = train(DATASET, settings_of(n_epochs=5), workspace=tmp_path, name="whole")
    assert_same_end(longer, whole)


def test_a_longer_run_without_a_name_of_its_own_is_called_as_no_other_run(tmp_path: Path) -> None:
    short = train(DATASET, settings_of(), workspace=tmp_path, name="short")
    names = [extend_run(short, 2).name, extend_run(short, 2).name]
    assert names == ["short 2", "short 3"]
    assert extend_run(short, 2, name="longer").name == "longer"


def at_its_end(run: Run, **changes: Any) -> Run:
    """The run with another position in its last checkpoint."""
    tensors, plain = load_checkpoint(run.checkpoint("last"))
    save_checkpoint(run.checkpoint("last"), tensors, plain | changes)
    return run


def test_patience_that_is_left_is_carried_over_and_one_that_ran_out_begins_anew(
    tmp_path: Path,
) -> None:
    run = train(DATASET, settings_of(early_stopping_step=4), workspace=tmp_path)
    assert position_of(extend_run(at_its_end(run, n_without_gain=3), 2))["n_without_gain"] == 3
    plan = plan_extension(at_its_end(run, n_without_gain=4), 2)
    assert plan.position.n_without_gain == 0
    assert "its patience begins anew" in plan.notes[0]
    assert position_of(extend_run(run, 2))["n_without_gain"] == 0


def test_a_run_that_ended_for_want_of_gain_trains_on_when_asked(tmp_path: Path) -> None:
    # A network that does not learn gains nothing.
    settings = settings_of(n_epochs=20, early_stopping_step=2, learning_rate=1e-12)
    run = train(DATASET, settings, workspace=tmp_path)
    done = position_of(run)["epoch"]
    assert (run.summary() or {})["reason"] == "no gain"
    assert position_of(extend(run, 1))["epoch"] == done + 1


def test_a_time_limit_that_was_reached_begins_anew_and_another_stays(tmp_path: Path) -> None:
    run = train(DATASET, settings_of(max_minutes=10), workspace=tmp_path)
    assert plan_extension(run, 1).settings.max_minutes == 10
    plan = plan_extension(at_its_end(run, trained_s=660.0), 1)
    assert plan.settings.max_minutes == 21
    assert "reached its time limit, which begins anew" in plan.notes[0]


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_a_schedule_over_all_epochs_goes_on_as_that_of_the_longer_run_and_is_told(
    schedule: str, tmp_path: Path
) -> None:
    run = train(DATASET, settings_of(schedule=schedule), workspace=tmp_path, name="short")
    (note,) = plan_extension(run, 2).notes
    assert f"followed a {schedule} schedule that ended with epoch 3" in note
    assert "not that of one go" in note
    longer = extend(run, 2, name="longer")
    whole = train(
        DATASET, settings_of(n_epochs=5, schedule=schedule), workspace=tmp_path, name="whole"
    )
    rates = [[rate for _, _, rate in curves_of(one)[0]] for one in (run, longer, whole)]
    assert rates[1] == [*rates[0], *rates[2][15:]]
    assert rates[2][15] > rates[0][-1]


def test_a_validation_that_was_due_only_at_the_end_is_told(tmp_path: Path) -> None:
    run = train(DATASET, settings_of(eval_step=2), workspace=tmp_path, name="short")
    (note,) = plan_extension(run, 2).notes
    assert "Epoch 3 was validated because it was the last one" in note
    longer = extend(run, 2, name="longer")
    whole = train(DATASET, settings_of(eval_step=2, n_epochs=5), workspace=tmp_path, name="whole")
    assert curves_of(longer)[0] == curves_of(whole)[0]
    steps = [[step for step, *_ in curves_of(one)[1]] for one in (longer, whole)]
    assert steps == [[10, 15, 20, 25], [10, 20, 25]]


def test_what_a_longer_run_differs_in_is_told_of_all_that_go_on_from_it(tmp_path: Path) -> None:
    settings = settings_of(eval_step=2, early_stopping_step=4)
    run = train(DATASET, settings, workspace=tmp_path, name="short")
    plan = plan_extension(at_its_end(run, n_without_gain=4), 1)
    assert len(plan.notes) == 2
    longer = extend(run, 1, name="longer")
    assert plan_extension(longer, 2).notes == plan.notes
    longest = extend_run(longer, 2)
    assert (parent_of(longest) or plan).notes == plan.notes


def test_a_longer_run_of_the_time_before_notes_were_kept_is_read(tmp_path: Path) -> None:
    longer = extend_run(train(DATASET, settings_of(), workspace=tmp_path), 1)
    config = longer.config()
    del config["parent"]["notes"]
    write_json(longer.folder / "config.json", config)
    parent = parent_of(longer)
    assert parent is not None
    assert parent.notes == ()


def test_a_run_without_an_end_to_go_on_from_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    made = create_run(tmp_path, saved_dataset(tmp_path, DATASET), Policy(settings=settings_of()))
    for state in ("queued", "running", "paused", "failed", "interrupted"):
        made.set_status(state=state)
        with pytest.raises(RunError, match=f"is {state} and cannot be trained longer"):
            extend_run(made, 2)
    made.set_status(state="finished")
    with pytest.raises(RunError, match="no last checkpoint"):
        extend_run(made, 2)
    assert list_runs(tmp_path) == [made]


def test_a_pruned_run_says_what_to_do_instead(tmp_path: Path) -> None:
    run = train(DATASET, settings_of(), workspace=tmp_path)
    prune_run(run)
    with pytest.raises(RunError, match="it was pruned"):
        extend_run(run, 2)


@pytest.mark.parametrize("n_epochs", [0, -1, 10_000_000])
def test_a_number_of_epochs_that_cannot_be_is_refused(n_epochs: int, tmp_path: Path) -> None:
    run = train(DATASET, settings_of(n_epochs=1), workspace=tmp_path)
    with pytest.raises(SettingsError):
        extend_run(run, n_epochs)
    assert list_runs(tmp_path) == [run]


def test_without_its_dataset_or_with_a_damaged_checkpoint_nothing_is_made(tmp_path: Path) -> None:
    run = train(DATASET, settings_of(n_epochs=1), workspace=tmp_path)
    folder = run.dataset().folder
    assert folder is not None
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(NotFoundError):
        extend_run(run, 2)
    (tmp_path / "elsewhere").rename(folder)
    with pytest.raises(ValueError, match="position in the checkpoint is damaged"):
        extend_run(at_its_end(run, epoch=-1), 2)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [run.id]


@pytest.mark.parametrize("notes", [[], "none", [3]])
def test_a_parent_of_another_shape_is_damage(notes: Any, tmp_path: Path) -> None:
    run = train(DATASET, settings_of(n_epochs=1), workspace=tmp_path)
    path = run.folder / "config.json"
    told = {"name": "a", "epoch": 1, "step": 5, "notes": notes} | ({} if notes else {"run": 3})
    write_json(path, read_json(path) | {"parent": {"run": "a"} | told})
    with pytest.raises(ValueError, match="the parent in the configuration"):
        parent_of(run)
