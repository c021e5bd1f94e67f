"""The button that makes a report on runs and downloads it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from bert4rec.runs.folder import Run

LABEL = "Report"


def draw_report(runs: Sequence[Run], *, has_begun: bool) -> None:
    """Offer a report on one run or several as one HTML file, made when it is asked for.

    It takes seconds, during which the page can be used: Streamlit asks for the file from another
    thread.

    Args:
        runs: What it is about.
        has_begun: Whether each of them has something to tell yet.
    """
    ids = [run.id for run in runs]
    st.download_button(
        LABEL,
        lambda: _html(runs),
        file_name=f"{ids[0]}-report.html" if len(ids) == 1 else "runs-report.html",
        mime="text/html",
        icon=":material/download:",
        on_click=_say,
        disabled=not has_begun,
        help="One file for people who know no jargon: results, examples, charts and how it was "
        "made. It opens without network and prints. Making it takes some seconds."
        + ("" if has_begun else " There is nothing to tell yet."),
        key=f"report_{'_'.join(ids)}",
    )


def _say() -> None:
    st.toast(
        "The report is being made and will be among your downloads.", icon=":material/download:"
    )


def _html(runs: Sequence[Run]) -> str:
    # Here, so that a page is drawn without waiting for what only a report needs.
    from bert4rec.report.page import report_html

    return report_html(runs)
