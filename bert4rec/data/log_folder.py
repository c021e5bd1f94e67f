"""Logs in folders: which of the files there are the log, and their heads and layouts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bert4rec.data.forms import detect_layout
from bert4rec.data.heads import HEAD_BYTES, Head, is_empty, may_be_log, read_head, unpacked_name
from bert4rec.data.layout import Layout
from bert4rec.data.parquet_form import parquet_layout
from bert4rec.data.partitions import with_partitions
from bert4rec.data.roles import guess_roles
from bert4rec.errors import LogError

# Enough of each further file of a folder to see whether it has the form of the first.
FURTHER_HEAD_BYTES = 1 << 16
USUAL_STEMS = (
    *("interactions", "ratings", "events", "listens", "plays", "clicks", "views", "log"),
    *("train", "valid", "test"),
)
# Forms that any list of ids may seem to have.
LOOSE_FORMS = ("pairs", "sequences", "sessions")
N_FILES_NAMED = 8


def names_of(files: Sequence[Path]) -> tuple[str, ...]:
    """Return the names of files, with the folders in which they differ."""
    if not files:
        return ()
    shared = os.path.commonpath([file.parent for file in files])
    return tuple(shown_name(file.relative_to(shared).as_posix()) for file in files)


def shown_name(name: str) -> str:
    """Return a name as text, which that of a file need not be."""
    return name.encode("utf-8", "replace").decode()


def listed(names: Sequence[str], n: int) -> str:
    """Return the first names in a sentence, and how many of `n` follow."""
    shown = names[:N_FILES_NAMED]
    return ", ".join(shown) + (f" and {n - len(shown):,} more" if n > len(shown) else "")


def head_and_layout(
    file: Path, form: str | None, n_bytes: int = HEAD_BYTES, *, of_items: bool = False
) -> tuple[Head, Layout]:
    """Read the head of a file and tell its form, or cut it by the one that was named.

    Raises:
        LogError: it cannot be read, or does not have that form.
    """
    head = read_head(file, n_bytes)
    if head.is_parquet:
        if form not in (None, "parquet"):
            raise LogError(
                f"the file is Parquet, not {form}", where=file.name, fix="Omit the form."
            )
        return head, parquet_layout(file)
    if form == "parquet":
        raise LogError("the file is not Parquet", where=file.name, fix="Omit the form.")
    return head, with_partitions(detect_layout(head, form, of_items=of_items), file)


def logs_among(files: Sequence[Path], form: str | None, folder: str) -> list[Path]:
    """Return the files of a folder that are its log.

    Args:
        files: All that lie there.
        form: The form that was named, if one was.
        folder: Its name, for messages.

    Raises:
        LogError: none is a log, several are, or one cannot be read and may be a part of it.
    """
    chosen = [file for file in files if unpacked_name(file).endswith(".inter")] or [
        file for file in files if may_be_log(file)
    ]
    groups: dict[tuple[str, ...], list[Path]] = {}
    unsure: dict[tuple[str, ...], list[Path]] = {}
    layouts: dict[Path, Layout] = {}
    for file in filled_files(chosen, folder):
        layout = _layout_in_folder(file, form, folder)
        if layout is not None:
            layouts[file] = layout
            signature, is_certain = _log_signature(file, layout)
            (groups if is_certain else unsure).setdefault(signature, []).append(file)
    if not groups and len(unsure) == 1:
        # Whoever reads it is asked for the columns, as for a single file.
        groups = unsure
    usual = [group for group in groups.values() if any(map(_is_usual, group))]
    if len(groups) == 1 or len(usual) == 1:
        found = usual[0] if len(usual) == 1 else next(iter(groups.values()))
        _check_headers(found[0], layouts, folder)
        return found
    raise _unclear_folder(files, groups, folder)


def _is_usual(file: Path) -> bool:
    return Path(unpacked_name(file)).stem in USUAL_STEMS


def filled_files(files: Sequence[Path], where: str) -> list[Path]:
    """Return the files that hold anything: Spark and others write empty parts for no rows."""
    filled = [file for file in files if not is_empty(file)]
    if files and not filled:
        names = listed([file.name for file in files], len(files))
        raise LogError(
            f"no file holds anything: {names}",
            where=where,
            fix="Choose files with interactions.",
        )
    return filled


def _layout_in_folder(file: Path, form: str | None, folder: str) -> Layout | None:
    """Return the layout of a file, or None where it has none and so is no log.

    Raises:
        LogError: the file cannot be read at all, so that it may be a part of the log.
    """
    try:
        return head_and_layout(file, form, FURTHER_HEAD_BYTES)[1]
    except LogError as error:
        if not error.details.get("is_unreadable"):
            return None
        raise LogError(
            error.message,
            where=f"{folder}/{file.name}",
            fix="Make or copy it again if it is a part of the log, else move it out of the folder.",
        ) from error


def _log_signature(file: Path, layout: Layout) -> tuple[tuple[str, ...], bool]:
    """Return what tells logs that belong together, and whether the file is one for certain."""
    guesses = guess_roles(layout.described())
    # Any list of two ids looks like pairs: only names such as part-1, part-2 make them one log.
    family = re.sub(r"\d+", "", file.name) if layout.form in LOOSE_FORMS else ""
    is_certain = guesses["user"].is_certain and guesses["item"].is_certain
    return (*layout.signature, family), is_certain


def _check_headers(first: Path, layouts: Mapping[Path, Layout], folder: str) -> None:
    """Refuse a log of which further parts have no header, as where a file was cut by lines."""
    layout = layouts[first]
    told = (layout.form, layout.delimiter, len(layout.columns))
    for file, other in layouts.items():
        is_alike = (other.form, other.delimiter, len(other.columns)) == told
        if is_alike and layout.has_header and not other.has_header:
            raise LogError(
                f"{file.name} has as many columns as {first.name}, but no header",
                where=folder,
                fix=f"Write the first line of {first.name} above it if it is a part of the log,"
                " else move it out of the folder.",
            )


def _unclear_folder(
    files: Sequence[Path], groups: dict[tuple[str, ...], list[Path]], folder: str
) -> LogError:
    if not groups:
        return LogError(
            f"no file of the folder is clearly a log: {', '.join(names_of(files)[:8])}",
            where=folder,
            fix="Name the file, or a glob for several of one kind, and the columns with --user and"
            " --item if need be.",
        )
    names = dict(zip(files, names_of(files), strict=True))
    shown = "; ".join(", ".join(names[f] for f in group[:3]) for group in groups.values())
    return LogError(
        f"the folder holds several logs of different columns: {shown}",
        where=folder,
        fix="Name the file to read, or a glob for several of one kind.",
    )
