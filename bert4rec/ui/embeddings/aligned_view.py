"""The film of a map over epochs, and the maps of two models side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from bert4rec.data.collection import versions
from bert4rec.errors import Bert4RecError
from bert4rec.files import safe_name
from bert4rec.maps.film import AlignedMaps, film_epochs
from bert4rec.maps.projection import MIN_UMAP_ITEMS, MapSettings
from bert4rec.maps.tasks import FilmTask, PairTask
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.runs.snapshots import MAX_SNAPSHOTS, snapshot_epochs
from bert4rec.ui import state
from bert4rec.ui.cache import load_recommender, open_dataset
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.embeddings import maps
from bert4rec.ui.embeddings.aligned_charts import draw_aligned, draw_film, on_one_grid
from bert4rec.ui.embeddings.map_controls import FOCUS_KEY, OTHER_KEY
from bert4rec.ui.embeddings.map_rings import draw_rings
from bert4rec.ui.embeddings.map_wait import draw_waiting
from bert4rec.ui.folded import folded
from bert4rec.ui.run_choice import (
    choose_beside,
    draw_left_out,
    others_on_the_same_data,
    run_labels,
)
from bert4rec.view.group_colours import Theme
from bert4rec.view.map_charts import Rings, chart_config, selected_rows
from bert4rec.view.map_colours import Colouring
from bert4rec.view.map_labels import Label, group_labels, item_labels, moving_points
from bert4rec.view.map_layer import Circle, Layer, circles_of
from bert4rec.view.markdown import escape
from bert4rec.words import counted, percent

FILM_KEY = "embeddings_film"
PAIR_KEY = "embeddings_pair"


@dataclass(frozen=True)
class Look:
    """How maps are looked at.

    Args:
        recommender: Of the run in hand.
        colours_on: Colours the points of these items, 1..N.
        theme: Chooses colours.
        focus: The item to ring, or None.
    """

    recommender: Recommender
    colours_on: Callable[[np.ndarray], Colouring]
    theme: Theme
    focus: int | None

    def titles(self, found: AlignedMaps) -> list[str]:
        """Return the title of each row."""
        return [self.recommender.vocabulary.title(int(idx)) for idx in found.item_idx]

    def row(self, found: AlignedMaps) -> int | None:
        """Return the row of the item to ring; None where the maps do not show it."""
        rows = np.flatnonzero(found.item_idx == self.focus)
        return int(rows[0]) if len(rows) else None


def draw_film_view(run: Run, settings: MapSettings, look: Look) -> None:
    """Draw the film of a run, or why there is none.

    Args:
        run: The run.
        settings: Of UMAP; the film is flat.
        look: How it is looked at.
    """
    n_items = len(look.recommender.vocabulary)
    if n_items < MIN_UMAP_ITEMS:
        st.info(f"A film needs {MIN_UMAP_ITEMS} items or more.", icon=":material/movie:")
        return
    if len(film_epochs(run)) < 2 or not snapshot_epochs(run):
        st.info(
            "This run keeps item vectors of fewer than two epochs, so there is no film. Runs keep "
            f"up to {MAX_SNAPSHOTS} snapshots as they train; runs from before that, imported and "
            "pruned ones have none. Train it again for two epochs or more to see its film.",
            icon=":material/movie:",
        )
        return
    found = _made(FilmTask(run, settings), "The film")
    if found is None:
        return
    colours, titles = look.colours_on(found.item_idx), look.titles(found)
    figure = draw_film(found, colours, titles, look.theme)
    n_shown = len(found.item_idx)
    finding = (
        f"The maps keep {percent(found.recall[0])} of each item's ten nearest at first and "
        f"{percent(found.recall[-1])} in the end."
    )
    st.plotly_chart(
        figure,
        key=FILM_KEY,
        config=chart_config(maps.file_stem(run, "film")),
        alt=f"Film of the map of {counted(n_shown, 'item')} over {len(found.names)} epochs. "
        f"{finding}",
    )
    _draw_following(found, look, colours)
    st.caption(
        f"{counted(n_shown, 'item')} of {n_items:,}, {len(found.names)} epochs. Each "
        "map starts from the one before and is turned onto it: what moves, moved in the model. "
        f"{finding}"
    )
    epochs = [int(name.removeprefix("epoch ")) for name in found.names]
    _draw_kept("Epoch", epochs, found, finding, key="embeddings_film_table")


def _draw_following(found: AlignedMaps, look: Look, colours: Colouring) -> None:
    """Lay rings and names over the film: they follow the item in focus and what is near it now."""
    rings = maps.rings_of(found.item_idx, look.recommender, look.focus)
    if rings is None:
        draw_rings(FILM_KEY, Layer())
        return
    points, moving = on_one_grid(found.points)[0], moving_points(colours.groups)
    circles = list(circles_of(rings, points, moving=moving))
    labels = item_labels(rings, points, look.titles(found), moving=moving)
    draw_rings(FILM_KEY, Layer(circles, labels))


def _draw_kept(
    head: str, names: Sequence[object], found: AlignedMaps, finding: str, *, key: str
) -> None:
    """Draw how much each map keeps, as a table to unfold; where points lie tells nothing."""
    with folded("As a table", key=key) as is_open:
        if is_open:
            table = pd.DataFrame({head: names, "Neighbours kept": map(percent, found.recall)})
            draw_frame(table, hide_index=True, alt=finding)


def draw_pair_view(run: Run, settings: MapSettings, look: Look) -> None:
    """Draw the maps of two runs side by side, and what each holds near the item in focus.

    See `draw_film_view`.
    """
    other = _choose_other(run)
    if other is None:
        return
    found = _made(PairTask(run, other, settings), "The maps")
    if found is None:
        return
    names = tuple(run_labels({run.id: run, other.id: other}).values())
    found = replace(found, names=names)
    colours = look.colours_on(found.item_idx)
    kept = " and ".join(
        f"{percent(share)} ({name})" for name, share in zip(names, found.recall, strict=True)
    )
    finding = f"They keep {kept} of each item's ten nearest."
    st.plotly_chart(
        draw_aligned(found, colours, look.titles(found)),
        key=PAIR_KEY,
        on_select=partial(_take_clicked, found, colours),
        selection_mode="points",
        config=chart_config(maps.file_stem(run, f"and-{safe_name(other.name)}")),
        alt=f"Maps of {counted(len(found.item_idx), 'item')} as two models see them: "
        f"{names[0]} and {names[1]}. {finding}",
    )
    st.caption(
        f"{counted(len(found.item_idx), 'item')} that both know, in the same colours; the second "
        f"map starts from the first and is turned onto it. {escape(finding)} Click a point, or "
        "find an item above, to ring it in both."
    )
    _draw_over(found, look, colours)
    if look.focus is not None:
        _draw_both_nearest(look, other, found.names)
    _draw_kept("Model", names, found, finding, key="embeddings_pair_table")


def _draw_over(found: AlignedMaps, look: Look, colours: Colouring) -> None:
    """Lay a ring on each map for the item in focus, and names over both."""
    circles: list[Circle] = []
    labels: list[Label] = []
    row, titles = look.row(found), look.titles(found)
    for points, axes in zip(on_one_grid(found.points), ("", "2"), strict=True):
        if row is not None:
            circles += circles_of(Rings(row), points, axes=axes)
            labels += item_labels(Rings(row), points, titles, axes=axes)
        labels += group_labels(colours.groups, points, axes=axes)
    draw_rings(PAIR_KEY, Layer(circles, labels))


def _choose_other(run: Run) -> Run | None:
    """Ask for the second model, of the same data or another version of it; None without one."""
    there = others_on_the_same_data(run, _same_data(run))
    others = {id_: other for id_, other in there.items() if _are_of_same_items(run, other)}
    draw_left_out(run, ["on other items"] * (len(there) - len(others)))
    if not others:
        st.info(
            "There is no other model of these data yet to lay beside this one. Train a second run "
            "first.",
            icon=":material/compare:",
        )
        return None
    return choose_beside(run, others, OTHER_KEY)


def _are_of_same_items(run: Run, other: Run) -> bool:
    """Whether two runs know enough of the same items for a pair of maps."""
    one, two = (each.config()["dataset"] for each in (run, other))
    if one["fingerprint"] == two["fingerprint"]:
        return True
    try:
        return maps.are_of_same_items(
            *(open_dataset(str(told.get("folder", "")), told["fingerprint"]) for told in (one, two))
        )
    except Bert4RecError:
        # What is missing is said in place of the maps.
        return True


def _same_data(run: Run) -> set[str]:
    """Return the fingerprints of a run's dataset and of the other versions of its source."""
    fingerprint, there = str(run.config()["dataset"]["fingerprint"]), state.datasets()
    mine = next((one for one in there if one["fingerprint"] == fingerprint), {})
    return {fingerprint} | {str(one["fingerprint"]) for one in versions(mine, there)}


