"""What a run gives a browser: itself, its model, vectors; and a run brought in from elsewhere."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from bert4rec.bundle.writing import export_bundle
from bert4rec.data.collection import find_manifest
from bert4rec.errors import Bert4RecError
from bert4rec.files import safe_name
from bert4rec.runs.archive import export_run, import_run
from bert4rec.runs.folder import Run
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.ui import state
from bert4rec.ui.cache import load_recommender
from bert4rec.ui.redrawing import tell_once
from bert4rec.ui.refusals import keep_refusal, show_refusal
from bert4rec.view.markdown import escape

# A download or an upload is held in memory for each visitor.
MAX_MB = 200
# As many histories as two cores read in about a minute, for which a browser is made to wait.
MAX_USERS = 100_000
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


def draw_model_export(run: Run, n_bytes: int, obstacle: str) -> None:
    """Offer the model of a run as a bundle, to be used without its dataset.

    Args:
        run: The run.
        n_bytes: What it takes on disk.
        obstacle: What it lacks, in words, if anything.
    """
    is_large = n_bytes > MAX_MB * 10**6
    reason = "It is too large for a browser: use bert4rec export." if is_large else obstacle
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


def draw_vectors(run: Run, obstacle: str) -> None:
    """Offer the vectors of all items and users, which is what an `embedding_policy` serves.

    Args:
        run: The run.
        obstacle: What it lacks, in words, if anything.
    """
    if not obstacle:
        counts = find_manifest(run.workspace, run.config()["dataset"]["fingerprint"])["counts"]
        n_bytes = 4 * run.hyperparameters().hidden_size * (counts["n_users"] + counts["n_items"])
        if counts["n_users"] > MAX_USERS or n_bytes > MAX_MB * 10**6:
            obstacle = "There are too many for a browser: use bert4rec embed."
    st.download_button(
        "Vectors of items and users as Parquet",
        lambda: _embedded(run),
        file_name=f"{run.id}-vectors.parquet",
        mime="application/vnd.apache.parquet",
        icon=":material/scatter_plot:",
        on_click="ignore",
        disabled=bool(obstacle),
        help=obstacle
        or "For a search of nearest neighbours: the dot product of a user's vector with an item's "
        "is that item's score.",
        width="stretch",
    )


def _embedded(run: Run) -> bytes:
    from bert4rec.bulk.vectors import Wanted, write_vectors

    with TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.parquet"
        write_vectors(load_recommender(run.id), path, Wanted(items=True, users=True))
        return path.read_bytes()


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
