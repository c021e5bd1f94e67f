"""Heads of files: their size, their first lines and their encoding."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bert4rec.data.encodings import is_utf_8, narrow_encoding, wide_encoding
from bert4rec.data.packing import open_unpacked, packing_of, read_block
from bert4rec.errors import LogError

HEAD_BYTES = 1 << 20
# What holds this much white space is no part without rows.
MOST_BLANK_BYTES = 1 << 12
LINE_LIMIT_BYTES = 1 << 20

PARQUET_MAGIC = b"PAR1"
PARQUET_ENDINGS = (".parquet", ".pq")
PACKED_ENDING = re.compile(r"\.(gz|gzip|zst|zstd|bz2|xz|zip)$")
# What a file that is no log is called, without what packing it adds.
NO_LOG = re.compile(
    r"(readme|licen[cs]e|copying|changelog|_|thumbs\.db|desktop\.ini).*"
    r"|.*\.(md|item|user|kg|link|html|pdf|png|jpe?g|gif|svg|xlsx?|docx?|py|ipynb)"
)

# Signs of files that people take for logs, by where they stand, and what to do about them.
FOREIGN = {
    (0, b"7z\xbc\xaf"): ("a 7z archive", "Unpack it, or pack it with gzip, zstd or zip instead."),
    (0, b"Rar!"): ("a RAR archive", "Unpack it, or pack it with gzip, zstd or zip instead."),
    (257, b"ustar"): ("a tar archive", "Unpack it and choose the file with the interactions."),
    (0, b"\xd0\xcf\x11\xe0"): ("an Excel or Office document", "Save the sheet as CSV."),
    (0, b"SQLite format 3"): ("an SQLite database", "Export the table of interactions as CSV."),
    (0, b"\xff\xfe\x00\x00"): ("text in UTF-32", "Save it as UTF-8."),
    (0, b"%PDF"): ("a PDF document", "Export the interactions as CSV."),
}
# How texts begin that are no logs, in lower case.
WEB_PAGE = (
    "a web page",
    "Look into it: a login or an error may have been saved in its place.",
)
FOREIGN_TEXT = {
    b"<html": WEB_PAGE,
    b"<!doctype html": WEB_PAGE,
    b"<?xml": ("an XML document", "Export the interactions as CSV."),
    b"%%matrixmarket": (
        "a matrix in the form of Matrix Market",
        "Write it as CSV, a line with user and item for each entry.",
    ),
    b"version https://git-lfs": (
        "a note of Git LFS that stands for it",
        "Fetch the file itself with: git lfs pull.",
    ),
}
# Tables that are not read; they may be parts of a log.
TABLES = {
    b"ARROW1": "an Arrow or Feather file",
    b"\xff\xff\xff\xff": "a stream of Arrow",
    b"FEA1": "a Feather file",
    b"ORC": "an ORC file",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "an array of NumPy",
    b"\x80": "a pickle of Python",
}


@dataclass(frozen=True)
class Head:
    """The first bytes of one file, unpacked and checked to be text (or Parquet).

    Args:
        path: The file.
        text: Its first characters, whole lines of them where lines are short, without the byte
            order mark and with line ends of Unix; empty for Parquet.
        packing: How it is packed, as `packing_of` says.
        encoding: One of `ENCODING_NAMES`.
        is_parquet: Whether the file holds Parquet.
        is_whole: Whether `text` is all there is.
    """

    path: Path
    text: str
    packing: str = "none"
    encoding: str = "utf-8"
    is_parquet: bool = False
    is_whole: bool = True

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of `text`, without line ends."""
        return tuple(self.text.split("\n"))


def may_be_log(file: Path) -> bool:
    """Whether a file may be a log or a part of one, by its name."""
    return NO_LOG.fullmatch(unpacked_name(file)) is None


def unpacked_name(file: Path) -> str:
    """Return a file's name in lower case, without what packing it adds."""
    return PACKED_ENDING.sub("", file.name.lower())


def check_size(files: Sequence[Path], max_bytes: int | None) -> int:
    """Return the files' size in bytes after checking it, unpacked, against `max_bytes`."""
    size = sum(file.stat().st_size for file in files)
    if max_bytes is None:
        return size
    unpacked = 0
    for file in files if size <= max_bytes else ():
        unpacked += _unpacked_size(file, max_bytes - unpacked)
    if max(size, unpacked) > max_bytes:
        raise LogError(
            f"it is larger than the limit of {max_bytes:,} bytes",
            where=files[0].name,
            fix="Split it, keep only the columns that are needed, or raise the limit.",
            max_bytes=max_bytes,
        )
    return size


def _unpacked_size(file: Path, limit: int) -> int:
    packing = packing_of(file)
    if packing == "none":
        return max(file.stat().st_size, _parquet_size(file))
    total = 0
    with open_unpacked(file, packing) as stream:
        while total <= limit and (block := read_block(stream, HEAD_BYTES, file)):
            total += len(block)
    return total


