from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from bert4rec.data.collection import rename_dataset
from bert4rec.data.prepare import prepare
from bert4rec.errors import DatasetError
from bert4rec.maps import film, tasks
from bert4rec.maps.progress import Progress
from bert4rec.maps.projection import project_pca
from bert4rec.maps.service import MapService
from bert4rec.pipeline import train
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import list_runs
from bert4rec.ui import state
from bert4rec.ui.embeddings import aligned_view, map_wait, maps
from bert4rec.view import map_charts
from bert4rec.view.map_colours import CLUSTER
from bert4rec.view.markdown import escape
from tests.addressed import linked, open_page
from tests.factories import small_settings
from tests.reading import tables, texts
from tests.unfolding import unfolded
from tests.waiting import LIMIT_S
from tests.widgets import button

APP = Path(__file__).resolve().parents[2] / "app.py"
NASTY = "*Star* [x](http://e.org) <b>b</b>"


@pytest.fixture
def run(workspace: Path) -> Run:
    return trained(workspace, n_items=14)


def trained(workspace: Path, n_items: int, n_epochs: int = 2) -> Run:
    rows = [
        {"user": f"u{user}", "item": f"t{(user + step) % n_items}", "time": step}
        for user in range(16)
        for step in range(6)
    ]
    items = pd.DataFrame(
        {
            "item_id": [f"t{at}" for at in range(n_items)],
            "title": [NASTY, *[f"Title {at}" for at in range(1, n_items)]],
            "genre": [("calm", "wild")[at % 2] for at in range(n_items)],
        }
    )
    dataset = prepare(pd.DataFrame(rows), items=items, name="ring", workspace=workspace)
    return train(dataset, small_settings(n_epochs=n_epochs), workspace=workspace)


@pytest.fixture(autouse=True)
def service(monkeypatch: pytest.MonkeyPatch) -> MapService:
    """A map service of this test alone, whose UMAP is done in a blink."""
    made = MapService()
    monkeypatch.setattr(state, "map_service", lambda: made)
    for module in (tasks, film):
        monkeypatch.setattr(module, "project_umap", project_in_a_blink)
    return made


def project_in_a_blink(vectors: np.ndarray, n_components: int = 2, **_: object) -> np.ndarray:
    return project_pca(vectors, n_components) * 2


def open_map(**values: object) -> AppTest:
    return open_page("embeddings", chosen=values)


def wait(service: MapService) -> None:
    for work in service._works.values():
        work.future.exception()


@pytest.mark.usefixtures("workspace")
def test_without_a_model_the_page_offers_one_button() -> None:
    app = open_map()
    assert [button.label for button in app.button] == ["Train a model"]


@pytest.mark.usefixtures("run")
def test_pca_is_there_at_once_with_its_quality() -> None:
    app = open_map(embeddings_method="pca")
    assert len(app.get("plotly_chart")) == 1
    assert [metric.label for metric in app.metric] == [
        "Trustworthiness",
        "Neighbours kept",
        "Items shown",
    ]
    assert app.metric[2].value == "14 of 14"
    finding = "Of ten true neighbours, "
    (said,) = (words.value for words in app.caption if words.value.startswith(finding))
    assert said.partition(":")[0] in app.get("plotly_chart")[0].proto.alt


@pytest.mark.usefixtures("run")
def test_umap_replaces_pca_when_it_is_done(service: MapService) -> None:
    app = open_map()
    wait(service)
    app.run()
    assert not app.exception
    assert "PCA" not in texts(app)
    assert "UMAP map of 14 items" in app.get("plotly_chart")[0].proto.alt


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(("method", "about"), [("umap", "UMAP map of 14"), ("film", "2 epochs")])
def test_a_map_that_is_done_just_after_the_page_looked_for_it_is_shown_at_once(
    service: MapService, monkeypatch: pytest.MonkeyPatch, method: str, about: str
) -> None:
    may_end, draw = threading.Event(), map_wait.draw_waiting

    def waits(*given: Any, **more: Any) -> np.ndarray:
        may_end.wait(LIMIT_S)
        return project_in_a_blink(*given, **more)

    def draw_late(task: tasks.Task, *words: str) -> None:
        may_end.set()
        service.wait(task)
        draw(task, *words)

    for module in (tasks, film):
        monkeypatch.setattr(module, "project_umap", waits)
    for module in (map_wait, aligned_view):
        monkeypatch.setattr(module, "draw_waiting", draw_late)
    app = open_map(embeddings_method=method)
    assert about in app.get("plotly_chart")[0].proto.alt


