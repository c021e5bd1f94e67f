"""What a visitor has chosen, what the process shares, and how an error is shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from bert4rec.data.collection import MANIFEST_NAME, list_datasets
from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import Bert4RecError, NotFoundError
from bert4rec.files import child_of, find_workspace, is_file
from bert4rec.runs.folder import Run, open_run
from bert4rec.runs.status import ACTIVE_STATES, Status
from bert4rec.ui import cache
from bert4rec.ui.address import write_address
from bert4rec.ui.run_list import ListedRun, RunList
from bert4rec.view.markdown import escape
from bert4rec.view.run_table import RunRow, run_row
from bert4rec.view.setting_words import titled
from bert4rec.words import sentence

if TYPE_CHECKING:
    from bert4rec.background.comparisons import ComparisonService
    from bert4rec.background.findings import FindingService
    from bert4rec.background.searches import SearchService
    from bert4rec.jobs import JobService
    from bert4rec.maps.service import MapService
    from bert4rec.ui.study_list import StudyList

DATASET_KEY, DATA_LINK = "dataset_folder", "data"
RUN_KEY = "run_id"
# The run that the address named when this session last looked at it.
LINKED_KEY = "linked_run_id"
# Runs moved into the trash since the page that deletes them was opened, the newest last.
DELETED_KEY = "runs_deleted"


def workspace() -> Path:
    """Return the folder with datasets and runs."""
    return find_workspace()


def job_service() -> JobService:
    """Return the one job service of the process for this workspace."""
    return _job_service(str(workspace()))


@st.cache_resource(show_spinner=False)
def _job_service(folder: str) -> JobService:
    from bert4rec.background.runners import RUNNERS, runner_name
    from bert4rec.jobs import JobService

    return JobService(Path(folder), RUNNERS[runner_name()])


def shown_state(run: Run, status: Status) -> str:
    """Return the state, with a pause or start that the run has yet to notice taken as done."""
    service = job_service()
    if status.state not in ACTIVE_STATES or service.position(run.id) != 0:
        return status.state
    return "paused" if service.is_paused(run.id) else "running"


def search_service() -> SearchService:
    """Return the one search service of the process for this workspace."""
    return _search_service(str(workspace()))


@st.cache_resource(show_spinner=False)
def _search_service(folder: str) -> SearchService:
    from bert4rec.background.runners import runner_name
    from bert4rec.background.searches import SEARCHERS, SearchService

    return SearchService(Path(folder), _job_service(folder), SEARCHERS[runner_name()])


def study_list() -> StudyList:
    """Return the searches of the workspace, which every visitor reads together."""
    return _study_list(str(workspace()))


@st.cache_resource(show_spinner=False)
def _study_list(folder: str) -> StudyList:
    # Optuna comes with it, which the other pages do not need.
    from bert4rec.ui.study_list import StudyList

    return StudyList(Path(folder))


def map_service() -> MapService:
    """Return the one service of the process that makes maps of embeddings."""
    return _map_service(str(workspace()))


@st.cache_resource(show_spinner=False)
def _map_service(folder: str) -> MapService:
    from bert4rec.maps.service import MapService

    return MapService()


def comparison_service() -> ComparisonService:
    """Return the one service of the process that makes comparisons."""
    return _comparison_service(str(workspace()))


@st.cache_resource(show_spinner=False)
def _comparison_service(folder: str) -> ComparisonService:
    from bert4rec.background.comparisons import ComparisonService

    return ComparisonService(Path(folder))


def finding_service() -> FindingService:
    """Return the one service of the process that finds things out about models."""
    return _finding_service(str(workspace()))


@st.cache_resource(show_spinner=False)
def _finding_service(folder: str) -> FindingService:
    from bert4rec.background.findings import FindingService

    return FindingService()


def datasets() -> list[dict[str, Any]]:
    """Return the manifests of the workspace's datasets, newest first, each with its `folder`.

    What a manifest of another version lacks is filled in, so that it can be named on the page.
    """
    return [
        {"name": found["folder"], "fingerprint": ""} | found | {"counts": _counts(found)}
        for found in list_datasets(workspace())
    ]


def _counts(manifest: dict[str, Any]) -> dict[str, int]:
    told = manifest.get("counts")
    known = told if isinstance(told, dict) else {}
    return {name: int(known.get(name) or 0) for name in ("n_users", "n_items", "n_interactions")}


def run_rows() -> list[RunRow]:
    """Return every run in figures, newest first; what did not change is not read again."""
    return _run_list(str(workspace())).rows()


def listed_runs() -> list[ListedRun]:
    """Return every run with its figures, its curve and its size, newest first, read likewise."""
    return _run_list(str(workspace())).read()


@st.cache_resource(show_spinner=False)
def _run_list(folder: str) -> RunList:
    return RunList(Path(folder))


def readable_runs() -> list[Run]:
    """Return the runs whose folders are whole, newest first; one damaged file hides no other."""
    folder = workspace() / "runs"
    return [Run(folder / row.run_id) for row in run_rows() if row.problem is None]


def open_readable(run_id: str) -> Run:
    """Open a run of this workspace by its id.

    Raises:
        Bert4RecError: there is none, or it is damaged.
    """
    folder = child_of(workspace() / "runs", run_id)
    if (folder / "config.json").is_file():
        problem = run_row(Run(folder)).problem
        if problem is not None:
            raise problem
    return open_run(folder)


def current_manifest() -> dict[str, Any] | None:
    """Return the manifest of the dataset in use: the chosen one, else the newest one."""
    there = datasets()
    return chosen_among(there) if there else None


def chosen_among(manifests: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return which of some datasets, the newest first, is in use: the chosen or the newest one."""
    chosen = st.session_state.get(DATASET_KEY)
    return next((m for m in manifests if m["folder"] == chosen), manifests[0])


