"""From a log to a dataset: filters that report what they drop, order, indices, titles."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd

from bert4rec.data.collection import MAX_NAME, dataset_folder, fitting_name
from bert4rec.data.connection import TMP
from bert4rec.data.dataset import FORMAT_VERSION, SequenceDataset, open_dataset
from bert4rec.data.filters import (
    Filtered,
    PrepareSettings,
    filter_log,
    parse_prepare_settings,
)
from bert4rec.data.frames import frame_source
from bert4rec.data.ingest import hash_source
from bert4rec.data.item_table import ItemTable, about_items, read_item_table
from bert4rec.data.log import InteractionLog, read_source, resolve_roles
from bert4rec.data.numbering import number_rows
from bert4rec.data.origin import MarkedLog, describe_origin
from bert4rec.data.rejects import Reject
from bert4rec.data.roles import Roles
from bert4rec.data.source import Source, open_source
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import DatasetError, FormatError, LogError, NotFoundError
from bert4rec.files import find_workspace, remove_abandoned, writing_explained
from bert4rec.names import checked_name
from bert4rec.stages import Watch, tell_nobody, within

__all__ = ["Filtered", "PrepareSettings", "filter_log", "parse_prepare_settings", "prepare"]

N_REJECTS_IN_MANIFEST = 20
# The filters, and what to do where they leave too little.
FILTERS = {
    "event": "keep more events",
    "no number": "write values as 4.5",
    "value": "lower the smallest value (min_value)",
    "long": "raise the longest history (max_sequence_length)",
    "short": "lower the shortest history (min_sequence_length)",
    "rare": "ask for fewer interactions of an item (min_item_count)",
}
SAVING = threading.Lock()
# Shares of the whole that are done once files are hashed and rows are read; of what follows once
# they are filtered, and in their arrays.
HASHED_SHARE, READ_SHARE = 0.05, 0.7
FILTERED_SHARE, BUILT_SHARE = 0.7, 0.9


def prepare(
    log: InteractionLog | MarkedLog | Path | str | pd.DataFrame,
    *,
    items: Path | str | pd.DataFrame | ItemTable | None = None,
    roles: Roles | None = None,
    form: str | None = None,
    name: str | None = None,
    workspace: Path | str | None = None,
    settings: PrepareSettings | None = None,
    watch: Watch = tell_nobody,
) -> SequenceDataset:
    """Make a dataset of a log, in the workspace; the same log and settings are prepared once.

    Histories are in the order of time, equal times in the order of the log; without times in the
    order of the log. Users and items get their indices in the order in which the log first
    names those that stay.

    Args:
        log: A log, or the path or frame of one.
        items: An item table, or its path or frame. A RecBole `.item` beside its `.inter` is found
            by itself.
        roles: The columns to take; guessed if omitted. A log that was read has its own.
        form: The form of the file; told from its first lines if omitted.
        name: The dataset's name, of up to 60 signs; that of the file if omitted.
        workspace: The dataset lies in its `datasets` folder.
        settings: What to leave out.
        watch: Told how far it has come.

    Raises:
        LogError: the log or the item table cannot be used.
        DatasetError: the filters leave too little, or the name is empty or too long.
        UnwritableError: the workspace cannot be written, or is full.

    Example:
        >>> import tempfile
        >>> log = pd.DataFrame({"user": list("aaabbb"), "item": list("xyzzyx")})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     prepare(log, workspace=Path(folder)).n_items
        3
    """
    settings = settings or PrepareSettings()
    home = find_workspace(workspace)
    if name is not None:
        name = checked_name(name, MAX_NAME, refusal=DatasetError, where=str(home))
    for place in ("datasets", TMP):
        remove_abandoned(home / place)
    log, marks = (log.path, log.marks) if isinstance(log, MarkedLog) else (log, {})
    if isinstance(log, InteractionLog):
        _check_unasked(log, roles, form)
        source, roles, source_hash = log.source, log.roles, log.source_hash
    else:
        source, source_hash = _source_of(log, name, form), None
        roles = resolve_roles(source, roles)
    watch("reading what is known of the items", 0.0)
    table = _items_of(source, roles, items)
    if settings.events is None:
        # Which column tells the kinds of events makes no difference then.
        roles = replace(roles, event=None)
    watch("looking whether this is prepared already", 0.0)
    source_hash = source_hash or hash_source(source, roles)
    origin = describe_origin(source, roles, source_hash, settings, table, marks)
    name = name or _default_name(source)
    folder = dataset_folder(home, name, origin["fingerprint"])
    there = _there(folder)
    if there is not None:
        return there
    manifest = {"format_version": FORMAT_VERSION, "name": name} | origin
    if isinstance(log, InteractionLog):
        return _made(log, settings, table, manifest, folder, watch)
    if settings.min_value is None:
        roles = replace(roles, value=None)
    reading, making = within(watch, HASHED_SHARE, READ_SHARE), within(watch, READ_SHARE, 1.0)
    with read_source(
        source, roles, source_hash=source_hash, workspace=home, watch=reading
    ) as opened:
        return _made(opened, settings, table, manifest, folder, making)


def _check_unasked(log: InteractionLog, roles: Roles | None, form: str | None) -> None:
    for noun, asked, read in (("columns", roles, log.roles), ("form", form, log.form)):
        if asked not in (None, read):
            raise LogError(
                f"the log was read with other {noun} already: {read}, not {asked}",
                where=log.source_name,
                fix=f"Omit the {noun} here, and give them to read_log.",
            )


def _made(
    log: InteractionLog,
    settings: PrepareSettings,
    table: ItemTable | None,
    manifest: dict[str, Any],
    folder: Path,
    watch: Watch,
) -> SequenceDataset:
    with writing_explained(folder.parent):
        dataset = _build(log, settings, table, manifest, within(watch, 0.0, BUILT_SHARE))
        watch("writing the dataset", BUILT_SHARE)
        return _saved(dataset, folder)


def _saved(dataset: SequenceDataset, folder: Path) -> SequenceDataset:
    # Two visitors may prepare the same log at once: the second opens what the first has written.
    with SAVING:
        return _there(folder) or dataset.save(folder)


def _there(folder: Path) -> SequenceDataset | None:
    """Return the dataset in a folder; None if there is none, or a damaged one to be replaced."""
    try:
        return open_dataset(folder)
    except NotFoundError:
        return None
    except FormatError as error:
        if error.details.get("is_damaged"):
            return None
        raise


def _source_of(log: Path | str | pd.DataFrame, name: str | None, form: str | None) -> Source:
    if isinstance(log, pd.DataFrame):
        return frame_source(log, name or "frame")
    return open_source(log, form=form)


def _items_of(
    source: Source, roles: Roles, items: Path | str | pd.DataFrame | ItemTable | None
) -> ItemTable | None:
    if items is None and source.layout.form == "recbole":
        items = _items_beside(source.files[0])
    if items is None:
        return None
    if not isinstance(items, ItemTable):
        items = read_item_table(items, log_item=roles.item)
    return about_items(items, roles)


def _items_beside(log: Path) -> Path | None:
    """Return the `.item` file of an `.inter` file, packed or not as that one is."""
    named = (log.with_suffix(".item"), log.with_name(log.name.replace(".inter", ".item")))
    return next((file for file in named if file != log and file.is_file()), None)


def _default_name(source: Source) -> str:
    if source.frame is not None:
        return source.name
    return fitting_name(source.name.split(".")[0]) or fitting_name(source.name) or "log"


def _build(
    log: InteractionLog,
    settings: PrepareSettings,
    table: ItemTable | None,
    manifest: dict[str, Any],
    watch: Watch,
) -> SequenceDataset:
    filtered = filter_log(log, settings, watch=within(watch, 0.0, FILTERED_SHARE))
    _check_left(filtered, log)
    numbered = number_rows(log.rows, filtered, watch=within(watch, FILTERED_SHARE, 1.0))
    ids = pd.Series(numbered.item_ids, dtype="str")
    catalogue = pd.DataFrame({"item_id": ids, "title": ids, "count": numbered.n_of_item})
    vocabulary = Vocabulary(catalogue)
    if table is not None:
        vocabulary, manifest["item_table"] = _joined(catalogue, table)
        manifest["item_rejects"] = _first(table.rejects)
    manifest["source"] |= {"encoding": log.source.encoding_words}
    manifest |= _counted(log, filtered)
    users = pd.DataFrame({"user_id": pd.Series(numbered.user_ids, dtype="str")})
    return SequenceDataset(
        numbered.items,
        numbered.offsets,
        vocabulary,
        users,
        times_s=numbered.times_s,
        manifest=manifest,
    )


def _check_left(filtered: Filtered, log: InteractionLog) -> None:
    if filtered.n_users >= 2 and filtered.n_items >= 2:
        return
    dropped = "; ".join(f"{step['step']}: {step['n_rows']:,}" for step in filtered.steps)
    advice = [FILTERS[s["step"]] for s in filtered.steps if s["step"] in FILTERS and s["n_rows"]]
    fix = f"To keep more: {', or '.join(advice)}."
    if log.rows.is_whole and len(log.rows.user_ids) == log.rows.n_rows:
        # No filter is to blame for that.
        fix = "Check which column holds the user: each one here occurs once."
    raise DatasetError(
        f"the filters leave {filtered.n_users} users and {filtered.n_items} items ({dropped})",
        where=log.source_name,
        fix=fix,
        report=list(filtered.steps),
    )


def _joined(catalogue: pd.DataFrame, table: ItemTable) -> tuple[Vocabulary, dict[str, Any]]:
    """Return the items with what a table knows of them, and what was taken of the table."""
    rows = table.rows
    known = rows.set_index("item_id").reindex(catalogue["item_id"]).reset_index(drop=True)
    is_known = catalogue["item_id"].isin(rows["item_id"])
    if not is_known.any():
        raise LogError(
            f"no item of the log, such as {catalogue['item_id'].iloc[0]!r}, is in the item table,"
            f" which has ids such as {str(rows['item_id'].iloc[0])!r}",
            where="item table",
            fix="Name the column that holds the ids of the log with --items-key, in the box of the"
            " page, or as read_items(path, key=...).",
        )
    others = [name for name in rows.columns if name not in ("item_id", "title")]
    joined = catalogue.assign(title=known["title"].where(is_known, catalogue["title"]))
    joined = pd.concat([joined, known[others]], axis=1)
    return Vocabulary(joined, table.token_lists), {
        "name": table.name,
        "form": table.form,
        "key": table.key,
        "title": table.title,
        "n_matched": int(is_known.sum()),
        "columns": ["title", *others],
        "token_lists": list(table.token_lists),
        "n_rejected": table.n_rejected,
    }


def _counted(log: InteractionLog, filtered: Filtered) -> dict[str, Any]:
    n_of = {step["step"]: step["n_rows"] for step in filtered.steps}
    totals = {
        "read": n_of["read"],
        "rejected": n_of["rejected"],
        "duplicate": n_of.get("duplicate", 0),
        "filtered": sum(n_of.get(step, 0) for step in FILTERS),
        "kept": n_of["kept"],
    }
    return {
        "counts": {
            "n_users": filtered.n_users,
            "n_items": filtered.n_items,
            "n_interactions": filtered.n_kept,
        },
        "report": {"steps": list(filtered.steps), **totals},
        "reject_reasons": dict(log.reject_reasons),
        "rejects": _first(log.rejects),
        "has_times": log.has_times,
        "time_reason": log.time_reason,
        **({"other_order": asdict(log.other_order)} if log.other_order else {}),
    }


def _first(rejects: Sequence[Reject]) -> list[dict[str, Any]]:
    return [asdict(reject) for reject in rejects[:N_REJECTS_IN_MANIFEST]]
