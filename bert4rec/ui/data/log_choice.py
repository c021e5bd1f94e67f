"""Where a log lies: an upload, or a file in the one folder on the server that is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from bert4rec.errors import NotFoundError
from bert4rec.ui import state
from bert4rec.ui.address import IMPORT_NAMES, read_address
from bert4rec.ui.data import log_files
from bert4rec.ui.file_stamps import stamp_of_all
from bert4rec.view.markdown import escape
from bert4rec.words import counted, number, size

MAX_LOG_MB = 1024
MAX_ITEMS_MB = 128
# A small packed file must not fill the disk; what lies on the server is the operator's own.
MAX_UNPACKED_BYTES = 8 * 2**30
# An item table is held in memory, where it takes up to six times as much.
MAX_UNPACKED_ITEMS_BYTES = 256 * 2**20
# By these an address tells what was uploaded.
UPLOAD_NAMES = ("log", "item_table")
UPLOAD, SERVER = "Upload", "File on the server"
SERVER_LOG_KEY, SERVER_ITEMS_KEY = "server_log", "server_items"
LOG_ENDINGS = (
    "csv tsv txt dat data inter json jsonl ndjson parquet gz zst zip bz2 xz item tab log".split()
)


@dataclass(frozen=True)
class LogChoice:
    """A log that a person has put forward, the item table that goes with it, and their limits."""

    path: Path
    name: str
    items: Path | None = None
    max_bytes: int | None = None
    max_items_bytes: int | None = None

    @cached_property
    def stamp(self) -> str:
        """What another content of the log would change."""
        return stamp_of_all(self.path)


def follow_log() -> None:
    """Take up the log that the address names, as after a reload.

    Raises:
        NotFoundError: what it names is gone, prepared since or too old.
    """
    link = read_address(IMPORT_NAMES)
    if "file" in link:
        _follow_server_files(link)
    gone = [role for role in UPLOAD_NAMES if role in link and not _took_up(role, link[role])]
    if gone:
        raise NotFoundError(
            "the upload that the address names is no longer on the server",
            fix="Choose the file again. What else the address tells is kept.",
        )


def _took_up(role: str, key: str) -> bool:
    path = log_files.spooled(key, state.workspace())
    if path is not None:
        st.session_state[f"uploaded_{role}"] = str(path)
    return path is not None


def _follow_server_files(link: Mapping[str, str]) -> None:
    found = log_files.list_data(log_files.data_folder(state.workspace()))
    if link["file"] not in (*found.files, *found.folders):
        raise NotFoundError(
            "the file that the address names is not in the folder on the server",
            fix="Choose one below. What else the address tells is kept.",
        )
    st.session_state[SERVER_LOG_KEY] = link["file"]
    if link.get("item_file") in found.files:
        st.session_state[SERVER_ITEMS_KEY] = link["item_file"]


def log_link(way: str) -> dict[str, str]:
    """Return where the log lies that is not prepared yet, as parameters of the address."""
    if way == UPLOAD:
        paths = {role: st.session_state.get(f"uploaded_{role}") for role in UPLOAD_NAMES}
        return {role: Path(path).parent.name for role, path in paths.items() if path}
    chosen = {"file": SERVER_LOG_KEY, "item_file": SERVER_ITEMS_KEY}
    link = {name: st.session_state.get(key) for name, key in chosen.items()}
    return {name: str(value) for name, value in link.items() if value}


def ask_upload() -> LogChoice | None:
    """Ask for an upload; it is spooled to the workspace and the session keeps only its path."""
    log_column, items_column = st.columns(2)
    with log_column:
        log = _uploaded("log", "Interaction log", MAX_LOG_MB, "One line an interaction.")
    with items_column:
        about = f"Titles, categories. Up to {size(MAX_UNPACKED_ITEMS_BYTES)} unpacked."
        items = _uploaded("item_table", "Item table (optional)", MAX_ITEMS_MB, about)
    if log is None:
        st.caption(
            "CSV, TSV, JSON, Parquet, MovieLens, RecBole or playlists; plain or packed. One line an"
            f" interaction: who, what and, if known, when. Up to {_limit(MAX_LOG_MB)} a file, and"
            f" {size(MAX_UNPACKED_BYTES)} unpacked; larger ones are read from the server's folder."
        )
        return None
    name = log.name.split(".")[0]
    return LogChoice(log, name, items, MAX_UNPACKED_BYTES, MAX_UNPACKED_ITEMS_BYTES)


def _limit(n_mb: int) -> str:
    """Return a limit as the box for uploads tells it."""
    return f"{n_mb // 1024} GB" if n_mb % 1024 == 0 else f"{n_mb:,} MB"


def _uploaded(role: str, label: str, max_mb: int, help_text: str) -> Path | None:
    key = f"uploaded_{role}"
    path = Path(st.session_state[key]) if key in st.session_state else None
    if path is not None and path.is_file():
        with st.container(border=True):
            st.markdown(f":material/description: **{escape(path.name)}**")
            st.caption(f"{label}, {size(path.stat().st_size)}, on the server until it is prepared")
            if st.button("Choose another file", key=f"{key}_change", icon=":material/undo:"):
                forget_upload(role)
                st.rerun()
        return path
    # A new key gives an empty widget: the old one and its file are let go.
    turn = st.session_state.setdefault(f"{key}_turn", 0)
    upload = st.file_uploader(
        label,
        type=LOG_ENDINGS,
        key=f"{key}_{turn}",
        max_upload_size=max_mb,
        help=f"{help_text} Up to {_limit(max_mb)}.",
    )
    if isinstance(upload, UploadedFile):
        st.session_state[key] = str(log_files.spool(upload, upload.name, state.workspace()))
        st.session_state[f"{key}_turn"] = turn + 1
        _release(upload)
        st.rerun()
    return None


def _release(upload: UploadedFile) -> None:
    """Let go of an upload's bytes, which the server keeps until the visitor has left."""
    context = get_script_run_ctx()
    manager = context.uploaded_file_mgr if context is not None else None
    # Only the manager in memory can; Streamlit's own chat and audio inputs do the same.
    remove = getattr(manager, "remove_file", None)
    if context is not None and remove is not None:
        remove(session_id=context.session_id, file_id=upload.file_id)