def shown_dataset() -> SequenceDataset | None:
    """Open the dataset in use for a page that shows it, or return None while there is none.

    It stays in use, also where nobody chose it. Else a press would be about another one as soon as
    somebody else brings that in.

    Raises:
        FormatError: its folder is damaged or of a newer version.
    """
    manifest = current_manifest()
    if manifest is None:
        return None
    choose_dataset(str(manifest["folder"]))
    return cache.open_dataset(str(manifest["folder"]), str(manifest["fingerprint"]))


def pressed_dataset() -> SequenceDataset:
    """Open the dataset that was shown or chosen last, for what is done with it at a press.

    Raises:
        NotFoundError: it was deleted since, or there is none; no other one takes its place.
        FormatError: its folder is damaged or of a newer version.
    """
    leave_lost_dataset()
    dataset = shown_dataset()
    if dataset is None:
        raise NotFoundError("there is no dataset", fix="Prepare one on the Data page.")
    return dataset


def choose_dataset(folder_name: str) -> None:
    """Use a dataset from now on, in this session; one that is not there changes nothing."""
    if _is_dataset(folder_name):
        st.session_state[DATASET_KEY] = folder_name


def leave_lost_dataset() -> None:
    """Stop using a dataset that was deleted since it was chosen or shown.

    Raises:
        NotFoundError: that is so, and another dataset is in use from now on.
    """
    chosen = st.session_state.get(DATASET_KEY)
    if chosen and not _is_dataset(chosen):
        del st.session_state[DATASET_KEY]
        raise NotFoundError(
            "the dataset in use was deleted",
            fix="Go on with the one that is shown now, or bring it in again on the Data page.",
        )


def _is_dataset(folder_name: str) -> bool:
    return bool(folder_name) and is_file(workspace() / "datasets" / folder_name / MANIFEST_NAME)


def current_run() -> Run | None:
    """Return the run in use: the chosen or linked one, else an active one, else the newest."""
    chosen = st.session_state.get(RUN_KEY)
    if chosen:
        # What was lost is told of when the whole page is drawn next, by `leave_lost_run`.
        with suppress(Bert4RecError):
            return open_readable(chosen)
    there = [row for row in run_rows() if row.problem is None and not _is_leaving(row)]
    active = (row for row in there if row.state in ("running", "paused"))
    found = next(active, there[0] if there else None)
    return None if found is None else Run(workspace() / "runs" / found.run_id)


def _is_leaving(row: RunRow) -> bool:
    """Whether a run was discarded, and what trains it has not let go of it yet."""
    if row.state not in ACTIVE_STATES:
        return False
    service = job_service()
    return service.position(row.run_id) is not None and row.run_id not in service.active()


def choose_run(run_id: str) -> None:
    """Use a run from now on, in this session; the page names it in the address once it is drawn.

    A page does so with a run that it shows, too, also where nobody chose it. Else it would be
    another one as soon as somebody else starts a run, and a link to what is shown would name none.
    """
    st.session_state[RUN_KEY] = run_id


def forget_run(run_id: str) -> None:
    """Use a run that is deleted or damaged no longer, neither here nor in the address."""
    # Named in the address again, once it is restored, it is a link like any other.
    for key in (RUN_KEY, LINKED_KEY):
        if st.session_state.get(key) == run_id:
            st.session_state.pop(key)
    if st.query_params.get("run") == run_id:
        del st.query_params["run"]


def forget_deletions() -> None:
    """Offer no undo any more: the page was left."""
    st.session_state.pop(DELETED_KEY, None)


def name_run(link: Mapping[str, str] | None = None, names: Collection[str] = ()) -> None:
    """Name the chosen run in the address, so that a refresh finds it, with what a page says beside.

    Args:
        link: What the page says of itself.
        names: By which names; what else stands there by them is taken out.
    """
    chosen = st.session_state.get(RUN_KEY)
    write_address({"run": chosen} | dict(link or {}) if chosen else link or {}, names)
    st.session_state[LINKED_KEY] = chosen


def name_no_run() -> None:
    """Take the run out of the address, of a page that shows none; it stays in use elsewhere."""
    chosen = st.session_state.get(DATASET_KEY)
    # With the dataset that is named instead: each message to the browser is a step of its way back.
    write_address({DATA_LINK: chosen} if chosen else {}, ("run", DATA_LINK))
    # Named there again, as by the browser's way back, it is a link like any other.
    st.session_state.pop(LINKED_KEY, None)


def show_error(error: Bert4RecError) -> None:
    """Draw an error: what happened, where, what to do next; never a traceback."""
    # What is wrong with a file is told in the file's own words, all else in those of the forms.
    worded = str if error.where else titled
    problems = error.details.get("problems") or [error.message]
    lines = [f"**{escape(sentence(worded(str(problem))))}**" for problem in problems]
    if error.where:
        lines.append(f"Where: {escape(error.where)}")
    if error.fix:
        lines.append(f"What to do: {escape(sentence(worded(error.fix)))}")
    st.error("\n\n".join(lines), icon=":material/error:")
