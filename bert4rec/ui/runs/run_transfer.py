"""Runs and models as zip files on the page: downloaded, and a run brought in from elsewhere."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from bert4rec.bundle.writing import export_bundle, lacking
from bert4rec.errors import Bert4RecError
from bert4rec.files import safe_name
from bert4rec.runs.archive import export_run, import_run
from bert4rec.runs.folder import Run
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.ui import state
from bert4rec.ui.redrawing import tell_once
from bert4rec.ui.refusals import keep_refusal, show_refusal
from bert4rec.view.markdown import escape

# A download or an upload is held in memory for each visitor.
MAX_MB = 200
UPLOAD_KEY, BROUGHT_KEY, PROBLEM_KEY = "runs_upload", "runs_brought", "runs_import_problem"


def draw_export(run: Run, now: str, n_bytes: int) -> None:
    """Offer a run as a zip file; one that is too large for a browser is left to the command line.

    Args:
        run: The run.
        now: Its state.
        n_bytes: What it takes on disk.
    """
    is_large = n_bytes > MAX_MB * 10**6
    st.download_button(
        "Run as zip, for another workspace",
        lambda: _zipped(run),
        file_name=f"{run.id}.zip",
        mime="application/zip",
        icon=":material/folder_zip:",
        on_click="ignore",
        disabled=is_large or now in ACTIVE_STATES,
        help="With its model, to be brought in on the Runs page of another workspace that has the "
        "same dataset."
        + (" This one is too large for a browser: use bert4rec runs export." if is_large else ""),
        width="stretch",
    )


def draw_model_export(run: Run, n_bytes: int) -> None:
    """Offer the model of a run as a bundle, to be used without its dataset.

    Args:
        run: The run.
        n_bytes: What it takes on disk.
    """
    is_large = n_bytes > MAX_MB * 10**6
    reason = "It is too large for a browser: use bert4rec export." if is_large else lacking(run)
    st.download_button(
        "Model as bundle, for programs",
        lambda: _bundled(run),
        file_name=f"{run.id}-model.zip",
        mime="application/zip",
        icon=":material/deployed_code:",
        on_click="ignore",
        disabled=bool(reason),
        help=reason
        or "Weights, items, settings and a card with figures and limits, without any history: for "
        "bert4rec.load and for the commands recommend, fill, score, embed and serve. It is no run "
        "and cannot be brought in here.",
        width="stretch",
    )


def _bundled(run: Run) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.zip"
        export_bundle(run, path)
        return path.read_bytes()


def _zipped(run: Run) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.zip"
        export_run(run, path)
        return path.read_bytes()


def draw_import(place: DeltaGenerator) -> None:
    """Offer to bring in a run that was exported elsewhere."""
    with place.expander("Bring a run from elsewhere", icon=":material/folder_zip:"):
        file = st.file_uploader(
            "Zip file of a run", type=["zip"], key=UPLOAD_KEY, max_upload_size=MAX_MB
        )
        st.caption(
            "Written under Files → Run as zip or by bert4rec runs export; a model bundle is no "
            "run. All of it is checked first. To use its model, this workspace needs the dataset "
            "that it was trained on."
        )
        if st.button("Bring it in", icon=":material/input:", disabled=file is None) and file:
            _bring_in(file.name, file.getvalue())
        show_refusal(PROBLEM_KEY)
        if brought := tell_once(BROUGHT_KEY):
            st.success(brought, icon=":material/check:")


def _bring_in(name: str, content: bytes) -> None:
    try:
        with TemporaryDirectory() as folder:
            # What is wrong is said of a file of this name.
            path = Path(folder) / f"{safe_name(Path(name).stem, fallback='run')}.zip"
            path.write_bytes(content)
            brought = import_run(state.workspace(), path)
    except Bert4RecError as error:
        keep_refusal(PROBLEM_KEY, error)
    else:
        st.session_state[BROUGHT_KEY] = _brought_words(brought)
        st.rerun()


def _brought_words(brought: Run) -> str:
    config = brought.config()
    others = (run for run in state.readable_runs() if run.id != brought.id)
    is_twice = any(_has_config(run, config) for run in others)
    text = f"Run {escape(brought.name)} is in the list."
    return text + (" It was here already and is now listed twice." if is_twice else "")


def _has_config(run: Run, config: dict[str, Any]) -> bool:
    try:
        return run.config() == config
    except Bert4RecError:
        # It went meanwhile.
        return False
