from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bert4rec.cli import main
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run, list_runs
from tests.factories import random_dataset, saved_dataset, small_settings


def call(workspace: Path, *words: object) -> Result:
    place = ("--workspace", workspace)
    return CliRunner().invoke(main, ["runs", *map(str, (*words, *place))])


def document(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def make(workspace: Path, name: str) -> Run:
    dataset = saved_dataset(workspace, random_dataset([5, 6]))
    run = create_run(workspace, dataset, Policy(settings=small_settings()), name=name)
    run.set_status(state="finished")
    return run


def test_name_note_and_tags_are_changed_and_listed(workspace: Path) -> None:
    run = make(workspace, "first")
    assert document(call(workspace, "rename", "first", "My run", "--json"))["name"] == "My run"
    assert "Note: of May" in call(workspace, "note", "My run", "of May").stdout
    assert "Tags: good, slow" in call(workspace, "tag", run.id, "good", "slow").stdout
    found = document(call(workspace, "tag", "last", "best", "--remove", "slow", "--json"))
    assert found["tags"] == ["good", "best"]
    (entry,) = document(call(workspace, "--json"))["runs"]
    assert (entry["name"], entry["note"], entry["tags"]) == ("My run", "of May", ["good", "best"])
    assert entry["n_bytes"] > 0
    assert "good, best" in call(workspace).stdout


def test_a_name_that_two_runs_have_is_refused_with_their_ids(workspace: Path) -> None:
    runs = [make(workspace, "same") for _ in range(2)]
    refused = call(workspace, "rename", "same", "other")
    assert refused.exit_code == 1
    assert all(run.id in refused.stderr for run in runs)
    assert {run.name for run in runs} == {"same"}


def test_a_deleted_run_is_restored_and_purged(workspace: Path) -> None:
    run = make(workspace, "first")
    deleted = call(workspace, "delete", "first")
    assert f"bert4rec runs restore {run.id}" in deleted.stdout
    assert list_runs(workspace) == []
    assert document(call(workspace, "restore", run.id, "--json"))["restored"] == run.id
    assert list_runs(workspace) == [run]
    call(workspace, "delete", run.id)
    found = document(call(workspace, "purge", "--json"))
    assert found["purged"] == [run.id]
    assert found["n_bytes"] > 0
    assert call(workspace, "restore", run.id).exit_code == 1


def test_pruning_takes_all_finished_runs_or_the_one_that_is_named(workspace: Path) -> None:
    runs = [make(workspace, name) for name in ("a", "b", "c")]
    for run in runs:
        run.checkpoint("best").parent.mkdir()
        for kind in ("best", "last"):
            run.checkpoint(kind).write_bytes(b"x" * 100)
    runs[2].set_status(state="stopped")
    (make(workspace, "broken").folder / "status.json").write_text("{")
    assert document(call(workspace, "prune", "a", "--json"))["pruned"] == {runs[0].id: 100}
    assert document(call(workspace, "prune", "--json"))["pruned"] == {runs[1].id: 100}
    assert runs[2].checkpoint("last").is_file()


@pytest.mark.parametrize("words", [("rename", "nosuch", "x"), ("delete", "nosuch")])
def test_a_run_that_is_not_there_is_told_in_one_line(
    workspace: Path, words: tuple[str, ...]
) -> None:
    failed = call(workspace, *words)
    assert failed.exit_code == 1
    assert "there is no run 'nosuch'" in failed.stderr
