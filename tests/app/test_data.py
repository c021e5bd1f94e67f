from __future__ import annotations

import gzip
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.data.collection import list_datasets
from bert4rec.data.dataset import open_dataset
from bert4rec.data.prepare import prepare
from bert4rec.data.recipe import recipe_of
from bert4rec.data.samples import prepare_sample
from bert4rec.policy import Policy
from bert4rec.runs.registry import create_run
from tests.addressed import open_page
from tests.reading import plain, table_with, texts
from tests.unfolding import unfolded
from tests.waiting import LIMIT_S
from tests.widgets import box, button

LOG = "user_id,item_id,timestamp\n" + "".join(
    f"u{user},i{(user + step) % 9},{1_700_000_000 + 60 * step}\n"
    for user in range(30)
    for step in range(6)
)
TITLES = "item_id,title\n" + "".join(f"i{item},*Star* [{item}](x)\n" for item in range(9))
GONE = "The upload that the address names is no longer on the server."


open_data = partial(open_page, "data")


def upload(app: AppTest, name: str, content: bytes, place: int = 0) -> None:
    app.file_uploader[place].upload(name, content)
    app.run()
    assert not app.exception


def choose_upload(app: AppTest) -> None:
    app.segmented_control(key="data_way").set_value("Upload").run()
    assert not app.exception


def errors(app: AppTest) -> str:
    return "\n".join(str(error.value) for error in app.error)


