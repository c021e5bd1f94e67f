"""The files that a path means: itself, those of a folder, or those of a pattern."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bert4rec.data.heads import PARQUET_ENDINGS, PARQUET_MAGIC, may_be_log
from bert4rec.errors import Bert4RecError, LogError
from bert4rec.files import expanded, is_file, is_there


@contextmanager
def reading_explained(path: str | Path) -> Iterator[None]:
    """Turn what the operating system says of a log into an error that names it.

    Raises:
        LogError: a file or folder cannot be read.
    """
    try:
        yield
    except Bert4RecError:
        raise
    except OSError as error:
        name = Path(error.filename or path).name
        raise LogError(
            f"{name!r} cannot be read: {error.strerror or error}",
            where=str(path),
            fix="Permit this user to read it, or see to the disk that it lies on.",
        ) from error


def files_of(path: str | Path) -> list[Path]:
    """Return the files that `path` means: itself, those of a folder, or those of a glob.

    Raises:
        LogError: there is no such file, the folder is empty or the glob matches nothing; or what
            is there is no file.
    """
    place, fix = expanded(path), "Check the path."
    if is_file(place):
        return [place]
    if is_there(place) and place.is_dir():
        found = _files_in(place)
        problem = f"the folder {place.name!r} holds no file, and those in it no Parquet"
        fix += f" What lies further down is named by a pattern, such as '{place}/**/*.csv'."
    elif re.search(r"[*?\[]", str(place)):
        anchor = Path(place.anchor)
        pattern = str(place.relative_to(anchor)) if place.anchor else str(place)
        found = _matching(anchor, pattern)
        problem = f"no file matches {place.name!r}"
    else:
        found, problem = [], f"there is no file {place.name!r}"
        if is_there(place) or str(path) == "-":
            problem = f"{place.name!r} is no file but a pipe or a device"
            fix = "A log is read more than once: save what comes out of it as a file."
    if not found:
        raise LogError(problem, where=str(path), fix=fix, path=str(path))
    return sorted(found, key=_natural_key)


def refuse_name_in_bytes(file: Path) -> None:
    """Refuse a file that DuckDB, which takes text alone, cannot open by its name.

    Raises:
        LogError: the name is no text, as that of a file out of an old archive.
    """
    try:
        str(file.resolve()).encode()
    except UnicodeEncodeError as error:
        raise LogError(
            "the name of the file, or of a folder above it, is no text in UTF-8",
            where=ascii(str(file)).strip("'"),
            fix="Rename it.",
        ) from error


def _matching(folder: Path, pattern: str) -> list[Path]:
    try:
        return [child for child in folder.glob(pattern) if child.is_file()]
    except ValueError as error:
        raise LogError(
            f"{pattern!r} is no pattern: {str(error).lower()}",
            where=str(folder),
            fix="Write * for any signs of a name, and ** alone between slashes for any folders.",
        ) from error


def _files_in(folder: Path) -> list[Path]:
    """Return the files of a folder and the parts of a partitioned table beside them.

    Folders of other names are gone into where no file of the folder itself may be a log.
    """
    children = [child for child in folder.iterdir() if child.name[0] != "."]
    found = [child for child in children if child.is_file()]
    has_log = any(may_be_log(file) for file in found)
    for child in children:
        if child.is_dir() and child.name[0] != "_" and ("=" in child.name or not has_log):
            found += _parts_below(child)
    return found


def _parts_below(folder: Path) -> list[Path]:
    """Return the files of partitions such as day=2024-05-17 at or below a folder, at any depth.

    Of folders of other names the Parquet files are returned.
    """
    hidden = (".", "_")
    return [
        file
        for file in folder.rglob("*")
        if not any(part.startswith(hidden) for part in file.relative_to(folder).parts)
        and file.is_file()
        and _is_part(file)
    ]


def _is_part(file: Path) -> bool:
    if "=" in file.parent.name:
        return may_be_log(file)
    if file.suffix in PARQUET_ENDINGS:
        return True
    # Hive calls its parts 000000_0.
    with file.open("rb") as stream:
        return stream.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC


def _natural_key(path: Path) -> list[tuple[int, int | str]]:
    # part-2 comes before part-10: the order of files is the order of interactions without times.
    parts = re.split(r"(\d+)", path.as_posix())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]
