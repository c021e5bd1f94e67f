"""A form that somebody fills is there again after a reload, and for who gets its link."""

from __future__ import annotations

from pathlib import Path

import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.policy import Policy
from bert4rec.runs.registry import create_run
from bert4rec.ui.address import FORM_NAMES
from tests.addressed import link_of, open_page
from tests.factories import small_settings
from tests.reading import labels, plain

MISFIT = "The address holds settings that this form does not have."


@pytest.mark.usefixtures("dataset")
def test_the_form_of_a_run_is_in_its_address_and_there_after_a_reload() -> None:
    app = open_page("train")
    assert link_of(app, FORM_NAMES) == {}
    app.segmented_control(key="train_preset").set_value("quick").run()
    app.number_input(key="train_field_n_epochs").set_value(0).run()
    app.number_input(key="train_field_learning_rate").set_value(0.5).run()
    app.selectbox(key="train_field_loss_type").set_value("BPR").run()
    app.segmented_control(key="train_kind").set_value("embedding_policy").run()
    app.text_input(key="train_name").set_value("mine & yours").run()
    link = link_of(app, FORM_NAMES)
    assert link["preset"] == "quick"
    again = open_page("train", link)
    assert again.segmented_control(key="train_preset").value == "quick"
    assert again.number_input(key="train_field_n_epochs").value == 0
    assert again.number_input(key="train_field_learning_rate").value == 0.5
    assert again.selectbox(key="train_field_loss_type").value == "BPR"
    assert again.segmented_control(key="train_kind").value == "embedding_policy"
    assert again.text_input(key="train_name").value == "mine & yours"
    # It says what is wrong, and what was changed since the preset, as it did before.
    assert labels(again) == labels(app)
    assert plain(again) == plain(app)
    assert link_of(again, FORM_NAMES) == link


@pytest.mark.usefixtures("dataset")
def test_the_form_of_a_search_is_in_its_address_and_there_after_a_reload() -> None:
    app = open_page("search")
    assert link_of(app, FORM_NAMES) == {}
    app.number_input(key="search_trials").set_value(7).run()
    app.number_input(key="search_minutes").set_value(2.5).run()
    app.selectbox(key="search_add").set_value("weight_decay").run()
    app.text_input(key="search_values_weight_decay").set_value("0.1, soft").run()
    link = link_of(app, FORM_NAMES)
    again = open_page("search", link)
    assert again.number_input(key="search_trials").value == 7
    assert again.number_input(key="search_minutes").value == 2.5
    assert again.text_input(key="search_values_weight_decay").value == "0.1, soft"
    assert link_of(again, FORM_NAMES) == link


def test_a_run_that_trains_does_not_take_the_place_of_a_form_that_was_begun(
    dataset: SequenceDataset, workspace: Path
) -> None:
    run = create_run(workspace, dataset, Policy(settings=small_settings()), name="made")
    run.set_status(state="running")
    link = {"preset": "quick", "set": "n_epochs:7"}
    assert open_page("train", link).number_input(key="train_field_n_epochs").value == 7


@pytest.mark.usefixtures("dataset")
@pytest.mark.parametrize("page", ["train", "search"])
@pytest.mark.parametrize("link", [{"set": "n_epochs:many"}, {"name": "x" * 101}])
def test_an_address_that_the_form_cannot_take_says_so_and_is_written_anew(
    page: str, link: dict[str, str]
) -> None:
    app = open_page(page, link)
    assert MISFIT in plain(app)
    assert link_of(app, FORM_NAMES) == {}
    assert MISFIT not in plain(app.run())


@pytest.mark.usefixtures("dataset")
@pytest.mark.parametrize("page", ["train", "search"])
def test_a_form_that_was_begun_is_not_filled_from_an_address_of_before(page: str) -> None:
    app = open_page(page)
    app.number_input(key=f"{page}_field_n_epochs").set_value(5).run()
    app.query_params["set"] = "n_epochs:9"
    app.run()
    assert app.number_input(key=f"{page}_field_n_epochs").value == 5
