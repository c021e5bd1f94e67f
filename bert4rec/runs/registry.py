"""The runs of a workspace: making, finding and listing them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import FormatError, LabelError, NotFoundError, RunError
from bert4rec.files import (
    expanded,
    is_file,
    is_there,
    move_where_free,
    remove_abandoned,
    safe_name,
    temporary_folder_beside,
    writing_explained,
)
from bert4rec.json_files import write_json
from bert4rec.moments import utc_now
from bert4rec.names import checked_name, free_name
from bert4rec.policy import Policy
from bert4rec.runs.folder import FORMAT_VERSION, Run, open_run
from bert4rec.runs.label import MAX_NAME
from bert4rec.words import some_of


def create_run(
    workspace: Path,
    dataset: SequenceDataset,
    policy: Policy,
    *,
    name: str | None = None,
    parent: Mapping[str, Any] | None = None,
    fill: Callable[[Run], None] | None = None,
) -> Run:
    """Make the folder of a new run, queued, with its configuration frozen.

    Args:
        workspace: Where the run goes.
        dataset: What it trains on, one of the workspace's.
        policy: Its settings with what it is for.
        name: Its name, put in one line; the dataset's by default.
        parent: The run from whose end it goes on, as its configuration is to tell it.
        fill: Puts what it begins with into its folder, before it counts as a run.

    Raises:
        LabelError: the name is empty or too long.
        UnwritableError: the workspace cannot be written.
    """
    # Here, because torch takes seconds to load, and whoever lists runs needs none of it.
    from bert4rec.device import describe_machine

    created_at = utc_now()
    shown = dataset.name if name is None else checked_name(name, MAX_NAME, refusal=LabelError)
    config: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "name": shown,
        # Finer than the folder's name, so that runs of one second have an order.
        "created_at": created_at.isoformat(timespec="milliseconds"),
        "policy": policy.kind,
        "settings": policy.settings.given(),
        "effective_settings": policy.settings.in_effect(),
        "dataset": {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "folder": dataset.folder.name if dataset.folder else "",
        },
        "version": version("bert4rec"),
        "machine": describe_machine(),
        **({"parent": dict(parent)} if parent else {}),
    }
    title = f"{created_at:%Y%m%dT%H%M%S}-{safe_name(shown, fallback='run')}"
    runs = workspace / "runs"
    remove_abandoned(runs)
    with writing_explained(workspace), temporary_folder_beside(runs / title) as temporary:
        run = Run(temporary)
        write_json(run.folder / "config.json", config)
        run.set_status(state="queued", n_epochs=policy.settings.n_epochs)
        if fill is not None:
            fill(run)
        return Run(move_where_free(temporary, runs, title))


def list_runs(workspace: Path) -> list[Run]:
    """Return the workspace's runs, newest first."""
    return runs_in(workspace / "runs")


def taken_names(workspace: Path) -> set[str]:
    """Return what the runs of a workspace are called; one that is damaged has no name."""
    found = set()
    for run in list_runs(workspace):
        with suppress(FormatError, NotFoundError):
            found.add(run.name)
    return found


def free_run_name(workspace: Path, wanted: str) -> str:
    """Return a name that no run of a workspace has: as wanted, or with a number behind it."""
    return free_name(wanted, taken_names(workspace), MAX_NAME)


def runs_in(parent: Path) -> list[Run]:
    """Return the runs below a folder, newest first.

    Cost: a look at the folder; configurations are read of runs that share a second, no others.
    """
    configs = parent.glob("[!.]*/config.json") if parent.is_dir() else []
    runs = [Run(path.parent) for path in configs]
    n_of = Counter(_second(run) for run in runs)
    moments = {run.id: _moment(run) for run in runs if n_of[_second(run)] > 1}
    return sorted(
        runs,
        key=lambda run: (
            _by_numbers(_second(run)),
            moments.get(run.id, ""),
            _by_numbers(run.id),
            run.id,
        ),
        reverse=True,
    )


def _second(run: Run) -> str:
    """Return what an id tells of the moment when the run was made."""
    return run.id.partition("-")[0]


def _moment(run: Run) -> str:
    """Return when a run was made; one that is damaged comes first in its second, to be seen."""
    try:
        return str(run.config()["created_at"])
    except (FormatError, NotFoundError):
        return "unknown"


def _by_numbers(name: str) -> list[str | int]:
    """Return a name as a sorting key in which `run-10` comes after `run-2`."""
    # Text and numbers take turns, so that the like is compared with the like.
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if at % 2 else part for at, part in enumerate(parts)]


def find_run(workspace: Path, text: str, *, is_sole: bool = False) -> Run:
    """Return a run by path, by id, by name (the newest one so called) or by `last`.

    Args:
        workspace: Where to look.
        text: What the run is called.
        is_sole: Refuse a name that several have, instead of taking the newest of them.

    Raises:
        NotFoundError: nothing matches; what there is gets named.
        RunError: several are so called, and it has to be one.
    """
    if is_file(Path(text) / "config.json"):
        return open_run(Path(text).resolve())
    runs = list_runs(workspace)
    if text == "last" and runs:
        return runs[0]
    return find_among(runs, text, where=str(workspace), is_sole=is_sole)


def find_among(runs: Sequence[Run], text: str, *, where: str, is_sole: bool = False) -> Run:
    """Return one of some runs, newest first, by id or by name, as `find_run` does.

    Raises:
        NotFoundError, RunError: as there.
    """
    # Ids first: they need no configuration, so that a damaged one hides no other run.
    found = [run for run in runs if run.id == text] or list(_named(runs, text))
    if is_sole and len(found) > 1:
        ids = ", ".join(run.id for run in found)
        raise RunError(
            f"{len(found)} runs are called {text!r}",
            where=where,
            fix=f"Give the id of one of them: {ids}.",
        )
    if found:
        return found[0]
    raise _no_run(text, runs, where)


def refuse_twice(runs: Iterable[Run]) -> None:
    """Refuse a run that is named twice, by whatever names, where each is to stand for itself.

    Raises:
        RunError: with its id.
    """
    run_id, n_times = Counter(run.id for run in runs).most_common(1)[0]
    if n_times > 1:
        raise RunError(f"run {run_id!r} is named twice", fix="Name each run once.")


def _no_run(text: str, runs: Sequence[Run], where: str) -> NotFoundError:
    there = some_of([run.id for run in runs]) or "none"
    place = expanded(text)
    problem, fix = f"there is no run {text!r}", f"Runs here: {there}."
    if not runs:
        # Most often the command was typed in another folder than the one that has it.
        fix += " Another workspace may have it: --workspace or BERT4REC_WORKSPACE names one."
    if is_there(place):
        problem += ", and what lies at that path is none"
    elif "/" in text or place.suffix:
        # It may be the path of a run's folder, or of what was exported.
        problem = f"there is no run, file or folder {text!r}"
        fix = f"Check the path. {fix}"
    return NotFoundError(problem, where=where, fix=fix)


def _named(runs: Iterable[Run], name: str) -> Iterator[Run]:
    """Yield the runs so called; one that is damaged, or was deleted meanwhile, has no name."""
    for run in runs:
        with suppress(FormatError, NotFoundError):
            if run.name == name:
                yield run
