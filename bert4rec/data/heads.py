"""Files as bytes: which files a path means, their first lines, their compression, their hash."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import pyarrow as pa
import pyarrow.parquet as pq

from bert4rec.errors import LogError
from bert4rec.files import is_file, is_there

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HEAD_BYTES = 1 << 20
LINE_LIMIT_BYTES = 1 << 20

# First bytes of files that people take for logs, and what to do about them.
FOREIGN = {
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "Unpack it, or save the sheet as CSV."),
    b"BZh": ("compressed with bzip2", "Compress it with gzip or zstd instead."),
    b"\xfd7zXZ": ("compressed with xz", "Compress it with gzip or zstd instead."),
    b"SQLite format 3": ("an SQLite database", "Export the table of interactions as CSV."),
    b"\xff\xfe": ("text in UTF-16", "Save it as UTF-8."),
    b"\xfe\xff": ("text in UTF-16", "Save it as UTF-8."),
    b"%PDF": ("a PDF document", "Export the interactions as CSV."),
}


@dataclass(frozen=True)
class Head:
    """The first bytes of one file, unpacked and checked to be text (or Parquet).

    Args:
        path: The file.
        lines: Its first whole lines, without line ends; empty for Parquet.
        compression: `none`, `gzip` or `zstd`.
        encoding: `utf-8` or `latin-1`.
        is_parquet: Whether the file holds Parquet.
    """

    path: Path
    lines: tuple[str, ...]
    compression: str = "none"
    encoding: str = "utf-8"
    is_parquet: bool = False


def files_of(path: str | Path) -> list[Path]:
    """Return the files that `path` means: itself, those of a folder, or those of a glob.

    Raises:
        LogError: there is no such file, the folder is empty or the glob matches nothing.
    """
    place = Path(path).expanduser()
    if is_file(place):
        return [place]
    if is_there(place) and place.is_dir():
        found = [child for child in place.iterdir() if child.is_file() and child.name[0] != "."]
        problem = f"the folder {place.name!r} holds no file"
    elif re.search(r"[*?\[]", str(place)):
        anchor = Path(place.anchor)
        pattern = str(place.relative_to(anchor)) if place.anchor else str(place)
        found = [child for child in anchor.glob(pattern) if child.is_file()]
        problem = f"no file matches {place.name!r}"
    else:
        found, problem = [], f"there is no file {place.name!r}"
    if not found:
        raise LogError(problem, where=str(path), fix="Check the path.", path=str(path))
    return sorted(found, key=_natural_key)


def _natural_key(path: Path) -> list[tuple[int, int | str]]:
    # part-2 comes before part-10: the order of files is the order of interactions without times.
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]


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
            f"the log is larger than the limit of {max_bytes:,} bytes",
            where=files[0].name,
            fix="Split the log, keep only the columns that are needed, or raise the limit.",
            max_bytes=max_bytes,
        )
    return size


def _unpacked_size(file: Path, limit: int) -> int:
    compression = _compression(file)
    if compression == "none":
        return max(file.stat().st_size, _parquet_size(file))
    total = 0
    with _open_unpacked(file, compression) as stream:
        while total <= limit and (block := _read(stream, HEAD_BYTES, file)):
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


def _compression(file: Path) -> str:
    with file.open("rb") as stream:
        magic = stream.read(4)
    if magic[:2] == b"\x1f\x8b":
        return "gzip"
    return "zstd" if magic == b"\x28\xb5\x2f\xfd" else "none"


@contextmanager
def _open_unpacked(file: Path, compression: str) -> Iterator[IO[bytes]]:
    with file.open("rb") as raw:
        if compression == "none":
            yield raw
            return
        with _unpacked(raw, compression) as stream:
            yield stream


@contextmanager
def open_lines(file: Path, compression: str, encoding: str) -> Iterator[Iterator[str]]:
    """Open a file as its lines, each with its end."""
    with (
        _open_unpacked(file, compression) as stream,
        # What is no text was rejected by the reader; here it only has to be counted.
        io.TextIOWrapper(stream, encoding, errors="replace", newline="\n") as text,
    ):
        yield text


def _unpacked(raw: IO[bytes] | io.RawIOBase, compression: str) -> IO[bytes]:
    if compression == "gzip":
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    return cast(IO[bytes], pa.input_stream(raw, compression="zstd"))


def _read(stream: IO[bytes], n_bytes: int, file: Path) -> bytes:
    try:
        return stream.read(n_bytes)
    except (OSError, EOFError, zlib.error) as error:
        raise LogError(
            "the compressed file is damaged or cut short",
            where=file.name,
            fix="Make or download it again.",
        ) from error


def read_head(file: Path, n_bytes: int = HEAD_BYTES) -> Head:
    """Read and check the first bytes of a file; the rest is not touched.

    Raises:
        LogError: it is empty, is not text, or its first line has no end in sight.
    """
    compression = _compression(file)
    with _open_unpacked(file, compression) as stream:
        data = _read(stream, n_bytes, file)
        is_cut = bool(_read(stream, 1, file))
    if not data.strip():
        raise LogError("the file is empty", where=file.name, fix="Choose a file with interactions.")
    if data[:4] == b"PAR1":
        return Head(file, (), compression, is_parquet=True)
    _refuse_foreign(data, file)
    if is_cut:
        data = _whole_lines(data, file)
    if b"\r" in data and b"\n" not in data:
        raise LogError(
            "the lines end with a carriage return alone",
            where=file.name,
            fix="Save the file with the line ends of Unix or Windows.",
        )
    text, encoding = _decode(data, file, is_cut)
    return Head(file, tuple(text.replace("\r\n", "\n").split("\n")), compression, encoding)


def _whole_lines(data: bytes, file: Path) -> bytes:
    end = data.rfind(b"\n")
    if end < 0 and len(data) >= LINE_LIMIT_BYTES:
        hint = "Write one JSON object a line." if data.lstrip()[:1] == b"[" else None
        raise LogError(
            f"the first line is longer than {LINE_LIMIT_BYTES:,} bytes",
            where=f"{file.name}, line 1",
            fix=hint or "Choose a file with one interaction a line.",
        )
    return data[: end + 1] or data


def _refuse_foreign(data: bytes, file: Path) -> None:
    for magic, (what, fix) in FOREIGN.items():
        if data.startswith(magic):
            raise LogError(f"the file is {what}, not a log", where=file.name, fix=fix)
    control = len(re.findall(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", data))
    if b"\x00" in data or control > len(data) // 100:
        raise LogError(
            "the file is binary, not text",
            where=file.name,
            fix="Choose a CSV, TSV, JSON Lines, Parquet, MovieLens or RecBole file.",
        )


def _decode(data: bytes, file: Path, is_cut: bool) -> tuple[str, str]:
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError as error:
        # A letter cut by the end of the head is no reason to doubt the encoding.
        if is_cut and error.start > len(data) - 4:
            return data[: error.start].decode("utf-8-sig"), "utf-8"
    if len(re.findall(rb"[\x80-\x9f]", data)) > len(data) // 20:
        raise LogError(
            "the file is neither UTF-8 nor Latin-1 text", where=file.name, fix="Save it as UTF-8."
        )
    return data.decode("latin-1"), "latin-1"


def hash_files(files: Sequence[Path]) -> str:
    """Return the SHA-256 of the files' content in reading order; names do not count.

    Packed files are unpacked to their end on the way: DuckDB does not see that one was cut short.

    Raises:
        LogError: a packed file is damaged or cut short.
    """
    total = hashlib.sha256()
    for file in files:
        total.update(_digest(file))
    return total.hexdigest()


def _digest(file: Path) -> bytes:
    compression = _compression(file)
    with file.open("rb") as raw:
        if compression == "none":
            return hashlib.file_digest(raw, "sha256").digest()
        hashed = _Hashed(raw)
        with _unpacked(hashed, compression) as stream:
            while _read(stream, HEAD_BYTES, file):
                pass
        return hashed.total.digest()


class _Hashed(io.RawIOBase):
    """A stream that hashes what is read of it."""

    def __init__(self, raw: IO[bytes]) -> None:
        super().__init__()
        self.total = hashlib.sha256()
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._raw.read(len(view))
        view[: len(data)] = data
        self.total.update(data)
        return len(data)
