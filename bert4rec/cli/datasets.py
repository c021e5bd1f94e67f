"""The datasets of a workspace: `datasets` and what can be done with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bert4rec.cli.terminal import next_step, pass_on, shared_options, show, table, tell
from bert4rec.files import expanded, writing_explained
from bert4rec.json_files import write_json

FORMS = ("parquet", "recbole")


@click.group(invoke_without_command=True)
@shared_options
@click.pass_context
def datasets(ctx: click.Context, workspace: Path) -> None:
    """List the datasets of the workspace, or do something with one.

    NAME is a dataset's folder, fingerprint or name.
    """
    if ctx.invoked_subcommand is None:
        _list(workspace)
        return
    pass_on(ctx, workspace)


def _list(workspace: Path) -> None:
    from bert4rec.data.collection import damaged_datasets, list_datasets

    for error in damaged_datasets(workspace):
        tell(f"passed over: {error}")
    kept = ("folder", "name", "note", "created_at", "fingerprint")
    entries = [
        {key: entry.get(key) for key in kept} | dict(entry.get("counts", {}))
        for entry in list_datasets(workspace)
    ]
    head = ("folder", "name", "n_users", "n_items", "n_interactions", "created_at", "note")
    lines = table(head, [[entry.get(key) for key in head] for entry in entries])
    if not entries:
        lines = [f"There is no dataset in {workspace} yet.", next_step("samples")]
    show({"workspace": str(workspace), "datasets": entries}, lines)


@datasets.command()
@click.argument("name")
@click.argument("new")
@shared_options
def rename(name: str, new: str, workspace: Path) -> None:
    """Call the dataset NAME by another name, NEW; its runs go on finding it."""
    from bert4rec.data.collection import rename_dataset

    folder = _folder(workspace, name)
    rename_dataset(workspace, folder, new)
    _show_named(workspace, folder)


@datasets.command()
@click.argument("name")
@click.argument("text")
@shared_options
def note(name: str, text: str, workspace: Path) -> None:
    """Write TEXT as the note of the dataset NAME; an empty one takes the note away."""
    from bert4rec.data.collection import note_dataset

    folder = _folder(workspace, name)
    note_dataset(workspace, folder, text)
    _show_named(workspace, folder)


def _folder(workspace: Path, name: str) -> str:
    from bert4rec.data.collection import find_manifest

    return str(find_manifest(workspace, name, is_sole=True)["folder"])


def _show_named(workspace: Path, folder: str) -> None:
    from bert4rec.data.collection import find_manifest

    manifest = find_manifest(workspace, folder)
    document = {key: manifest.get(key) for key in ("folder", "name", "note", "fingerprint")}
    lines = [f"Dataset {manifest.get('name')} in {folder}"]
    show(document, lines + ([f"Note: {manifest['note']}"] if manifest.get("note") else []))


@datasets.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Also where runs that ended need it.")
@shared_options
def delete(name: str, force: bool, workspace: Path) -> None:
    """Delete the dataset NAME, unless a run needs it.

    Runs that ended stay, but without their dataset they cannot be resumed or inspected.
    """
    from bert4rec.dataset_use import delete_unused_dataset

    folder = _folder(workspace, name)
    delete_unused_dataset(workspace, folder, is_forced=force)
    show({"deleted": folder}, [f"Deleted the dataset in {folder}."])


@datasets.command()
@click.argument("one")
@click.argument("other")
@shared_options
def compare(one: str, other: str, workspace: Path) -> None:
    """Say in what two datasets, ONE and OTHER, differ: source, columns, settings, counts."""
    from bert4rec.data.collection import differences, find_manifest

    pair = [find_manifest(workspace, name, is_sole=True) for name in (one, other)]
    rows = [(row.what, row.one, row.other) for row in differences(*pair)]
    folders = [str(manifest["folder"]) for manifest in pair]
    document: dict[str, Any] = {
        "one": folders[0],
        "other": folders[1],
        "differences": [dict(zip(("what", "one", "other"), row, strict=True)) for row in rows],
    }
    same = ["They were made of the same source with the same settings."]
    show(document, table(("what", *folders), rows) if rows else same)


@datasets.command()
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it there instead of showing it.",
)
@shared_options
def recipe(name: str, out: Path | None, workspace: Path) -> None:
    """Show how the dataset NAME was made of its log, as JSON for prepare --recipe."""
    from bert4rec.data.collection import find_manifest
    from bert4rec.data.recipe import recipe_of

    document = recipe_of(find_manifest(workspace, name, is_sole=True)).document()
    if out is None:
        show(document, _recipe_lines(document))
        return
    out = expanded(out).resolve()
    with writing_explained(out.parent):
        write_json(out, document)
    show({"file": str(out)} | document, [f"Wrote {out}"])


def _recipe_lines(document: dict[str, Any]) -> list[str]:
    items = document["items"]
    called = items and (items["name"] or "a frame, to be written to a file for --items")
    parts = {"form": document["form"], "item table": called}
    roles = dict(document["roles"])
    dates = {"order of dates": roles.pop("dates", None)}
    parts |= {f"{role} column": column for role, column in roles.items()} | dates
    return table(("what", "value"), [*(parts | document["settings"]).items()])


@datasets.command()
@click.argument("name")
@click.option(
    "--form",
    type=click.Choice(FORMS),
    default="parquet",
    show_default=True,
    help="Two Parquet files, or RecBole's .inter and .item.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="FOLDER",
    help="A folder that is not there yet, or empty.",
)
@shared_options
def export(name: str, form: str, out: Path, workspace: Path) -> None:
    """Write the dataset NAME as files for other tools."""
    from bert4rec.data.dataset import open_dataset
    from bert4rec.data.interchange import export_dataset

    dataset = open_dataset(workspace / "datasets" / _folder(workspace, name))
    files = export_dataset(dataset, expanded(out).resolve(), form)
    document = {
        "folder": str(files[0].parent),
        "form": form,
        "files": [path.name for path in files],
        "n_interactions": dataset.n_interactions,
    }
    show(document, [f"Wrote {path}" for path in files])