@pytest.fixture
def inbox(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("BERT4REC_DATA_DIR", raising=False)
    folder = workspace / "inbox"
    folder.mkdir()
    return folder


@pytest.mark.usefixtures("workspace")
def test_a_packed_upload_that_unpacks_beyond_the_limit_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bert4rec.ui.data.log_choice.MAX_UNPACKED_BYTES", 2**20)
    app = open_data()
    choose_upload(app)
    upload(app, "log.csv.gz", gzip.compress(LOG.encode() + b"u,i,1\n" * 2**18))
    assert "larger than the limit" in errors(app)
    assert "Split it" in errors(app)


@pytest.mark.usefixtures("workspace")
def test_an_uploaded_item_table_that_unpacks_beyond_its_limit_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bert4rec.ui.data.log_choice.MAX_UNPACKED_ITEMS_BYTES", 2**20)
    app = open_data()
    choose_upload(app)
    upload(app, "log.csv", LOG.encode())
    upload(app, "items.csv.gz", gzip.compress(TITLES.encode() + b"i1,again\n" * 2**18))
    assert "larger than the limit" in errors(app)
    assert r"items\.csv\.gz" in errors(app)
    assert "Prepare dataset" not in {button.label for button in app.button}


@pytest.mark.usefixtures("workspace")
def test_an_empty_workspace_offers_the_samples() -> None:
    app = open_data()
    assert "Nothing is here yet" in texts(app)
    assert [b.label for b in app.button].count("Use this sample") == 3


def test_a_sample_is_prepared_and_shown(workspace: Path) -> None:
    app = open_data()
    app.button(key="sample_playlists").click().run()
    assert not app.exception
    assert [manifest["name"] for manifest in list_datasets(workspace)] == ["playlists"]
    assert app.metric[0].label == "Interactions"
    assert len(app.metric) <= 7
    # Lengths, popularity, times and the split.
    assert len(app.get("vega_lite_chart")) == 4
    assert "The checks found nothing to mend" in texts(app)
    assert "The busiest of 60 equal stretches" in texts(app)


def test_a_dataset_is_trained_on_in_the_form_of_a_new_run_also_while_a_run_is_in_use(
    workspace: Path,
) -> None:
    dataset = prepare_sample("reading", workspace)
    run = create_run(workspace, dataset, Policy(), name="older")
    run.set_status(state="stopped")
    app = open_data()
    app.session_state["run_id"] = run.id
    app.switch_page("pages/train.py").run()
    assert app.session_state["train_view"] == run.id
    app.switch_page("pages/data.py").run()
    button(app, "Train on this").click().run()
    app.switch_page("pages/train.py").run()
    assert not app.exception
    assert app.session_state["train_view"] == "new"
    assert "Start training" in [one.label for one in app.button]


def test_every_way_to_split_is_drawn_with_its_counts(workspace: Path) -> None:
    prepare_sample("reading", workspace)
    app = open_data()
    assert "2,400 to validate, 2,400 to test" in texts(app)
    for way, said in (
        ("Last K", "7,200 to validate, 7,200 to test"),
        ("Global time", "Validation begins on"),
        ("Held-out users", "480 of users held out whole"),
    ):
        app.segmented_control(key="split_way").set_value(way).run()
        assert not app.exception
        assert not errors(app)
        assert said in texts(app)
        assert len(app.get("vega_lite_chart")) == 4
        unfolded(app, "As a table")
        shown = next(f.value for f in app.dataframe if "Training" in f.value.columns)
        assert len(shown) == 12
    app.number_input(key="split_sample_ratio").set_value(0.5).run()
    assert "1,200 of users held out whole" in texts(app)


def test_a_split_in_time_with_few_left_to_judge_is_warned_of(workspace: Path) -> None:
    # Each playlist was made in one sitting, so nearly none goes over a cut.
    prepare_sample("playlists", workspace)
    app = open_data()
    app.segmented_control(key="split_way").set_value("Global time").run()
    assert any("no past to be asked from" in str(warning.value) for warning in app.warning)


def test_events_are_chosen_by_name_and_count_and_said_afterwards(workspace: Path) -> None:
    app = open_data()
    choose_upload(app)
    lines = LOG.splitlines()
    kinds = ["event_type", *(("skip" if n % 6 == 5 else "play") for n in range(len(lines) - 1))]
    log = "\n".join(f"{line},{kind}" for line, kind in zip(lines, kinds, strict=True))
    upload(app, "plays.csv", log.encode())
    chooser = app.multiselect[0]
    assert chooser.options == ["play (150)", "skip (30)"]
    chooser.set_value(["play"]).run()
    app.number_input(key="prepare_max_sequence_length").set_value(5).run()
    button(app, "Prepare dataset").click().run()
    assert not app.exception
    (manifest,) = list_datasets(workspace)
    assert manifest["settings"]["events"] == ["play"]
    assert manifest["settings"]["max_sequence_length"] == 5
    assert manifest["counts"]["n_interactions"] == 150
    unfolded(app, "Where it comes from")
    report = table_with(app, "Step")
    assert report.set_index("Step").loc["Other event", "Rows"] == "30"
    origin = table_with(app, "What")
    assert origin.set_index("What").loc["Events to keep", "Value"] == "play"


@pytest.mark.usefixtures("workspace")
def test_a_column_of_ids_chosen_for_the_events_is_explained() -> None:
    app = open_data()
    choose_upload(app)
    rows = "".join(f"u{n % 30},i{n % 9},{1_700_000_000 + n},n{n}\n" for n in range(300))
    upload(app, "plays.csv", b"user_id,item_id,timestamp,row\n" + rows.encode())
    app.selectbox[5].set_value("row").run()
    assert not app.exception
    assert "more than 200 different values" in errors(app)
    assert not [b for b in app.button if b.label == "Prepare dataset"]


@pytest.mark.usefixtures("workspace")
def test_a_log_without_times_cannot_be_split_by_time_and_says_so() -> None:
    app = open_data()
    choose_upload(app)
    lines = (line.rpartition(",")[0] for line in LOG.splitlines())
    upload(app, "plays.csv", "\n".join(lines).encode())
    button(app, "Prepare dataset").click().run()
    app.segmented_control(key="split_way").set_value("Global time").run()
    assert not app.exception
    assert "has no times" in errors(app)
    app.segmented_control(key="split_way").set_value("Last K").run()
    assert not errors(app)


def test_an_upload_is_prepared_with_its_titles_and_then_forgotten(workspace: Path) -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.encode())
    upload(app, "titles.csv", TITLES.encode())
    assert len(list((workspace / "uploads").rglob("*.csv"))) == 2
    button(app, "Prepare dataset").click().run()
    assert not app.exception
    assert not errors(app)
    (manifest,) = list_datasets(workspace)
    assert manifest["name"] == "plays"
    assert manifest["counts"] == {"n_users": 30, "n_items": 9, "n_interactions": 180}
    assert manifest["item_table"]["n_matched"] == 9
    assert not list((workspace / "uploads").rglob("*.csv"))
    assert app.metric[0].value == "180"


