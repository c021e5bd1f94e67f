"""A source of interactions: the files of one form that are read together, or a frame."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from bert4rec.data.column_types import dtype_of_type, id_text
from bert4rec.data.copies import has_mixed_ends, needs_copy, plain_copy
from bert4rec.data.forms import detect_layout
from bert4rec.data.heads import Head, check_size, files_of, read_head
from bert4rec.data.layout import Layout, check_form
from bert4rec.data.roles import dtype_of, guess_roles
from bert4rec.data.scan import Connection, Scan, quote_name, scan_files, scan_parquet
from bert4rec.errors import LogError
from bert4rec.files import expanded

N_EXAMPLES = 200
# Enough of each further file of a folder to see whether it has the form of the first.
FURTHER_HEAD_BYTES = 1 << 16
USUAL_STEMS = (
    *("interactions", "ratings", "events", "listens", "plays", "clicks", "views", "log"),
    *("train", "valid", "test"),
)
# Parts of a split that one user's history may run through, in its order.
PARTS = ({"train", "training"}, {"valid", "validation", "val", "dev"}, {"test", "testing"})
# Forms that any list of ids may seem to have.
LOOSE_FORMS = ("pairs", "sequences", "sessions")
NO_LOG = re.compile(r"(readme|licen[cs]e|copying|changelog).*|.*\.(md|item|user|kg|link|html|pdf)")


@dataclass(frozen=True, eq=False)
class Source:
    """Files of one layout, in reading order, or a frame.

    Args:
        name: Name of the file, folder, glob or frame, without its folder.
        layout: How the lines become columns.
        files: The files; empty for a frame.
        size_bytes: Their size on disk.
        packing: How the files are packed, as `packing_of` says.
        encoding: One of `ENCODING_NAMES`.
        frame: The frame, if it is one.
        sql_types: For each file of Parquet the types of its columns.
    """

    name: str
    layout: Layout
    files: tuple[Path, ...] = ()
    size_bytes: int = 0
    packing: str = "none"
    encoding: str = "utf-8"
    frame: pd.DataFrame | None = None
    sql_types: tuple[tuple[str, ...], ...] = ()


def open_source(
    path: str | Path, *, form: str | None = None, max_bytes: int | None = None
) -> Source:
    """Find the files of a log and tell their form from their first lines.

    Raises:
        LogError: there is no log at `path`, or it is larger than `max_bytes`.
    """
    check_form(form)
    files = files_of(path)
    folder = expanded(path)
    if folder.is_dir():
        files = _logs_among(files, form, folder.resolve().name)
    files = sorted(files, key=_part_of_a_split)
    size = check_size(files, max_bytes)
    first, layout = _head_and_layout(files[0], form)
    sql_types = [layout.sql_types]
    for file in files[1:]:
        head, other = _head_and_layout(file, layout.form, FURTHER_HEAD_BYTES)
        if _signature(head, other) != _signature(first, layout):
            raise LogError(
                f"{file.name} does not have the columns and form of {files[0].name}",
                where=str(path),
                fix="Give files with the same columns in the same order, or one file.",
            )
        sql_types.append(other.sql_types)
    # A glob says less of what it is than the folder that it looks into.
    home = folder.resolve() if folder.is_dir() else files[0].resolve().parent
    name = home.name if folder.is_dir() or len(files) > 1 else files[0].name
    return Source(
        name,
        layout,
        tuple(files),
        size,
        first.packing,
        first.encoding,
        sql_types=tuple(sql_types),
    )


def _head_and_layout(
    file: Path, form: str | None, n_bytes: int | None = None
) -> tuple[Head, Layout]:
    head = read_head(file, n_bytes) if n_bytes else read_head(file)
    if head.is_parquet:
        if form not in (None, "parquet"):
            raise LogError(
                f"the file is Parquet, not {form}", where=file.name, fix="Omit the form."
            )
        return head, _parquet_layout(file)
    if form == "parquet":
        raise LogError("the file is not Parquet", where=file.name, fix="Omit the form.")
    return head, detect_layout(head, form)


def _signature(head: Head, layout: Layout) -> tuple[str, ...]:
    return (*layout.signature, head.packing, head.encoding)


def _logs_among(files: Sequence[Path], form: str | None, folder: str) -> list[Path]:
    chosen = [file for file in files if file.suffix == ".inter"] or [
        file for file in files if not NO_LOG.fullmatch(file.name.lower())
    ]
    groups: dict[tuple[str, ...], list[Path]] = {}
    for file in chosen:
        signature = _log_signature(file, form)
        if signature is not None:
            groups.setdefault(signature, []).append(file)
    usual = [group for group in groups.values() if any(f.stem in USUAL_STEMS for f in group)]
    if len(groups) == 1 or len(usual) == 1:
        return usual[0] if len(usual) == 1 else next(iter(groups.values()))
    raise _unclear_folder(files, groups, folder)


def _part_of_a_split(file: Path) -> int:
    """Return the place of a file among the parts of a split: a history begins in the first."""
    words = re.split(r"[^a-z]+", file.name.lower())
    return max((place for place, names in enumerate(PARTS) if names & {*words}), default=0)


def _log_signature(file: Path, form: str | None) -> tuple[str, ...] | None:
    """Return what tells logs that belong together, or None if the file is no certain log."""
    try:
        head, layout = _head_and_layout(file, form, FURTHER_HEAD_BYTES)
    except LogError:
        return None
    guesses = guess_roles(layout.described())
    if not (guesses["user"].is_certain and guesses["item"].is_certain):
        return None
    # Any list of two ids looks like pairs: only names such as part-1, part-2 make them one log.
    family = re.sub(r"\d+", "", file.name) if layout.form in LOOSE_FORMS else ""
    return (*_signature(head, layout), family)


def _unclear_folder(
    files: Sequence[Path], groups: dict[tuple[str, ...], list[Path]], folder: str
) -> LogError:
    if not groups:
        names = ", ".join(file.name for file in files[:8])
        return LogError(
            f"no file of the folder is clearly a log: {names}",
            where=folder,
            fix="Name the file, and its columns with --user and --item if need be.",
        )
    shown = "; ".join(", ".join(file.name for file in group[:3]) for group in groups.values())
    return LogError(
        f"the folder holds several logs of different columns: {shown}",
        where=folder,
        fix="Name the file to read, or a glob for several of one kind.",
    )


def _parquet_layout(file: Path) -> Layout:
    connection = Connection()
    try:
        scan = scan_parquet([file])
        described = connection.rows(f"DESCRIBE {scan.sql}", scan.parameters)
        names = tuple(str(row[0]) for row in described)
        sql_types = tuple(str(row[1]) for row in described)
        casts = ", ".join(map(id_text, map(quote_name, names), sql_types))
        limited = f"SELECT {casts} FROM ({scan.sql}) LIMIT {N_EXAMPLES}"
        rows = connection.rows(limited, scan.parameters)
    except duckdb.Error as error:
        raise LogError(
            "the Parquet file cannot be read", where=file.name, fix="Write or download it again."
        ) from error
    finally:
        connection.close()
    texts = tuple(tuple("" if cell is None else str(cell) for cell in row) for row in rows)
    dtypes = tuple(
        dtype_of_type(sql_type, [text[place] for text in texts])
        for place, sql_type in enumerate(sql_types)
    )
    return Layout(
        "parquet", "the file starts with PAR1", names, texts, dtypes=dtypes, sql_types=sql_types
    )


def scan_source(source: Source, folder: Path) -> Scan:
    """Return a SELECT of a source's columns; what DuckDB cannot read itself is copied to `folder`.

    Raises:
        LogError: a packed file is damaged or a trap.
    """
    if source.layout.form == "parquet":
        return scan_parquet(source.files, source.layout.columns, source.sql_types)
    if not _needs_copies(source):
        return scan_files(source.files, source.layout, source.packing, source.encoding)
    copies = [
        plain_copy(file, source.packing, source.encoding, folder / "copies" / str(place))
        for place, file in enumerate(source.files)
    ]
    return scan_files(copies, source.layout)


def _needs_copies(source: Source) -> bool:
    if needs_copy(source.packing, source.encoding):
        return True
    is_document = source.layout.form == "json"
    return not is_document and any(has_mixed_ends(file, source.packing) for file in source.files)


def frame_source(frame: pd.DataFrame, name: str) -> Source:
    """Return a frame as a source; its columns are described as those of a file are."""
    names = tuple(str(column) for column in frame.columns)
    if len(set(names)) < len(names) or len(names) < 2:
        raise LogError(
            "the frame needs at least two columns, each with a name of its own",
            where=name,
            fix="Give a frame with user_id, item_id and, if known, timestamp.",
        )
    if not len(frame):
        raise LogError("the frame has no rows", where=name, fix="Give a frame with interactions.")
    head = frame.head(N_EXAMPLES)
    columns = [head.iloc[:, place] for place in range(len(names))]
    texts = [column.map(str).where(column.notna(), "").tolist() for column in columns]
    dtypes = tuple(
        "timestamp" if pd.api.types.is_datetime64_any_dtype(column.dtype) else dtype_of(text)
        for column, text in zip(columns, texts, strict=True)
    )
    rows = tuple(zip(*texts, strict=True))
    layout = Layout("frame", "a frame in memory", names, rows, dtypes=dtypes)
    renamed = frame.set_axis(list(names), axis=1)
    return Source(name, layout, frame=renamed, size_bytes=int(frame.memory_usage().sum()))
