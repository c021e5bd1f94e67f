from __future__ import annotations

import errno
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

import bert4rec
from bert4rec import device, pipeline
from bert4rec.control import Control
from bert4rec.data.adoption import adopt
from bert4rec.data.collection import list_datasets
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import (
    DatasetError,
    FormatError,
    NonFiniteLossError,
    NotFoundError,
    RunError,
    SettingsError,
    UnwritableError,
)
from bert4rec.estimate import size_of
from bert4rec.events import Position, Unrecorded
from bert4rec.held_out.calibration import calibrate
from bert4rec.json_files import write_json
from bert4rec.loaded_model import load_model
from bert4rec.objective import choose_loss
from bert4rec.pipeline import evaluate, execute, resume, train
from bert4rec.policy import Policy
from bert4rec.runs.checkpoints import load_checkpoint, save_checkpoint
from bert4rec.runs.folder import Run
from bert4rec.runs.recorder import Recorder
from bert4rec.runs.registry import create_run, list_runs
from bert4rec.runs.status import STATES
from bert4rec.scorer import NetworkScorer
from bert4rec.workshop import Workshop
from tests.ends import assert_equal_ends, curves_of, summary_of
from tests.factories import (
    random_dataset,
    ring_dataset,
    saved_dataset,
    small_settings,
    timed_dataset,
)
from tests.waiting import LIMIT_S

ROOT = Path(__file__).resolve().parents[2]
Line = dict[str, Any]

# 40 histories in batches of 8: five steps an epoch.
SETTINGS = small_settings(batch_size=8, n_epochs=4)
DATASET = ring_dataset(n_users=40)


def events_of(run: Run) -> list[str]:
    return [line["event"] for line in run.journal.read()[0]]


def at_step(step: int, act: Callable[[], object]) -> Callable[[Line], None]:
    """Act once the journal tells of a step."""

    def watch(line: Line) -> None:
        if line["event"] == "train" and line["step"] == step:
            act()

    return watch


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(DATASET, SETTINGS, workspace=tmp_path_factory.mktemp("whole"))


def test_a_journal_tells_a_run_from_its_start_to_its_end(uninterrupted: Run) -> None:
    epoch = [*["train"] * 5, "valid", "checkpoint"]
    assert events_of(uninterrupted) == ["started", "baselines", *epoch * 4, "finished"]
    lines, _ = uninterrupted.journal.read()
    moments = [line["at"] for line in lines]
    assert moments == sorted(moments)
    assert [line["step"] for line in lines if line["event"] == "train"] == list(range(1, 21))
    started, baselines = lines[0], lines[1]
    assert (started["n_users"], started["n_items"], started["loss_type"]) == (40, 30, "CE")
    assert (started["n_steps_per_epoch"], started["n_epochs"]) == (5, 4)
    assert (started["device"], started["precision"]) == ("cpu", "float32")
    assert baselines["metrics"].keys() == {"popularity", "transitions"}


def test_a_run_that_trains_in_bfloat16_is_reported_as_whoever_loads_it_finds_it(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "bfloat16_instructions", lambda: "avx512_bf16")
    monkeypatch.setattr(device, "NARROW_VALUES_PER_THREAD", 1)
    settings = small_settings(n_epochs=1, seen_items="keep", precision="auto")
    run = train(random_dataset([12] * 1200, n_items=40), settings, workspace=workspace)
    assert run.journal.read()[0][0]["precision"] == "bfloat16"
    workshop = Workshop.open(run.dataset(), run.hyperparameters())
    loaded = load_model(run)
    assert loaded.scorer.choice.precision == "float32"
    found = workshop.judge(loaded.scorer, workshop.split.test)
    assert summary_of(run)["test"] == found.metrics()
    narrow = workshop.judge(NetworkScorer(loaded.scorer.network, workshop.choice), found.rows)
    assert narrow.metrics() != found.metrics()
    assert evaluate(run)["test"]["bert4rec"]["metrics"] == found.metrics()


def test_status_and_summary_tell_the_same_end(uninterrupted: Run) -> None:
    status, summary = uninterrupted.status(), summary_of(uninterrupted)
    assert status.trained_s == summary["train_seconds"]
    assert (status.epoch, status.best_epoch) == (summary["n_epochs_done"], summary["best_epoch"])


