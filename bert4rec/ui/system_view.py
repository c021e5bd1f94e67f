"""What there is to say of the machine and the workspace, as parts of the System page."""

from __future__ import annotations

import gc
from pathlib import Path

import pandas as pd
import psutil
import streamlit as st

from bert4rec.device import choose_device, process_memory_bytes, return_freed_memory
from bert4rec.examination import Finding, Part, examine, workspace_parts
from bert4rec.files import remove_abandoned
from bert4rec.ui import cache, state
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.folded import folded
from bert4rec.ui.server_log import RECENT
from bert4rec.ui.widths import MIN_METRIC_PX
from bert4rec.view.markdown import escape
from bert4rec.words import device_word, sentence, size

# Parts of a workspace where a process that is cut off leaves what nobody can take up again.
LEAVES_BEHIND = ("tmp", "uploads")
STATES = {"ok": "✓ OK", "warning": "! Warning", "failed": "✕ Failed"}
NAMES = {
    "": "Other files",
    "datasets": "Datasets",
    "runs": "Runs",
    "studies": "Searches",
    "comparisons": "Comparisons",
    "presets": "Presets",
    "trash": "Deleted runs",
    "uploads": "Uploads",
    "data": "Open folder of logs",
    "public": "Public logs",
    "tmp": "Temporary",
}
FRESH_FOR_S = 30


def draw_figures(workspace: Path) -> None:
    """Draw device, memory and disk in a row."""
    choice = choose_device()
    memory = psutil.virtual_memory()
    disk = psutil.disk_usage(str(workspace))
    with st.grid(5, min_column_width=MIN_METRIC_PX):
        st.metric("Device", device_word(choice.device), help=sentence(choice.reason))
        st.metric("Precision", choice.precision, help=sentence(choice.precision_reason))
        st.metric("Threads", choice.n_threads, help=sentence(choice.threads_reason))
        st.metric(
            "Memory of the server",
            size(process_memory_bytes()),
            help=f"Of {size(memory.total)}, {size(memory.available)} are free on this machine.",
        )
        st.metric("Disk free", size(disk.free), help=f"Of {size(disk.total)}.")


def draw_findings(workspace: Path) -> None:
    """Draw what `bert4rec doctor` finds; what is wrong comes first and says what to do."""
    findings = _findings(str(workspace))
    wrong = [finding for finding in findings if finding.state != "ok"]
    for finding in wrong:
        draw = st.error if finding.state == "failed" else st.warning
        draw(f"**{escape(finding.name)}: {escape(finding.value)}.** {escape(finding.fix)}")
    n = len(findings)
    said = f"{len(wrong)} of {n} need a look" if wrong else f"all {n} are fine"
    with folded(
        f"Packages and checks: {said}", key="system_checks", icon=":material/fact_check:"
    ) as is_open:
        if is_open:
            draw_frame(
                pd.DataFrame(
                    {
                        "State": [STATES[finding.state] for finding in findings],
                        "What": [finding.name for finding in findings],
                        "Found": [finding.value for finding in findings],
                    }
                ),
                hide_index=True,
                alt=f"Packages and checks: {said}.",
            )


@st.cache_data(ttl=FRESH_FOR_S, max_entries=2, show_spinner="Looking at the machine…")
def _findings(workspace: str) -> list[Finding]:
    return list(examine(Path(workspace)))


def draw_disk(workspace: Path) -> None:
    """Draw what each part of the workspace takes."""
    st.subheader("Workspace", anchor=False)
    parts = _parts(str(workspace))
    if not parts:
        st.caption("The workspace is empty. Datasets and runs will be listed here.")
        return
    total = size(sum(part.n_bytes for part in parts))
    draw_frame(
        pd.DataFrame(
            {
                "Part": [NAMES.get(part.name, part.name) for part in parts],
                "Entries": [part.n_entries for part in parts],
                "On disk": [size(part.n_bytes) for part in parts],
            }
        ),
        hide_index=True,
        column_config={"On disk": st.column_config.TextColumn(alignment="right")},
        alt=f"The workspace takes {total} on disk.",
    )
    st.caption(
        f"{total} in all. Old checkpoints and deleted runs are freed on the Runs page, datasets on"
        " the Data page."
    )
    if any(part.name in LEAVES_BEHIND for part in parts) and st.button(
        "Remove leftovers",
        icon=":material/cleaning_services:",
        help="Deletes the temporary files of imports that were cut off, and uploads to a server "
        "that has ended; what is under way is left alone.",
    ):
        for name in LEAVES_BEHIND:
            remove_abandoned(workspace / name)
        _parts.clear()
        freed = sum(part.n_bytes for part in parts) - sum(p.n_bytes for p in _parts(str(workspace)))
        st.toast(f"{size(max(0, freed))} freed", icon=":material/cleaning_services:")
        st.rerun()


@st.cache_data(ttl=FRESH_FOR_S, max_entries=2, show_spinner="Measuring the workspace…")
def _parts(workspace: str) -> list[Part]:
    return workspace_parts(Path(workspace))


def draw_caches() -> None:
    """Draw what the server keeps in memory, with a button that lets go of it."""
    st.subheader("Kept in memory", anchor=False)
    st.caption(
        "Up to four open datasets, two loaded models, and the maps and charts made of them, shared"
        " by all visitors. They are made again when they are needed."
    )
    if st.button("Free memory", icon=":material/memory:"):
        cache.forget_all()
        # Models and maps hold each other, and the C library what was theirs.
        gc.collect()
        return_freed_memory()
        st.toast("Datasets and models are opened again when they are needed.")
    n_active = len(state.job_service().active())
    st.caption(f"Runs in training or waiting: {n_active}. They are not touched by this.")


def draw_log() -> None:
    """Draw the last warnings and errors of the server."""
    st.subheader("Log", anchor=False)
    lines = RECENT.lines()
    if not lines:
        st.caption("No warning and no error since the server started.")
        return
    st.code("\n".join(lines), language=None, height=240, wrap_lines=True)
    st.caption("Warnings and errors since the server started, newest first.")