def forget_upload(role: str) -> None:
    """Delete a spooled upload and forget it."""
    path = st.session_state.pop(f"uploaded_{role}", None)
    if path is not None:
        log_files.forget_upload(Path(path), state.workspace())


def ask_server_file() -> LogChoice | None:
    """Ask for a file, or several in a folder, of the one that is open on the server."""
    folder = log_files.data_folder(state.workspace())
    found = log_files.list_data(folder)
    if not found.files:
        st.markdown("No file is there yet.")
        st.caption(
            f"Files in `{folder}` will be listed here. Put a log there, or set"
            f" `{log_files.DATA_VARIABLE}` to another folder before the start."
        )
        return None
    log_column, items_column = st.columns(2)
    log = log_column.selectbox(
        "Interaction log",
        [*found.files, *found.folders],
        index=None,
        format_func=lambda name: f"{name} (its files together)" if name.endswith("/") else name,
        key=SERVER_LOG_KEY,
        persist_state="session",
        help="A folder stands for those of its files that have the columns of a log.",
    )
    items = items_column.selectbox(
        "Item table (optional)",
        found.files,
        index=None,
        key=SERVER_ITEMS_KEY,
        placeholder="None",
        persist_state="session",
    )
    if log is None:
        n_listed = len(found.files)
        cut = f"; the first {number(n_listed)} are listed" if n_listed < found.n_files else ""
        st.caption(f"{counted(found.n_files, 'file')} in `{folder}`{cut}.")
        return None
    path = log_files.data_path(folder, log)
    return LogChoice(
        path, path.name.split(".")[0], log_files.data_path(folder, items) if items else None
    )