def test_a_finished_run_says_so_and_holds_its_report(uninterrupted: Run) -> None:
    status, summary = uninterrupted.status(), summary_of(uninterrupted)
    assert (status.state, status.epoch, status.n_epochs) == ("finished", 4, 4)
    assert (status.step, status.n_steps) == (20, 20)
    assert "all 4 epochs are done" in status.message
    assert summary["reason"] == "completed"
    assert summary["report"]["test"].keys() == {"bert4rec", "popularity", "transitions"}
    assert summary["test"] == summary["report"]["test"]["bert4rec"]["metrics"]
    assert summary["sequences_per_second"] > 0
    assert (summary["n_users"], summary["n_items"]) == (40, 30)


def test_the_reported_figures_are_those_of_the_best_epoch(uninterrupted: Run) -> None:
    summary = summary_of(uninterrupted)
    valid = {row["epoch"]: row["metrics"] for row in curves_of(uninterrupted).valid}
    best = max(valid, key=lambda epoch: (valid[epoch]["ndcg@10"], -epoch))
    assert summary["best_epoch"] == best
    assert summary["valid"]["ndcg@10"] == pytest.approx(valid[best]["ndcg@10"], abs=1e-6)
    assert [row["is_best"] for row in curves_of(uninterrupted).valid].count(True) >= 1


