"""The form of a dataset that is changed, or sent again, while one is being prepared."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from bert4rec.data import prepare as preparation
from bert4rec.data.collection import list_datasets
from bert4rec.data.filters import PrepareSettings
from bert4rec.data.item_table import read_item_table
from bert4rec.data.log import Roles
from bert4rec.errors import UnwritableError
from bert4rec.ui import long_making
from bert4rec.ui.data import preparing
from bert4rec.ui.data.log_choice import LogChoice
from bert4rec.ui.data.preparing import AskedDataset
from tests.addressed import open_page
from tests.reading import plain
from tests.waiting import LIMIT_S, wait_until
from tests.widgets import button

LOG = "user_id,item_id,timestamp\n" + "".join(
    f"u{user},i{(user + step) % 9},{1_700_000_000 + 60 * step}\n"
    for user in range(30)
    for step in range(6)
)
LENGTH = "prepare_min_sequence_length"
CHANGED, READY = "The form has changed since you pressed.", "is ready, without what has changed"
FAILED = "could not be prepared"


class Held:
    """Preparations that begin and then wait until they are let go."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.begun: list[int] = []
        self.fails: set[int] = set()
        self.n_at_once = self.most_at_once = 0

    def prepare(self, *given: Any, **options: Any) -> Any:
        self.n_at_once += 1
        self.most_at_once = max(self.most_at_once, self.n_at_once)
        self.begun.append(options["settings"].min_sequence_length)
        options["watch"]("reading", 0.5)
        assert self.may_end.wait(LIMIT_S)
        if self.begun[-1] in self.fails:
            self.n_at_once -= 1
            raise UnwritableError(f"the disk is full at {self.begun[-1]}")
        made = preparation.prepare(*given, **options)
        self.n_at_once -= 1
        return made

    def let_go(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()
        self.may_end.set()


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture
def held(patch: pytest.MonkeyPatch) -> Iterator[Held]:
    """A drawing that shows a bar is ended there, as by a press elsewhere."""
    held = Held()
    patch.setattr(preparing, "prepare", held.prepare)
    patch.setattr(long_making, "BAR_AFTER_S", 0.0)
    patch.setattr(long_making, "LOOK_EVERY_S", 0.01)
    patch.setattr(long_making, "share_words", lambda *_: st.stop())
    yield held
    held.may_end.set()


@pytest.fixture
def app(workspace: Path, held: Held) -> AppTest:
    """The page once a press has begun to prepare an upload of which all users are kept."""
    app = open_page("data")
    app.segmented_control(key="data_way").set_value("Upload").run()
    app.file_uploader[0].upload("plays.csv", LOG.encode())
    app.run()
    press(app)
    wait_until(lambda: len(held.begun) == 1)
    assert CHANGED not in plain(app)
    return app


def press(app: AppTest, label: str = "Prepare dataset") -> None:
    button(app, label).click().run()
    assert not app.exception


def change(app: AppTest, length: int) -> None:
    app.number_input(key=LENGTH).set_value(length).run()
    assert not app.exception


def lengths(workspace: Path) -> set[int]:
    return {made["settings"]["min_sequence_length"] for made in list_datasets(workspace)}


def uploads(workspace: Path) -> list[Path]:
    return list((workspace / "uploads").rglob("*.csv"))


def test_a_form_changed_meanwhile_is_told_that_this_counts_for_another_dataset(
    app: AppTest, held: Held, workspace: Path, patch: pytest.MonkeyPatch
) -> None:
    usual = held.begun[0]
    change(app, 5)
    assert CHANGED in plain(app)
    held.let_go(patch)
    app.run()
    assert READY in plain(app)
    assert CHANGED not in plain(app)
    assert lengths(workspace) == {usual}
    # The form stays as it is, and so does the log.
    assert app.number_input(key=LENGTH).value == 5
    assert uploads(workspace)
    app.run()
    assert READY in plain(app)
    press(app)
    assert lengths(workspace) == {usual, 5}
    assert READY not in plain(app)
    assert not uploads(workspace)
    assert app.metric[0].value == "180"


def test_the_one_that_is_ready_can_be_looked_at(
    app: AppTest, held: Held, workspace: Path, patch: pytest.MonkeyPatch
) -> None:
    change(app, 5)
    held.let_go(patch)
    app.run()
    press(app, "Look at it")
    assert app.metric[0].value == "180"
    assert uploads(workspace)


def test_a_press_with_other_settings_has_another_one_prepared_after_the_first(
    app: AppTest, held: Held, workspace: Path, patch: pytest.MonkeyPatch
) -> None:
    usual = held.begun[0]
    change(app, 5)
    press(app)
    # It waits for the first.
    assert held.begun == [usual]
    assert CHANGED not in plain(app)
    held.may_end.set()
    wait_until(lambda: len(held.begun) == 2)
    held.let_go(patch)
    app.run()
    assert not app.exception
    assert held.begun == [usual, 5]
    assert held.most_at_once == 1
    assert lengths(workspace) == {usual, 5}
    assert app.metric[0].value == "180"
    assert not uploads(workspace)


@pytest.mark.parametrize("does_last_fail", [False, True])
def test_one_that_another_press_followed_tells_why_it_could_not_be_prepared(
    does_last_fail: bool, app: AppTest, held: Held, workspace: Path, patch: pytest.MonkeyPatch
) -> None:
    held.fails = {held.begun[0]} | ({5} if does_last_fail else set())
    change(app, 5)
    press(app)
    assert FAILED not in plain(app)
    held.may_end.set()
    wait_until(lambda: len(held.begun) == 2)
    held.let_go(patch)
    app.run()
    assert not app.exception
    assert lengths(workspace) == (set() if does_last_fail else {5})
    said = f"The dataset 'plays', asked for before, {FAILED}: the disk is full at {held.begun[0]}"
    assert plain(app).count(said) == 1
    assert plain(app).count("disk is full at 5") == does_last_fail
    app.run()
    assert FAILED not in plain(app)


def test_a_form_that_is_as_it_was_shows_its_dataset(
    app: AppTest, held: Held, workspace: Path, patch: pytest.MonkeyPatch
) -> None:
    usual = held.begun[0]
    change(app, 5)
    change(app, usual)
    assert CHANGED not in plain(app)
    held.let_go(patch)
    app.run()
    assert lengths(workspace) == {usual}
    assert app.metric[0].value == "180"
    assert not uploads(workspace)


def pressed_on_the_server(workspace: Path) -> tuple[AppTest, Path]:
    """Return the page after a press, and the log that it takes from the server."""
    log = workspace / "inbox" / "plays.csv"
    log.parent.mkdir(parents=True)
    log.write_text(LOG)
    app = open_page("data")
    app.segmented_control(key="data_way").set_value("File on the server").run()
    app.selectbox(key="server_log").set_value("plays.csv").run()
    press(app)
    return app, log


def test_a_file_of_the_server_that_has_changed_makes_another_dataset_at_the_next_press(
    workspace: Path, held: Held, patch: pytest.MonkeyPatch
) -> None:
    app, log = pressed_on_the_server(workspace)
    held.may_end.set()
    wait_until(lambda: lengths(workspace))
    # Nobody has been shown that one so far.
    log.write_text(LOG + "u1,i8,1700009999\n")
    held.let_go(patch)
    press(app)
    assert {made["counts"]["n_interactions"] for made in list_datasets(workspace)} == {180, 181}
    assert app.metric[0].value == "181"


def test_a_file_that_has_changed_meanwhile_is_told_of(
    workspace: Path, held: Held, patch: pytest.MonkeyPatch
) -> None:
    app, log = pressed_on_the_server(workspace)
    log.write_text(LOG + "u1,i8,1700009999\n")
    app.run()
    assert "The file has changed since you pressed." in plain(app)


def test_whatever_is_asked_for_makes_another_dataset(tmp_path: Path) -> None:
    titles = tmp_path / "titles.csv"
    titles.write_text("item_id,title,name\ni1,One,1\n")
    table = read_item_table(titles, log_item="item_id")
    asked = AskedDataset(
        LogChoice(tmp_path / "log.csv", "log", titles),
        "csv",
        Roles("user_id", "item_id", "timestamp"),
        table,
        "plays",
        PrepareSettings(),
    )
    usual = asked.key
    others = [
        replace(asked, choice=LogChoice(tmp_path / "other.csv", "log", titles)),
        replace(asked, choice=LogChoice(tmp_path / "log.csv", "log", tmp_path / "more.csv")),
        replace(asked, form="tsv"),
        replace(asked, roles=Roles("user_id", "item_id")),
        replace(asked, items=None),
        replace(asked, items=replace(table, title="name")),
        replace(asked, name="other"),
        replace(asked, settings=PrepareSettings(min_item_count=2)),
    ]
    assert len({one.key for one in (asked, *others)}) == 1 + len(others)
    titles.write_text("item_id,title,name\ni1,Two,1\n")
    with_other_titles = asked.key
    (tmp_path / "log.csv").write_text(LOG)
    later = replace(asked, choice=replace(asked.choice))
    assert len({usual, with_other_titles, later.key}) == 3
    asked = later
    assert replace(asked, items=replace(table, rows=table.rows.copy())).key == asked.key
