from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bert4rec.data.collection import delete_dataset, rename_dataset
from bert4rec.errors import FormatError, NotFoundError
from bert4rec.json_files import read_json, write_json
from bert4rec.moments import utc_now
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run, open_run
from bert4rec.runs.registry import create_run
from tests.factories import random_dataset, saved_dataset, small_settings


@pytest.fixture
def run(workspace: Path) -> Run:
    dataset = saved_dataset(workspace, random_dataset([5, 6]))
    return create_run(workspace, dataset, Policy("embedding_policy", small_settings()), name="One")


def test_a_new_run_is_queued_and_knows_all_about_itself(run: Run, workspace: Path) -> None:
    status = run.status()
    assert (status.state, status.n_epochs, status.pid) == ("queued", 3, os.getpid())
    assert run.name == "One"
    assert run.workspace == workspace
    assert run.policy() == Policy("embedding_policy", small_settings())
    assert run.dataset().n_users == 2
    assert run.summary() is None


def test_the_configuration_keeps_what_was_given_and_what_it_meant(run: Run) -> None:
    config = run.config()
    assert config["settings"] == small_settings().given()
    assert config["effective_settings"] == small_settings().in_effect()
    assert config["dataset"]["fingerprint"] == run.dataset().fingerprint
    assert {"version", "machine", "created_at", "format_version"} <= config.keys()


def test_the_configuration_holds_the_dropouts_that_train_and_which_of_them_was_given(
    workspace: Path, run: Run
) -> None:
    settings = small_settings(dropout_rate=0, attn_dropout_prob=0.3)
    made = create_run(workspace, run.dataset(), Policy("scoring_policy", settings))
    effective = made.config()["effective_settings"]
    assert (effective["hidden_dropout_prob"], effective["attn_dropout_prob"]) == (0, 0.3)
    read = open_run(made.folder).hyperparameters()
    assert (read.given(), read.in_effect()) == (settings.given(), settings.in_effect())


def test_an_old_run_keeps_its_settings_when_a_default_changes(
    tiny_run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "runs" / "old"
    shutil.copytree(tiny_run.folder, folder)
    config = read_json(folder / "config.json")
    config["effective_settings"]["max_minutes"] = 7.0
    write_json(folder / "config.json", config)
    settings = open_run(folder).hyperparameters()
    assert settings.max_minutes == 7.0
    assert settings.given() == tiny_run.hyperparameters().given()


def test_a_folder_is_a_run_only_with_its_configuration(run: Run, tmp_path: Path) -> None:
    assert open_run(run.folder) == run
    with pytest.raises(NotFoundError, match="no run 'nothing'"):
        open_run(tmp_path / "nothing")
    write_json(run.folder / "config.json", run.config() | {"format_version": 99})
    with pytest.raises(FormatError, match="99"):
        open_run(run.folder)


@pytest.mark.parametrize(
    "text", ["[]", "3", '{"format_version": 1}', '{"format_version": 1, "name": "One"}']
)
def test_a_configuration_that_is_none_is_told(run: Run, text: str) -> None:
    (run.folder / "config.json").write_text(text)
    with pytest.raises(FormatError):
        run.config()


@pytest.mark.parametrize("name", ["config", "status", "summary"])
@pytest.mark.parametrize("text", ['{"half": ', "[]"])
def test_of_a_damaged_document_is_told_what_to_do(run: Run, name: str, text: str) -> None:
    (run.folder / f"{name}.json").write_text(text)
    with pytest.raises(FormatError) as caught:
        getattr(run, name)()
    assert caught.value.fix


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", None),
        ("name", 3),
        ("dataset", []),
        ("dataset", {"name": "made"}),
        ("settings", None),
        ("effective_settings", [1]),
    ],
)
def test_a_configuration_whose_values_are_of_another_kind_is_told(
    run: Run, key: str, value: object
) -> None:
    write_json(run.folder / "config.json", run.config() | {key: value})
    with pytest.raises(FormatError, match="configuration of the run is damaged"):
        run.config()


@pytest.mark.parametrize("text", ["[1]", "null", '{"test": [1]}', '{"test": {"hr@10": NaN}}'])
def test_a_summary_that_is_none_is_told(run: Run, text: str) -> None:
    (run.folder / "summary.json").write_text(text)
    with pytest.raises(FormatError):
        run.summary()


@pytest.mark.parametrize(
    ("state", "way_on"),
    [
        ("running", "then let the run go on."),
        ("stopped", "then let the run go on."),
        ("finished", "then try again."),
        ("damaged", "then let the run go on."),
    ],
)
def test_a_run_whose_dataset_was_deleted_says_so_and_what_to_do(
    run: Run, state: str, way_on: str
) -> None:
    if state == "damaged":
        (run.folder / "status.json").write_text("{")
    else:
        run.set_status(state=state)
    (run.workspace / "datasets").rename(run.workspace / "gone")
    with pytest.raises(NotFoundError, match="no longer there") as told:
        run.dataset()
    assert told.value.fix.endswith(way_on)


def test_the_log_has_a_dated_line_each(run: Run) -> None:
    run.log("first")
    run.log("second")
    lines = (run.folder / "log.txt").read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["first", "second"]
    assert all(line.startswith(f"{utc_now():%Y-}") for line in lines)


def test_of_a_log_the_newest_lines_are_read_however_long_it_is(workspace: Path) -> None:
    run = Run(workspace / "runs" / "some")
    assert run.log_tail() == []
    run.folder.mkdir(parents=True)
    for number in range(2_000):
        run.log(f"line {number}")
    tail = run.log_tail(3)
    assert [line.split(" ", 1)[1] for line in tail] == ["line 1997", "line 1998", "line 1999"]
    # All of a tail that starts within a line but that line.
    assert len(run.log_tail(10_000)) < 2_000
    assert all(" line " in line for line in run.log_tail(10_000))


def test_signs_of_a_log_that_no_screen_shows_are_replaced(workspace: Path) -> None:
    run = Run(workspace / "runs" / "some")
    run.folder.mkdir(parents=True)
    (run.folder / "log.txt").write_bytes(b"a\tb \x1b[31mred \xff " + "\u202eback\n".encode())
    (line,) = run.log_tail()
    assert line == "a   b \ufffd[31mred \ufffd \ufffdback"


def test_a_run_calls_its_dataset_as_it_is_called_now(run: Run, workspace: Path) -> None:
    folder = run.config()["dataset"]["folder"]
    rename_dataset(workspace, folder, "better")
    assert run.data_name == "better"
    delete_dataset(workspace, folder)
    assert run.data_name == run.config()["dataset"]["name"]
