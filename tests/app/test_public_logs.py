from __future__ import annotations

import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.data.collection import list_datasets
from bert4rec.data.public_logs import MIRROR_VARIABLE, PUBLIC_LOGS
from tests.addressed import open_page
from tests.reading import texts

NAME = "ml-latest-small"
RATINGS = "userId,movieId,rating,timestamp\n" + "".join(
    f"{user},{1 + (user + step) % 9},4.0,{978_300_000 + 60 * step}\n"
    for user in range(1, 31)
    for step in range(6)
)
MOVIES = "movieId,title,genres\n" + "".join(f"{n},Film {n} (1995),Drama\n" for n in range(1, 10))


class CountedFiles(SimpleHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A server with one small archive, named as the mirror; gives the paths that were asked."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with zipfile.ZipFile(shelf / f"{NAME}.zip", "w") as archive:
        archive.writestr(f"{NAME}/ratings.csv", RATINGS)
        archive.writestr(f"{NAME}/movies.csv", MOVIES)
    CountedFiles.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(CountedFiles, directory=str(shelf)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv(MIRROR_VARIABLE, f"http://127.0.0.1:{server.server_port}")
    yield CountedFiles.asked
    server.shutdown()
    server.server_close()
    thread.join()


def open_dialog(name: str) -> AppTest:
    app = open_page("data")
    app.selectbox(key="public_log").set_value(name).run()
    next(button for button in app.button if button.label == "Fetch and prepare").click().run()
    assert not app.exception
    return app


@pytest.mark.usefixtures("workspace")
def test_public_logs_are_listed_with_counts_size_and_licence() -> None:
    app = open_page("data")
    shown = next(frame.value for frame in app.dataframe if "Licence" in frame.value.columns)
    assert list(shown["Title"]) == [log.title for log in PUBLIC_LOGS.values()]
    assert shown["Interactions"].iloc[2] == 1_000_209
    assert app.selectbox(key="public_log").options == list(shown["Title"])
    assert all(link.startswith("https://files.grouplens.org/") for link in shown["Licence"])


@pytest.mark.usefixtures("workspace")
def test_nothing_is_asked_of_the_owner_before_the_dialog_is_confirmed(owner: list[str]) -> None:
    app = open_dialog(NAME)
    assert f"{NAME}.zip" in texts(app)
    assert "about 1.0 MB" in texts(app)
    assert "Licence" in texts(app)
    app.button(key="fetch_cancel").click().run()
    assert not app.exception
    assert owner == []


def test_a_confirmed_log_is_fetched_prepared_and_shown(owner: list[str], workspace: Path) -> None:
    app = open_dialog(NAME)
    app.button(key="fetch_confirm").click().run()
    assert not app.exception
    assert not app.error
    assert owner == [f"/{NAME}.zip"]
    (manifest,) = list_datasets(workspace)
    assert manifest["name"] == NAME
    assert manifest["item_table"]["n_matched"] == 9
    assert app.metric[0].value == "180"


def test_a_log_that_cannot_be_fetched_says_where_to_put_it(
    owner: list[str], workspace: Path
) -> None:
    app = open_dialog("ml-1m")
    app.button(key="fetch_confirm").click().run()
    assert not app.exception
    assert "could not be fetched" in texts(app)
    assert str(workspace / "downloads" / "ml-1m.zip") in texts(app).replace("\\", "").replace(
        "\u2060", ""
    )
    assert set(owner) == {"/ml-1m.zip"}
    assert not list_datasets(workspace)