def test_an_upload_is_there_again_after_a_reload_until_it_is_prepared(workspace: Path) -> None:
    prepare_sample("courses", workspace)
    app = open_data()
    app.segmented_control(key="data_view").set_value("Add a dataset").run()
    choose_upload(app)
    upload(app, "log.csv", LOG.encode())
    upload(app, "items.csv", TITLES.encode())
    link = {name: app.query_params[name] for name in ("log", "item_table")}

    def reloaded() -> AppTest:
        # A session of its own, as a browser's after a reload.
        return open_page("data", link)

    again = reloaded()
    assert "log.csv" in plain(again)
    assert "items.csv" in plain(again)
    button(again, "Prepare dataset").click().run()
    assert not again.exception
    assert {manifest["name"] for manifest in list_datasets(workspace)} == {"courses", "log"}
    assert not {"log", "item_table"} & {*again.query_params}
    # What is gone since is asked for again.
    assert GONE in plain(reloaded())


@pytest.mark.usefixtures("workspace")
def test_an_item_table_is_shown_with_how_many_items_of_the_log_it_names() -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.encode())
    upload(app, "titles.csv", TITLES.replace("i5,", "other,").encode())
    assert "It names 7 of 8 items in the first lines of the log." in texts(app)
    shown = next(f.value for f in app.dataframe if "title" in f.value.columns)
    assert shown["title"].iloc[0] == "*Star* [0](x)"


@pytest.mark.usefixtures("workspace")
def test_titles_that_stand_in_the_log_are_said_to_need_it_as_the_item_table() -> None:
    app = open_data()
    choose_upload(app)
    lines = LOG.splitlines()
    log = "\n".join([lines[0] + ",title"] + [line + ",A song" for line in lines[1:]])
    upload(app, "plays.csv", log.encode())
    assert "give this file as the item table as well" in texts(app)
    upload(app, "titles.csv", TITLES.encode())
    assert "give this file as the item table" not in texts(app)


@pytest.mark.usefixtures("workspace")
def test_a_broken_item_table_is_told_before_anything_is_prepared() -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.encode())
    upload(app, "broken.csv", b"left\n1\n2\n")
    assert "one column" in errors(app)
    assert "broken" in errors(app)
    assert "Prepare dataset" not in [b.label for b in app.button]


def test_what_the_columns_of_an_item_table_hold_is_asked_where_their_names_do_not_say_it(
    workspace: Path,
) -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.encode())
    upload(app, "artikel.csv", TITLES.replace("item_id,title", "Artikel,Bezeichnung").encode())
    assert not errors(app)
    assert "Prepare dataset" not in [b.label for b in app.button]
    box(app, "Id column").set_value("Artikel").run()
    box(app, "Title column").set_value("Bezeichnung").run()
    assert not app.exception
    button(app, "Prepare dataset").click().run()
    assert not errors(app)
    (manifest,) = list_datasets(workspace)
    assert manifest["item_table"]["n_matched"] == 9
    assert manifest["item_table"]["title"] == "Bezeichnung"


