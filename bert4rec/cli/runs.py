"""The runs of a workspace: `runs` and what can be done with one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bert4rec.cli.terminal import next_step, pass_on, shared_options, show, table, tell
from bert4rec.errors import Bert4RecError
from bert4rec.words import size

if TYPE_CHECKING:
    from bert4rec.runs.folder import Run


@click.group(invoke_without_command=True)
@shared_options
@click.pass_context
def runs(ctx: click.Context, workspace: Path) -> None:
    """List the runs of the workspace, newest first, or do something with one.

    RUN is a run's id, name or folder, or `last`.
    """
    if ctx.invoked_subcommand is None:
        _list(workspace)
        return
    pass_on(ctx, workspace)


def _list(workspace: Path) -> None:
    from bert4rec.runs.registry import list_runs

    none = [f"There is no run in {workspace} yet.", next_step("train", "playlists")]
    _show_runs(workspace, list_runs(workspace), none)


def _show_runs(workspace: Path, found: Sequence[Run], none: Sequence[str]) -> None:
    entries = [_entry(run) for run in found]
    show({"workspace": str(workspace), "runs": entries}, _run_lines(entries) if entries else none)


def _entry(run: Run) -> dict[str, Any]:
    from bert4rec.hyperparameters import model_name
    from bert4rec.runs.storage import disk_use

    label = run.label()
    try:
        config, status, summary = run.config(), run.status(), run.summary() or {}
    except Bert4RecError as error:
        # One damaged folder must not hide the others.
        return {"run": run.id, "name": label.name, "state": "damaged", "message": str(error)}
    return {
        "run": run.id,
        "name": label.name or config["name"],
        "note": label.note,
        "tags": list(label.tags),
        "state": status.state,
        "message": status.message,
        "policy": config["policy"],
        "model": model_name(config["effective_settings"]),
        "dataset": run.data_name,
        "created_at": config["created_at"],
        "epoch": status.epoch,
        "n_epochs": status.n_epochs,
        "best_epoch": status.best_epoch,
        "test": summary.get("test"),
        "n_bytes": disk_use(run.folder),
    }


def _run_lines(entries: Sequence[dict[str, Any]]) -> list[str]:
    kept = ("run", "name", "model", "dataset", "state", "epoch", "n_epochs")
    rows = [
        (
            *(entry.get(key) for key in kept),
            (entry.get("test") or {}).get("ndcg@10"),
            entry.get("tags"),
        )
        for entry in entries
    ]
    return table((*kept[:-1], "of", "test ndcg@10", "tags"), rows)


@runs.command()
@click.argument("run")
@click.argument("new")
@shared_options
def rename(run: str, new: str, workspace: Path) -> None:
    """Call RUN by another name, NEW; its id stays."""
    from bert4rec.runs.label import rename_run

    found = find_one(workspace, run)
    rename_run(found.folder, new)
    _show_label(found)


@runs.command()
@click.argument("run")
@click.argument("text")
@shared_options
def note(run: str, text: str, workspace: Path) -> None:
    """Write TEXT as the note of RUN; an empty one takes the note away."""
    from bert4rec.runs.label import note_run

    found = find_one(workspace, run)
    note_run(found.folder, text)
    _show_label(found)


@runs.command()
@click.argument("run")
@click.argument("tags", nargs=-1)
@click.option("--remove", multiple=True, metavar="TAG", help="Take this tag away; repeatable.")
@shared_options
def tag(run: str, tags: tuple[str, ...], remove: tuple[str, ...], workspace: Path) -> None:
    """Give RUN the TAGS; those that it has already stay."""
    from bert4rec.runs.label import tag_run

    found = find_one(workspace, run)
    tag_run(found.folder, tags, remove)
    _show_label(found)


def find_one(workspace: Path, name: str) -> Run:
    """Return the one run that is so called; a name that several have is refused."""
    from bert4rec.runs.registry import find_run

    return find_run(workspace, name, is_sole=True)


def _show_label(run: Run) -> None:
    label = run.label()
    document = {"run": run.id, "name": run.name, "note": label.note, "tags": list(label.tags)}
    lines = [f"Run {run.name} in {run.id}"]
    lines += [f"Tags: {', '.join(label.tags)}"] if label.tags else []
    show(document, lines + ([f"Note: {label.note}"] if label.note else []))


@runs.command()
@click.argument("run")
@shared_options
def delete(run: str, workspace: Path) -> None:
    """Move RUN into the trash of its workspace, unless it is active.

    It can be restored from there until it is purged.
    """
    from bert4rec.runs.trash import trash_run

    found = find_one(workspace, run)
    moved = trash_run(found.workspace, found.id)
    lines = [f"Moved run {found.id} into the trash.", next_step("runs", "restore", moved.id)]
    show({"deleted": found.id, "trash": str(moved.folder)}, lines)


@runs.command()
@shared_options
def trash(workspace: Path) -> None:
    """List the runs in the trash, newest first, to be restored or purged."""
    from bert4rec.runs.trash import list_trash

    _show_runs(workspace, list_trash(workspace), ["The trash is empty."])


@runs.command()
@click.argument("run")
@shared_options
def restore(run: str, workspace: Path) -> None:
    """Take RUN, by id or name, out of the trash again."""
    from bert4rec.runs.trash import restore_run

    restored = restore_run(workspace, run)
    show({"restored": restored.id}, [f"Run {restored.id} is back."])


@runs.command()
@click.argument("named", nargs=-1, metavar="[RUN]...")
@shared_options
def purge(named: tuple[str, ...], workspace: Path) -> None:
    """Delete each RUN of the trash, by id or name, for good; without one, all that are there."""
    from bert4rec.runs.storage import disk_use
    from bert4rec.runs.trash import find_trashed, list_trash, purge_run

    # All are found before the first is gone.
    found = [find_trashed(workspace, text) for text in named] or list_trash(workspace)
    chosen = {run.id: disk_use(run.folder) for run in found}
    for run_id in chosen:
        purge_run(workspace, run_id)
    freed = sum(chosen.values())
    lines = [f"Purged {len(chosen):,} of the trash, {size(freed)}."]
    show({"purged": list(chosen), "n_bytes": freed}, lines)


@runs.command()
@click.argument("run")
@click.option(
    "--epochs", type=click.IntRange(1), required=True, metavar="N", help="How many more epochs."
)
@click.option("--name", help="Name of the new run.  [default: that of RUN, with a number]")
@shared_options
def extend(run: str, epochs: int, name: str | None, workspace: Path) -> None:
    """Train RUN longer: a new run that goes on from its last checkpoint, for N more epochs.

    RUN is finished or stopped and stays as it is. Weights, averages, optimizer, patience, best
    checkpoint and curves are carried over. With the default constant learning rate the outcome is
    that of all the epochs in one go; what differs otherwise is told.
    """
    from bert4rec.cli.training import carry_out, outcome, outcome_lines
    from bert4rec.device import choose_for
    from bert4rec.runs.extension import extend_run, plan_extension

    found = find_one(workspace, run)
    plan = plan_extension(found, epochs)
    # A device that is not there should be told before a run is made.
    choose_for(plan.settings)
    for line in plan.notes:
        tell(line)
    longer = extend_run(found, epochs, name=name)
    carry_out(longer, is_new=True)
    document = outcome(longer) | {"notes": list(plan.notes)}
    show(document, outcome_lines(document))


@runs.command()
@click.argument("run", required=False)
@shared_options
def prune(run: str | None, workspace: Path) -> None:
    """Delete the last checkpoint of RUN, or of every finished run; their models stay.

    The model of a finished run is its best checkpoint. The last one is needed only to train it
    longer. The snapshots of item vectors, of which the film of a map is made, go as well.
    """
    from bert4rec.runs.storage import prune_run

    chosen = [find_one(workspace, run)] if run is not None else _finished(workspace)
    freed = {one.id: prune_run(one) for one in chosen}
    pruned = {run_id: n_bytes for run_id, n_bytes in freed.items() if n_bytes}
    total = sum(pruned.values())
    lines = [f"Pruned {run_id}: {size(n_bytes)}" for run_id, n_bytes in pruned.items()]
    show({"pruned": pruned, "n_bytes": total}, [*lines, f"Freed {size(total)}."])


def _finished(workspace: Path) -> list[Run]:
    """Return the runs with something to prune; a damaged one is left alone."""
    from bert4rec.runs.registry import list_runs
    from bert4rec.runs.storage import prunable_bytes

    found = []
    for run in list_runs(workspace):
        try:
            found += [run] if prunable_bytes(run) else []
        except Bert4RecError:
            continue
    return found
