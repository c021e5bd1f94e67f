"""A prepared dataset on the page: figures, checks, charts, report, sequences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
import streamlit as st

from bert4rec.data.check import Check
from bert4rec.data.checks import check_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.prepare import PrepareSettings
from bert4rec.data.profile import Profile, profile
from bert4rec.data.recipe import recipe_of
from bert4rec.data.source import files_words
from bert4rec.errors import Bert4RecError, DatasetError, FormatError
from bert4rec.plain_text import contained
from bert4rec.presets import FIRST_PRESET
from bert4rec.ui import cache, state
from bert4rec.ui.data import profile_charts
from bert4rec.ui.data.check_list import draw_checks, mend
from bert4rec.ui.data.dataset_actions import draw_actions, draw_note
from bert4rec.ui.data.log_form import FORM_NAMES
from bert4rec.ui.data.split_chart import draw_split
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.folded import folded
from bert4rec.ui.reading_table import Column, count_column, draw_table
from bert4rec.ui.train.train_view import show_new
from bert4rec.ui.widths import MIN_CHART_PX
from bert4rec.view.forms import preset_draft
from bert4rec.view.markdown import escape
from bert4rec.words import counted, number, percent, sentence, size, time_span, unique_labels, when

N_SEQUENCES = 8
N_TITLES = 12
STEP_NAMES = {
    "read": "Read",
    "rejected": "Rejected",
    "event": "Other event",
    "value": "Value too small",
    "duplicate": "Duplicate",
    "long": "History too long",
    "short": "History too short",
    "rare": "Item too rare",
    "kept": "Kept",
}


def draw_dataset(manifests: list[dict[str, Any]]) -> None:
    """Let a person choose among the datasets and draw the chosen one."""
    manifest = _choose(manifests)
    folder = str(manifest["folder"])
    try:
        dataset = cache.open_dataset(folder, str(manifest["fingerprint"]))
        found, checks = _described(str(state.workspace()), folder, str(manifest["fingerprint"]))
    except Bert4RecError as error:
        state.show_error(error)
        return
    _draw_metrics(found)
    asked = draw_checks(dataset, checks)
    _draw_charts(found)
    draw_split(dataset)
    _draw_report(manifest)
    _draw_sequences(dataset)
    _draw_details(manifest)
    if asked is not None:
        mend(dataset, asked)


@cache.kept(8, spinner="Describing the dataset…")
def _described(workspace: str, folder: str, fingerprint: str) -> tuple[Profile, tuple[Check, ...]]:
    dataset = cache.open_dataset(folder, fingerprint)
    # What the form of a new run opens with, not the default of the command line.
    found = profile(dataset, max_seq_length=int(preset_draft(FIRST_PRESET)["max_seq_length"]))
    return found, check_dataset(dataset, found)


def _choose(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    by_folder = {str(manifest["folder"]): manifest for manifest in manifests}
    labels = _labels(manifests)
    # Not among those that are there by now: another visitor may have just added one.
    current = state.chosen_among(manifests)
    # From now on, also where nobody chose it: what is pressed is about what is shown.
    state.choose_dataset(str(current["folder"]))
    row = st.container(horizontal=True, vertical_alignment="bottom")
    folder = row.selectbox(
        "Dataset",
        list(by_folder),
        index=list(by_folder).index(str(current["folder"])),
        format_func=lambda folder: labels.get(folder, folder),
        width=420,
    )
    if folder != current["folder"]:
        state.choose_dataset(folder)
        st.rerun()
    # By its folder: where another one was deleted at the press, nothing was pressed here.
    if row.button(
        "Train on this",
        type="primary",
        icon=":material/model_training:",
        key=f"train_on_{folder}",
    ):
        show_new()
        st.switch_page("pages/train.py")
    draw_actions(row, by_folder[folder], labels)
    draw_note(by_folder[folder])
    return by_folder[folder]


def _labels(manifests: Iterable[dict[str, Any]]) -> dict[str, str]:
    labels = {}
    for manifest in manifests:
        name = contained(str(manifest["name"]))
        labels[str(manifest["folder"])] = f"{name} · {when(manifest.get('created_at'))}"
    return unique_labels(labels)


def _draw_metrics(found: Profile) -> None:
    figures = {
        "Interactions": number(found.n_interactions),
        "Users": number(found.n_users),
        "Items": number(found.n_items),
        "Median length": number(found.length_quantiles["median"]),
        "Density": percent(found.density),
    }
    if found.first_at is not None:
        figures["Time span"] = time_span(found.first_at, found.last_at)
    # In a row each is as wide as its figure needs; a grid would cut the longest off.
    with st.container(horizontal=True, key="data_figures"):
        for label, value in figures.items():
            st.metric(label, value, border=True, help=METRIC_HELP[label])


METRIC_HELP = {
    "Interactions": "User met item, once a line.",
    "Users": "Histories to learn from: people, playlists, learners.",
    "Items": "The catalogue that the model chooses from.",
    "Median length": "At least half of the histories are no longer than this.",
    "Density": "Share of all user-item pairs that occur.",
    "Time span": "From the first interaction to the last.",
}


def _draw_charts(found: Profile) -> None:
    cards = st.grid(2, min_column_width=MIN_CHART_PX)
    with cards.container(border=True, height="stretch"):
        profile_charts.draw_lengths(found)
    with cards.container(border=True, height="stretch"):
        profile_charts.draw_popularity(found)
    if found.time_histogram is not None:
        with st.container(border=True):
            profile_charts.draw_over_time(*found.time_histogram)


def _draw_report(manifest: dict[str, Any]) -> None:
    report = manifest.get("report", {})
    rejects = manifest.get("rejects", [])
    with st.container(border=True):
        st.markdown("**What was read, and what was left out**")
        st.caption(_report_finding(report))
        rows = [
            (
                STEP_NAMES.get(step["step"], str(step["step"]).capitalize()),
                step["n_rows"],
                sentence(step["reason"]),
            )
            for step in report.get("steps", [])
        ]
        draw_table(
            pd.DataFrame(rows, columns=["step", "rows", "why"]),
            [Column("step", "Step"), count_column("rows", "Rows"), Column("why", "Why")],
            alt="Rows read, rejected, left out and kept",
        )
        _draw_rejects("Rejected lines", "data_rejects", rejects, int(report.get("rejected", 0)))
        table = manifest.get("item_table") or {}
        _draw_rejects(
            "Rejected lines of the item table",
            "data_item_rejects",
            manifest.get("item_rejects") or [],
            int(table.get("n_rejected", 0)),
        )


def _report_finding(report: dict[str, Any]) -> str:
    read, kept = report.get("read", 0), report.get("kept", 0)
    if read == kept:
        return f"All {counted(read, 'row')} were kept."
    share = percent(kept / read if read else 0.0)
    return f"{number(kept)} of {counted(read, 'row')} were kept ({share})."


def _draw_rejects(label: str, key: str, rejects: list[dict[str, Any]], n_rejected: int) -> None:
    if not rejects:
        return
    with folded(f"{label} ({number(n_rejected)})", key=key) as is_open:
        if is_open:
            _draw_first_rejects(label, rejects, n_rejected)


def _draw_first_rejects(label: str, rejects: list[dict[str, Any]], n_rejected: int) -> None:
    draw_frame(
        _rejects_table(rejects),
        hide_index=True,
        alt=f"{label}, the first with their numbers and reasons",
    )
    if n_rejected > len(rejects):
        st.caption(f"The first {len(rejects)} of {number(n_rejected)} are shown.")


def _rejects_table(rejects: list[dict[str, Any]]) -> pd.DataFrame:
    """Return where each reject stands: at a line of its file, or at a row of all files together."""
    files = [reject.get("file", "") for reject in rejects]
    numbers = pd.Series([reject["line"] for reject in rejects], dtype="Int64")
    is_line = pd.Series([file != "" for file in files])
    places = {"Line": numbers.where(is_line), "Row": numbers.mask(is_line)}
    table = pd.DataFrame({"File": files, **places})
    if len(set(files)) == 1:
        table = table[["Line" if files[0] else "Row"]]
    return table.assign(
        Why=[sentence(reject["reason"]) for reject in rejects],
        Text=[reject["text"] for reject in rejects],
    )


def _draw_sequences(dataset: SequenceDataset) -> None:
    with st.container(border=True):
        st.markdown("**The first sequences, oldest item first**")
        titles = dataset.vocabulary.titles
        rows = []
        for user_idx in range(min(N_SEQUENCES, dataset.n_users)):
            history = dataset.history(user_idx)
            shown = [contained(titles[item_idx - 1]) for item_idx in history[:N_TITLES]]
            rest = len(history) - len(shown)
            rows.append(
                (
                    dataset.user_id(user_idx),
                    len(history),
                    " → ".join(shown) + (f" → {rest:,} more" if rest else ""),
                )
            )
        draw_table(
            pd.DataFrame(rows, columns=["user", "length", "sequence"]),
            [
                Column("user", "User", is_id=True),
                count_column("length", "Length"),
                Column("sequence", "Sequence"),
            ],
            alt=f"The first {len(rows)} sequences with titles",
        )


def _draw_details(manifest: dict[str, Any]) -> None:
    roles = {role: name for role, name in manifest.get("roles", {}).items() if name}
    table = manifest.get("item_table")
    lines = [
        ("Source", _source_words(manifest.get("source", {}))),
        ("Columns", ", ".join(f"{role}: {name}" for role, name in roles.items())),
        ("Order", manifest.get("time_reason") or "that of the file"),
        *_setting_lines(manifest.get("settings", {})),
        ("Item table", _table_words(table) if table else "none"),
        ("Prepared", when(manifest.get("created_at"))),
        ("Folder", f"datasets/{manifest['folder']}"),
    ]
    with folded(
        "Where it comes from", key="data_origin", icon=":material/receipt_long:"
    ) as is_open:
        if is_open:
            draw_table(
                pd.DataFrame(lines, columns=["what", "value"]),
                [Column("what", "What"), Column("value", "Value")],
                alt="Origin of the dataset",
            )
            _draw_recipe(manifest)


def _draw_recipe(manifest: dict[str, Any]) -> None:
    try:
        recipe = recipe_of(manifest)
    except (DatasetError, FormatError) as error:
        st.caption(f"It has no recipe: {escape(error.message)}.")
        return
    st.download_button(
        "Recipe (JSON)",
        recipe.model_dump_json(indent=2),
        file_name=f"{manifest['folder']}-recipe.json",
        icon=":material/download:",
        on_click="ignore",
        help=f"Makes another log into a dataset the same way: {recipe.command}.",
    )


def _source_words(source: dict[str, Any]) -> str:
    form = str(source.get("form"))
    kind = f"{FORM_NAMES.get(form, form)}, {size(source.get('size_bytes', 0))}"
    encoding = f", {source['encoding']}" if source.get("encoding") else ""
    found = f"{source.get('name')} ({kind}{encoding})"
    n_files, names = source.get("n_files", 1), source.get("files", [])
    words = files_words(n_files, names, source.get("passed_over", []))
    return f"{found}; {words}" if words else found


def _setting_lines(settings: dict[str, Any]) -> list[tuple[str, str]]:
    titles = {name: str(field.title) for name, field in PrepareSettings.model_fields.items()}
    words = {name: _setting_word(value) for name, value in settings.items()}
    if "events" in words and settings["events"] is None:
        words["events"] = "all"
    return [(titles.get(name, name), word) for name, word in words.items()]


def _setting_word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " or ".join(str(one) for one in value)
    return "no limit" if value is None else str(value)


def _table_words(table: dict[str, Any]) -> str:
    matched = counted(int(table.get("n_matched", 0)), "item")
    n_rejected = int(table.get("n_rejected", 0))
    rejected = f"; {counted(n_rejected, 'line')} rejected" if n_rejected else ""
    names = table.get("columns", [])
    columns = f"{'column' if len(names) == 1 else 'columns'} {', '.join(names)}"
    return f"{table.get('name')} names {matched}{rejected}; {columns}"
