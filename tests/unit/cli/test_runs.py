from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bert4rec.cli import main
from bert4rec.json_files import read_json, write_json
from bert4rec.pipeline import train
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run, list_runs
from bert4rec.runs.trash import list_trash
from tests.commands import document
from tests.factories import random_dataset, ring_dataset, saved_dataset, small_settings


def call(workspace: Path, *words: object) -> Result:
    place = ("--workspace", workspace)
    return CliRunner().invoke(main, ["runs", *map(str, (*words, *place))])


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


@pytest.mark.parametrize("words", [("rename",), ("note",), ("tag",), ("extend", "--epochs", "1")])
def test_what_was_not_typed_in_utf_8_is_refused_in_one_line(
    words: tuple[str, ...], workspace: Path
) -> None:
    ring = ring_dataset(n_items=12, n_users=40)
    run = train(ring, small_settings(n_epochs=1), workspace=workspace)
    named = ("--name",) if words[0] == "extend" else ()
    refused = call(workspace, words[0], "last", *words[1:], *named, os.fsdecode(b"caf\xe9"))
    assert refused.exit_code == 1
    assert "Type names and notes in UTF-8" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    (entry,) = document(call(workspace, "--json"))["runs"]
    assert (entry["name"], entry["note"], entry["tags"]) == (run.name, "", [])


def test_a_terminal_of_another_encoding_gets_what_it_has_signs_for(workspace: Path) -> None:
    make(workspace, "first")
    words = ["runs", "note", "first", "café ✓", "--workspace", str(workspace)]
    western = CliRunner(charset="latin-1")
    assert "Note: café ?" in western.invoke(main, words).stdout
    assert document(western.invoke(main, [*words, "--json"]))["note"] == "café ✓"


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


def test_the_trash_is_listed(workspace: Path) -> None:
    assert call(workspace, "trash").stdout == "The trash is empty.\n"
    run = make(workspace, "first")
    call(workspace, "delete", "first")
    (told,) = document(call(workspace, "trash", "--json"))["runs"]
    assert (told["run"], told["name"], told["state"]) == (run.id, "first", "finished")
    assert run.id in call(workspace, "trash").stdout


def test_a_deleted_run_is_found_by_its_name_and_what_is_there_is_told(workspace: Path) -> None:
    run = make(workspace, "two words")
    call(workspace, "delete", "two words")
    refused = call(workspace, "restore", "other words")
    assert refused.exit_code == 1
    assert "there is no run 'other words' in the trash (" in refused.stderr
    assert f"). In the trash: {run.id}.\n" in refused.stderr
    assert document(call(workspace, "restore", "two words", "--json"))["restored"] == run.id
    call(workspace, "delete", "two words")
    assert document(call(workspace, "purge", "two words", "--json"))["purged"] == [run.id]


def test_of_a_run_that_is_not_in_an_empty_trash_just_that_is_told(workspace: Path) -> None:
    for text, more in (("nope", ""), ("kept", " A run of that name is among those that are not")):
        run = make(workspace, "kept") if more else None
        refused = call(workspace, "restore", text)
        expected = f"there is no run {text!r} in the trash, which is empty ({workspace}).{more}"
        assert expected in refused.stderr
        assert "--workspace" not in refused.stderr
        assert run is None or list_runs(workspace) == [run]


def test_of_a_full_trash_the_newest_runs_are_told(workspace: Path) -> None:
    for number in range(7):
        call(workspace, "delete", make(workspace, f"number {number}").id)
    told = call(workspace, "restore", "nope").stderr
    assert told.count("-number-") == 5
    assert " and 2 more." in told


def test_a_file_in_the_place_of_the_trash_holds_nothing_to_purge(workspace: Path) -> None:
    (workspace / "trash").write_text("in the way")
    assert document(call(workspace, "purge", "--json")) == {"purged": [], "n_bytes": 0}


def test_nothing_is_purged_where_one_of_the_runs_is_not_there(workspace: Path) -> None:
    run = make(workspace, "first")
    call(workspace, "delete", "first")
    refused = call(workspace, "purge", run.id, "nosuch", "--json")
    assert refused.exit_code == 1
    assert "nosuch" in json.loads(refused.stdout)["error"]["message"]
    assert [one.id for one in list_trash(workspace)] == [run.id]
    assert document(call(workspace, "purge", run.id, run.id, "--json"))["purged"] == [run.id]


