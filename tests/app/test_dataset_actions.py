from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.data.collection import find_dataset, list_datasets, note_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.prepare import PrepareSettings, prepare
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run
from bert4rec.view.markdown import escape
from tests.addressed import open_page
from tests.factories import small_settings
from tests.reading import table_with, texts
from tests.waiting import LIMIT_S

LOG = "user_id,item_id,timestamp\n" + "".join(
    f"u{user},i{(user + step) % 9},{1_700_000_000 + 60 * step}\n"
    for user in range(30)
    for step in range(4 + user % 3)
)


@pytest.fixture
def plays(workspace: Path, tmp_path: Path) -> SequenceDataset:
    (tmp_path / "plays.csv").write_text(LOG)
    return prepare(tmp_path / "plays.csv", workspace=workspace)


open_data = partial(open_page, "data")


# A run of the whole page draws a dialog only if what opens it is pressed in the same run.


def choose(app: AppTest, action: str, button: str | None = None) -> None:
    """Choose from the menu and, where the dialog is open already, press a button in it."""
    app.menu_button[0].click(action)
    if button is not None:
        next(found for found in app.button if found.label == button).click()
    app.run()
    assert not app.exception


def delete(app: AppTest, *, is_sure: bool = False) -> None:
    next(found for found in app.button if found.label == "Delete").click()
    if is_sure:
        app.button(key="really_delete").click()
    app.run()
    assert not app.exception


def run_of(workspace: Path, dataset: SequenceDataset, state: str) -> Run:
    run = create_run(workspace, dataset, Policy("scoring_policy", small_settings()), name="*mine*")
    run.set_status(state=state)
    return run


def test_a_dataset_is_renamed_and_noted_and_the_note_is_text(
    plays: SequenceDataset, workspace: Path
) -> None:
    app = open_data()
    choose(app, "Rename or note")
    next(box for box in app.text_input if box.label == "Name").set_value("May [x](y)")
    app.text_area[0].set_value("for the *talk*")
    choose(app, "Rename or note", "Save")
    (manifest,) = list_datasets(workspace)
    assert (manifest["name"], manifest["note"]) == ("May [x](y)", "for the *talk*")
    assert manifest["fingerprint"] == plays.fingerprint
    assert r"for the \*talk\*" in texts(app)


def test_words_that_are_changed_meanwhile_are_shown_when_they_are_asked_for_again(
    plays: SequenceDataset, workspace: Path
) -> None:
    assert plays.folder is not None
    app = open_data()
    choose(app, "Rename or note")
    note_dataset(workspace, plays.folder.name, "theirs")
    choose(app, "Rename or note")
    assert app.text_area[0].value == "theirs"


@pytest.mark.usefixtures("plays")
def test_an_empty_name_is_told_in_the_dialog(workspace: Path) -> None:
    app = open_data()
    choose(app, "Rename or note")
    next(box for box in app.text_input if box.label == "Name").set_value(" ")
    choose(app, "Rename or note", "Save")
    assert "A name has 1 to 60 signs" in texts(app)
    assert find_dataset(workspace, "plays").name == "plays"


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("parquet", ["interactions.parquet", "items.parquet"]),
        ("recbole", ["plays.inter", "plays.item"]),
    ],
)
def test_an_export_lies_in_the_workspace_and_can_be_downloaded(
    form: str, names: list[str], plays: SequenceDataset, workspace: Path
) -> None:
    assert plays.folder is not None
    app = open_data()
    choose(app, "Export")
    next(choice for choice in app.segmented_control if choice.label == "Form").set_value(form)
    choose(app, "Export", "Write the files")
    folder = workspace / "exports" / f"{plays.folder.name}-{form}"
    assert sorted(path.name for path in folder.iterdir()) == names
    downloads = [button.label for button in app.get("download_button")]
    shown = [label.split(" (")[0] for label in downloads if label != "Recipe (JSON)"]
    assert shown == [escape(name) for name in names]


def test_versions_of_one_source_are_compared_first(
    plays: SequenceDataset, workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.csv").write_text(LOG)
    prepare(tmp_path / "other.csv", workspace=workspace)
    longer = PrepareSettings(min_sequence_length=5)
    prepare(tmp_path / "plays.csv", workspace=workspace, settings=longer)
    app = open_data()
    assert plays.folder is not None
    app.selectbox[0].set_value(plays.folder.name).run()
    choose(app, "Compare")
    (box,) = (box for box in app.selectbox if box.label == "With")
    assert [option.endswith("same source") for option in box.options] == [True, False]
    table = table_with(app, "What")
    assert len(table.columns) == 3
    rows = {row[0]: tuple(row[1:]) for row in table.itertuples(index=False)}
    assert rows["Shortest history"] == ("3", "5")
    assert rows["Users"] == ("30", "20")


@pytest.mark.usefixtures("plays")
def test_a_dataset_alone_has_nothing_to_be_compared_with() -> None:
    menu = open_data().menu_button[0]
    assert len(menu.options) == 2


@pytest.mark.usefixtures("plays")
def test_a_dataset_that_no_run_needs_is_deleted_after_a_question(workspace: Path) -> None:
    app = open_data()
    delete(app)
    assert len(list_datasets(workspace)) == 1
    delete(app, is_sure=True)
    assert list_datasets(workspace) == []
    assert "Nothing is here yet" in texts(app)


def test_a_dataset_that_an_active_run_needs_cannot_be_deleted(
    plays: SequenceDataset, workspace: Path
) -> None:
    run = run_of(workspace, plays, "running")
    app = open_data()
    delete(app)
    assert "cannot be deleted" in texts(app)
    assert r"\*mine\*" in texts(app)
    assert run.id.split("-")[0] in texts(app)
    assert "really_delete" not in [button.key for button in app.button]


def test_runs_that_would_lose_their_dataset_are_named_and_have_to_be_confirmed(
    plays: SequenceDataset, workspace: Path
) -> None:
    run_of(workspace, plays, "finished")
    app = open_data()
    delete(app)
    assert "no longer be resumed or inspected" in texts(app)
    assert r"\*mine\*" in texts(app)
    assert app.button(key="really_delete").disabled
    next(box for box in app.checkbox if box.label == "Delete it all the same").check()
    delete(app)
    delete(app, is_sure=True)
    assert list_datasets(workspace) == []


def after_the_other_dataset_went() -> None:
    import streamlit as st

    from bert4rec.ui import state
    from bert4rec.ui.data.dataset_actions import draw_actions

    (manifest,) = state.datasets()
    draw_actions(st.container(), manifest, {manifest["folder"]: "mine", "gone-1": "gone"})


@pytest.mark.usefixtures("plays")
def test_a_dataset_without_another_one_any_more_is_compared_with_none() -> None:
    app = AppTest.from_function(after_the_other_dataset_went, default_timeout=LIMIT_S).run()
    choose(app, "Compare")
    assert "There is no other dataset any more" in texts(app)
