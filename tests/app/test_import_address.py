"""What is filled in on the way from a log to a dataset is there again after a reload."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.data.collection import list_datasets
from bert4rec.data.samples import prepare_sample
from bert4rec.ui.address import IMPORT_NAMES
from tests.addressed import link_of, open_page
from tests.reading import labels, plain
from tests.widgets import box

# Two columns that may be the user, and a kind and a value to choose by.
LOG = "reader,lender,book,read_at,kind,stars\n" + "".join(
    f"r{n % 20},l{n % 7},b{n % 9},{1_700_000_000 + 60 * n},{'read' if n % 5 else 'skip'},{n % 4}\n"
    for n in range(200)
)
TITLES = "number,heading,book\n" + "".join(f"{n},Head {n},b{n}\n" for n in range(9))
GONE = "no longer on the server"
MISFIT = "The address holds settings that this form does not have."


def upload(app: AppTest, name: str, content: str) -> None:
    app.file_uploader[0].upload(name, content.encode())
    app.run()


def filled_in() -> AppTest:
    app = open_page("data")
    app.segmented_control(key="data_way").set_value("Upload").run()
    upload(app, "books.csv", LOG)
    upload(app, "titles.csv", TITLES)
    box(app, "User column").set_value("lender").run()
    box(app, "Item column").set_value("book").run()
    box(app, "Time column").set_value("").run()
    box(app, "Value column").set_value("stars").run()
    box(app, "Event column").set_value("kind").run()
    box(app, "Title column").set_value("number").run()
    app.multiselect[0].set_value(["read"]).run()
    app.number_input(key="prepare_min_sequence_length").set_value(4).run()
    app.number_input(key="prepare_max_sequence_length").set_value(90).run()
    app.toggle(key="prepare_duplicates").set_value(False).run()
    next(n for n in app.number_input if n.label == "Smallest value").set_value(0.5).run()
    next(t for t in app.text_input if t.label == "Name of the dataset").set_value("mine, all").run()
    assert not app.exception
    return app


def test_what_was_filled_in_is_there_after_a_reload_and_gives_the_same_dataset(
    workspace: Path,
) -> None:
    app = filled_in()
    link = link_of(app, IMPORT_NAMES)
    again = open_page("data", link)
    assert labels(again) == labels(app)
    assert plain(again) == plain(app)
    assert link_of(again, IMPORT_NAMES) == link
    assert box(again, "User column").value == "lender"
    assert box(again, "Title column").value == "number"
    assert again.multiselect[0].value == ["read"]
    next(b for b in again.button if b.label == "Prepare dataset").click().run()
    assert not again.exception
    (manifest,) = list_datasets(workspace)
    assert manifest["name"] == "mine, all"
    told = {"min_sequence_length": 4, "max_sequence_length": 90, "drop_duplicates": False}
    told |= {"events": ["read"], "min_value": 0.5}
    assert told.items() <= manifest["settings"].items()
    assert link_of(again, IMPORT_NAMES) == {}


@pytest.mark.usefixtures("workspace")
def test_a_form_as_it_comes_says_nothing_of_itself() -> None:
    app = open_page("data")
    assert link_of(app, IMPORT_NAMES) == {}
    app.segmented_control(key="data_way").set_value("Upload").run()
    upload(app, "log.csv", "user_id,item_id,timestamp\n" + "a,x,1700000000\nb,y,1700000060\n" * 9)
    assert [*link_of(app, IMPORT_NAMES)] == ["log"]


def test_an_upload_that_is_gone_is_asked_for_and_what_was_filled_in_waits_for_it(
    workspace: Path,
) -> None:
    prepare_sample("courses", workspace)
    link = {"log": "0" * 32, "columns": "user:lender,time:,item:book", "keep": "min_item_count:2"}
    app = open_page("data", link)
    assert GONE in plain(app)
    # A second reload still has it, and is not told again of the file.
    again = open_page("data", link_of(app, IMPORT_NAMES))
    assert GONE not in plain(again)
    upload(again, "books.csv", LOG)
    assert box(again, "User column").value == "lender"
    assert box(again, "Time column").value == ""
    assert again.number_input(key="prepare_min_item_count").value == 2


@pytest.mark.usefixtures("workspace")
def test_what_was_filled_in_for_one_file_is_not_told_of_another() -> None:
    app = filled_in()
    link = link_of(app, IMPORT_NAMES)
    again = open_page("data", link)
    next(b for b in again.button if b.label == "Choose another file").click().run()
    upload(again, "other.csv", LOG)
    assert box(again, "User column").value != "lender"
    assert "name" not in link_of(again, IMPORT_NAMES)


@pytest.mark.usefixtures("workspace")
def test_columns_that_the_file_does_not_have_are_passed_over() -> None:
    app = open_page("data", {"log": "0" * 32, "columns": "user:nobody", "keep": "events:read:gone"})
    upload(app, "books.csv", LOG)
    assert box(app, "User column").value != "nobody"
    box(app, "User column").set_value("reader").run()
    box(app, "Item column").set_value("book").run()
    box(app, "Event column").set_value("kind").run()
    assert not app.exception
    assert app.multiselect[0].value == ["read"]


def test_a_file_on_the_server_is_still_chosen_after_a_reload(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BERT4REC_DATA_DIR", raising=False)
    prepare_sample("courses", workspace)
    inbox = workspace / "inbox"
    inbox.mkdir()
    (inbox / "books.csv").write_text(LOG)
    (inbox / "titles.csv").write_text(TITLES)
    app = open_page("data")
    app.segmented_control(key="data_view").set_value("Add a dataset").run()
    app.segmented_control(key="data_way").set_value("File on the server").run()
    app.selectbox(key="server_log").set_value("books.csv").run()
    app.selectbox(key="server_items").set_value("titles.csv").run()
    box(app, "User column").set_value("lender").run()
    link = link_of(app, IMPORT_NAMES)
    again = open_page("data", link)
    assert plain(again) == plain(app)
    assert box(again, "User column").value == "lender"
    (inbox / "books.csv").unlink()
    assert "not in the folder on the server" in plain(open_page("data", link))
    # What leads out of the folder is no file of it.
    assert "not in the folder on the server" in plain(open_page("data", {"file": "../datasets"}))


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    "link",
    [
        {"form": "docx"},
        {"columns": "owner:me"},
        {"columns": "user"},
        {"keep": "min_item_count:0"},
        {"keep": "min_item_count:many"},
        {"keep": "drop_duplicates:maybe"},
        {"keep": "min_value:inf"},
        {"keep": "seed:1"},
        {"name": "x" * 61},
    ],
)
def test_an_address_that_the_form_cannot_take_says_so_and_is_written_anew(
    link: dict[str, str],
) -> None:
    app = open_page("data", link)
    assert MISFIT in plain(app)
    assert link_of(app, IMPORT_NAMES) == {}
    assert MISFIT not in plain(app.run())