def test_another_title_than_the_one_told_by_its_name_can_be_chosen(workspace: Path) -> None:
    titles = "".join(f"i{item},artist {item},song {item}\n" for item in range(9))
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.encode())
    upload(app, "songs.csv", ("item_id,name,caption\n" + titles).encode())
    assert (box(app, "Id column").value, box(app, "Title column").value) == ("item_id", "name")
    box(app, "Title column").set_value("caption").run()
    button(app, "Prepare dataset").click().run()
    assert not app.exception
    (manifest,) = list_datasets(workspace)
    assert (
        open_dataset(workspace / "datasets" / manifest["folder"]).vocabulary.titles[0][:4] == "song"
    )


@pytest.mark.usefixtures("workspace")
def test_few_interactions_are_warned_of() -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.encode())
    button(app, "Prepare dataset").click().run()
    assert "180 interactions" in texts(app)


def test_one_click_makes_a_dataset_without_what_a_check_found(workspace: Path) -> None:
    once = "".join(f"u{user},once{user},{1_700_001_000 + user}\n" for user in range(30))
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", (LOG + once).encode())
    button(app, "Prepare dataset").click().run()
    assert "30 items" in texts(app)
    button(app, "Prepare again without items seen once").click().run()
    assert not app.exception
    assert not errors(app)
    newest, before = list_datasets(workspace)
    if newest["counts"]["n_items"] > before["counts"]["n_items"]:
        newest, before = before, newest
    assert before["counts"]["n_items"] == 39
    assert newest["counts"] == {"n_users": 30, "n_items": 9, "n_interactions": 180}
    assert app.metric[0].value == "180"
    assert "Prepare again without items seen once" not in [b.label for b in app.button]


def test_a_fix_that_leaves_too_little_is_told_in_words(workspace: Path) -> None:
    log = "user_id,item_id,timestamp\n" + "".join(
        f"u{user},{'both' if step == 1 else 'other' if step == 2 else f'once{user}'},{60 * step}\n"
        for user in range(2)
        for step in range(3)
    )
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", log.encode())
    button(app, "Prepare dataset").click().run()
    button(app, "Prepare again without items seen once").click().run()
    assert not app.exception
    assert "the filters leave" in errors(app).lower()
    assert len(list_datasets(workspace)) == 1


@pytest.mark.usefixtures("workspace")
def test_certain_roles_are_filled_in_with_their_reason() -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.encode())
    boxes = {box.label: box.value for box in app.selectbox}
    assert boxes["User column"] == "user_id"
    assert boxes["Item column"] == "item_id"
    assert boxes["Time column"] == "timestamp"
    assert "is usual for" in texts(app)


@pytest.mark.usefixtures("workspace")
def test_items_side_by_side_are_told_how_to_become_lines() -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", b"user_id,item1,item2\n" + b"u,i,j\nv,j,i\n" * 9)
    assert "write a line for each" in texts(app)


@pytest.mark.usefixtures("workspace")
def test_uncertain_roles_are_left_for_the_person_to_choose() -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.replace("user_id,item_id", "left,right").encode())
    boxes = {box.label: box for box in app.selectbox}
    assert boxes["User column"].value is None
    assert "Still to choose" in texts(app)
    assert "Prepare dataset" not in [b.label for b in app.button]
    boxes["User column"].set_value("left")
    boxes["Item column"].set_value("right")
    app.run()
    assert "Prepare dataset" in [b.label for b in app.button]
    assert "Not certain" not in texts(app)


@pytest.mark.usefixtures("workspace")
def test_the_hint_below_a_column_follows_the_choice() -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.encode())
    assert "Chosen by hand" not in texts(app)
    boxes = {box.label: box for box in app.selectbox}
    boxes["User column"].set_value("item_id")
    app.run()
    assert "Chosen by hand. user\\_id was the guess." in texts(app)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"user_id,item_id,timestamp\n", "no line below it"),
        (b"only\n1\n2\n3\n", "one column"),
        (bytes(range(256)) * 20, "binary"),
        (b"PK\x03\x04" + b"x" * 50, "damaged or cut short"),
        (b'{"user": 1\n[\n{', "JSON"),
    ],
)
@pytest.mark.usefixtures("workspace")
def test_a_broken_upload_is_told_in_words(content: bytes, message: str) -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "broken.csv", content)
    assert message in errors(app)
    assert "broken" in errors(app)
    assert "What to do" in errors(app)
    assert "Prepare dataset" not in [b.label for b in app.button]


