"""What a run gives a browser: policy, curves, itself, its model and its vectors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

import streamlit as st

from bert4rec.bundle.writing import export_bundle, lacking
from bert4rec.data.collection import find_manifest
from bert4rec.policy import dump_policy
from bert4rec.runs.archive import export_run
from bert4rec.runs.curve_files import curve_events, curves_csv, event_file_name
from bert4rec.runs.folder import Run
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.ui.cache import load_recommender

# A download or an upload is held in memory for each visitor.
MAX_MB = 200
# As many histories as two cores read in about a minute, for which a browser is made to wait.
MAX_USERS = 100_000
TYPES = {
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".yaml": "application/yaml",
    ".zip": "application/zip",
}


def draw_downloads(run: Run, now: str, n_bytes: int) -> None:
    """Offer each file of a run; one that is too large is left to the command line.

    Args:
        run: The run.
        now: Its state.
        n_bytes: What it takes on disk.
    """
    lacks, still_trains = lacking(run), "The run has not ended yet." if now in ACTIVE_STATES else ""
    _offer("Policy YAML", f"{run.id}.yaml", lambda: dump_policy(run.policy()))
    _offer("Curves CSV", f"{run.id}-curves.csv", partial(curves_csv, run))
    _offer(
        "Curves for TensorBoard",
        event_file_name(run),
        partial(curve_events, run),
        about="An event file with curves and settings. Put it into a folder named after the run, "
        "and start TensorBoard with the folder above.",
    )
    _offer(
        "Run as zip, for another workspace",
        f"{run.id}.zip",
        partial(_written, "run.zip", partial(export_run, run)),
        icon="folder_zip",
        obstacle=still_trains or _too_large(n_bytes, "bert4rec runs export"),
        about="With its model, to be brought in on the Runs page of another workspace that has the "
        "same dataset.",
    )
    _offer(
        "Model as bundle, for programs",
        f"{run.id}-model.zip",
        partial(_written, "model.zip", partial(export_bundle, run)),
        icon="deployed_code",
        obstacle=lacks or _too_large(n_bytes, "bert4rec export"),
        about="Weights, items, settings and a card with figures and limits, without any history: "
        "for bert4rec.load and for the commands recommend, fill, score, embed and serve. It is no "
        "run and cannot be brought in here.",
    )
    _offer(
        "Vectors of items and users as Parquet",
        f"{run.id}-vectors.parquet",
        partial(_written, "vectors.parquet", partial(_write_vectors, run)),
        icon="scatter_plot",
        obstacle=lacks or _too_many(run),
        about="What an embedding policy serves. For a search of nearest neighbours: the dot "
        "product of a user's vector with an item's is that item's score.",
    )


def _offer(
    label: str,
    name: str,
    make: Callable[[], str | bytes],
    *,
    icon: str = "download",
    obstacle: str = "",
    about: str | None = None,
) -> None:
    """Draw a button for a file, which is made at the press; off where there is an obstacle."""
    st.download_button(
        label,
        make,
        file_name=name,
        mime=TYPES.get(PurePath(name).suffix, "application/octet-stream"),
        icon=f":material/{icon}:",
        on_click="ignore",
        disabled=bool(obstacle),
        help=obstacle or about,
        width="stretch",
    )


def _written(name: str, write: Callable[[Path], object]) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return path.read_bytes()


def _write_vectors(run: Run, path: Path) -> None:
    from bert4rec.bulk.vectors import Wanted, write_vectors

    write_vectors(load_recommender(run.id), path, Wanted(items=True, users=True))


def _too_large(n_bytes: int, command: str) -> str:
    return f"It is too large for a browser: use {command}." if n_bytes > MAX_MB * 10**6 else ""


def _too_many(run: Run) -> str:
    counts = find_manifest(run.workspace, run.config()["dataset"]["fingerprint"])["counts"]
    if counts["n_users"] > MAX_USERS:
        return "There are too many for a browser: use bert4rec embed."
    n_numbers = run.hyperparameters().hidden_size * (counts["n_users"] + counts["n_items"])
    return _too_large(4 * n_numbers, "bert4rec embed")
