"""The film of a map over epochs, and the maps of two models side by side."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.maps.film import AlignedMaps, film_epochs
from bert4rec.maps.projection import MIN_UMAP_ITEMS, MapSettings
from bert4rec.maps.tasks import FilmTask, PairTask
from bert4rec.runs.folder import Run
from bert4rec.runs.snapshots import MAX_SNAPSHOTS, snapshot_epochs
from bert4rec.ui import state
from bert4rec.ui.aligned_charts import draw_aligned, draw_film
from bert4rec.ui.map_charts import Theme, group_rows
from bert4rec.ui.map_wait import draw_waiting
from bert4rec.ui.run_choice import run_labels
from bert4rec.ui.words import counted, escape, percent

# The group of each item by what the map is coloured by, for the rows of a map.
GroupsOf = Callable[[AlignedMaps], list[str]]


def draw_film_view(
    run: Run,
    settings: MapSettings,
    vocabulary: Vocabulary,
    groups_of: GroupsOf,
    theme: Theme,
    focus: int | None,
) -> None:
    """Draw the film of a run, or why there is none.

    Args:
        run: The run.
        settings: Of UMAP; the film is flat.
        vocabulary: Names the items.
        groups_of: Tells the colours.
        theme: Chooses colours.
        focus: The item to ring, or None.
    """
    if len(vocabulary) < MIN_UMAP_ITEMS:
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
    task = FilmTask(run, settings)
    maps = _made(task, "The film")
    if maps is None:
        return
    row = _row_of(maps, focus)
    titles = [vocabulary.title(int(idx)) for idx in maps.item_idx]
    figure = draw_film(maps, group_rows(groups_of(maps), theme), titles, theme, row)
    st.plotly_chart(
        figure,
        key="embeddings_film",
        config={"displaylogo": False, "scrollZoom": True},
        alt=f"Film of the map of {counted(len(titles), 'item')} over {len(maps.names)} epochs",
    )
    st.caption(
        f"{counted(len(titles), 'item')} of {len(vocabulary):,}, {len(maps.names)} epochs. Each "
        "map starts from the one before and is turned onto it: what moves, moved in the model. The "
        f"maps keep {percent(maps.recall[0])} of each item's ten nearest at first and "
        f"{percent(maps.recall[-1])} in the end."
    )


def draw_pair_view(
    run: Run,
    settings: MapSettings,
    vocabulary: Vocabulary,
    groups_of: GroupsOf,
    theme: Theme,
    focus: int | None,
) -> None:
    """Draw the maps of two runs side by side; see `draw_film_view`."""
    others = {
        one.id: one
        for one in state.readable_runs()
        if one.id != run.id and one.checkpoint("best").exists()
    }
    if not others:
        st.info(
            "There is no other model yet to lay beside this one. Train a second run first.",
            icon=":material/compare:",
        )
        return
    labels = run_labels(others)
    chosen = st.selectbox(
        "Beside",
        list(others),
        key="embeddings_other",
        format_func=lambda run_id: labels.get(run_id, run_id),
        width=420,
        persist_state="session",
    )
    maps = _made(
        PairTask(run, others.get(chosen) or next(iter(others.values())), settings), "The maps"
    )
    if maps is None:
        return
    row = _row_of(maps, focus)
    titles = [vocabulary.title(int(idx)) for idx in maps.item_idx]
    figure = draw_aligned(maps, group_rows(groups_of(maps), theme), titles, theme, row)
    st.plotly_chart(
        figure,
        key="embeddings_pair",
        config={"displaylogo": False, "scrollZoom": True},
        alt=f"Maps of {counted(len(titles), 'item')} as two models see them",
    )
    kept = " and ".join(
        f"{percent(share)} ({escape(name)})"
        for name, share in zip(maps.names, maps.recall, strict=True)
    )
    st.caption(
        f"{counted(len(titles), 'item')} that both know, in the same colours; the second map "
        f"starts from the first and is turned onto it. They keep {kept} of each item's ten "
        "nearest. Find an item above to ring it in both."
    )


def _made(task: FilmTask | PairTask, what: str) -> AlignedMaps | None:
    service = state.map_service()
    if service.state(task) == "missing":
        service.start(task)
    maps = task.read() if service.state(task) == "done" else None
    if maps is None:
        draw_waiting(task, what)
    return maps


def _row_of(maps: AlignedMaps, focus: int | None) -> int | None:
    rows = (maps.item_idx == focus).nonzero()[0]
    return int(rows[0]) if len(rows) else None
