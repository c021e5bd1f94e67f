"""A dataset prepared again from its own interactions, with stricter settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bert4rec.data.collection import fitting_name
from bert4rec.data.connection import TMP
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.filters import PrepareSettings, parse_prepare_settings
from bert4rec.data.item_table import ItemTable, read_item_table
from bert4rec.data.origin import MarkedLog
from bert4rec.data.prepare import prepare
from bert4rec.data.roles import Roles
from bert4rec.files import find_workspace, safe_name, temporary_folder_beside
from bert4rec.stages import Stage, Watch, tell_nobody, within

ID = pa.dictionary(pa.int32(), pa.string())
# Share of the whole that is done once the interactions are a log again.
WRITTEN_SHARE = 0.5


def refine(
    dataset: SequenceDataset,
    stricter: dict[str, Any],
    *,
    workspace: Path | str | None = None,
    watch: Watch = tell_nobody,
) -> SequenceDataset:
    """Prepare a dataset again without its log, which may be gone.

    What the dataset was prepared with stays, except for `stricter`. The histories are those that
    the log itself would give with these settings; users stay in the order of the dataset. A limit
    to the longest history counts what the dataset holds, so after all that was left out before.

    Args:
        dataset: What to begin with; it stays as it is.
        stricter: Settings of the preparation, by name. Looser ones bring nothing back.
        workspace: The new dataset lies in its `datasets` folder.
        watch: Told how far it has come.

    Raises:
        SettingsError: a setting is unknown or out of range.
        DatasetError: the filters leave too little.

    Cost: writes and reads the interactions once.
    """
    settings = refined_settings(dataset, stricter)
    home = find_workspace(workspace)
    has_times = dataset.times_s is not None
    with _rebuilt_log(dataset, home, within(watch, 0.0, WRITTEN_SHARE)) as log:
        marks = {
            "simulated": bool(dataset.manifest.get("simulated")),
            "refined_from": dataset.folder.name if dataset.folder else dataset.name,
        }
        return prepare(
            MarkedLog(log, marks),
            items=_item_table(dataset),
            roles=Roles("user_id", "item_id", "timestamp" if has_times else None),
            name=fitting_name(dataset.name) or None,
            workspace=home,
            settings=settings,
            watch=within(watch, WRITTEN_SHARE, 1.0),
        )


def refined_settings(dataset: SequenceDataset, stricter: dict[str, Any]) -> PrepareSettings:
    """Return a dataset's settings with stricter ones.

    Values and events are no more in a dataset, so that limits to them are left out of the settings:
    they hold already.
    """
    before = dict(dataset.manifest.get("settings", {}))
    for name in ("min_value", "events"):
        before.pop(name, None)
    return parse_prepare_settings(before | stricter, where=dataset.name)


@contextmanager
def _rebuilt_log(dataset: SequenceDataset, home: Path, watch: Watch) -> Iterator[Path]:
    name = dataset.folder.name if dataset.folder else safe_name(dataset.name)
    with temporary_folder_beside(home / TMP / "refine") as folder:
        yield _write_log(dataset, folder / f"{name}.parquet", watch)


def _write_log(dataset: SequenceDataset, path: Path, watch: Watch) -> Path:
    """Write the interactions as Parquet, user by user and oldest first, a block at a time."""
    columns = [("user_id", ID), ("item_id", ID)]
    if dataset.times_s is not None:
        columns.append(("timestamp", pa.float64()))
    schema = pa.schema(columns)
    item_ids = pa.array(dataset.vocabulary.item_ids, pa.string())
    stage = Stage(watch, "taking the interactions out of the dataset", dataset.n_interactions)
    stage.tell(0)
    with pq.ParquetWriter(path, schema) as writer:
        for first, end in dataset.blocks():
            rows = slice(int(dataset.offsets[first]), int(dataset.offsets[end]))
            users = np.repeat(np.arange(end - first, dtype=np.int32), dataset.lengths[first:end])
            user_ids = pa.array(dataset.users["user_id"].iloc[first:end].tolist(), pa.string())
            arrays = [
                pa.DictionaryArray.from_arrays(pa.array(users), user_ids),
                pa.DictionaryArray.from_arrays(pa.array(dataset.items[rows] - 1), item_ids),
            ]
            if dataset.times_s is not None:
                arrays.append(pa.array(np.asarray(dataset.times_s[rows])))
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            stage.add(rows.stop - rows.start)
    return path


def _item_table(dataset: SequenceDataset) -> ItemTable | None:
    """Return what is known of the items beyond their ids; None if nothing is."""
    table = dataset.vocabulary.table
    known = table.drop(columns="count")
    is_plain = list(known.columns) == ["item_id", "title"]
    if is_plain and known["title"].equals(known["item_id"]):
        return None
    read = read_item_table(known, log_item="item_id")
    return replace(read, token_lists=tuple(sorted(dataset.vocabulary.token_lists)))
