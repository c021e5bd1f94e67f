"""A source of interactions: the files of one form that are read together, or a frame."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bert4rec.data.column_types import LISTS, is_list_type
from bert4rec.data.connection import Scan
from bert4rec.data.copies import has_mixed_ends, needs_copy, plain_copy
from bert4rec.data.encodings import ENCODING_NAMES, whole_encoding
from bert4rec.data.heads import check_size
from bert4rec.data.layout import N_EXAMPLES, Layout, check_form
from bert4rec.data.log_folder import (
    FURTHER_HEAD_BYTES,
    filled_files,
    head_and_layout,
    listed,
    logs_among,
    names_of,
    shown_name,
)
from bert4rec.data.log_paths import files_of, reading_explained, refuse_name_in_bytes
from bert4rec.data.partitions import partitions_of
from bert4rec.data.scan import scan_files, scan_parquet
from bert4rec.errors import LogError
from bert4rec.files import expanded
from bert4rec.words import counted

# Parts of a split that one user's history may run through, in its order.
PARTS = ({"train", "training"}, {"valid", "validation", "val", "dev"}, {"test", "testing"})


@dataclass(frozen=True, eq=False)
class Source:
    """Files of one layout, in reading order, or a frame.

    Args:
        name: Name of the file, folder, glob or frame, without its folder.
        layout: How the lines become columns.
        files: The files; empty for a frame.
        size_bytes: Their size on disk.
        packings: How each file is packed, as `packing_of` says.
        encodings: For each file one of `ENCODING_NAMES`, as its head tells.
        frame: The frame, if it is one.
        sql_types: For each file of Parquet the types of its columns.
        passed_over: Names of the files of the folder that are no part of the log.
        needs_copies: Whether the files must be written out plainly first; `looked_through` tells.
        stamps: Size and time of each file before anything of it was read.
    """

    name: str
    layout: Layout
    files: tuple[Path, ...] = ()
    size_bytes: int = 0
    packings: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ()
    frame: pd.DataFrame | None = None
    sql_types: tuple[tuple[str, ...], ...] = ()
    passed_over: tuple[str, ...] = ()
    needs_copies: bool = False
    stamps: tuple[tuple[int, int], ...] = ()

    @property
    def is_packed(self) -> bool:
        """Whether a file is packed."""
        return any(packing != "none" for packing in self.packings)

    @property
    def encoding_words(self) -> str:
        """The encoding in words, and whether it is a guess; empty for Parquet and frames."""
        if self.layout.form in ("parquet", "frame"):
            return ""
        return "; ".join(dict.fromkeys(ENCODING_NAMES[encoding] for encoding in self.encodings))

    @property
    def file_names(self) -> tuple[str, ...]:
        """Names of the files in reading order, with the folders in which they differ."""
        return names_of(self.files)


def files_words(n_files: int, names: Sequence[str], passed_over: Sequence[str]) -> str:
    """Return which files are read together and which are not; empty where there is but one file.

    Args:
        n_files: How many files are read.
        names: Their names, or the first of these.
        passed_over: Names of the files that are not read.

    Example:
        >>> files_words(2, ["part-1.csv", "part-2.csv"], ["notes.txt"])
        '2 files: part-1.csv, part-2.csv; passed over as no part of the log: notes.txt'
    """
    if n_files < 2 and not passed_over:
        return ""
    read = f"{counted(n_files, 'file')}: {listed(names, n_files)}"
    left = f"; passed over as no part of the log: {listed(passed_over, len(passed_over))}"
    return read + (left if passed_over else "")


def open_source(
    path: str | Path,
    *,
    form: str | None = None,
    max_bytes: int | None = None,
    of_items: bool = False,
) -> Source:
    """Find the files of a log, or of a table of items, and tell their form from their first lines.

    Raises:
        LogError: there is no log at `path`, it cannot be read or is larger than `max_bytes`.
    """
    check_form(form)
    with reading_explained(path):
        return _opened(path, form, max_bytes, of_items)


def _opened(path: str | Path, form: str | None, max_bytes: int | None, of_items: bool) -> Source:
    there = files_of(path)
    folder = expanded(path)
    if folder.is_dir():
        chosen = logs_among(there, form, folder.resolve().name)
    else:
        chosen = filled_files(there, str(path)) if len(there) > 1 else there
    files = sorted(chosen, key=_part_of_a_split)
    for file in files:
        refuse_name_in_bytes(file)
    stamps = tuple(_stamp(file) for file in files)
    size = check_size(files, max_bytes)
    first, layout = head_and_layout(files[0], form, of_items=of_items)
    heads, sql_types = [first], [layout.sql_types]
    for file in files[1:]:
        head, other = head_and_layout(file, layout.form, FURTHER_HEAD_BYTES, of_items=of_items)
        if other.signature != layout.signature:
            raise LogError(
                f"{file.name} does not have the columns and form of {files[0].name}",
                where=str(path),
                fix="Give files with the same columns in the same order, or one file.",
            )
        heads.append(head)
        sql_types.append(other.sql_types)
        # A head may have no quotes where those of further files do.
        layout = replace(layout, quote=layout.quote or other.quote)
    # A glob says less of what it is than the folder that it looks into.
    home = folder.resolve() if folder.is_dir() else _folder_of(files)
    name = home.name if folder.is_dir() or len(files) > 1 else files[0].name
    return Source(
        name,
        layout,
        tuple(files),
        size,
        tuple(head.packing for head in heads),
        tuple(head.encoding for head in heads),
        sql_types=tuple(sql_types),
        passed_over=(*_names_left(there, chosen), *_folders_left(folder, there)),
        stamps=stamps,
    )


def _stamp(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def refuse_changed(source: Source) -> None:
    """Refuse a source that others write: its hash would be that of other rows than those read.

    Raises:
        LogError: a file has changed since the source was opened.
    """
    for file, stamp in zip(source.files, source.stamps, strict=True):
        with suppress(FileNotFoundError):
            if _stamp(file) != stamp:
                raise LogError(
                    f"{file.name!r} changed while it was read",
                    where=source.name,
                    fix="Wait until it is written to its end, or give a copy.",
                )


def holds_lists(source: Source, name: str) -> bool:
    """Whether each cell of a column holds several values, so that it can be no id."""
    if source.frame is not None:
        return any(isinstance(cell, LISTS) for cell in source.frame[name].head(N_EXAMPLES))
    place = source.layout.columns.index(name)
    return any(is_list_type(types[place]) for types in source.sql_types if types)


def _folder_of(files: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([file.resolve().parent for file in files]))


def _names_left(there: Sequence[Path], chosen: Sequence[Path]) -> list[str]:
    """Return the names of the files that were not chosen."""
    taken = set(chosen)
    return [name for name, file in zip(names_of(there), there, strict=True) if file not in taken]


def _folders_left(folder: Path, there: Sequence[Path]) -> list[str]:
    """Return the folders in a folder that were not gone into, with a slash at the end."""
    met = {file.relative_to(folder).parts[0] for file in there} if folder.is_dir() else set()
    folders = (child.name for child in folder.iterdir() if child.is_dir()) if met else ()
    return [f"{shown_name(n)}/" for n in sorted(folders) if n not in met and n[0] != "."]


def _part_of_a_split(file: Path) -> int:
    """Return the place of a file among the parts of a split: a history begins in the first."""
    words = re.split(r"[^a-z]+", file.name.lower())
    return max((place for place, names in enumerate(PARTS) if names & {*words}), default=0)


def looked_through(source: Source) -> Source:
    """Return a source with what only the whole of its files tells: encodings, need of copies.

    Raises:
        LogError: a packed file is damaged or a trap.

    Cost: a pass or two over the unpacked bytes of text.
    """
    if source.layout.form in ("parquet", "frame"):
        return source
    files = list(zip(source.files, source.packings, source.encodings, strict=True))
    encodings = tuple(whole_encoding(*file) for file in files)
    return replace(source, encodings=encodings, needs_copies=_needs_copies(source, encodings))


def _needs_copies(source: Source, encodings: Sequence[str]) -> bool:
    kinds = set(zip(source.packings, encodings, strict=True))
    if len(kinds) > 1 or needs_copy(*kinds.pop()):
        return True
    if source.layout.form == "json":
        # The reader of documents takes UTF-8 alone.
        return encodings[0] != "utf-8"
    return any(map(has_mixed_ends, source.files, source.packings))


def scan_source(source: Source, folder: Path) -> Scan:
    """Return a SELECT of the columns of a source that was looked through.

    What DuckDB cannot read itself is copied to `folder`.

    Raises:
        LogError: a packed file is damaged or a trap.
    """
    if source.layout.form == "parquet":
        return scan_parquet(source.files, source.layout.columns, source.sql_types)
    if not source.needs_copies:
        return scan_files(source.files, source.layout, source.packings[0], source.encodings[0])
    files = zip(source.files, source.packings, source.encodings, strict=True)
    copies = []
    for place, (file, packing, encoding) in enumerate(files):
        parted = Path(*partitions_of(file, source.layout.own_columns))
        copy = plain_copy(file, packing, encoding, folder / "copies" / str(place) / parted)
        copies.append(copy)
    return scan_files(copies, source.layout)