def test_a_failed_umap_is_said_and_pca_stays(
    run: Run, service: MapService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> np.ndarray:
        raise DatasetError("too *few* items")

    monkeypatch.setattr(tasks, "project_umap", fails)
    app = open_map()
    wait(service)
    app.run()
    assert "too \\*few\\* items" in app.warning[0].value
    assert app.warning[0].value.endswith(": too \\*few\\* items. What is shown is PCA.")
    assert "PCA map" in app.get("plotly_chart")[0].proto.alt
    assert "Try again" in [button.label for button in app.button]


def test_a_catalogue_that_is_too_small_for_umap_is_said_to_be_and_nothing_can_be_tried_again(
    workspace: Path,
) -> None:
    trained(workspace, n_items=3)
    app = open_map()
    assert not app.exception
    assert not app.warning
    assert "UMAP needs 4 items or more: this is PCA." in texts(app)
    assert "Try again" not in [button.label for button in app.button]


@pytest.mark.usefixtures("run")
def test_stop_stands_outside_of_what_is_drawn_anew_while_a_map_is_made(
    service: MapService, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_begun, may_end = threading.Event(), threading.Event()

    def waits(*_: object, progress: Progress, **__: object) -> None:
        has_begun.set()
        may_end.wait(LIMIT_S)
        progress.tell("done", 1.0)

    def of_a_fragment_nothing(*_: object, **__: object) -> Callable[..., None]:
        return lambda *_: None

    monkeypatch.setattr(tasks, "project_umap", waits)
    monkeypatch.setattr(st, "fragment", of_a_fragment_nothing)
    try:
        app = open_map()
        assert not app.get("progress")
        # One that has not come so far ends at the press.
        assert has_begun.wait(LIMIT_S)
        button(app, "Stop").click().run()
        assert button(app, "Stop").disabled
    finally:
        may_end.set()
    wait(service)
    app.run()
    assert "UMAP was stopped" in texts(app)
    assert button(app, "Start again")


@pytest.mark.usefixtures("run")
def test_a_found_item_shows_its_nearest_in_the_original_space() -> None:
    app = open_map(embeddings_method="pca", embeddings_find="t5")
    assert not app.exception
    assert "**Title 5**" in texts(app)
    assert "of the 10 nearest" in texts(app)
    (table,) = tables(app)
    assert len(table) == 10
    cosines = table["Cosine"].str.removeprefix("✓ ").str.replace("−", "-")
    assert cosines.astype(float).is_monotonic_decreasing
    # With the genre, and no column that a narrow window would cut.
    assert list(table.columns) == ["Item · Genre", "Cosine"]
    assert all(cell.endswith((" · calm", " · wild")) for cell in table["Item · Genre"])


@pytest.mark.usefixtures("run")
def test_an_item_that_is_not_there_is_said_with_near_misses() -> None:
    app = open_map(embeddings_method="pca", embeddings_find="Tittle 5")
    assert not app.exception
    assert "Title 5" in app.error[0].value.replace("\\", "")


@pytest.mark.usefixtures("run")
def test_a_title_is_never_markdown() -> None:
    app = open_map(embeddings_method="pca", embeddings_find="t0")
    assert "\\*Star\\*" in texts(app)
    assert "[x](" not in texts(app)


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("colour", ["genre", "Popularity", "Loss", "Cluster"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_every_colour_works_in_both_views(colour: str, dimensions: int) -> None:
    app = open_map(
        embeddings_method="pca", embeddings_colour=colour, embeddings_dimensions=dimensions
    )
    assert not app.error
    assert f"coloured by {colour.capitalize()}" in app.get("plotly_chart")[0].proto.alt


@pytest.mark.usefixtures("run")
def test_a_choice_is_shown_with_shares_and_can_be_cleared() -> None:
    app = open_map(embeddings_method="pca")
    app.session_state["embeddings_chosen"] = [1, 2, 3, 5]
    app.run()
    assert "4 items chosen" in texts(app)
    chosen = app.dataframe[-1].value
    vocabulary = list_runs(state.workspace())[0].dataset().vocabulary
    assert sorted(chosen["item_id"]) == sorted(map(vocabulary.item_id, [1, 2, 3, 5]))
    assert "against" in texts(app)
    next(button for button in app.button if button.label == "Clear").click().run()
    assert "chosen" not in texts(app)
    assert not app.exception


@pytest.mark.usefixtures("run")
def test_of_more_items_than_the_window_holds_the_most_frequent_go_along() -> None:
    app = open_map(embeddings_method="pca", embeddings_chosen=list(range(1, 13)))
    assert "The 6 most frequent of them go along" in texts(app)
    next(b for b in app.button if b.label == "Recommend from these").click().run()
    assert not app.exception
    places = linked(app, "places").split(".")
    assert places[6:] == ["0"] * 6
    assert len(set(places[:6])) == 6


@pytest.mark.parametrize("n_items", [3, 4])
def test_a_tiny_catalogue_has_a_map(workspace: Path, service: MapService, n_items: int) -> None:
    trained(workspace, n_items)
    app = open_map()
    wait(service)
    app.run()
    assert not app.exception
    assert app.metric[2].value == f"{n_items} of {n_items}"


@pytest.mark.usefixtures("run")
def test_the_film_is_shown_with_its_epochs(service: MapService) -> None:
    app = open_map(embeddings_method="film")
    wait(service)
    app.run()
    assert not app.exception
    assert not app.error
    about, _, finding = app.get("plotly_chart")[0].proto.alt.partition(". ")
    assert about.endswith("over 2 epochs")
    assert finding.startswith("The maps keep")
    assert "2 epochs. Each map starts" in texts(app)
    assert finding in texts(app)
    assert not app.dataframe
    kept = unfolded(app, "As a table").dataframe[0].value
    assert list(kept["Epoch"]) == [1, 2]
    assert kept["Neighbours kept"].iloc[-1] in finding


def test_a_run_without_snapshots_says_why_there_is_no_film(workspace: Path) -> None:
    trained(workspace, 14, n_epochs=1)
    app = open_map(embeddings_method="film")
    assert "so there is no film" in app.info[0].value
    assert not app.exception


def test_two_models_are_shown_side_by_side_and_one_alone_is_not(
    workspace: Path, service: MapService
) -> None:
    trained(workspace, 14)
    app = open_map(embeddings_method="pair")
    assert "no other model" in app.info[0].value
    trained(workspace, 14)
    app = open_map(embeddings_method="pair")
    wait(service)
    app.run()
    assert not app.exception
    about = app.get("plotly_chart")[0].proto.alt
    assert "as two models see them" in about
    # Two runs of one name are told apart.
    names, _, finding = about.partition(": ")[2].partition(". ")
    first, second = names.split(" and ")
    assert first.startswith("ring · ")
    assert second.startswith("ring · ")
    assert first != second
    assert f"({first})" in finding
    assert escape(finding) in texts(app)
    table = unfolded(app).dataframe[0].value
    assert table["Model"].tolist() == [first, second]
    assert [f"{kept} ({name})" in finding for name, kept in table.to_numpy()] == [True, True]
    # The ring and the lists of an item that is looked for.
    app = open_map(embeddings_method="pair", embeddings_find="t5")
    assert "**Title 5**: 10 of 10 nearest are the same in both models" in texts(app)
    assert app.dataframe[0].value["first_shared"].tolist() == ["✓"] * 10
    assert not app.exception


def test_models_of_other_items_with_the_same_ids_are_no_pair(workspace: Path) -> None:
    rows = [
        {"user": f"u{user}", "item": (user + step) % 14, "time": step}
        for user in range(16)
        for step in range(6)
    ]
    for what, name in (("Film", "ratings"), ("Book", "ratings"), ("Song", "plays")):
        items = pd.DataFrame({"item_id": range(14), "title": [f"{what} {at}" for at in range(14)]})
        dataset = prepare(pd.DataFrame(rows), items=items, name=name, workspace=workspace)
        train(dataset, small_settings(n_epochs=1), name=what, workspace=workspace)
    # A name alone makes no version of the same source.
    assert dataset.folder is not None
    rename_dataset(workspace, dataset.folder.name, "ratings")
    runs = {run.name: run.id for run in list_runs(workspace)}
    app = open_map(run_id=runs["Song"], embeddings_method="pair")
    assert "no other model" in app.info[0].value
    app = open_map(run_id=runs["Film"], embeddings_method="pair")
    assert "no other model" in app.info[0].value
    assert "Not offered beside Film: 1 run on other items." in texts(app)
    assert not app.get("plotly_chart")


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("colour", ["Loss", "Popularity"])
@pytest.mark.parametrize("method", ["film", "pair"])
def test_a_scale_colours_films_and_pairs_too(
    workspace: Path, service: MapService, method: str, colour: str
) -> None:
    trained(workspace, 14)
    app = open_map(embeddings_method=method, embeddings_colour=colour)
    wait(service)
    app.run()
    assert not app.exception
    assert not app.error
    assert len(app.get("plotly_chart")) == 1


@pytest.mark.usefixtures("run")
def test_a_users_history_is_a_path_that_a_link_shows_again() -> None:
    app = open_map(embeddings_method="pca", embeddings_path="u3")
    assert "The newest 6 items of user u3" in texts(app)
    assert linked(app, "path") == "u3"
    other = AppTest.from_file(str(APP), default_timeout=LIMIT_S).run()
    other.query_params["path"] = "u3"
    other.switch_page("pages/embeddings.py").run()
    assert "The newest 6 items of user u3" in texts(other)
    other.session_state["embeddings_path"] = "nobody"
    other.session_state["embeddings_path_open"] = True
    other.run()
    assert not other.exception
    assert "nobody" in other.error[0].value


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("method", ["film", "pair"])
def test_several_maps_have_clusters_of_k_means_in_their_own_number(
    workspace: Path, service: MapService, method: str
) -> None:
    trained(workspace, 14)
    app = open_map(
        embeddings_method=method,
        embeddings_colour="Cluster",
        embeddings_cluster_method="density",
        embeddings_least=12,
        embeddings_clusters=3,
        embeddings_settings_open=True,
    )
    wait(service)
    app.run()
    assert not app.exception
    assert "Coloured by 3 clusters of the vectors, found by k-means." in texts(app)
    assert [slider.key for slider in app.slider][-1] == "embeddings_clusters"


def test_clusters_are_counted_as_they_are_found(workspace: Path, service: MapService) -> None:
    trained(workspace, n_items=4)
    app = open_map(embeddings_method="film", embeddings_colour=CLUSTER)
    wait(service)
    app.run()
    assert "Coloured by 4 clusters of the vectors, found by k-means." in texts(app)


@pytest.mark.usefixtures("run")
def test_items_between_the_clusters_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    in_none = np.repeat([0, -1], [11, 3])
    for labels, said in (
        (in_none, "Between the clusters, in none: 3 items."),
        (np.full(14, -1), "No place on the map is dense enough for a cluster"),
    ):
        monkeypatch.setattr(maps, "cluster_labels", lambda *_, labels=labels: labels)
        app = open_map(embeddings_method="pca", embeddings_colour=CLUSTER)
        assert not app.exception
        assert said in texts(app)
        assert [len(frame.value) for frame in app.dataframe] == [1] * int(labels.max() + 1)


def test_an_item_of_no_group_is_told_by_its_count_alone(workspace: Path) -> None:
    rows = [{"user": f"u{at % 9}", "item": f"t{at % 14}", "time": at} for at in range(140)]
    genres = ["", *("calm", "wild") * 7][:14]
    items = pd.DataFrame({"item_id": [f"t{at}" for at in range(14)], "genre": genres})
    dataset = prepare(pd.DataFrame(rows), items=items, name="gaps", workspace=workspace)
    train(dataset, small_settings(n_epochs=1), workspace=workspace)
    app = open_map(embeddings_method="pca", embeddings_find="t0")
    assert list(tables(app)[0].columns) == ["Item · Genre", "Cosine"]
    assert "10 interactions" in [words.value for words in app.caption]


@pytest.mark.usefixtures("run")
def test_an_item_that_was_found_and_one_clicked_after_it_are_still_there_on_coming_back() -> None:
    app = open_map(embeddings_method="pca", embeddings_find="Title 5")
    for focus, title in ((None, "Title 5"), (7, "Title 6")):
        if focus is not None:
            app.session_state["embeddings_focus"] = focus
            app.run()
        app.switch_page("pages/home.py").run()
        app.switch_page("pages/embeddings.py").run()
        assert not app.exception
        assert f"**{title}**" in texts(app)
        assert app.selectbox(key="embeddings_find").value == "Title 5"


@pytest.mark.usefixtures("run")
def test_a_link_shows_a_view_of_the_map_again() -> None:
    app = open_map(embeddings_method="pca", embeddings_find="t5", embeddings_colour="Cluster")
    link = {name: app.query_params[name] for name in ("map", "colour", "item")}
    other = AppTest.from_file(str(APP), default_timeout=LIMIT_S).run()
    for name, value in link.items():
        other.query_params[name] = value[0] if isinstance(value, list) else value
    other.switch_page("pages/embeddings.py").run()
    assert not other.exception
    assert "coloured by Cluster" in other.get("plotly_chart")[0].proto.alt
    assert "**Title 5**" in texts(other)


def ranges(app: AppTest) -> list[list[float] | None]:
    """Return which part of each axis a map shows at first; None for all of it."""
    layout = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]
    return [layout[axis].get("range") for axis in ("xaxis", "yaxis")]


@pytest.mark.usefixtures("run")
def test_a_link_to_an_item_opens_with_it_and_its_neighbours_and_one_press_shows_the_whole_map() -> (
    None
):
    app = AppTest.from_file(str(APP), default_timeout=LIMIT_S).run()
    app.query_params["map"], app.query_params["item"] = "pca", "t5"
    app.switch_page("pages/embeddings.py").run()
    found = open_map(embeddings_method="pca", embeddings_find="t5")
    assert None not in ranges(app)
    assert ranges(app) == ranges(found)
    # A click on another item leaves the map as it stands.
    app.session_state["embeddings_focus"] = 7
    app.run()
    assert ranges(app) == ranges(found)
    button(app, "Whole map").click().run()
    assert ranges(app) == [None, None]
    assert "**Title 6**" in texts(app)
    assert "Whole map" not in [one.label for one in app.button]
    # What a link names is taken over once.
    app.run()
    assert ranges(app) == [None, None]


@pytest.mark.usefixtures("run")
def test_a_link_names_the_settings_of_a_map_that_are_not_as_they_come() -> None:
    chosen = {
        "n_neighbors": 7,
        "min_dist": 0.25,
        "seed": 3,
        "cluster_method": "density",
        "least": 4,
    }
    keys = {f"embeddings_{name}": value for name, value in chosen.items()}
    app = open_map(embeddings_method="pca", **keys)
    names = ("neighbours", "distance", "seed", "by", "least")
    assert "clusters" not in app.query_params
    other = AppTest.from_file(str(APP), default_timeout=LIMIT_S).run()
    for name in names:
        other.query_params[name] = linked(app, name)
    other.query_params["clusters"] = "many"
    other.query_params["map"] = "pca"
    other.switch_page("pages/embeddings.py").run()
    assert not other.exception
    assert {key: other.session_state[key] for key in keys} == keys
    other.session_state["embeddings_settings_open"] = True
    other.run()
    assert [slider.value for slider in other.slider] == [7, 0.25, 4]


def test_a_link_names_the_model_beside_the_first(workspace: Path, service: MapService) -> None:
    first, second, _ = (trained(workspace, 14) for _ in range(3))
    app = open_map(run_id=first.id, embeddings_method="pair", embeddings_other=second.id)
    assert linked(app, "beside") == second.id
    other = AppTest.from_file(str(APP), default_timeout=LIMIT_S).run()
    other.query_params["run"] = first.id
    for name in ("map", "beside"):
        other.query_params[name] = linked(app, name)
    other.switch_page("pages/embeddings.py").run()
    wait(service)
    other.run()
    assert not other.exception
    assert other.selectbox(key="embeddings_other").value == second.id


@pytest.mark.usefixtures("run")
def test_clusters_by_density_and_every_form_of_download_are_offered() -> None:
    app = open_map(
        embeddings_method="pca", embeddings_colour="Cluster", embeddings_cluster_method="density"
    )
    assert not app.exception
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels == ["Parquet", "CSV", "Projector", "HTML"]


@pytest.mark.usefixtures("run")
def test_clusters_are_listed_in_full_where_a_part_of_the_map_is_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(map_charts, "MAX_DRAWN", 5)
    app = open_map(embeddings_method="pca", embeddings_colour=CLUSTER)
    assert app.metric[2].value == "5 of 14"
    (clusters,) = [frame.value for frame in app.dataframe]
    assert clusters["n"].sum() == 14


@pytest.mark.usefixtures("run")
def test_a_map_in_3d_asks_for_no_click() -> None:
    shown = texts(open_map(embeddings_method="pca", embeddings_dimensions=3))
    assert "Click a point" not in shown
    assert "Find an item: what is most alike" in shown
    assert "cannot be clicked in 3D" in shown
