"""Commands between a log file and a dataset: samples and prepare."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bert4rec.cli.log_options import LogOptions, log_options
from bert4rec.cli.progress import StageProgress
from bert4rec.cli.terminal import next_step, shared_options, show, table, tell, wrong_use
from bert4rec.errors import NotFoundError
from bert4rec.files import expanded, is_file, is_there
from bert4rec.words import sentence, size

if TYPE_CHECKING:
    from bert4rec.data.check import Check
    from bert4rec.data.dataset import SequenceDataset
    from bert4rec.data.public_logs import PublicLog

# What the page calls them.
LEVEL_WORDS = {"error": "Error", "warning": "Warning", "info": "Note"}


def read_dataset(
    log: str, reading: LogOptions, workspace: Path, name: str | None = None
) -> SequenceDataset:
    """Prepare a log in the workspace, saying so."""
    from bert4rec.data.prepare import prepare as prepare_log

    reading = reading.completed(log)
    reading.check(log)
    settings = reading.settings()
    tell(f"reading {log}")
    with StageProgress() as watch:
        return prepare_log(
            log,
            items=reading.item_table(log),
            roles=reading.roles(log),
            form=reading.form,
            name=name,
            workspace=workspace,
            settings=settings,
            watch=watch,
        )


def find_target(text: str, reading: LogOptions, workspace: Path) -> SequenceDataset:
    """Return what to train on: a path, else a dataset of the workspace, else a sample.

    Raises:
        NotFoundError: it is none of them.
    """
    from bert4rec.data.collection import find_dataset, list_datasets
    from bert4rec.data.dataset import open_dataset
    from bert4rec.data.public_logs import PUBLIC_LOGS
    from bert4rec.data.samples import SAMPLES, prepare_sample

    place = expanded(text)
    is_dataset = is_file(place / "manifest.json")
    known = list_datasets(workspace)
    is_known = any(
        text in (entry.get(k) for k in ("folder", "fingerprint", "name")) for entry in known
    )
    is_pattern = not is_known and re.search(r"[*?\[]", text)
    if not is_dataset and (is_there(place) or is_pattern):
        dataset = read_dataset(text, reading, workspace)
        _tell_losses(dataset)
        return dataset
    if reading.given():
        wrong_use(f"{', '.join(reading.given())} can only be given with a log, and {text} is none")
    if is_dataset:
        return open_dataset(place.resolve())
    if is_known:
        return find_dataset(workspace, text)
    if text in SAMPLES:
        tell(f"preparing the sample {text}")
        with StageProgress() as watch:
            return prepare_sample(text, workspace, watch=watch)
    if text in PUBLIC_LOGS:
        raise NotFoundError(
            f"{text} is a public log that is not prepared here yet",
            where=str(workspace),
            fix=f"Run bert4rec samples {text} first, which fetches it from its owner.",
        )
    names = ", ".join(str(entry["folder"]) for entry in known) or "none yet"
    raise NotFoundError(
        f"{text!r} is no file, no dataset and no sample",
        where=str(workspace),
        fix=f"Datasets here: {names}. Samples: {', '.join(SAMPLES)}.",
    )


def _tell_losses(dataset: SequenceDataset) -> None:
    """Say what was left out of a log, where nobody is shown the report of its preparation."""
    manifest = dataset.manifest
    steps = {step["step"]: step for step in manifest.get("report", {}).get("steps", [])}
    lost = [
        f"{step['n_rows']:,} {name} ({step['reason']})"
        for name, step in steps.items()
        if name not in ("read", "kept") and step["n_rows"]
    ]
    if lost:
        tell(f"left out of {steps['read']['n_rows']:,} rows: {'; '.join(lost)}")
    grave = [check for check in _checks(dataset) if check.level != "info"]
    for line in (
        *_file_lines(manifest),
        _time_line(manifest),
        *_item_reject_lines(manifest),
        *_check_lines(grave),
    ):
        tell(line)


def _checks(dataset: SequenceDataset) -> tuple[Check, ...]:
    from bert4rec.data.checks import check_dataset

    return check_dataset(dataset)


def _check_lines(checks: Iterable[Check]) -> list[str]:
    """Return a line for each thing to know before training, with the options that mend it."""
    lines = []
    for check in checks:
        said = f"{sentence(check.message)} {sentence(check.fix)}"
        mends = [_as_option(name, value) for name, value in (check.fix_settings or {}).items()]
        options = f" ({' '.join(mends)})" if mends else ""
        lines.append(f"{LEVEL_WORDS[check.level]}: {said}{options}")
    return lines


def _as_option(name: str, value: Any) -> str:
    """Return a setting of the preparation as it is typed; duplicates are dropped unless kept."""
    if name == "drop_duplicates":
        return "without --keep-duplicates"
    return f"--{name.replace('_', '-')} {value}"


def describe(dataset: SequenceDataset) -> dict[str, Any]:
    """Return what a dataset holds as plain data."""
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "folder": str(dataset.folder) if dataset.folder else None,
        "n_users": dataset.n_users,
        "n_items": dataset.n_items,
        "n_interactions": dataset.n_interactions,
    }


@click.command()
@click.argument("log")
@click.option("--name", help="Name of the dataset.  [default: that of the file]")
@log_options
@shared_options
def prepare(log: str, name: str | None, reading: LogOptions, workspace: Path) -> None:
    """Make a dataset of the interaction log LOG: a file, a folder or a glob.

    Forms are CSV, TSV, Parquet, JSON, MovieLens, RecBole, pairs and sequences, plain or packed.
    What is dropped is counted, with the reason, and what to know before training is told.
    """
    dataset = read_dataset(log, reading, workspace, name)
    manifest = dataset.manifest
    kept = "source roles settings report rejects has_times time_reason item_table item_rejects"
    document = describe(dataset) | {key: manifest.get(key) for key in kept.split()}
    checks = _checks(dataset)
    document["checks"] = [asdict(check) for check in checks]
    show(document, _prepared_lines(dataset, checks))


def _prepared_lines(dataset: SequenceDataset, checks: Iterable[Check]) -> list[str]:
    manifest = dataset.manifest
    roles = {role: column for role, column in manifest.get("roles", {}).items() if column}
    steps = manifest.get("report", {}).get("steps", [])
    items = manifest.get("item_table")
    matched = f"; {items['n_matched']:,} of them with a row in {items['name']}" if items else ""
    return [
        f"Dataset {dataset.name}: {dataset.n_users:,} users, {dataset.n_items:,} items{matched},"
        f" {dataset.n_interactions:,} interactions",
        *_file_lines(manifest),
        "Columns: " + ", ".join(f"{role} = {column}" for role, column in roles.items()),
        _time_line(manifest),
        *table(("step", "rows", "reason"), [(s["step"], s["n_rows"], s["reason"]) for s in steps]),
        *_item_reject_lines(manifest),
        *_check_lines(checks),
        f"Folder: {dataset.folder}",
        next_step("train", dataset.folder.name if dataset.folder else dataset.name),
    ]


def _file_lines(manifest: dict[str, Any]) -> list[str]:
    """Return lines on files read together or passed over, and on an encoding that is a guess."""
    from bert4rec.data.source import files_words

    source = manifest.get("source", {})
    n_files, names = source.get("n_files", 1), source.get("files", [])
    words = files_words(n_files, names, source.get("passed_over", []))
    encoding = source.get("encoding", "")
    lines = [("Source", words), ("Encoding", encoding if "guess" in encoding else "")]
    return [f"{name}: {said}" for name, said in lines if said]


def _time_line(manifest: dict[str, Any]) -> str:
    return f"Times: {manifest.get('time_reason') or 'none, so the order of the file is the order'}"


def _item_reject_lines(manifest: dict[str, Any]) -> list[str]:
    """Return a line on the rows that the item table has lost, if any."""
    items, rejects = manifest.get("item_table") or {}, manifest.get("item_rejects") or []
    if not items.get("n_rejected"):
        return []
    first = rejects[0]
    noun = "line" if first.get("file") else "row"
    return [
        f"Rejected in {items['name']}: {items['n_rejected']:,}; the first is {noun}"
        f" {first['line']}, {first['reason']}"
    ]


@click.command()
@click.argument("name", required=False)
@shared_options
def samples(name: str | None, workspace: Path) -> None:
    """List samples and public logs, or prepare NAME; a public log is fetched from its owner."""
    from bert4rec.data.public_logs import PUBLIC_LOGS
    from bert4rec.data.samples import SAMPLES, prepare_sample

    if name in PUBLIC_LOGS:
        dataset = _fetched(PUBLIC_LOGS[name], workspace)
        show(describe(dataset), _prepared_lines(dataset, _checks(dataset)))
        return
    if name is not None:
        with StageProgress() as watch:
            dataset = prepare_sample(name, workspace, watch=watch)
        show(describe(dataset), _prepared_lines(dataset, _checks(dataset)))
        return
    entries = [
        {"name": key, "title": sample.title, "description": sample.description}
        for key, sample in SAMPLES.items()
    ]
    rows = [(entry["name"], entry["title"], entry["description"]) for entry in entries]
    public = [_public_entry(log, workspace) for log in PUBLIC_LOGS.values()]
    lines = [
        *table(("name", "title", "description"), rows),
        "",
        "Public datasets, fetched only when you name one:",
        *_public_lines(public),
        next_step("train", next(iter(SAMPLES))),
    ]
    show({"samples": entries, "public": public}, lines)


def _public_entry(log: PublicLog, workspace: Path) -> dict[str, Any]:
    keys = "name title n_users n_items n_interactions size_bytes md5 url licence readme_url".split()
    return {key: getattr(log, key) for key in keys} | {"is_here": is_file(log.place(workspace))}


def _public_lines(entries: list[dict[str, Any]]) -> list[str]:
    head = ("name", "title", "n_users", "n_items", "n_interactions", "size_bytes")
    rows = [
        [*(entry[key] for key in head), "yes" if entry["is_here"] else "no"] for entry in entries
    ]
    return table((*head, "here"), rows)


def _fetched(log: PublicLog, workspace: Path) -> SequenceDataset:
    from bert4rec.cli.progress import DownloadProgress
    from bert4rec.data.public_archives import fetch_public_log, prepare_public_log

    place = log.place(workspace)
    if is_file(place):
        tell(f"reading {place}")
    else:
        tell(f"fetching {log.url}, about {size(log.size_bytes)}, to {place}")
    tell(f"licence: {log.licence} See {log.readme_url}")
    with DownloadProgress() as progress:
        fetch_public_log(log, workspace, progress=progress)
    with StageProgress() as watch:
        return prepare_public_log(log, workspace, watch=watch)
