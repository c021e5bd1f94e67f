from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from bert4rec.cli import datasets, main
from bert4rec.data.collection import list_datasets
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.interchange import EXPORT_FORMS
from bert4rec.data.prepare import PrepareSettings, prepare
from bert4rec.policy import Policy
from bert4rec.runs.registry import create_run
from tests.commands import document
from tests.factories import small_settings

LOG = pd.DataFrame({"user": list("aaaabbbcc"), "item": list("wxyzxyzxy")})


def run(workspace: Path, *words: object) -> Result:
    place = ("--workspace", workspace)
    return CliRunner().invoke(main, ["datasets", *map(str, (*words, *place))])


@pytest.fixture
def plays(workspace: Path) -> SequenceDataset:
    return prepare(LOG, workspace=workspace, name="plays")


def test_the_forms_of_an_export_are_those_of_the_library() -> None:
    assert tuple(EXPORT_FORMS) == datasets.FORMS


@pytest.mark.usefixtures("plays")
def test_name_and_note_are_changed_and_listed(workspace: Path) -> None:
    assert document(run(workspace, "rename", "plays", "My plays", "--json"))["name"] == "My plays"
    assert "Note: of May" in run(workspace, "note", "My plays", "of May").stdout
    (entry,) = document(run(workspace, "--json"))["datasets"]
    assert (entry["name"], entry["note"]) == ("My plays", "of May")
    assert {"folder", "created_at", "fingerprint", "n_users", "n_interactions"} <= entry.keys()
    assert "of May" in run(workspace).stdout


def test_a_recipe_is_shown_and_written_for_prepare(workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    LOG.assign(action="play").to_csv(path, index=False)
    command = ["prepare", str(path), "--keep-event", "play", "--workspace", str(workspace)]
    made = document(CliRunner().invoke(main, [*command, "--json"]))
    assert made["roles"]["event"] == "action"
    assert document(run(workspace, "recipe", "log", "--json"))["settings"]["events"] == ["play"]
    shown = run(workspace, "recipe", "log").stdout
    assert "event column" in shown
    assert "action" in shown
    out = tmp_path / "recipe.json"
    assert f"Wrote {out}" in run(workspace, "recipe", "log", "--out", out).stdout
    replay = ["prepare", str(path), "--recipe", str(out), "--workspace", str(workspace), "--json"]
    assert document(CliRunner().invoke(main, replay))["fingerprint"] == made["fingerprint"]


def test_a_recipe_shows_that_the_items_came_as_a_frame(workspace: Path, tmp_path: Path) -> None:
    LOG.to_csv(tmp_path / "log.csv", index=False)
    items = pd.DataFrame({"item": LOG["item"].unique(), "title": "T"})
    prepare(tmp_path / "log.csv", items=items, workspace=workspace)
    assert "a frame, to be written to a file for --items" in run(workspace, "recipe", "log").stdout
    assert document(run(workspace, "recipe", "log", "--json"))["items"]["name"] is None


@pytest.mark.usefixtures("plays")
def test_two_versions_are_compared_by_what_differs(workspace: Path) -> None:
    prepare(LOG, workspace=workspace, name="all", settings=PrepareSettings(min_sequence_length=1))
    found = document(run(workspace, "compare", "plays", "all", "--json"))
    rows = {row["what"]: (row["one"], row["other"]) for row in found["differences"]}
    assert rows["settings.min_sequence_length"] == (3, 1)
    assert rows["counts.n_users"] == (2, 3)
    assert "same source" in run(workspace, "compare", "all", "all").stdout


@pytest.mark.parametrize("form", EXPORT_FORMS)
def test_an_export_says_what_it_wrote(
    form: str, plays: SequenceDataset, workspace: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    found = document(run(workspace, "export", "plays", "--form", form, "--out", out, "--json"))
    assert sorted(found["files"]) == sorted(path.name for path in out.iterdir())
    assert found["n_interactions"] == plays.n_interactions


def test_what_an_ended_run_needs_is_deleted_by_force(
    plays: SequenceDataset, workspace: Path
) -> None:
    needing = create_run(workspace, plays, Policy("scoring_policy", small_settings()))
    refused = run(workspace, "delete", "plays", "--force")
    assert refused.exit_code == 1
    assert needing.id in refused.stderr
    needing.set_status(state="finished")
    assert "or force it by --force:" in run(workspace, "delete", "plays").stderr
    assert run(workspace, "delete", "plays", "--force").exit_code == 0
    assert list_datasets(workspace) == []


@pytest.mark.usefixtures("plays")
def test_options_before_the_name_of_a_command_hold_for_it(workspace: Path, tmp_path: Path) -> None:
    words = ["datasets", "--workspace", str(workspace), "--json", "note", "plays", "here"]
    assert document(CliRunner().invoke(main, words))["note"] == "here"
    words = ["datasets", "--workspace", str(tmp_path / "none"), "delete", "plays"]
    assert CliRunner().invoke(main, [*words, "--workspace", str(workspace)]).exit_code == 0
    assert list_datasets(workspace) == []


def test_a_damaged_dataset_is_told_of_beside_the_others(
    workspace: Path, plays: SequenceDataset
) -> None:
    damaged = prepare(LOG, workspace=workspace, name="broken").folder
    assert damaged is not None
    (damaged / "manifest.json").write_text("{")
    result = run(workspace)
    assert plays.name in result.stdout
    assert f"passed over: dataset '{damaged.name}' is damaged" in result.stderr
