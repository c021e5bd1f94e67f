"""Titles, ids, names and notes from outside are text on the pages, whatever they look like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.data.collection import list_datasets, note_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.filters import PrepareSettings
from bert4rec.data.interchange import EXPORT_FORMS, export_dataset
from bert4rec.data.prepare import prepare
from bert4rec.json_files import write_json
from bert4rec.pipeline import train
from bert4rec.plain_text import WORD_JOINER, contained
from bert4rec.spreadsheets import harmless
from bert4rec.ui import state
from bert4rec.view.markdown import escape
from tests.addressed import open_page
from tests.factories import histories_of, small_settings
from tests.reading import table_with, tables
from tests.unfolding import unfolded
from tests.waiting import LIMIT_S

APP = Path(__file__).resolve().parents[2] / "app.py"
TABLE_TAGS = {"div", "table", "thead", "tbody", "tr", "th", "td", "span"}
TURNED = "a\u202egnp.exe"
MARKUP = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "**bold** [x](javascript:alert(1))",
    '=HYPERLINK("http://x")',
    "@SUM(1)",
    "$x^2$",
    ":material/delete:",
    ":red[x]",
    "a -> b",
    "&lt;b&gt;",
    TURNED,
]
TITLES = [*MARKUP, "😀 👩‍👩‍👧", "L" + "o" * 9_998 + "ng"]
ROWS = [
    (TITLES[user] if user < len(TITLES) else f"u{user}", item, 1_700_000_000 + 60 * step)
    for user in range(40)
    for step in range(6)
    for item in [TITLES[(user + step) % len(TITLES)]]
]
LOG = pd.DataFrame(ROWS, columns=["user_id", "item_id", "timestamp"])
ITEMS = pd.DataFrame({"item_id": TITLES, "title": [f"{title} {title}" for title in TITLES]})
NAME = "**May** <b>x</b>"
# What of an element Markdown is made of; values and options of boxes are plain text.
MARKDOWN_FIELDS = ("body", "label", "help")
MENUS = ("button_group", "menu_button")


@pytest.fixture
def dataset(workspace: Path) -> SequenceDataset:
    """One of which every name that comes from outside is hostile."""
    made = prepare(LOG, name=NAME, workspace=workspace)
    assert made.folder is not None
    note_dataset(workspace, made.folder.name, " ".join(MARKUP))
    return made


open_data = partial(open_page, "data")


def markdown_texts(app: AppTest) -> Iterator[str]:
    """All texts of which the browser makes Markdown, labels and tooltips included."""
    for part in app._tree:
        if part.type == "html":
            # Asked for its tags instead.
            continue
        proto = getattr(part, "proto", None)
        for field in MARKDOWN_FIELDS:
            if isinstance(text := getattr(proto, field, ""), str):
                yield text
        if part.type in MENUS:
            yield from (str(option) for option in proto.options)


def assert_harmless(app: AppTest, *names: str) -> str:
    """Return the texts after a look that no hostile one is among them as it is."""
    assert not app.exception
    shown = "\n".join(markdown_texts(app))
    assert [text for text in (*MARKUP, *names) if text in shown] == []
    for part in app.get("html"):
        assert set(re.findall(r"</?(\w+)", part.proto.body)) <= TABLE_TAGS | {"style"}
    # A browser writes them as CSV as they stand.
    cells = [cell for frame in app.dataframe for cell in frame.value.to_numpy(object).ravel()]
    assert [cell for cell in cells if isinstance(cell, str) and harmless(cell) != cell] == []
    return shown


def table(app: AppTest, column: str) -> pd.DataFrame:
    """Return the first table with a column of that name, as it is read."""
    frames = [*(frame.value for frame in app.dataframe), *tables(app)]
    found = next(frame for frame in frames if column in frame.columns)
    return found.map(lambda cell: cell.replace(WORD_JOINER, "") if isinstance(cell, str) else cell)


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click()


def test_the_way_from_an_upload_to_a_dataset_shows_them_as_they_are(workspace: Path) -> None:
    app = open_data()
    app.segmented_control(key="data_way").set_value("Upload").run()
    app.file_uploader[0].upload("log.csv", LOG.to_csv(index=False).encode())
    app.run()
    app.file_uploader[0].upload("items.csv", ITEMS.to_csv(index=False).encode())
    app.run()
    assert_harmless(app)
    assert set(table(app, "user_id")["item_id"]) <= set(TITLES)
    assert list(table(app, "title")["title"]) == list(ITEMS["title"])[:5]
    assert TITLES[0] in table(app, "Length")["Sequence"].iloc[0]
    press(app, "Prepare dataset")
    app.run()
    assert_harmless(app)
    (manifest,) = list_datasets(workspace)
    assert manifest["counts"]["n_items"] == len(TITLES)
    first = table(app, "Sequence").iloc[0]
    assert first["User"] == TITLES[0]
    assert first["Sequence"].startswith(f"{TITLES[0]} {TITLES[0]} → ")


@pytest.mark.usefixtures("dataset")
def test_a_dataset_is_drawn_with_them_as_text() -> None:
    app = unfolded(open_data())
    shown = assert_harmless(app, NAME)
    assert escape(" ".join(MARKUP)) in shown
    assert set(table(app, "Training")["User"]) <= set(LOG["user_id"])


@pytest.mark.usefixtures("dataset")
def test_a_title_that_turns_the_direction_leaves_the_rest_of_a_sequence_alone() -> None:
    sequences = "\n".join(table(open_data(), "Sequence")["Sequence"])
    assert f"{contained(TURNED)} → " in sequences
    assert f"{TURNED} → " not in sequences


@pytest.mark.usefixtures("dataset")
def test_no_figure_takes_them_for_markup() -> None:
    # What a chart of Vega shows is the text of its table, and no expression or address of its own.
    (split,) = (
        frame
        for frame in map(points_of, open_data().get("vega_lite_chart"))
        if "title" in frame.columns
    )
    assert "<script>alert(1)</script>" in set(split["title"])
    assert {text for text in split["title"] if text.startswith(TURNED)} == {contained(TURNED)}
    assert not any("o" * 60 in text for text in split["title"])
    assert set(split.columns) == {"x", "user", "part", "title", "place"}


def points_of(chart: Any) -> pd.DataFrame:
    """The table of a chart."""
    (data,) = (
        (dataset.data.data for dataset in chart.proto.datasets)
        if chart.proto.datasets
        else (chart.proto.data.data,)
    )
    return pa.ipc.open_stream(data).read_pandas()


@pytest.mark.usefixtures("dataset")
@pytest.mark.parametrize("action", ["Rename or note", "Export", "Compare"])
def test_a_dialog_shows_them_as_text(action: str, workspace: Path) -> None:
    prepare(LOG.iloc[:-6], name="<img src=x onerror=alert(1)>", workspace=workspace)
    app = open_data()
    app.menu_button[0].click(action)
    app.run()
    assert_harmless(app, NAME)


@pytest.mark.usefixtures("dataset")
def test_what_would_be_deleted_is_named_in_text() -> None:
    app = open_data()
    press(app, "Delete")
    app.run()
    assert f"**{escape(NAME)}** will be deleted" in assert_harmless(app, NAME)


def test_files_to_download_keep_their_names(workspace: Path) -> None:
    prepare(LOG, name="x-_may_-y", workspace=workspace)
    app = open_data()
    app.menu_button[0].click("Export")
    app.run()
    assert "_may_" not in "\n".join(re.sub("`[^`]*`", "", text) for text in markdown_texts(app))
    next(box for box in app.segmented_control if box.label == "Form").set_value("recbole")
    app.menu_button[0].click("Export")
    press(app, "Write the files")
    app.run()
    labels = [button.proto.label for button in app.get("download_button")]
    names = {label.split(" (")[0] for label in labels}
    assert {escape("x-_may_-y.inter"), escape("x-_may_-y.item")} <= names


def test_a_warning_names_an_id_as_text(workspace: Path) -> None:
    dated = LOG.assign(item_id=[f"<b>2024-05-{n % 9 + 10}</b> **{n % 9}**" for n in LOG.index])
    prepare(dated, name="dated", workspace=workspace)
    app = open_data()
    shown = assert_harmless(app, "<b>2024", "**8**")
    assert escape("<b>2024-05-1") in shown


def test_an_error_names_a_file_as_text(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BERT4REC_DATA_DIR", raising=False)
    name = "**broken** [x](y) a -> b.csv"
    (workspace / "inbox").mkdir()
    (workspace / "inbox" / name).write_bytes(bytes(range(256)) * 64)
    app = open_data()
    app.segmented_control(key="data_way").set_value("File on the server").run()
    app.selectbox(key="server_log").set_value(name).run()
    assert len(app.error) == 1
    assert escape(name) in assert_harmless(app, name)


def train_as(name: str, dataset: SequenceDataset, workspace: Path, *, seed: int = 1) -> None:
    """Train a run whose name comes from outside: nobody could give it one so long here."""
    run = train(dataset, small_settings(n_epochs=1, seed=seed), workspace=workspace)
    write_json(run.folder / "config.json", run.config() | {"name": name})


@pytest.mark.parametrize("view", ["user", "compose"])
def test_recommendations_and_compositions_show_them_as_text(view: str, workspace: Path) -> None:
    # Columns' names come from outside as well, and so do what limits and orders sequences.
    by = (MARKUP[:7] * 2)[: len(ITEMS)]
    items = ITEMS.assign(**{"**by** <b>x</b>": by, "part": range(len(ITEMS))})
    made = prepare(LOG, items=items, name=NAME, workspace=workspace)
    train_as(" ".join(MARKUP), made, workspace)
    app = AppTest.from_file(str(APP), default_timeout=LIMIT_S).run()
    app.switch_page("pages/recommend.py")
    query = {"view": view, "places": "1.2.0.0.5", "exclude": "7", "limit": "1:**by** <b>x</b>"}
    for name, value in (query | {"filled": "1", "order": "part"}).items():
        app.query_params[name] = value
    app.session_state["compose_more_2"] = True
    app.run()
    shown = assert_harmless(app, NAME)
    titles = set(made.vocabulary.titles)
    if view == "user":
        signs = re.compile("^[✓=↺ ]*")
        found = {signs.sub("", title) for title in tables(app)[1]["Item"]}
        assert found <= set(map(contained, titles))
        return
    assert [error.value for error in app.error] == []
    assert "Take another one instead" in shown
    found = {cell.removeprefix("✓ ") for cell in table_with(app, "Filled").iloc[0, 1:]}
    assert found <= set(map(contained, titles))


@pytest.mark.parametrize("form", EXPORT_FORMS)
def test_an_export_holds_them_exactly(
    form: str, dataset: SequenceDataset, workspace: Path, tmp_path: Path
) -> None:
    files = export_dataset(dataset, tmp_path / "out", form)
    log = next(path for path in files if path.stem == "interactions" or path.suffix == ".inter")
    everything = PrepareSettings(min_sequence_length=1, drop_duplicates=False)
    again = prepare(log, workspace=workspace, settings=everything)
    assert histories_of(again) == histories_of(dataset)


def test_every_part_of_inspect_shows_them_as_text(workspace: Path) -> None:
    by = (MARKUP * 2)[: len(ITEMS)]
    items = ITEMS.assign(**{"**by** <b>x</b>": [by[at % 4] for at in range(len(ITEMS))]})
    made = prepare(LOG, items=items, name=NAME, workspace=workspace)
    for seed in (1, 2):
        train_as(f"{' '.join(MARKUP)} {seed}", made, workspace, seed=seed)
    app = AppTest.from_file(str(APP), default_timeout=LIMIT_S).run()
    app.switch_page("pages/inspect.py")
    app.query_params["user"] = TITLES[0]
    app.query_params["mask"] = "2.4"
    app.session_state["inspect_gallery"] = True
    app.session_state["inspect_attention"] = True
    app.run()
    tabs = ["weight: What carries it", "skip_next: What comes next", "edit: Edit the sequence"]
    tabs += ["compare: Another model", "percent: How sure is it?"]
    titles = set(made.vocabulary.titles)
    for tab in [*tabs, "balance: Does the future matter here?"]:
        app.session_state["inspect_tab"] = f":material/{tab}"
        app.run()
        # Findings are made in the background.
        state.finding_service()._executor.submit(int).result(timeout=LIMIT_S)
        app.run()
        assert [error.value for error in app.error] == []
        # The page's own icons and styles are no titles.
        assert_harmless(app, NAME)
        for chart in app.get("vega_lite_chart"):
            assert "<script" not in chart.proto.spec
    gallery = table(app, "last")
    assert set(gallery["item"]) <= {contained(title) for title in titles}
    app.segmented_control(key="inspect_future_by").set_value("**by** <b>x</b>").run()
    assert_harmless(app, NAME)
    assert set(table(app, "Added")["Group"]) <= {*by, "All others"}
