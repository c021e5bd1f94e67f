"""A dataset as files for other tools: Parquet, or the atomic files of RecBole."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain, count
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from bert4rec.data.column_types import id_texts, without_lists
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.list_cells import with_bars
from bert4rec.errors import DatasetError, UnwritableError
from bert4rec.files import folder_swapped_in, remove_abandoned, safe_name, writing_explained

# What a reader of RecBole's files takes for the end of a field or of a line.
BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
NAME_BREAKS = re.compile(r"[:\s]+")


def export_dataset(
    dataset: SequenceDataset, folder: Path, form: str, *, may_replace: bool = False
) -> list[Path]:
    """Write a dataset to a folder, all or nothing, user after user and oldest first.

    Reading it again with the filters off gives the same histories, also where times are equal.
    Users and items without interactions are in the tables of users and items alone.

    Args:
        dataset: What to write.
        folder: Made by this; one that is there has to be empty.
        form: One of `EXPORT_FORMS`. `parquet` gives `interactions.parquet` with `user_id`,
            `item_id` and `timestamp` (Unix seconds), and `items.parquet`; `recbole` gives
            `NAME.inter` and `NAME.item`.
        may_replace: Put the files in place of whatever the folder holds.

    Returns:
        The files.

    Raises:
        DatasetError: there is no such form, or it cannot hold the dataset's ids.
        UnwritableError: the folder holds something, or cannot be written.

    Cost: one pass over the data, a block of it in memory at a time.
    """
    if form not in EXPORT_FORMS:
        known = ", ".join(EXPORT_FORMS)
        raise DatasetError(f"there is no form {form!r} to export", fix=f"Forms are: {known}.")
    with writing_explained(folder):
        if not may_replace and folder.exists() and (folder.is_file() or any(folder.iterdir())):
            raise UnwritableError(
                f"{folder.name!r} is there already, and not empty",
                where=str(folder.parent),
                fix="Name a folder that is not there yet.",
            )
        remove_abandoned(folder.parent)
        with folder_swapped_in(folder) as new:
            EXPORT_FORMS[form](dataset, new)
        return sorted(folder.iterdir())


def _write_parquet(dataset: SequenceDataset, folder: Path) -> None:
    users = pa.array(dataset.users["user_id"].astype(str), pa.string())
    items = pa.array(dataset.vocabulary.item_ids, pa.string())
    kinds = {"user_id": pa.string(), "item_id": pa.string()}
    if dataset.times_s is not None:
        kinds["timestamp"] = pa.float64()
    schema = pa.schema(list(kinds.items()))
    with pq.ParquetWriter(folder / "interactions.parquet", schema) as writer:
        for user_idx, item_idx, times_s in _blocks(dataset):
            columns = [users.take(pa.array(user_idx)), items.take(pa.array(item_idx - 1))]
            if times_s is not None:
                columns.append(pa.array(times_s, pa.float64()))
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    # Parquet cannot say that spaces part them.
    items = with_bars(_items(dataset), dataset.vocabulary.token_lists)
    items.to_parquet(folder / "items.parquet", index=False)


def _items(dataset: SequenceDataset) -> pd.DataFrame:
    # How often an item occurs is seen from the interactions.
    return dataset.vocabulary.table.drop(columns="count")


def _texts(column: pd.Series) -> list[str]:
    texts: list[str] = id_texts(without_lists(column)).fillna("").tolist()
    return texts


def _blocks(
    dataset: SequenceDataset,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Yield user indices, item indices and times, whole users at a time."""
    for first, end in dataset.blocks():
        rows = slice(dataset.offsets[first], dataset.offsets[end])
        users = np.repeat(np.arange(first, end), dataset.lengths[first:end])
        times_s = None if dataset.times_s is None else np.asarray(dataset.times_s[rows])
        yield users, np.asarray(dataset.items[rows]), times_s


def _write_recbole(dataset: SequenceDataset, folder: Path) -> None:
    name = safe_name(dataset.name, fallback="dataset")
    users = [_whole(user_id) for user_id in dataset.users["user_id"]]
    items = [_whole(item_id) for item_id in dataset.vocabulary.item_ids]
    head = ["user_id:token", "item_id:token"]
    if dataset.times_s is not None:
        head.append("timestamp:float")
    with (folder / f"{name}.inter").open("w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join(head) + "\n")
        for user_idx, item_idx, times_s in _blocks(dataset):
            fields = [(users[u] for u in user_idx), (items[i - 1] for i in item_idx)]
            if times_s is not None:
                # As short as it can be read back exactly; whole seconds are the usual case.
                fields.append(f"{t:.0f}" if t == int(t) else repr(float(t)) for t in times_s)
            file.writelines("\t".join(row) + "\n" for row in zip(*fields, strict=True))
    with (folder / f"{name}.item").open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_item_lines(_items(dataset), dataset.vocabulary.token_lists))


def _whole(raw_id: object) -> str:
    text = str(raw_id)
    if BREAKS.search(text):
        raise DatasetError(
            f"the id {text!r} holds a tab or a line end, which RecBole's files cannot",
            fix="Export as Parquet.",
        )
    return text


def _item_lines(table: pd.DataFrame, token_lists: Collection[str]) -> Iterator[str]:
    kinds = {"item_id": "token", "title": "token_seq"}
    for name in map(str, table.columns):
        of_text = "token_seq" if name in token_lists else "token"
        kinds.setdefault(name, "float" if _is_number(table[name]) else of_text)
    fields = zip(_field_names(kinds), kinds.values(), strict=True)
    yield "\t".join(f"{name}:{kind}" for name, kind in fields) + "\n"
    columns = [_texts(table[name]) for name in kinds]
    for row in zip(*columns, strict=True):
        yield "\t".join(BREAKS.sub(" ", text) for text in row) + "\n"


def _is_number(column: pd.Series) -> bool:
    return is_numeric_dtype(column) and not is_bool_dtype(column)


def _field_names(names: Iterable[str]) -> list[str]:
    """Return names without what parts fields; those that are then alike get a number behind."""
    given: dict[str, str] = {}
    for name in names:
        plain = NAME_BREAKS.sub("_", name)
        numbered = chain([plain], (f"{plain}_{n}" for n in count(2)))
        free = next(one for one in numbered if one.casefold() not in given)
        given[free.casefold()] = free
    return list(given.values())


EXPORT_FORMS: Mapping[str, Callable[[SequenceDataset, Path], None]] = {
    "parquet": _write_parquet,
    "recbole": _write_recbole,
}