@pytest.mark.usefixtures("workspace")
def test_filters_that_leave_nothing_are_told_in_words() -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.encode())
    next(box for box in app.number_input if box.label == "Shortest history").set_value(100).run()
    button(app, "Prepare dataset").click().run()
    assert not app.exception
    assert "What to do" in errors(app)


@pytest.mark.usefixtures("workspace")
def test_the_cost_of_settings_is_counted_on_request() -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.encode())
    app.toggle(key="show_costs").set_value(True).run()
    assert not app.exception
    frame = next(f.value for f in app.dataframe if "Settings" in f.value.columns)
    assert frame["Interactions"].iloc[0] == 180
    assert list(frame["Settings"]) == [
        "These settings",
        "All rows that can be read",
        "Histories of 5 or more",
        "Histories and items of 5 or more (5-core)",
    ]


def test_rejected_lines_are_listed_with_their_reason(workspace: Path) -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", (LOG + "u1,,1700000000\n").encode())
    button(app, "Prepare dataset").click().run()
    assert not app.exception
    unfolded(app, "Rejected lines")
    frame = next(f.value for f in app.dataframe if "Text" in f.value.columns)
    assert list(frame["Line"]) == [len(LOG.splitlines()) + 1]


def test_rejected_lines_of_several_files_stand_with_their_file_or_as_rows(
    tmp_path: Path, workspace: Path
) -> None:
    (tmp_path / "logs").mkdir()
    for name, bad in (("a1", "u1,i2\nu1,,1700000000\n"), ("a2", "u1,i2,3,4,5\nu9,,1700000000\n")):
        (tmp_path / "logs" / f"{name}.csv").write_text(LOG + bad)
    prepare(tmp_path / "logs", workspace=workspace)
    app = open_data()
    unfolded(app, "Rejected lines")
    frame = next(f.value for f in app.dataframe if "Text" in f.value.columns)
    found = frame.fillna(0)[["File", "Line", "Row"]].to_numpy().tolist()
    assert sorted(found) == [["", 0, 181], ["", 0, 362], ["a1.csv", 182, 0], ["a2.csv", 182, 0]]


def test_lost_lines_of_an_item_table_are_told_before_and_after(workspace: Path) -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.encode())
    upload(app, "titles.csv", TITLES.replace("i5,", "i5,Five, or").encode())
    assert "1 line of it cannot be read" in texts(app)
    button(app, "Prepare dataset").click().run()
    assert not app.exception
    unfolded(app, "Rejected lines of the item table")
    frame = next(f.value for f in app.dataframe if "Text" in f.value.columns)
    assert list(frame["Line"]) == [7]


def test_a_file_on_the_server_is_found_in_the_open_folder_only(inbox: Path, tmp_path: Path) -> None:
    (inbox / "plays.csv").write_text(LOG)
    (tmp_path / "private.csv").write_text(LOG)
    (inbox / "link.csv").symlink_to(tmp_path / "private.csv")
    app = open_data()
    app.segmented_control(key="data_way").set_value("File on the server").run()
    assert app.selectbox(key="server_log").options == ["plays.csv"]
    app.selectbox(key="server_log").set_value("plays.csv").run()
    assert not app.exception
    assert "Prepare dataset" in [b.label for b in app.button]
    button(app, "Prepare dataset").click().run()
    assert app.metric[0].value == "180"
    assert (inbox / "plays.csv").exists()


