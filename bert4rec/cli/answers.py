"""Commands that ask a trained model about one sequence: recommend, fill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bert4rec.cli.progress import Noting
from bert4rec.cli.terminal import next_step, shared_options, show, table, wrong_use
from bert4rec.errors import FormatError, SettingsError
from bert4rec.files import expanded, is_there

if TYPE_CHECKING:
    from bert4rec.model_source import Source
    from bert4rec.recommender import Recommender
    from bert4rec.suggestions import Suggestion

ITEMS_HELP = 'Ids or titles, oldest first: a,b,c or ["a", "b, with a comma"].'
GAP_HELP = 'Ids or titles with _ for a gap: a,_,c or ["a", null, "c"].'

_length = click.option(
    "-k", default=10, show_default=True, type=click.IntRange(min=1), help="Length of a list."
)
_seen = click.option(
    "--remove-seen/--keep-seen",
    default=None,
    help="Whether to leave out items of the sequence.  [default: as RUN was judged]",
)


def load_run(
    workspace: Path, name: str, *, device: str = "auto", n_threads: int | None = None
) -> Recommender:
    """Load the best checkpoint of a run by id, name, folder or `last`, or what was exported."""
    from bert4rec.runs.registry import find_run

    path = expanded(name)
    # A run that is not there is told before anything that takes long.
    run = None if is_there(path) else find_run(workspace, name)
    with Noting(f"opening {name}"):
        from bert4rec.bundle.reading import is_bundle, load, load_bundle

        if run is None and is_bundle(path):
            return load_bundle(path, device=device, n_threads=n_threads)
        found = find_run(workspace, name) if run is None else run
        return load(found, device=device, n_threads=n_threads)


@click.command()
@click.argument("run")
@click.option("--items", help=ITEMS_HELP)
@click.option("--user", help="A user of the dataset, in place of --items.")
@_length
@_seen
@shared_options
def recommend(
    run: str, items: str | None, user: str | None, k: int, remove_seen: bool | None, workspace: Path
) -> None:
    """Say what comes next after a sequence, or for a user, by RUN.

    RUN is a run's id, name or folder, or `last`.
    """
    if (items is None) == (user is None):
        wrong_use("give either --items or --user")
    given = None if items is None else _parse_history(items)
    model = load_run(workspace, run)
    history = _history_of(model, str(user)) if given is None else given
    found = model.recommend(history, k, remove_seen=remove_seen)
    document = {
        "run": id_of(model),
        "user": user,
        "items": history,
        "calibrated": model.is_calibrated,
        "recommendations": _as_documents(found),
    }
    show(document, [*_suggestion_lines(found), *calibration_notes(model)])


def _parse_history(text: str) -> list[str]:
    parsed = typed_items("--items", text)
    if None in parsed:
        wrong_use("--items has a gap; use the command fill, or leave it out")
    return [str(item) for item in parsed]


def typed_items(option: str, text: str) -> list[str | None]:
    """Return the items of a sequence as typed after an option.

    Raises:
        SettingsError: it cannot be read, which is wrong use of that option.
    """
    from bert4rec.item_lists import parse_items

    try:
        return parse_items(text)
    except FormatError as error:
        raise SettingsError([error.message], where=option, fix=error.fix) from error


def _history_of(model: Recommender, user: str) -> list[str]:
    history = model.dataset.history(model.dataset.user_idx(user))
    return [model.vocabulary.item_id(int(idx)) for idx in history]


def id_of(model: Recommender) -> str | None:
    """Return the id of the run that a model came from."""
    return None if model.run is None else model.run.id


def calibration_notes(model: Recommender) -> list[str]:
    """Return a line where probabilities are the network's own, with what to do about it."""
    return [] if model.is_calibrated else own_notes(model.run)


def own_notes(source: Source | None) -> list[str]:
    """Return that line of what a model came from, where nobody looked for temperatures."""
    from bert4rec.runs.folder import Run

    own = "Note: probabilities are the network's own, which nobody has calibrated."
    if not isinstance(source, Run):
        return [f"{own} Calibrate its run with --keep, and export that again."]
    if source.summary() is None:
        return [own]
    return [f"{own} {next_step('calibration', source.id, '--keep')}"]


def _as_documents(found: Sequence[Suggestion]) -> list[dict[str, Any]]:
    # The place in the list is the rank, and dense indices mean nothing outside of the dataset.
    inner = ("item_idx", "rank")
    return [{k: v for k, v in asdict(one).items() if k not in inner} for one in found]


def _suggestion_lines(found: Sequence[Suggestion]) -> list[str]:
    rows = [
        (one.rank + 1, one.item_id, one.title, one.probability, one.count, one.is_seen and "seen")
        for one in found
    ]
    head = ("rank", "item", "title", "probability", "count", "")
    return table(head, [(*row[:5], row[5] or "") for row in rows])


@click.command()
@click.argument("run")
@click.option("--items", required=True, help=GAP_HELP)
@_length
@_seen
@shared_options
def fill(run: str, items: str, k: int, remove_seen: bool | None, workspace: Path) -> None:
    """Fill the gaps of a sequence from what stands before and after them, by RUN.

    RUN is a run's id, name or folder, or `last`. In the document, `position` counts from 0. A
    SASRec run (attention=causal) sees only what stands before a gap. Each gap is filled by itself:
    several may get the same item; `compose` fills them so that they fit each other.
    """
    sequence = typed_items("--items", items)
    model = load_run(workspace, run)
    positions = [place for place, item in enumerate(sequence) if item is None]
    lists = model.fill(sequence, k, remove_seen=remove_seen)
    gaps = list(zip(positions, lists, strict=True))
    document = {
        "run": id_of(model),
        "items": sequence,
        "calibrated": model.is_calibrated,
        "gaps": [{"position": at, "suggestions": _as_documents(found)} for at, found in gaps],
    }
    lines = [line for at, found in gaps for line in _gap_lines(at, found, len(gaps))]
    show(document, [*lines, *calibration_notes(model)])


def _gap_lines(position: int, found: Sequence[Suggestion], n_gaps: int) -> list[str]:
    head = [f"Gap at place {position + 1}"] if n_gaps > 1 else []
    return [*head, *_suggestion_lines(found)]
