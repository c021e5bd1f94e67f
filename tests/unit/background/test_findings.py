from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from bert4rec.background import findings
from bert4rec.background.findings import FINDERS, FindingService
from bert4rec.errors import Bert4RecError, DeviceMemoryError, RunError, SettingsError
from bert4rec.held_out.extremes import find_extremes
from bert4rec.loaded_model import load_model
from bert4rec.recommender import Recommender
from bert4rec.runs.checkpoints import load_checkpoint, save_checkpoint
from bert4rec.runs.folder import Run
from bert4rec.stages import Watch
from tests.waiting import LIMIT_S


def wait(service: FindingService) -> None:
    """Wait until all that was asked for so far is found."""
    service._executor.submit(int).result(timeout=LIMIT_S)


def loaded(run: Run, *, checkpoint: str, model: Recommender) -> Recommender:
    """Return a model that is there already."""
    return model


def test_what_is_asked_for_is_found_in_the_background_and_kept(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, calls = threading.Event(), []

    def slow(recommender: object, *, watch: object) -> int:
        calls.append(recommender)
        assert go_on.wait(LIMIT_S)
        return 7

    monkeypatch.setitem(FINDERS, "slow", slow)
    service = FindingService()
    assert service.ask(tiny_run, "slow").state == "running"
    assert service.ask(tiny_run, "slow").value is None
    go_on.set()
    wait(service)
    found = service.ask(tiny_run, "slow")
    assert (found.state, found.value, found.error) == ("done", 7, None)
    assert len(calls) == 1


def test_while_it_is_found_it_is_told_how_far_that_is(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, has_told = threading.Event(), threading.Event()

    def slow(recommender: object, *, watch: Watch) -> int:
        watch("judging probabilities", 0.25)
        has_told.set()
        assert go_on.wait(LIMIT_S)
        return 7

    monkeypatch.setitem(FINDERS, "slow", slow)
    service = FindingService()
    service.ask(tiny_run, "slow")
    assert has_told.wait(LIMIT_S)
    found = service.ask(tiny_run, "slow")
    assert (found.state, found.doing, found.share) == (
        "running",
        "judging probabilities",
        0.25,
    )
    go_on.set()
    wait(service)
    assert service.ask(tiny_run, "slow").value == 7


@pytest.mark.parametrize("kind", list(FINDERS))
def test_whatever_takes_long_tells_how_far_it_is(tiny_run: Run, kind: str) -> None:
    told: list[float] = []
    FINDERS[kind](load_model(tiny_run), watch=lambda doing, share: told.append(share))
    assert told[-1] == 1.0


def test_a_new_checkpoint_is_looked_at_anew(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "best.safetensors"
    checkpoint.write_bytes(b"one")
    monkeypatch.setattr(findings, "load_model", partial(loaded, model=load_model(tiny_run)))
    monkeypatch.setattr(Run, "checkpoint", lambda self, kind: checkpoint)
    calls: list[int] = []
    monkeypatch.setitem(FINDERS, "count", lambda recommender, *, watch: calls.append(1))
    service = FindingService()
    for moment_ns in (10**9, 10**9, 2 * 10**9):
        os.utime(checkpoint, ns=(moment_ns, moment_ns))
        service.ask(tiny_run, "count")
        wait(service)
    assert len(calls) == 2


def failing(error: Exception) -> Callable[..., None]:
    def fail(recommender: object, *, watch: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (SettingsError(["no place"]), SettingsError, "no place"),
        (torch.OutOfMemoryError("CUDA out of memory"), DeviceMemoryError, "try again"),
        (ZeroDivisionError("oops"), RunError, "ZeroDivisionError: oops"),
    ],
)
def test_whatever_goes_wrong_is_told_as_an_error_of_ours(
    tiny_run: Run,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    kind: type[Bert4RecError],
    told: str,
) -> None:
    monkeypatch.setitem(FINDERS, "bad", failing(error))
    service = FindingService()
    service.ask(tiny_run, "bad")
    wait(service)
    found = service.ask(tiny_run, "bad")
    assert found.state == "failed"
    assert isinstance(found.error, kind)
    assert told in str(found.error)


def test_what_failed_is_found_at_a_retry_and_not_before(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FINDERS, "count", failing(MemoryError()))
    service = FindingService()
    service.ask(tiny_run, "count")
    wait(service)
    calls: list[int] = []
    monkeypatch.setitem(FINDERS, "count", lambda recommender, *, watch: calls.append(1))
    assert [service.ask(tiny_run, "count").state for _ in range(2)] == ["failed"] * 2
    service.retry(tiny_run, "count")
    service.ask(tiny_run, "count")
    wait(service)
    # What did not fail stays.
    service.retry(tiny_run, "count")
    assert service.ask(tiny_run, "count").state == "done"
    assert calls == [1]


def test_what_was_asked_for_longest_ago_is_let_go_of(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "load_model", partial(loaded, model=load_model(tiny_run)))
    service = FindingService()
    for number in range(findings.N_KEPT + 5):
        monkeypatch.setitem(FINDERS, f"kind {number}", lambda recommender, *, watch: 1)
        service.ask(tiny_run, f"kind {number}")
        wait(service)
    assert len(service._works) == findings.N_KEPT


def test_a_finding_is_what_the_library_finds(tiny_run: Run) -> None:
    service = FindingService()
    service.ask(tiny_run, "extremes")
    wait(service)
    assert service.ask(tiny_run, "extremes").value == find_extremes(load_model(tiny_run))


def test_what_is_requested_while_a_run_trains_stays_with_its_epoch_until_the_next_request(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(shutil.copytree(tiny_run.workspace, tmp_path / "ws") / "runs" / tiny_run.folder.name)
    calls: list[int | None] = []

    def epoch_of(model: Recommender, *, watch: object) -> int:
        calls.append(model.epoch)
        return len(calls)

    monkeypatch.setitem(FINDERS, "epoch", epoch_of)
    service, last = FindingService(), run.checkpoint("last")
    assert service.requested(run, "epoch") is None
    service.request(run, "epoch")
    wait(service)
    found = service.requested(run, "epoch")
    tensors, plain = load_checkpoint(last)
    assert found is not None
    assert (found.state, found.value, found.epoch) == ("done", 1, plain["epoch"])
    assert found.is_newest
    # A later checkpoint alone starts nothing.
    save_checkpoint(last, tensors, plain | {"epoch": 77})
    os.utime(last, ns=(2 * 10**18, 2 * 10**18))
    later = service.requested(run, "epoch")
    assert later == replace(found, is_newest=False)
    service.request(run, "epoch")
    wait(service)
    redone = service.requested(run, "epoch")
    assert redone is not None
    assert (redone.value, redone.epoch, redone.is_newest) == (2, 77, True)
    # The finding about the best checkpoint is another one.
    service.ask(run, "epoch")
    wait(service)
    assert service.ask(run, "epoch").value == 3
    assert calls == [plain["epoch"], 77, load_model(run).epoch]


def test_a_request_that_is_under_way_goes_on(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, calls = threading.Event(), []

    def slow(recommender: object, *, watch: object) -> None:
        calls.append(recommender)
        assert go_on.wait(LIMIT_S)

    monkeypatch.setitem(FINDERS, "slow", slow)
    service = FindingService()
    for _ in range(3):
        service.request(tiny_run, "slow")
    found = service.requested(tiny_run, "slow")
    assert found is not None
    assert found.state == "running"
    go_on.set()
    wait(service)
    assert len(calls) == 1