def test_files_that_are_too_many_to_list_are_counted(inbox: Path) -> None:
    for n in range(502):
        (inbox / f"{n:03}.csv").touch()
    app = open_data()
    app.segmented_control(key="data_way").set_value("File on the server").run()
    assert "502 files in" in texts(app)
    assert "the first 500 are listed" in texts(app)


@pytest.mark.usefixtures("inbox")
def test_an_empty_folder_on_the_server_says_where_to_put_files() -> None:
    app = open_data()
    app.segmented_control(key="data_way").set_value("File on the server").run()
    assert "BERT4REC_DATA_DIR" in texts(app)


@pytest.mark.parametrize("manifest", ['{"format_version": 99, "name": "x"}', "{"])
def test_a_damaged_dataset_is_told_in_words(workspace: Path, manifest: str) -> None:
    dataset = prepare_sample("playlists", workspace)
    assert dataset.folder is not None
    (dataset.folder / "manifest.json").write_text(manifest)
    app = open_data()
    assert errors(app)


DAYS = "who,what,when\n" + "".join(
    f"u{user},i{(user + step) % 9},{day}\n"
    for user in range(30)
    for step, day in enumerate(["30.07.2000 18:45", "08.08.2000 09:00", "01.01.2000 10:00"])
)


def sequences_shown(app: AppTest) -> list[str]:
    return list(next(f.value for f in app.dataframe if "Sequence" in f.value.columns)["Sequence"])


def choose_columns(app: AppTest, **columns: str) -> None:
    for role, column in columns.items():
        box = next(b for b in app.selectbox if b.label == f"{role.capitalize()} column")
        box.set_value(column)
    app.run()
    assert not app.exception


@pytest.mark.usefixtures("workspace")
def test_the_sequences_promised_are_in_the_order_of_their_days() -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", (DAYS + "u0,i5,soon\n").encode())
    choose_columns(app, user="who", item="what", time="when")
    assert sequences_shown(app)[0] == "i2 → i0 → i1"
    assert "The longest within the first 91 interactions." in texts(app)
    assert "1 of these would be rejected, most often for: no readable time." in texts(app)


@pytest.mark.usefixtures("workspace")
def test_the_sequences_promised_name_items_by_their_titles() -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.encode())
    upload(app, "titles.csv", TITLES.replace("i1,", "other,").encode())
    assert sequences_shown(app)[0].startswith("*Star* [0](x) → i1 → *Star* [2](x)")


@pytest.mark.usefixtures("workspace")
def test_one_column_for_two_roles_is_told_where_it_is_chosen() -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.encode())
    choose_columns(app, user="item_id")
    assert "two roles" in errors(app)
    assert "Prepare dataset" not in [b.label for b in app.button]


def leave_and_return(app: AppTest) -> None:
    app.switch_page("pages/train.py").run()
    app.switch_page("pages/data.py").run()
    assert not app.exception


def test_what_was_chosen_for_a_log_is_there_again_after_another_page(workspace: Path) -> None:
    prepare_sample("reading", workspace)
    app = open_data()
    app.segmented_control(key="data_view").set_value("Add a dataset").run()
    choose_upload(app)
    upload(app, "plays.csv", DAYS.encode())
    choose_columns(app, user="who", item="what")
    app.text_input[0].set_value("Heard")
    app.toggle(key="prepare_duplicates").set_value(False)
    app.run()
    leave_and_return(app)
    boxes = {box.label: box.value for box in app.selectbox}
    assert (boxes["User column"], boxes["Item column"]) == ("who", "what")
    assert app.text_input[0].value == "Heard"
    assert app.toggle(key="prepare_duplicates").value is False
    button(app, "Prepare dataset").click().run()
    assert app.metric[0].value == "90"


def test_a_file_on_the_server_is_still_chosen_after_another_page(inbox: Path) -> None:
    (inbox / "plays.csv").write_text(LOG)
    app = open_data()
    app.segmented_control(key="data_way").set_value("File on the server").run()
    app.selectbox(key="server_log").set_value("plays.csv").run()
    leave_and_return(app)
    assert app.selectbox(key="server_log").value == "plays.csv"
    assert "Prepare dataset" in [b.label for b in app.button]