def test_a_long_judgement_is_told_in_the_journal_and_not_in_the_log(
    uninterrupted: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert4rec.runs.recorder.JUDGED_EVERY_S", 0.0)
    watched: list[Line] = []
    run = train(DATASET, SETTINGS, workspace=tmp_path, watch=watched.append)
    lines = run.journal.read()[0]
    assert lines == watched
    ends: dict[tuple[str, str], int] = {}
    for line in lines:
        if line["event"] == "judging" and line["n_done"] == line["n_rows"] == 40:
            key = (line["part"], line["scorer"])
            ends[key] = ends.get(key, 0) + 1
    assert ends == {
        ("validation", "popularity"): 1,
        ("validation", "transitions"): 1,
        # After each epoch, and not once more at the end.
        ("validation", "bert4rec"): 4,
        **{("test", name): 1 for name in ("bert4rec", "popularity", "transitions")},
    }
    assert "judging" not in (run.folder / "log.txt").read_text()
    assert_equal_ends(run, uninterrupted)


def test_the_validation_of_the_best_weights_is_kept_with_them(uninterrupted: Run) -> None:
    _, plain = load_checkpoint(uninterrupted.checkpoint("best"))
    workshop = Workshop.open(uninterrupted.dataset(), uninterrupted.hyperparameters())
    workshop.network.load_state_dict(
        load_checkpoint(uninterrupted.checkpoint("best"), prefix="network.")[0]
    )
    assert summary_of(uninterrupted)["valid"] == plain["metrics"] == workshop.validate()


@pytest.mark.parametrize("kept", [None, {"ndcg@10": None}, "high"])
def test_best_weights_without_their_validation_are_validated_once_more(
    uninterrupted: Run, tmp_path: Path, kept: object
) -> None:
    """As those that an older version wrote."""
    control = Control()
    run = train(
        DATASET, SETTINGS, workspace=tmp_path, control=control, watch=at_step(20, control.interrupt)
    )
    best = run.checkpoint("best")
    tensors, plain = load_checkpoint(best)
    assert plain["metrics"] == summary_of(uninterrupted)["valid"]
    del plain["metrics"]
    save_checkpoint(best, tensors, plain if kept is None else plain | {"metrics": kept})
    resume(run)
    assert summary_of(run)["valid"] == summary_of(uninterrupted)["valid"]


def test_evaluating_again_gives_the_reported_figures(uninterrupted: Run) -> None:
    told: list[tuple[str, str, int, int]] = []
    found = evaluate(uninterrupted, watch=lambda *step: told.append(step))
    again = json.loads(json.dumps(found))
    ends = {(name, part): n_rows for name, part, n_done, n_rows in told if n_done == n_rows}
    assert ends == {
        (name, part): judged["n_rows"]
        for part, scorers in found.items()
        for name, judged in scorers.items()
    }
    assert again == summary_of(uninterrupted)["report"]


def misfit(run: Run, tmp_path: Path, kind: str) -> Run:
    """A copy of a run whose settings no longer fit one of its checkpoints."""
    shutil.copytree(run.workspace, tmp_path / "copy")
    copy = Run(tmp_path / "copy" / "runs" / run.id)
    other = train(DATASET, small_settings(hidden_size=8, n_epochs=1), workspace=tmp_path / "other")
    shutil.copy(other.checkpoint(kind), copy.checkpoint(kind))
    return copy


def test_a_checkpoint_of_another_network_is_told_in_one_line(
    uninterrupted: Run, tmp_path: Path
) -> None:
    run = misfit(uninterrupted, tmp_path, "best")
    for use in (evaluate, load_model):
        with pytest.raises(FormatError, match="does not fit the network") as caught:
            use(run)
        assert "\n" not in str(caught.value)
        assert run.id in str(caught.value)


def test_a_run_is_not_resumed_from_a_checkpoint_of_another_network(
    uninterrupted: Run, tmp_path: Path
) -> None:
    run = misfit(uninterrupted, tmp_path, "last")
    run.set_status(state="stopped")
    with pytest.raises(FormatError, match="does not fit the network"):
        resume(run)
    assert run.status().error == "FormatError"


def test_a_run_folder_holds_text_and_safetensors_only(uninterrupted: Run) -> None:
    files = [path for path in uninterrupted.folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".jsonl", ".txt", ".safetensors", ".lock"}
    assert not (uninterrupted.folder / "run.lock").stat().st_size
    assert {path.name for path in files} >= {
        "config.json",
        "status.json",
        "metrics.jsonl",
        "summary.json",
        "best.safetensors",
        "last.safetensors",
    }


def test_the_same_settings_give_the_same_run(uninterrupted: Run, tmp_path: Path) -> None:
    assert_equal_ends(train(DATASET, SETTINGS, workspace=tmp_path), uninterrupted)


@pytest.mark.parametrize("step", [1, 7, 10])
def test_a_run_that_was_stopped_and_resumed_equals_an_uninterrupted_one(
    step: int, uninterrupted: Run, tmp_path: Path
) -> None:
    control = Control()
    run = train(
        DATASET, SETTINGS, workspace=tmp_path, control=control, watch=at_step(step, control.stop)
    )
    assert run.status().state == "stopped"
    assert summary_of(run)["reason"] == "stopped"
    assert run.checkpoint("best").exists()
    resume(run)
    assert run.status().state == "finished"
    assert "continued" in events_of(run)
    assert_equal_ends(run, uninterrupted)


def test_a_run_resumed_from_the_end_of_an_epoch_equals_an_uninterrupted_one(
    uninterrupted: Run, tmp_path: Path
) -> None:
    """Nothing was saved at the interruption: the steps since the epoch's end come again."""
    with pytest.raises(KeyboardInterrupt):
        train(DATASET, SETTINGS, workspace=tmp_path, watch=at_step(13, interrupt))
    (run,) = list_runs(tmp_path)
    assert run.status().state == "interrupted"
    _, position = load_checkpoint(run.checkpoint("last"))
    assert (position["step"], position["epoch_step"]) == (10, 0)
    resume(run)
    assert_equal_ends(run, uninterrupted)


def test_a_run_interrupted_before_its_first_checkpoint_begins_again(
    uninterrupted: Run, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(DATASET, SETTINGS, workspace=tmp_path, watch=at_step(2, interrupt))
    (run,) = list_runs(tmp_path)
    resume(run)
    for key in ("test", "valid", "best_epoch"):
        assert summary_of(run)[key] == summary_of(uninterrupted)[key]
    assert [row["step"] for row in curves_of(run).train] == list(range(1, 21))


@pytest.mark.parametrize("stop", [True, False])
def test_a_run_whose_last_checkpoint_is_gone_does_not_begin_anew_in_place_of_its_model(
    stop: bool, tmp_path: Path
) -> None:
    control = Control()
    act = control.stop if stop else control.interrupt
    run = train(DATASET, SETTINGS, workspace=tmp_path, control=control, watch=at_step(12, act))
    assert (run.summary() is not None) == stop
    run.checkpoint("last").unlink()
    before = run.checkpoint("best").read_bytes()
    with pytest.raises(RunError, match="has no last checkpoint to go on from") as caught:
        resume(run)
    assert "--with-last" in str(caught.value)
    assert run.checkpoint("best").read_bytes() == before
    assert run.status().state == ("stopped" if stop else "interrupted")


def test_a_run_that_fails_between_its_first_best_weights_and_its_first_checkpoint_begins_again(
    uninterrupted: Run, tmp_path: Path
) -> None:
    with (
        pytest.raises(UnwritableError, match="quota is full"),
        room_for_weights_alone(from_epoch=1),
    ):
        train(DATASET, SETTINGS, workspace=tmp_path)
    (run,) = list_runs(tmp_path)
    assert run.checkpoint("best").exists()
    resume(run)
    assert summary_of(run)["test"] == summary_of(uninterrupted)["test"]


@contextmanager
def room_for_weights_alone(*, from_epoch: int) -> Iterator[None]:
    """A disk that fills up in an epoch, between its best weights and its checkpoint."""

    def save(path: Path, tensors: dict[str, torch.Tensor], plain: dict[str, Any]) -> None:
        if path.stem == "last" and plain["epoch"] >= from_epoch:
            raise OSError(errno.ENOSPC, "No space left on device")
        save_checkpoint(path, tensors, plain)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bert4rec.runs.recorder.save_checkpoint", save)
        yield


def test_a_summary_names_the_epoch_of_the_weights_that_it_judges(
    uninterrupted: Run, tmp_path: Path
) -> None:
    with (
        pytest.raises(UnwritableError, match="quota is full"),
        room_for_weights_alone(from_epoch=3),
    ):
        train(DATASET, SETTINGS, workspace=tmp_path)
    (run,) = list_runs(tmp_path)
    assert load_checkpoint(run.checkpoint("last"))[1]["epoch"] == 2
    assert load_checkpoint(run.checkpoint("best"))[1]["best_epoch"] == 3
    control = Control()

    def stop_at_once(line: Line) -> None:
        if line["event"] == "continued":
            control.stop()

    resume(run, control=control, watch=stop_at_once)
    summary, status = summary_of(run), run.status()
    assert (summary["best_epoch"], summary["n_epochs_done"], status.best_epoch) == (3, 3, 3)
    assert status.best_score == pytest.approx(summary["valid"]["ndcg@10"])
    assert "epoch 3 is the best" in status.message
    resume(run)
    assert_equal_ends(run, uninterrupted)


HANGING_TRAINING = """
import sys, threading
from pathlib import Path
from bert4rec.pipeline import train
from tests.factories import ring_dataset, small_settings

def watch(line):
    if line["event"] == "train" and line["step"] == 13:
        print("here", flush=True)
        threading.Event().wait()

settings = small_settings(batch_size=8, n_epochs=4)
train(ring_dataset(n_users=40), settings, workspace=Path(sys.argv[1]), watch=watch)
"""


def test_a_killed_run_shows_as_interrupted_and_can_be_resumed_to_the_same_end(
    uninterrupted: Run, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING_TRAINING, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        (run,) = list_runs(tmp_path)
        assert run.status().state == "running"
        with pytest.raises(RunError, match="is running and cannot be resumed"):
            resume(run)
        process.send_signal(signal.SIGKILL)
    status = run.status()
    assert status.state == "interrupted"
    assert "Resume it" in status.fix
    resume(run)
    assert run.status().state == "finished"
    assert_equal_ends(run, uninterrupted)


def test_a_finished_run_cannot_be_resumed(uninterrupted: Run) -> None:
    with pytest.raises(RunError, match="is finished and cannot be resumed"):
        resume(uninterrupted)


def test_a_run_is_trained_by_one_thread_at_a_time(tmp_path: Path) -> None:
    run = create_run(tmp_path, saved_dataset(tmp_path, DATASET), Policy("scoring_policy", SETTINGS))
    refusals: list[str] = []

    def try_too() -> None:
        for act in (execute, resume):
            # As if the other had looked at the status before this one changed it.
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("bert4rec.pipeline.RESUMABLE_STATES", STATES)
                with pytest.raises(RunError) as caught:
                    act(run)
            refusals.append(str(caught.value))

    execute(run, watch=at_step(7, try_too))
    assert len(refusals) == 2
    assert all("is active elsewhere" in refusal for refusal in refusals)
    assert run.status().state == "finished"
    assert events_of(run).count("started") == 1
    assert "failed" not in events_of(run)


def test_a_run_that_another_has_ended_meanwhile_is_not_resumed(
    uninterrupted: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(shutil.copytree(uninterrupted.folder, tmp_path / "runs" / "one"))
    run.set_status(state="stopped")

    @contextmanager
    def waited(folder: Path) -> Iterator[None]:
        run.set_status(state="finished")
        yield

    monkeypatch.setattr("bert4rec.pipeline.held", waited)
    with pytest.raises(RunError, match="is finished and cannot be resumed"):
        resume(run)


def test_a_run_gives_signs_of_life_from_before_its_first_step_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = create_run(tmp_path, saved_dataset(tmp_path, DATASET), Policy("scoring_policy", SETTINGS))
    control, found = Control(), []

    @contextmanager
    def keep(beat: Callable[[], None]) -> Iterator[None]:
        def look(line: Line) -> None:
            if line["event"] == "paused":
                control.resume()
            at_step(7, control.pause)(line)
            write_json(run.folder / "status.json", asdict(run.status()) | {"heartbeat_at": ""})
            beat()
            status = run.status()
            found.append((line["event"], status.state, bool(status.heartbeat_at)))

        looks.append(look)
        yield

    looks: list[Callable[[Line], None]] = []
    monkeypatch.setattr("bert4rec.pipeline.beating", keep)
    execute(run, control=control, watch=lambda line: looks[0](line))
    assert all(has_beaten for _, _, has_beaten in found)
    assert {event for event, _, _ in found} >= {"started", "baselines", "paused", "valid"}
    assert {state for _, state, _ in found} == {"running", "paused"}
    assert run.status().state == "finished"


def test_a_beat_does_not_undo_what_the_training_says(tmp_path: Path) -> None:
    run = create_run(tmp_path, saved_dataset(tmp_path, DATASET), Policy("scoring_policy", SETTINGS))
    record = Recorder(run)
    record.status(state="paused")
    # As another process would have it that does not know that the run is held.
    run.set_status(state="queued")
    record.beat()
    assert run.status().state == "paused"


def test_a_step_that_could_not_be_recorded_is_in_the_log_with_its_reason(tmp_path: Path) -> None:
    run = create_run(tmp_path, saved_dataset(tmp_path, DATASET), Policy("scoring_policy", SETTINGS))
    Recorder(run)(Unrecorded(Position(step=3), "operation not permitted"))
    [line], _ = run.journal.read()
    assert (line["event"], line["step"]) == ("unrecorded", 3)
    assert "unrecorded: step 3, reason operation not permitted" in (
        (run.folder / "log.txt").read_text("utf-8").replace("  ", " ")
    )


def test_the_log_tells_a_run_in_lines_for_a_person(tmp_path: Path) -> None:
    control = Control()
    run = train(
        DATASET, SETTINGS, workspace=tmp_path, control=control, watch=at_step(7, control.stop)
    )
    resume(run)
    lines = (run.folder / "log.txt").read_text("utf-8").splitlines()
    told = [line.split(" ", 2)[1] for line in lines]
    assert told == [
        *("started:", "baselines:", "valid:", "stopped:"),
        *("continued:", "valid:", "valid:", "valid:", "finished:"),
    ]
    assert "n_users 40" in lines[0]
    assert "device cpu" in lines[0]
    assert "popularity (" in lines[1]
    assert "epoch 1" in lines[2]
    assert "is_best True" in lines[2]
    assert "reason stopped" in lines[3]
    assert "reason completed" in lines[-1]


def test_the_log_of_a_failed_run_holds_the_traceback(tmp_path: Path) -> None:
    def burst() -> None:
        raise ZeroDivisionError("by chance")

    with pytest.raises(ZeroDivisionError):
        train(DATASET, SETTINGS, workspace=tmp_path, watch=at_step(3, burst))
    (run,) = list_runs(tmp_path)
    text = (run.folder / "log.txt").read_text("utf-8")
    assert "failed: error ZeroDivisionError, message by chance" in text
    assert "in burst" in text
    assert text.endswith("ZeroDivisionError: by chance\n")


def test_the_log_of_an_interrupted_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(DATASET, SETTINGS, workspace=tmp_path, watch=at_step(3, interrupt))
    (run,) = list_runs(tmp_path)
    assert (run.folder / "log.txt").read_text("utf-8").endswith(" interrupted\n")


def test_a_run_is_paused_and_resumed_from_another_thread(
    uninterrupted: Run, tmp_path: Path
) -> None:
    control, is_paused = Control(), threading.Event()
    dataset = saved_dataset(tmp_path, DATASET)
    run = create_run(tmp_path, dataset, Policy("scoring_policy", SETTINGS))

    def watch(line: Line) -> None:
        at_step(7, control.pause)(line)
        if line["event"] == "paused":
            is_paused.set()

    worker = threading.Thread(
        target=execute, args=(run,), kwargs={"control": control, "watch": watch}
    )
    worker.start()
    assert is_paused.wait(LIMIT_S)
    control.resume()
    worker.join(LIMIT_S)
    assert not worker.is_alive()
    events = events_of(run)
    assert events[events.index("paused") + 1] == "resumed"
    assert run.status().state == "finished"
    assert_equal_ends(run, uninterrupted)


def test_a_paused_run_says_so_and_can_be_taken_up_elsewhere_from_its_checkpoint(
    tmp_path: Path,
) -> None:
    states: list[str] = []
    control = Control()

    def look() -> None:
        states.append(run.status().state)
        control.stop()

    control.wait = look  # type: ignore[method-assign]
    run = create_run(tmp_path, saved_dataset(tmp_path, DATASET), Policy("scoring_policy", SETTINGS))
    execute(run, control=control, watch=at_step(7, control.pause))
    assert states == ["paused"]
    _, position = load_checkpoint(run.checkpoint("last"))
    assert position["step"] == 7


def test_a_run_whose_dataset_is_gone_fails_with_a_message(tmp_path: Path) -> None:
    dataset = saved_dataset(tmp_path, DATASET)
    run = create_run(tmp_path, dataset, Policy("scoring_policy", SETTINGS))
    assert dataset.folder is not None
    shutil.rmtree(dataset.folder)
    with pytest.raises(NotFoundError):
        execute(run)
    status = run.status()
    assert (status.state, status.error) == ("failed", "NotFoundError")
    assert "no longer there" in status.message
    assert events_of(run) == ["failed"]
    assert "NotFoundError" in (run.folder / "log.txt").read_text()
    # Once the data is back, the run can be taken up.
    saved_dataset(tmp_path, DATASET)
    resume(run)
    assert run.status().state == "finished"
    assert run.status().message.startswith("all 4 epochs")
    assert run.status().error == ""


def test_a_loss_that_is_no_number_fails_the_run_with_advice(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError):
        train(DATASET, small_settings(learning_rate=1e30, grad_clip=0), workspace=tmp_path)
    (run,) = list_runs(tmp_path)
    status = run.status()
    assert (status.state, status.error) == ("failed", "NonFiniteLossError")
    assert "the loss became" in status.message
    # It was float32 already.
    assert status.fix == "Use a smaller learning_rate."
    assert events_of(run)[-1] == "failed"


def test_an_error_that_nobody_foresaw_fails_the_run_too(tmp_path: Path) -> None:
    def burst() -> None:
        raise ZeroDivisionError("by chance")

    with pytest.raises(ZeroDivisionError):
        train(DATASET, SETTINGS, workspace=tmp_path, watch=at_step(3, burst))
    (run,) = list_runs(tmp_path)
    status = run.status()
    assert (status.state, status.message, status.fix) == (
        "failed",
        "by chance",
        "See the run's log.txt.",
    )


def test_without_validation_the_last_weights_are_the_best(tmp_path: Path) -> None:
    run = train(DATASET, small_settings(eval_step=0, n_epochs=2), workspace=tmp_path)
    assert "valid" not in events_of(run)
    assert summary_of(run)["best_epoch"] == 2
    best, _ = load_checkpoint(run.checkpoint("best"), prefix="network.")
    last, _ = load_checkpoint(run.checkpoint("last"), prefix="network.")
    assert all(torch.equal(tensor, last[name]) for name, tensor in best.items())


def test_what_a_run_ended_by_counts_one_as_one(tmp_path: Path) -> None:
    run = train(DATASET, small_settings(n_epochs=1), workspace=tmp_path)
    assert run.status().message == "its epoch is done; epoch 1 is the best"
    settings = small_settings(n_epochs=60, early_stopping_step=1, learning_rate=1e-9)
    run = train(DATASET, settings, workspace=tmp_path)
    assert "no gain in 1 validation;" in run.status().message


def test_a_run_without_gain_stops_early_and_keeps_its_best(tmp_path: Path) -> None:
    settings = small_settings(n_epochs=60, early_stopping_step=2, learning_rate=1e-9)
    run = train(DATASET, settings, workspace=tmp_path)
    summary = summary_of(run)
    assert summary["reason"] == "no gain"
    assert summary["n_epochs_done"] == summary["best_epoch"] + 2 < 60
    assert run.status().state == "finished"
    assert "no gain in 2 validations" in run.status().message


def test_a_run_ends_at_its_time_limit(tmp_path: Path) -> None:
    run = train(DATASET, small_settings(n_epochs=10**6, max_minutes=1e-3), workspace=tmp_path)
    assert summary_of(run)["reason"] == "time limit"
    assert run.status().state == "finished"


def test_a_batch_larger_than_the_data_does_not_change_the_loss(tmp_path: Path) -> None:
    settings = small_settings(batch_size=1_000_000, max_seq_length=1_000, n_epochs=1)
    assert choose_loss(settings, DATASET.n_items)[0] == "sampled_CE"
    run = train(DATASET, settings, workspace=tmp_path)
    assert curves_of(run).started["loss_type"] == "CE"
    assert size_of(DATASET, settings).loss_type == "CE"
    usual = size_of(DATASET, small_settings(batch_size=40, max_seq_length=1_000, n_epochs=1))
    assert size_of(DATASET, settings).memory_bytes == usual.memory_bytes


def test_users_who_were_held_out_whole_are_judged_apart(tmp_path: Path) -> None:
    settings = small_settings(sample_strategy="user_based", sample_ratio=0.6, n_epochs=1)
    report = summary_of(train(DATASET, settings, workspace=tmp_path))["report"]
    assert report["test"]["bert4rec"]["n_rows"] == 24
    assert report["unseen_users"]["popularity"]["n_rows"] == 16


@pytest.mark.parametrize(
    ("asked", "n_test"),
    [
        ({}, 30),
        ({"split_strategy": "last_k", "held_out_items": 2}, 60),
        ({"split_strategy": "global_time", "held_out_share": 0.2}, None),
    ],
)
def test_a_run_records_its_split_and_is_judged_again_by_it(
    asked: dict[str, Any], n_test: int | None, tmp_path: Path
) -> None:
    run = train(timed_dataset([9] * 30), small_settings(n_epochs=1, **asked), workspace=tmp_path)
    summary, split = summary_of(run), curves_of(run).started["split"]
    assert summary["split"] == split
    assert split["strategy"] == asked.get("split_strategy", "leave_one_out")
    assert split["n_test"] == (n_test or split["n_test"]) > 0
    assert ("test_at" in split) == (split["strategy"] == "global_time")
    again = evaluate(run)["test"]["bert4rec"]
    assert again["n_rows"] == split["n_test"]
    assert again["metrics"] == pytest.approx(summary["test"])


def test_a_dataset_in_memory_is_kept_in_the_workspace_under_a_safe_name(tmp_path: Path) -> None:
    dataset = random_dataset([5, 6, 7])
    odd = replace(dataset, manifest=dataset.manifest | {"name": "../../Über all"})
    run = train(odd, small_settings(n_epochs=1), workspace=tmp_path)
    assert [entry["name"] for entry in list_datasets(tmp_path)] == ["../../Über all"]
    assert run.dataset().items.tolist() == dataset.items.tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["datasets", "runs"]


def test_two_datasets_of_one_name_do_not_replace_each_other(tmp_path: Path) -> None:
    settings = small_settings(n_epochs=1)
    one = train(random_dataset([5, 6], n_items=9), settings, workspace=tmp_path)
    two = train(random_dataset([5, 6], n_items=12), settings, workspace=tmp_path)
    assert (one.dataset().n_items, two.dataset().n_items) == (9, 12)


@pytest.mark.parametrize("length", [3, 4])
def test_the_smallest_data_that_can_be_judged_trains(length: int, tmp_path: Path) -> None:
    run = train(random_dataset([length], n_items=2), small_settings(n_epochs=1), workspace=tmp_path)
    assert summary_of(run)["report"]["test"]["bert4rec"]["n_rows"] == 1


def test_a_received_dataset_cannot_be_saved_outside_the_workspace(tmp_path: Path) -> None:
    dataset = replace(
        ring_dataset(), manifest={"name": "../../escaped", "fingerprint": "../../../x"}
    )
    adopted = adopt(dataset, tmp_path / "workspace")
    assert adopted.folder is not None
    assert adopted.folder.parent == tmp_path / "workspace" / "datasets"
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]


def without_manifest(sequences: list[list[int]]) -> SequenceDataset:
    return replace(SequenceDataset.from_sequences(sequences, n_items=6), manifest={})


def test_two_datasets_without_a_manifest_are_not_taken_for_each_other(tmp_path: Path) -> None:
    one, two = without_manifest([[1, 2, 3, 4]] * 5), without_manifest([[5, 4, 3, 2, 1]] * 7)
    adopted = [adopt(dataset, tmp_path) for dataset in (one, two, one)]
    assert [dataset.n_users for dataset in adopted] == [5, 7, 5]
    assert adopted[0].fingerprint == adopted[2].fingerprint != adopted[1].fingerprint
    assert len(list_datasets(tmp_path)) == 2
    run = train(two, small_settings(n_epochs=1), workspace=tmp_path)
    assert run.dataset().items.tolist() == two.items.tolist()
    assert adopted[0].manifest["counts"] == {"n_users": 5, "n_items": 6, "n_interactions": 20}


@pytest.mark.parametrize("is_saved", [False, True])
@pytest.mark.parametrize("change", ["items", "offsets", "users", "titles"])
def test_a_dataset_that_was_changed_is_not_taken_for_what_it_was(
    change: str, is_saved: bool, tmp_path: Path
) -> None:
    made = SequenceDataset.from_sequences([[1, 2, 3, 4]] * 5, n_items=6)
    base = adopt(made, tmp_path) if is_saved else made
    adopt(base, tmp_path)
    table = base.vocabulary.table
    changes: dict[str, Any] = {
        "items": {"items": base.items[::-1]},
        "offsets": {"offsets": base.offsets[[0, 1, 2, 5]], "users": base.users[:3]},
        "users": {"users": base.users.assign(user_id=list("abcde"))},
        "titles": {"vocabulary": Vocabulary(table.assign(title=list("abcdef")))},
    }
    changed = replace(base, **changes[change])
    adopted = adopt(changed, tmp_path)
    assert adopted.fingerprint != adopt(base, tmp_path).fingerprint
    assert adopted.items.tolist() == changed.items.tolist()
    assert adopted.offsets.tolist() == changed.offsets.tolist()
    assert adopted.users["user_id"].tolist() == changed.users["user_id"].tolist()
    assert adopted.vocabulary.titles == changed.vocabulary.titles


def test_a_dataset_of_the_workspace_is_taken_as_it_is(tmp_path: Path) -> None:
    dataset = saved_dataset(tmp_path, DATASET)
    assert adopt(dataset, tmp_path) is dataset


def test_a_dataset_of_another_workspace_keeps_its_fingerprint(tmp_path: Path) -> None:
    there = saved_dataset(tmp_path / "there", DATASET)
    for _ in range(2):
        assert adopt(there, tmp_path / "here").fingerprint == there.fingerprint
    assert len(list_datasets(tmp_path / "here")) == 1


def test_a_place_that_another_dataset_has_taken_is_told(tmp_path: Path) -> None:
    there = saved_dataset(tmp_path / "there", DATASET)
    liar = replace(ring_dataset(n_users=41), manifest=there.manifest)
    saved_dataset(tmp_path / "here", liar)
    with pytest.raises(DatasetError, match="holds another dataset than 'ring'"):
        adopt(there, tmp_path / "here")


def test_a_run_that_cannot_write_its_log_is_failed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Run, "log", no_space)
    monkeypatch.setattr("bert4rec.runs.recorder.save_checkpoint", no_space)
    with pytest.raises(UnwritableError, match="quota is full"):
        train(ring_dataset(), small_settings(), workspace=tmp_path)
    (run,) = list_runs(tmp_path)
    assert run.status().state == "failed"


def test_a_run_that_goes_on_has_no_result_until_it_ends(tmp_path: Path) -> None:
    control = Control()

    def stop_after_two_epochs(line: dict[str, Any]) -> None:
        if line["event"] == "valid" and line["epoch"] == 2:
            control.stop()

    settings = small_settings(n_epochs=4)
    watch = stop_after_two_epochs
    run = train(ring_dataset(), settings, workspace=tmp_path, control=control, watch=watch)
    assert run.summary() is not None
    seen: list[bool] = []
    resume(run, watch=lambda line: seen.append(run.summary() is not None))
    assert not any(seen[:-1])
    assert run.summary() is not None


def test_the_record_says_whether_seen_items_left_the_ranking(uninterrupted: Run) -> None:
    summary = uninterrupted.summary() or {}
    assert summary["removes_seen"] is True
    assert summary["seen_reason"] == "no item is met twice in training"


def test_a_run_ends_with_the_temperatures_of_its_best_weights(tmp_path: Path) -> None:
    # It has two epochs and keeps the first.
    run = train(ring_dataset(), small_settings(n_epochs=2), workspace=tmp_path)
    found = calibrate(load_model(run)).temperatures
    assert run.temperatures() == pytest.approx(found, rel=1e-4)
    assert found
    assert bert4rec.load(run).scorer.temperatures == run.temperatures()
    assert bert4rec.load(run, checkpoint="last").scorer.temperatures == {}


def test_a_run_whose_histories_have_no_future_ends_without_temperatures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise SettingsError(["no history has a place with a future"])

    monkeypatch.setattr(pipeline, "calibrate", refuse)
    run = train(ring_dataset(), small_settings(n_epochs=1), workspace=tmp_path)
    assert run.status().state == "finished"
    assert run.temperatures() is None
    assert "probabilities are not calibrated: no history has a place" in "\n".join(run.log_tail())


def test_what_was_judged_is_kept_where_looking_for_temperatures_breaks_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object, **__: object) -> None:
        raise RuntimeError("the device went away")

    monkeypatch.setattr(pipeline, "calibrate", break_off)
    with pytest.raises(RuntimeError, match="went away"):
        train(ring_dataset(), small_settings(n_epochs=1), workspace=tmp_path)
    (run,) = list_runs(tmp_path)
    assert run.status().state == "failed"
    assert summary_of(run)["test"]["ndcg@10"] >= 0
    assert run.temperatures() is None
