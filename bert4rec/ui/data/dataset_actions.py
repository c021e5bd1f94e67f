"""What can be done with a dataset on the page: rename, note, compare, export, delete."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from bert4rec.data.collection import (
    MAX_NAME,
    Difference,
    change_words,
    differences,
    versions,
)
from bert4rec.data.filters import PrepareSettings
from bert4rec.data.interchange import export_dataset
from bert4rec.dataset_use import DatasetUse, dataset_use, delete_unused_dataset
from bert4rec.errors import Bert4RecError
from bert4rec.names import MAX_NOTE
from bert4rec.runs.folder import Run
from bert4rec.ui import cache, state
from bert4rec.ui.confirmation import draw_confirmation
from bert4rec.ui.data.log_form import FORM_NAMES as LOG_FORM_NAMES
from bert4rec.ui.reading_table import Column, draw_table
from bert4rec.ui.redrawing import dialog
from bert4rec.view.markdown import escape
from bert4rec.view.run_table import run_row
from bert4rec.words import number, size

RENAME, EXPORT, COMPARE = "Rename or note", "Export", "Compare"
ACTION_ICONS = {
    RENAME: ":material/edit:",
    EXPORT: ":material/download:",
    COMPARE: ":material/compare_arrows:",
}
FORM_NAMES = {"parquet": "Parquet", "recbole": "RecBole"}
FORM_HELP = {
    "parquet": "interactions.parquet and items.parquet, for pandas, DuckDB, Spark and the like.",
    "recbole": "An .inter and an .item file, which RecBole and this dashboard read.",
}
# A download is held in memory for each visitor.
MAX_DOWNLOAD_BYTES = 200 * 2**20
N_RUNS_NAMED = 8
# As many as tell two contents apart.
N_HASH_SIGNS = 12
# Places of a manifest as a person calls them.
PLACES = {
    "source.name": "Log",
    "source.hash": "Checksum of the log",
    "source.form": "Form of the log",
    "source.size_bytes": "Size of the log",
    "source.n_files": "Number of files",
    "source.files": "Files",
    "source.encoding": "Encoding of the log",
    "item_table.name": "Item table",
    "item_table.key": "Item table: column of ids",
    "item_table.title": "Item table: column of titles",
    "item_table.n_matched": "Item table: items that it names",
    "item_table.token_lists": "Item table: columns of lists",
    "item_table.n_rejected": "Item table: rejected lines",
    "has_times": "Times known",
    "time_reason": "How times are read",
}


def draw_actions(row: DeltaGenerator, manifest: dict[str, Any], labels: dict[str, str]) -> None:
    """Draw the menu of what can be done with a dataset, and carry out what is chosen.

    Args:
        row: Where the menu goes.
        manifest: That of the dataset, with its `folder`.
        labels: What each dataset of the workspace is called on the page, by folder.
    """
    chosen = row.menu_button(
        "More",
        [RENAME, EXPORT, *([COMPARE] if len(labels) > 1 else [])],
        key=f"dataset_menu_{manifest['folder']}",
        icon=":material/more_horiz:",
        format_func=lambda action: f"{ACTION_ICONS[action]} {action}",
    )
    if chosen == RENAME:
        _ask_words(manifest)
    elif chosen == EXPORT:
        _ask_export(manifest)
    elif chosen == COMPARE:
        _compare(manifest, labels)
    if row.button("Delete", icon=":material/delete:", key=f"delete_{manifest['folder']}"):
        _ask_delete(manifest)


def draw_note(manifest: dict[str, Any]) -> None:
    """Draw the note on a dataset, if there is one."""
    if manifest.get("note"):
        st.caption(f":material/sticky_note_2: {escape(str(manifest['note']))}")


# The manifest comes as an argument, which stays as it was when the dialog was opened.
@dialog("Rename or note")
def _ask_words(manifest: dict[str, Any]) -> None:
    before = (manifest["folder"], str(manifest["name"]), str(manifest.get("note", "")))
    # A dialog that was left keeps what was typed, which must not stand over words from elsewhere.
    over = f"{crc32(repr(before).encode()):08x}"
    name = st.text_input("Name", value=before[1], max_chars=MAX_NAME, key=f"dataset_name_{over}")
    note = st.text_area("Note", value=before[2], max_chars=MAX_NOTE, key=f"dataset_note_{over}")
    st.caption("Folder and fingerprint stay as they are, so runs go on finding the dataset.")
    if st.button("Save", type="primary", icon=":material/check:"):
        try:
            change_words(state.workspace(), manifest, name, note)
        except Bert4RecError as error:
            state.show_error(error)
            return
        cache.forget_datasets()
        st.rerun()


@dialog("Export this dataset")
def _ask_export(manifest: dict[str, Any]) -> None:
    form: str = st.segmented_control(
        "Form",
        list(FORM_NAMES),
        default="parquet",
        format_func=lambda form: FORM_NAMES[form],
        required=True,
    )
    st.caption(FORM_HELP[form])
    place = f"exports/{manifest['folder']}-{form}"
    if not st.button("Write the files", type="primary", icon=":material/save:"):
        st.caption(f"They are written to `{place}` in the workspace, and can then be downloaded.")
        return
    try:
        with st.spinner("Writing the files…", show_time=True):
            dataset = cache.open_dataset(str(manifest["folder"]), str(manifest["fingerprint"]))
            files = export_dataset(dataset, state.workspace() / place, form, may_replace=True)
    except Bert4RecError as error:
        state.show_error(error)
        return
    st.markdown(f"Written to `{place}` in the workspace.")
    for path in files:
        _draw_download(path)


def _draw_download(path: Path) -> None:
    n_bytes = path.stat().st_size
    if n_bytes > MAX_DOWNLOAD_BYTES:
        st.caption(
            f"{escape(path.name)} ({size(n_bytes)}) is too large to download; take it from there."
        )
        return
    st.download_button(
        f"{escape(path.name)} ({size(n_bytes)})",
        path.read_bytes(),
        file_name=path.name,
        icon=":material/download:",
        on_click="ignore",
    )


@dialog("Compare datasets", width="large")
def _compare(manifest: dict[str, Any], labels: dict[str, str]) -> None:
    there = {str(found["folder"]): found for found in state.datasets()}
    same = [str(found["folder"]) for found in versions(manifest, there.values())]
    mine = str(manifest["folder"])
    rest = [folder for folder in there if folder != mine and folder not in same]
    shown = {folder: labels.get(folder, folder) for folder in same + rest}
    shown |= {folder: f"{shown[folder]} · same source" for folder in same}
    if not shown:
        st.markdown("There is no other dataset any more to compare it with.")
        return
    other: str = st.selectbox(
        "With",
        list(shown),
        format_func=lambda folder: shown[folder],
        help="Those that were made of a log of the same name and columns come first.",
    )
    rows = differences(manifest, there[other])
    if not rows:
        st.markdown("They were made of the same log with the same settings.")
        return
    st.caption("What is not named is the same.")
    _draw_differences(rows, labels.get(mine, mine), labels.get(other, other))


def _draw_differences(rows: list[Difference], one: str, other: str) -> None:
    columns = [Column("what", "What"), Column("one", one), Column("other", other)]
    alt = f"{len(rows)} differences between two datasets"
    draw_table(difference_table(rows), columns, alt=alt)


def difference_table(rows: Iterable[Difference]) -> pd.DataFrame:
    """Return in what two datasets differ, as a person reads it: what, and two values."""
    told = (
        (_place(row.what), _word(row.what, row.one), _word(row.what, row.other)) for row in rows
    )
    # Sums of what is told by step as well have the same words.
    return pd.DataFrame(list(dict.fromkeys(told)), columns=["what", "one", "other"])


def _place(what: str) -> str:
    """Return a place in a manifest in words: `counts.n_users` is `Users`."""
    group, _, name = what.partition(".")
    name = name.removeprefix("steps.").removeprefix("n_").replace("_", " ")
    if what in PLACES:
        return PLACES[what]
    if group == "settings" and (field := PrepareSettings.model_fields.get(what.split(".")[1])):
        return str(field.title)
    title = {"roles": "Column: ", "report": "Rows: ", "counts": ""}.get(group, f"{group}: ")
    words = f"{title}{name}" if name else group
    return (words[:1].upper() + words[1:]).replace("_", " ")


def _word(what: str, value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if what == "source.size_bytes":
        return size(value)
    if what == "source.hash":
        return f"{str(value)[:N_HASH_SIGNS]}…"
    if what.endswith(".form"):
        return LOG_FORM_NAMES.get(str(value), str(value))
    return number(value) if isinstance(value, int) else str(value)


@dialog("Delete this dataset?", icon=":material/delete:")
def _ask_delete(manifest: dict[str, Any]) -> None:
    folder = str(manifest["folder"])
    use = dataset_use(state.workspace(), folder)
    name = escape(str(manifest["name"]))
    if use.active or use.searches:
        st.markdown(f"**{name}** cannot be deleted: it is needed by what is still active.")
        _draw_runs(use.active)
        st.markdown("\n".join(f"- the search {escape(one)}" for one in use.searches))
        st.caption("Stop them first, or let them end.")
        return
    st.markdown(
        f"**{name}** will be deleted from the workspace, for good. The log it was made of is not "
        "touched."
    )
    is_sure = not use.ended or _ask_loss(use)
    draw_confirmation(lambda: _delete(folder, is_forced=bool(use.ended)), is_open=is_sure)


def _ask_loss(use: DatasetUse) -> bool:
    """Name the runs that would lose their dataset and have the person confirm it."""
    st.markdown("These runs stay, but can no longer be resumed or inspected:")
    _draw_runs(use.ended)
    # Consent is to the loss of these runs, not of one that comes later.
    named = " ".join(run.id for run in use.ended)
    return st.checkbox("Delete it all the same", key=f"sure_{crc32(named.encode()):08x}")


def _draw_runs(runs: tuple[Run, ...]) -> None:
    lines = [f"- {escape(run_row(run).name)} ({escape(run.id)})" for run in runs[:N_RUNS_NAMED]]
    if len(runs) > N_RUNS_NAMED:
        lines.append(f"- and {number(len(runs) - N_RUNS_NAMED)} more")
    st.markdown("\n".join(lines))


def _delete(folder: str, *, is_forced: bool) -> None:
    delete_unused_dataset(state.workspace(), folder, is_forced=is_forced)
    st.session_state.pop(state.DATASET_KEY, None)
    cache.forget_datasets()