def test_the_way_to_split_is_still_chosen_after_another_page(workspace: Path) -> None:
    prepare_sample("reading", workspace)
    app = open_data()
    app.segmented_control(key="split_way").set_value("Last K").run()
    app.number_input(key="split_held_out_items").set_value(2).run()
    leave_and_return(app)
    assert app.segmented_control(key="split_way").value == "Last K"
    assert app.number_input(key="split_held_out_items").value == 2


@pytest.mark.usefixtures("workspace")
def test_a_role_without_a_column_has_no_mark_of_approval() -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plays.csv", LOG.encode())
    said = ":material/info: No column has a usual name for the value"
    assert any(str(caption.value).startswith(said) for caption in app.caption)


@pytest.mark.usefixtures("workspace")
def test_days_in_doubt_are_told_beside_the_sequences_promised() -> None:
    app = open_data()
    choose_upload(app)
    days = "".join(f"u{n % 3},i{n % 4},0{1 + n % 9}/0{1 + n % 7}/2024\n" for n in range(60))
    upload(app, "plays.csv", f"user,item,time\n{days}".encode())
    said = "could be month before day or day before month. Here the order is that of the file."
    assert said in texts(app).replace("\\", "")


def test_the_order_of_dates_is_asked_where_they_fit_several_and_kept_in_the_recipe(
    workspace: Path,
) -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "plain.csv", LOG.encode())
    assert not [one for one in app.selectbox if one.label == "Order of the dates"]
    app = open_data()
    choose_upload(app)
    days = "".join(f"u{n % 3},i{n % 4},0{1 + n % 9}/0{1 + n % 7}/2024\n" for n in range(60))
    upload(app, "plays.csv", f"user,item,time\n{days}".encode())
    order = box(app, "Order of the dates")
    assert order.options == ["As the whole log tells", "Month before day", "Day before month"]
    order.set_value("day-first").run()
    assert "could be month before day" not in texts(app)
    assert app.query_params["columns"] == "dates:day-first"
    button(app, "Prepare dataset").click().run()
    assert not app.exception
    (manifest,) = list_datasets(workspace)
    assert recipe_of(manifest).roles.dates == "day-first"
    assert "%d/%m/%Y" in manifest["time_reason"]


def choose_server_file(name: str, items: str = "") -> AppTest:
    app = open_data()
    app.segmented_control(key="data_way").set_value("File on the server").run()
    app.selectbox(key="server_log").set_value(name).run()
    if items:
        app.selectbox(key="server_items").set_value(items).run()
    assert not app.exception
    return app


@pytest.mark.parametrize("columns", ["sku_code,label", "item_id,sku_code,label"])
def test_an_item_table_is_joined_on_the_column_called_as_that_of_the_log(
    columns: str, inbox: Path, workspace: Path
) -> None:
    (inbox / "log.csv").write_text(LOG.replace("item_id", "sku_code"))
    rows = [{"item_id": f"x{item}", "sku_code": f"i{item}", "label": "L"} for item in range(9)]
    lines = [",".join(row[name] for name in columns.split(",")) for row in rows]
    (inbox / "items.csv").write_text("\n".join([columns, *lines]))
    app = choose_server_file("log.csv", "items.csv")
    assert not app.error
    next(box for box in app.selectbox if box.label == "Item column").set_value("sku_code").run()
    assert "It names 8 of 8 items in the first lines of the log" in texts(app)
    button(app, "Prepare dataset").click().run()
    assert list_datasets(workspace)[0]["item_table"]["n_matched"] == 9