def test_pruning_takes_all_finished_runs_or_the_one_that_is_named(workspace: Path) -> None:
    runs = [make(workspace, name) for name in ("a", "b", "c")]
    for run in runs:
        run.checkpoint("best").parent.mkdir()
        for kind in ("best", "last"):
            run.checkpoint(kind).write_bytes(b"x" * 100)
    runs[2].set_status(state="stopped")
    (make(workspace, "broken").folder / "status.json").write_text("{")
    assert document(call(workspace, "prune", "a", "--json"))["pruned"] == {runs[0].id: 100}
    assert "Freed 100 B." in call(workspace, "prune").stdout
    assert not runs[1].checkpoint("last").exists()
    assert runs[2].checkpoint("last").is_file()


def test_a_run_is_trained_longer_and_what_differs_is_told(workspace: Path) -> None:
    settings = small_settings(n_epochs=1, schedule="linear")
    short = train(ring_dataset(n_users=40), settings, workspace=workspace, name="short")
    called = call(workspace, "extend", "short", "--epochs", "2", "--name", "longer", "--json")
    found = document(called)
    assert (found["name"], found["state"], found["n_epochs_done"]) == ("longer", "finished", 3)
    begin = {"run": short.id, "name": "short", "epoch": 1, "step": 2}
    assert found["parent"] == begin | {"notes": found["notes"]}
    (note,) = found["notes"]
    assert "linear schedule that ended with epoch 1" in note
    assert note in called.stderr
    assert "going on after epoch 1, step 2" in called.stderr
    again = call(workspace, "extend", "longer", "--epochs", "1").stdout
    assert f"It went on from run {found['run']} after epoch 3." in again
    assert {run.name for run in list_runs(workspace)} == {"short", "longer", "longer 2"}
    assert call(workspace, "extend", "longer", "--epochs", "0").exit_code == 2


def test_training_longer_on_a_device_that_is_gone_makes_no_run(workspace: Path) -> None:
    settings = small_settings(n_epochs=1)
    short = train(ring_dataset(n_users=40), settings, workspace=workspace, name="short")
    config = read_json(short.folder / "config.json")
    for part in ("settings", "effective_settings"):
        config[part]["device"] = "cuda:97"
    write_json(short.folder / "config.json", config)
    refused = call(workspace, "extend", "short", "--epochs", "1")
    assert refused.exit_code == 1
    assert "cuda:97" in refused.output
    assert list_runs(workspace) == [short]


def test_a_run_is_imported_from_a_folder_and_trained_longer_here(
    workspace: Path, tiny_run: Run
) -> None:
    brought = document(call(workspace, "import", tiny_run.folder, "--json"))
    refused = call(workspace, "extend", brought["run"], "--epochs", "1")
    assert (
        "Its dataset is not in this workspace" in call(workspace, "import", tiny_run.folder).stdout
    )
    assert (refused.exit_code, len(list_runs(workspace))) == (1, 2)
    shutil.copytree(tiny_run.workspace / "datasets", workspace / "datasets")
    found = document(call(workspace, "extend", brought["run"], "--epochs", "1", "--json"))
    assert found["n_epochs_done"] == 9


def test_curves_are_written_as_a_table_or_for_tensorboard(
    workspace: Path, tiny_run: Run, tmp_path: Path
) -> None:
    table = document(
        call(workspace, "curves", tiny_run.folder, "--out", tmp_path / "a.csv", "--json")
    )
    assert Path(table["out"]).read_text().startswith("epoch,step,loss")
    board = tmp_path / "my board"
    words = ("curves", tiny_run.folder, "--form", "tensorboard", "--out", board)
    assert f"Next: tensorboard --logdir '{board}'" in call(workspace, *words).stdout
    assert [path.parent for path in board.rglob("*tfevents*")] == [board / tiny_run.id]
    wrong = call(workspace, "curves", tiny_run.folder, "--out", board)
    assert (wrong.exit_code, "should end in .csv" in wrong.stderr) == (2, True)


@pytest.mark.parametrize("words", [("rename", "nosuch", "x"), ("delete", "nosuch")])
def test_a_run_that_is_not_there_is_told_in_one_line(
    workspace: Path, words: tuple[str, ...]
) -> None:
    failed = call(workspace, *words)
    assert failed.exit_code == 1
    assert "there is no run 'nosuch'" in failed.stderr