def _take_clicked(found: AlignedMaps, colours: Colouring) -> None:
    """Put the item that was clicked in focus."""
    points = st.session_state[PAIR_KEY]["selection"]["points"]
    rows = selected_rows(points, colours.groups, is_pair=True)
    if rows:
        st.session_state[FOCUS_KEY] = int(found.item_idx[rows[0]])


def _draw_both_nearest(look: Look, other: Run, names: Sequence[str]) -> None:
    vocabulary, second = look.recommender.vocabulary, load_recommender(other.id)
    focus = int(look.focus or 0)
    item_id = vocabulary.item_id(focus)
    st.subheader("Nearest in both")
    if item_id not in second.vocabulary:
        st.caption(f"{escape(vocabulary.title(focus))} is not in {escape(names[1])}'s catalogue.")
        return
    table, n_shared = maps.both_nearest(look.recommender, second, item_id)
    st.markdown(
        f"**{escape(vocabulary.title(focus))}**: {n_shared} of {len(table)} nearest are the same "
        "in both models (✓)."
    )
    first_name, second_name = names
    draw_frame(
        table,
        hide_index=True,
        column_config={
            "first": st.column_config.TextColumn(first_name),
            "first_shared": st.column_config.TextColumn("✓", width=28, help="Near in both"),
            "second": st.column_config.TextColumn(f"{second_name} "),
            "second_shared": st.column_config.TextColumn("✓ ", width=28, help="Near in both"),
        },
        alt="The nearest items by cosine in each of the two models",
    )


def _made(task: FilmTask | PairTask, what: str) -> AlignedMaps | None:
    service = state.map_service()
    if service.state(task) == "missing":
        service.start(task)
    found = task.read() if service.state(task) == "done" else None
    if found is None:
        draw_waiting(task, what)
    return found