def test_ids_with_gaps_are_shown_as_they_will_be_prepared(inbox: Path) -> None:
    ids = [None, *(float(n % 7) for n in range(1, 90))]
    rows = {"user_id": [f"u{n % 9}" for n in range(90)], "item_id": ids, "timestamp": range(90)}
    pd.DataFrame(rows).to_parquet(inbox / "log.parquet")
    (inbox / "items.csv").write_text("item_id,title\n" + "".join(f"{n},T{n}\n" for n in range(9)))
    app = choose_server_file("log.parquet", "items.csv")
    assert "It names 7 of 7 items in the first lines of the log" in texts(app)
    sequences = next(f.value for f in app.dataframe if "Sequence" in f.value.columns)
    assert sequences["Sequence"].str.startswith("T").all()


def kept_by_these_settings(app: AppTest) -> int:
    costs = next(f.value for f in app.dataframe if "Settings" in f.value.columns)
    return int(costs["Interactions"].iloc[0])


def test_what_is_counted_of_a_folder_follows_its_files(inbox: Path) -> None:
    (inbox / "days").mkdir()
    (inbox / "days" / "1.csv").write_text(LOG)
    (inbox / "days" / "2.csv").write_text(LOG.partition("\n")[0] + "\nu1,i1,1700009999\n")
    app = choose_server_file("days/")
    label = "Count what the settings would leave"
    next(toggle for toggle in app.toggle if toggle.label == label).set_value(True).run()
    assert kept_by_these_settings(app) == 181
    with (inbox / "days" / "2.csv").open("a") as file:
        file.write(LOG.partition("\n")[2].replace("u", "w"))
    app.run()
    assert kept_by_these_settings(app) == 361


@pytest.mark.usefixtures("workspace")
def test_of_a_file_without_names_none_is_called_usual() -> None:
    app = open_data()
    choose_upload(app)
    upload(app, "log.txt", b"".join(b"%d %d\n" % (n % 9, n * 7 % 11) for n in range(60)))
    assert "User and item a line, no header" in texts(app)
    assert "in this form the item stands there" in texts(app)
    assert "is usual" not in texts(app)


def test_partitions_on_the_server_are_one_log_with_their_day_as_the_time(inbox: Path) -> None:
    for day in ("2024-05-17", "2024-05-18"):
        (inbox / "plays" / f"day={day}").mkdir(parents=True)
        pairs = "".join(f"{n % 9} {n * 7 % 11}\n" for n in range(60))
        (inbox / "plays" / f"day={day}" / "part-0.txt").write_text(pairs)
    app = choose_server_file("plays/")
    assert next(box for box in app.selectbox if box.label == "Time column").value == "day"
    assert "in this form the item stands there" in texts(app)
    assert "in this form the time stands there" not in texts(app)
    button(app, "Prepare dataset").click().run()
    unfolded(app, "Where it comes from")
    origin = table_with(app, "What").set_index("What")["Value"]
    assert "2 files: day=2024-05-17/part-0.txt, day=2024-05-18/part-0.txt" in origin["Source"]
    assert "User and item a line, no header, " in origin["Source"]
    assert (origin["Events to keep"], origin["Smallest value"]) == ("all", "no limit")


def another_visitor_adds_a_dataset_meanwhile() -> None:
    import pandas as pd

    from bert4rec.data.prepare import prepare
    from bert4rec.ui import state
    from bert4rec.ui.data.dataset_view import draw_dataset

    there = state.datasets()
    log = pd.DataFrame({"user": list("aaabbb"), "item": list("xyzzyx")})
    # The newest one, also of the same moment.
    prepare(log, name="a new one", workspace=state.workspace())
    draw_dataset(there)


def test_a_dataset_that_another_visitor_has_just_added_breaks_no_page(workspace: Path) -> None:
    log = pd.DataFrame({"user": list("aaabbb"), "item": list("xyzxyz")})
    prepare(log, name="mine", workspace=workspace)
    seen = another_visitor_adds_a_dataset_meanwhile
    app = AppTest.from_function(seen, default_timeout=LIMIT_S).run()
    assert not app.exception
    assert next(box for box in app.selectbox if box.label == "Dataset").value.startswith("mine-")