def _parquet_size(file: Path) -> int:
    """Return at least how many bytes a Parquet file holds unpacked, 0 if it is none."""
    try:
        metadata = pq.read_metadata(file)
    except (pa.ArrowException, OSError):
        return 0
    # Packed alike, a column of repeats takes next to nothing; its cells are there all the same.
    total: int = metadata.num_rows * metadata.num_columns
    for place in range(metadata.num_row_groups):
        total += metadata.row_group(place).total_byte_size
    return total


@contextmanager
def open_lines(file: Path, packing: str, encoding: str) -> Iterator[Iterator[str]]:
    """Open a file as its lines, each with its end."""
    with (
        open_unpacked(file, packing) as stream,
        # What is no text was rejected by the reader; here it only has to be counted.
        io.TextIOWrapper(stream, encoding, errors="replace", newline="\n") as text,
    ):
        yield text


def read_head(file: Path, n_bytes: int = HEAD_BYTES) -> Head:
    """Read and check the first bytes of a file; the rest is not touched.

    Raises:
        LogError: it is empty, is not text, or its first line has no end in sight; with the detail
            `is_unreadable`, unless it is clearly meant for something else.
    """
    packing = packing_of(file)
    with open_unpacked(file, packing) as stream:
        data = read_block(stream, n_bytes, file)
        is_cut = bool(read_block(stream, 1, file))
    if not data.strip():
        raise _empty(file)
    if data.startswith(PARQUET_MAGIC):
        return _parquet_head(file, packing)
    encoding = wide_encoding(data)
    if encoding is None:
        _refuse_foreign(data, file)
        is_plain = is_utf_8([data], is_cut=is_cut)
        encoding = "utf-8" if is_plain else narrow_encoding([data], file.name)
    text = data.decode(encoding, errors="ignore" if is_cut else "replace").removeprefix("\ufeff")
    text = re.sub(r"\r+\n", "\n", text)
    if not text.strip():
        raise _empty(file)
    if "\r" in text and "\n" not in text:
        raise LogError(
            "the lines end with a carriage return alone",
            where=file.name,
            fix="Save the file with the line ends of Unix or Windows.",
            is_unreadable=True,
        )
    text = text.replace("\r", " ")
    if is_cut and not may_be_json(text):
        text = _whole_lines(text, file)
    return Head(file, text, packing, encoding, is_whole=not is_cut)


def is_empty(file: Path) -> bool:
    """Whether a file holds nothing, unpacked, or a few blanks; one that is damaged does not."""
    try:
        with open_unpacked(file, packing_of(file)) as stream:
            data = read_block(stream, MOST_BLANK_BYTES, file)
    except LogError:
        return False
    return len(data) < MOST_BLANK_BYTES and not data.strip()


def _empty(file: Path) -> LogError:
    return LogError(
        "the file is empty",
        where=file.name,
        fix="Choose a file with interactions.",
        is_unreadable=True,
    )


def _parquet_head(file: Path, packing: str) -> Head:
    if packing != "none":
        raise LogError(
            f"the file is Parquet inside {packing}",
            where=file.name,
            fix="Unpack it: Parquet is packed in itself.",
            is_unreadable=True,
        )
    return Head(file, "", is_parquet=True)


def may_be_json(text: str) -> bool:
    """Whether a text starts as JSON does; its first line may then be as long as it likes."""
    return text.lstrip()[:1] in ("[", "{")


def _whole_lines(text: str, file: Path) -> str:
    end = text.rfind("\n")
    if end < 0 and len(text) * 2 >= LINE_LIMIT_BYTES:
        raise LogError(
            f"the first line is longer than {LINE_LIMIT_BYTES:,} bytes",
            where=f"{file.name}, line 1",
            fix="Choose a file with one interaction a line.",
            is_unreadable=True,
        )
    return text[: end + 1] or text


def _refuse_foreign(data: bytes, file: Path) -> None:
    for (place, sign), (what, fix) in FOREIGN.items():
        if data.startswith(sign, place):
            raise LogError(f"the file is {what}, not a log", where=file.name, fix=fix)
    start = data.removeprefix(codecs.BOM_UTF8).lstrip()[:32].lower()
    for sign, (what, fix) in FOREIGN_TEXT.items():
        if start.startswith(sign):
            raise LogError(f"the file is {what}, not a log", where=file.name, fix=fix)
    control = len(re.findall(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", data))
    if b"\x00" in data or control > len(data) // 100:
        table = next((what for sign, what in TABLES.items() if data.startswith(sign)), None)
        what = "binary, neither text nor Parquet"
        fix = "Choose a CSV, TSV, JSON, Parquet, MovieLens or RecBole file."
        if table is not None:
            what = f"{table}, not text"
            fix = "Write it as Parquet or CSV, as pandas does with to_parquet and to_csv."
        raise LogError(
            f"the file is {what}",
            where=file.name,
            fix=fix,
            is_unreadable=True,
        )
