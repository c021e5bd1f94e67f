"""A run that was exported elsewhere, brought in by the browser."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from bert4rec.errors import Bert4RecError
from bert4rec.files import safe_name
from bert4rec.runs.archive import import_run
from bert4rec.runs.folder import Run
from bert4rec.ui import state
from bert4rec.ui.presses import once
from bert4rec.ui.redrawing import tell_once
from bert4rec.ui.refusals import keep_refusal, show_refusal
from bert4rec.ui.runs.run_downloads import MAX_MB
from bert4rec.view.markdown import escape

UPLOAD_KEY, BROUGHT_KEY, PROBLEM_KEY = "runs_upload", "runs_brought", "runs_import_problem"


def draw_import(place: DeltaGenerator) -> None:
    """Offer to bring in a run that was exported elsewhere."""
    label = "Bring a run from elsewhere"
    with place.expander(label, icon=":material/folder_zip:", key="runs_import"):
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
            workspace = state.workspace()
            key = f"import_{crc32(content):08x}"
            brought = once(key, lambda: import_run(workspace, path))
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
