"""The studies of a workspace: made, found, gone on with, deleted."""

from __future__ import annotations

import os
import secrets
from contextlib import closing, suppress
from pathlib import Path

import optuna

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import FormatError, NotFoundError, RunError
from bert4rec.files import make_folder, safe_name, temporary_beside, writing_explained
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run
from bert4rec.search.plan import SearchPlan, plain_plan
from bert4rec.search.study import FORMAT_VERSION, Study, quiet
from bert4rec.search.trials import Trial, best_trial

# Whoever only looks does not wait long for a file that somebody else holds.
LOOK_S = 2.0
# What SQLite may keep beside a file.
BESIDE = ("", "-journal", "-wal", "-shm")


def _path(workspace: Path, name: str) -> Path:
    return workspace / "studies" / f"{safe_name(name, fallback='search')}.db"


def create_study(
    workspace: Path, dataset: SequenceDataset, plan: SearchPlan, *, name: str | None = None
) -> Study:
    """Make a study; its first trial is the base itself, where the space holds it.

    Raises:
        RunError: there is one of that name.
        UnwritableError: the workspace cannot be written.
    """
    path = _path(workspace, name or dataset.name)
    make_folder(path.parent)
    # Made aside: whoever looks into the folder never meets half a study.
    with (
        writing_explained(workspace),
        temporary_beside(path) as place,
        closing(Study(place)) as aside,
        aside.explained(),
    ):
        _fill(aside, path.stem, dataset, plan)
        aside.close()
        _put_in_place(aside.path, path)
    return Study(path)


def _fill(study: Study, name: str, dataset: SequenceDataset, plan: SearchPlan) -> None:
    with quiet():
        made = optuna.create_study(storage=study.storage, study_name=name, direction="maximize")
    folder = dataset.folder.name if dataset.folder else ""
    known = {"name": dataset.name, "fingerprint": dataset.fingerprint, "folder": folder}
    made.set_user_attr("format_version", FORMAT_VERSION)
    # Neither name nor file tells it from one that was deleted: a file system uses numbers again.
    made.set_user_attr("id", secrets.token_hex(8))
    made.set_user_attr("dataset", known)
    made.set_user_attr("plan", plain_plan(plan))
    first = plan.first_point()
    if first is not None:
        made.enqueue_trial(first)


def _put_in_place(aside: Path, path: Path) -> None:
    """Give a file its name, unless there is one so called, also of another process just now."""
    try:
        os.link(aside, path)
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError:
        # A file system without links.
        if path.exists():
            raise _taken(path) from None
        aside.rename(path)


def _taken(path: Path) -> RunError:
    return RunError(f"there is a study {path.stem!r} already", fix="Choose another name.")


def list_studies(workspace: Path) -> list[Path]:
    """Return the files of the workspace's studies, the one that changed last first."""
    found = {}
    for path in (workspace / "studies").glob("[!.]*.db"):
        # One may be deleted while this looks.
        with suppress(FileNotFoundError):
            found[path] = path.stat().st_mtime
    return sorted(found, key=lambda path: (found[path], path.name), reverse=True)


def find_study(workspace: Path, name: str) -> Study | None:
    """Return the study so called, or None."""
    there = {path.stem: path for path in list_studies(workspace)}
    path = there.get(name) or there.get(_path(workspace, name).stem)
    return Study(path) if path else None


def delete_study(workspace: Path, name: str) -> None:
    """Delete a study, also one that cannot be read; runs that were made of it stay.

    Raises:
        NotFoundError: there is none of that name.
        RunError: a search is at work on it, or another process holds it.
    """
    path = next((path for path in list_studies(workspace) if path.stem == name), None)
    if path is None:
        raise NotFoundError(f"there is no study {name!r}", where=str(workspace / "studies"))
    study = Study(path, wait_s=LOOK_S)
    try:
        state = study.status(study.trials()).state
    except FormatError:
        state = "failed"
    finally:
        study.close()
    if state in ("queued", "running"):
        raise RunError(f"a search is at work on the study {name!r}", fix="Stop it first.")
    with writing_explained(workspace):
        for end in BESIDE:
            path.with_name(path.name + end).unlink(missing_ok=True)


def study_for(workspace: Path, dataset: SequenceDataset, plan: SearchPlan, *, name: str) -> Study:
    """Return a new study or the one so called, with the plan's budget.

    Raises:
        RunError: the one so called searches something else.
    """
    found = find_study(workspace, name)
    if found is None:
        return create_study(workspace, dataset, plan, name=name)
    known, fingerprint = found.plan(), found.facts()["dataset"]["fingerprint"]
    differs = [
        word
        for word, is_same in (
            ("dataset", fingerprint == dataset.fingerprint),
            ("settings or metric", known.base.in_effect() == plan.base.in_effect()),
            ("space", known.space == plan.space),
            ("seed", known.seed == plan.seed),
        )
        if not is_same
    ]
    if differs:
        raise RunError(
            f"study {found.name!r} has another {' and '.join(differs)}",
            where=str(found.path),
            fix="Choose another name, or go on with it as it is.",
        )
    found.widen(plan.budget)
    return found


def run_of_trial(study: Study, trial: Trial) -> Run:
    """Make a run with the settings of a trial, named after the study; it is not started.

    With the same seed it comes to the score of the trial.

    Raises:
        NotFoundError: the dataset is gone.
        UnwritableError: the workspace cannot be written.
    """
    best = best_trial(study.trials())
    is_best = best is not None and best.number == trial.number
    name = f"{study.name}-{'best' if is_best else f'trial-{trial.number + 1}'}"
    policy = Policy(settings=study.plan().settings(trial.values))
    return create_run(study.workspace, study.dataset(), policy, name=name)
