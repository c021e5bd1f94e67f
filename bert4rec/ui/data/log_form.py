"""What the columns of a log hold: form and roles as detected, for a person to confirm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from bert4rec.data.item_columns import ItemColumns, item_columns
from bert4rec.data.item_table import ItemTable, about_items, read_item_table
from bert4rec.data.layout import LINE_FORMS
from bert4rec.data.log import FORMS, LogPreview, RoleGuess, Roles, preview_log
from bert4rec.data.roles import as_lines
from bert4rec.data.source import files_words
from bert4rec.errors import LogError
from bert4rec.id_columns import AROUND_ID
from bert4rec.ui import cache
from bert4rec.ui.data.first_rows import ask_date_order, draw_sequences
from bert4rec.ui.data.import_address import FORM, hold, told
from bert4rec.ui.data.log_choice import LogChoice
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.file_stamps import FileStamp, file_stamp
from bert4rec.view.markdown import escape
from bert4rec.words import counted, sentence, size

FORM_NAMES = {
    "csv": "CSV (commas or semicolons)",
    "tsv": "TSV (tabs)",
    "parquet": "Parquet",
    "jsonl": "JSON Lines",
    "json": "JSON document",
    "movielens": "MovieLens",
    "recbole": "RecBole atomic files",
    "pairs": "User and item a line, no header",
    "sequences": "User and a whole sequence a line",
    "sessions": "A whole sequence a line, no user",
    "triples": "Three lines a user (count, items, values)",
}
ROLE_LABELS = {
    "user": "User column",
    "item": "Item column",
    "time": "Time column",
    "value": "Value column",
    "event": "Event column",
}
ROLE_HELP = {
    "user": "Whose history it is: a person, a playlist, a learner, a session.",
    "item": "What was met: a track, a book, a lesson.",
    "time": "When; it puts each history in order.",
    "value": "How much, such as a rating; only used to leave out small ones.",
    "event": "What was done, such as play or skip; only used to keep some kinds.",
}
# Label, help and what stands in the empty box.
ITEM_COLUMNS = {
    "id": ("Id column", "Holds the ids by which the log calls its items.", "Choose a column"),
    "title": ("Title column", "What an item is called on all pages.", "None (the ids)"),
}
NONE_LABELS = {"time": "None (file order)", "value": "None", "event": "None"}
NONE = ""
# Lines of the preview before it scrolls, and the height in pixels that shows them.
N_PREVIEW_LINES, PREVIEW_HEIGHT = 5, 215
# Those whose columns have their names from the form and not from the file.
NAMELESS_FORMS = ("movielens", "pairs", *LINE_FORMS)
# Narrower boxes cut the names of columns off.
MIN_ROLE_PX = 170


def ask_form_and_roles(choice: LogChoice) -> tuple[str, Roles | None, ItemTable | None]:
    """Show the log's head with form and roles as detected; the person confirms or corrects them.

    Returns:
        The form, the roles once each needed column is chosen, and the item table if there is one.

    Raises:
        LogError: the log holds no line or is not of the form that was chosen, or one of the two
            files is no table.
    """
    preview = _ask_form(choice)
    if preview.rows.empty:
        raise LogError(
            "the log has a header and no line below it",
            where=choice.path.name,
            fix="Check that the file is whole, or bring another one.",
        )
    draw_frame(
        preview.rows,
        hide_index=True,
        height=PREVIEW_HEIGHT if len(preview.rows) > N_PREVIEW_LINES else "auto",
        alt=f"The first {len(preview.rows)} lines of the log",
    )
    key = f"{choice.path}|{preview.form}"
    roles = _ask_roles(preview, key)
    if roles is None:
        return preview.form, None, None
    roles = ask_date_order(choice, preview, roles, key)
    sequences, table = st.container(), None
    if choice.items is not None:
        table = _ask_items(choice, choice.items, roles)
        if table is None:
            return preview.form, None, None
        _draw_items(table, preview, roles)
    elif set(preview.rows) - set(roles.named().values()):
        st.caption(
            "No other column of it is kept. If one holds titles of the items, give this file as "
            "the item table as well."
        )
    with sequences:
        draw_sequences(choice, preview, roles, table)
    return preview.form, roles, table


def _ask_items(choice: LogChoice, items: Path, roles: Roles) -> ItemTable | None:
    """Ask which columns of the item table hold ids and titles; None until the ids are named."""
    st.markdown(f"**Item table: {escape(items.name)}**")
    head = (str(items), file_stamp(items), roles.item, choice.max_items_bytes)
    columns = _item_columns(*head)
    boxes = st.columns(2)
    key = _ask_item_column(boxes[0], "id", columns.names, columns.key, items)
    others = [name for name in columns.names if name != key]
    title = _ask_item_column(boxes[1], "title", others, columns.title, items)
    if key is None:
        st.caption(":material/arrow_upward: Still to choose: the column of the item ids.")
        return None
    return about_items(_item_table(*head, key, title), roles)


def _ask_item_column(
    box: DeltaGenerator, field: str, names: Sequence[str], guess: str | None, items: Path
) -> str | None:
    label, help_text, placeholder = ITEM_COLUMNS[field]
    first = told(field, guess, names)
    picked: str | None = box.selectbox(
        label,
        names,
        index=names.index(first) if first in names else None,
        placeholder=placeholder,
        help=help_text,
        key=f"{label}|{items}",
        persist_state="session",
    )
    hold(field, picked, guess)
    return picked


def _draw_items(table: ItemTable, preview: LogPreview, roles: Roles) -> None:
    """Show the head of the item table as it was understood."""
    text = f"{counted(len(table.rows), 'item')}, the id and the title first."
    if table.n_rejected:
        text += f" {counted(table.n_rejected, 'line')} of it cannot be read."
    met = set(preview.rows[roles.item].str.strip(AROUND_ID)) - {""}
    n_named = int(table.rows["item_id"].isin(met).sum())
    text += f" It names {n_named} of {counted(len(met), 'item')} in the first lines of the log."
    st.caption(text)
    draw_frame(
        table.rows.head(N_PREVIEW_LINES), hide_index=True, alt="The first lines of the item table"
    )


# A copy for each visitor would take as long as reading it, and nobody changes it.
@cache.kept(2, spinner="Reading the item table…")
def _item_table(
    path: str,
    stamp: FileStamp,
    log_item: str,
    max_bytes: int | None,
    key: str,
    title: str | None,
) -> ItemTable:
    return read_item_table(path, log_item=log_item, key=key, title=title, max_bytes=max_bytes)


@st.cache_data(max_entries=16, show_spinner=False)
def _item_columns(path: str, stamp: FileStamp, log_item: str, max_bytes: int | None) -> ItemColumns:
    return item_columns(path, log_item=log_item, max_bytes=max_bytes)


def _ask_form(choice: LogChoice) -> LogPreview:
    # The box comes before the detection on the page, but needs its result.
    box, text = st.columns([1, 2], vertical_alignment="bottom")
    options = ["", *FORMS]
    form = box.selectbox(
        "Form of the file",
        options,
        index=options.index(told(FORM, "", options)),
        format_func=lambda form: FORM_NAMES.get(form, "As detected"),
        key=f"form|{choice.path}",
        help="Change it if the columns below are cut wrongly.",
        persist_state="session",
    )
    hold(FORM, form, "")
    preview = _preview(str(choice.path), choice.stamp, form or None, choice.max_bytes)
    detected = "Chosen" if form else "Detected"
    text.markdown(
        f":material/check: {detected}: **{FORM_NAMES.get(preview.form, preview.form)}**"
        f" – {escape(preview.form_reason)}. {size(preview.size_bytes)}{_encoded(preview)}."
        f"{_files(preview)}"
    )
    return preview


def _files(preview: LogPreview) -> str:
    words = files_words(len(preview.files), preview.files, preview.passed_over)
    return f" {escape(words)}." if words else ""


def _encoded(preview: LogPreview) -> str:
    return f", {preview.encoding}" if preview.encoding else ""


@st.cache_data(max_entries=16, show_spinner="Reading the first lines…")
def _preview(path: str, stamp: str, form: str | None, max_bytes: int | None) -> LogPreview:
    return preview_log(path, form=form, max_bytes=max_bytes)


def _ask_roles(preview: LogPreview, key: str) -> Roles | None:
    chosen: dict[str, str | None] = {}
    cells = st.grid(len(ROLE_LABELS), min_column_width=MIN_ROLE_PX)
    for role in ROLE_LABELS:
        with cells.container():
            chosen[role] = _ask_role(role, preview, f"role|{role}|{key}")
    missing = [ROLE_LABELS[role] for role in ("user", "item", "time") if chosen[role] is None]
    if missing:
        advice = "" if chosen["item"] else escape(as_lines(preview.columns))
        st.caption(f":material/arrow_upward: Still to choose: {', '.join(missing)}. {advice}")
        return None
    return Roles(
        user=str(chosen["user"]),
        item=str(chosen["item"]),
        time=chosen["time"] or None,
        value=chosen["value"] or None,
        event=chosen["event"] or None,
    )


def _ask_role(role: str, preview: LogPreview, key: str) -> str | None:
    guess = preview.guesses[role]
    names = [column.name for column in preview.columns]
    options = names if role in ("user", "item") else [NONE, *names]
    usual = _preselected(role, guess, options)
    first = told(role, usual, options)
    picked = st.selectbox(
        ROLE_LABELS[role],
        options,
        index=None if first is None else options.index(first),
        format_func=lambda name: name or NONE_LABELS.get(role, "None"),
        placeholder="Choose a column",
        help=ROLE_HELP[role],
        key=key,
        persist_state="session",
    )
    hold(role, picked, usual)
    if picked is not None and (picked or None) != guess.column:
        before = f" {escape(guess.column)} was the guess." if guess.column else ""
        st.caption(f":material/check: Chosen by hand.{before}")
    else:
        st.caption(f"{_sign(guess, picked)} {escape(sentence(_reason(role, guess, preview)))}")
    return picked


def _reason(role: str, guess: RoleGuess, preview: LogPreview) -> str:
    """Return the reason of a guess; names that the form gives say nothing of the file."""
    has_name = preview.form not in NAMELESS_FORMS or guess.column in preview.layout.partitions
    if guess.column is None or has_name:
        return guess.reason
    return f"the file names no columns, and in this form the {role} stands there"


def _sign(guess: RoleGuess, picked: str | None) -> str:
    """Return what stands before the reason of a guess: a mark of approval only for a column."""
    if picked:
        return ":material/check:"
    return ":material/info:" if guess.is_certain else ":orange[:material/help:] Not certain:"


def _preselected(role: str, guess: RoleGuess, options: list[str]) -> str | None:
    """Return a certain guess; an uncertain one is left for the person to choose."""
    if guess.column is None and role in NONE_LABELS:
        return options[0]
    if not guess.is_certain and role not in ("value", "event"):
        return None
    return guess.column if guess.column in options else options[0]
