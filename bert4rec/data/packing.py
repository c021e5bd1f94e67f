"""Packed files: how a file is packed, its bytes unpacked, and its hash."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
from blake3 import blake3

from bert4rec.errors import LogError

PACKINGS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
}
BLOCK_BYTES = 1 << 20
# Text packs to a tenth; what unpacks to more than this and this many times its size is a trap.
MOST_TIMES_LARGER = 250
SURELY_FINE_BYTES = 1 << 30
# What tells a document of Excel or LibreOffice from other zip archives.
OFFICE = {"[Content_Types].xml", "mimetype"}
# What the operating system and packers add by themselves.
NO_MEMBER = ("__MACOSX/", "._", ".DS_Store")
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)


def packing_of(file: Path) -> str:
    """Return `none`, `gzip`, `zstd`, `zip`, `bzip2` or `xz`, told by the first bytes."""
    with file.open("rb") as stream:
        magic = stream.read(6)
    return next((name for sign, name in PACKINGS.items() if magic.startswith(sign)), "none")


@contextmanager
def open_unpacked(file: Path, packing: str) -> Iterator[IO[bytes]]:
    """Open a file's bytes as they were before it was packed.

    Raises:
        LogError: a zip archive does not hold exactly one file, or asks for a password.
    """
    with file.open("rb") as raw:
        if packing == "none":
            yield raw
        elif packing == "zip":
            with _archive(raw, file) as archive, _opened_member(archive, file) as member:
                yield member
        else:
            with _unpacked(raw, packing) as stream:
                yield stream


def _unpacked(raw: IO[bytes], packing: str) -> IO[bytes]:
    if packing == "gzip":
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    if packing == "bzip2":
        return cast(IO[bytes], bz2.BZ2File(raw))
    if packing == "xz":
        return cast(IO[bytes], lzma.LZMAFile(raw))
    return cast(IO[bytes], pa.input_stream(raw, compression="zstd"))


def _archive(raw: IO[bytes], file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(raw)
    except DAMAGED as error:
        raise _damaged(file) from error


def _opened_member(archive: zipfile.ZipFile, file: Path) -> IO[bytes]:
    # The name of a member is only shown: it never becomes a path.
    members = [info for info in archive.infolist() if not info.is_dir()]
    members = [
        info
        for info in members
        if not info.filename.rpartition("/")[2].startswith(NO_MEMBER)
        and not info.filename.startswith(NO_MEMBER)
    ]
    names = [info.filename for info in members]
    if OFFICE.intersection(names):
        raise LogError(
            "the file is an Excel or Office document, not a log",
            where=file.name,
            fix="Save the sheet as CSV.",
        )
    if len(members) != 1:
        shown = ", ".join(repr(name[:60]) for name in names[:8]) or "none"
        raise LogError(
            f"the zip archive holds {len(members)} files, not one: {shown}",
            where=file.name,
            fix="Unpack it and choose the file with the interactions.",
        )
    try:
        return archive.open(members[0])
    except RuntimeError as error:
        raise LogError(
            "the zip archive asks for a password",
            where=file.name,
            fix="Unpack it first.",
            is_unreadable=True,
        ) from error
    except DAMAGED as error:
        raise _damaged(file) from error


def read_block(stream: IO[bytes], n_bytes: int, file: Path) -> bytes:
    """Read up to `n_bytes` of an unpacked stream.

    Raises:
        LogError: the file is damaged or cut short.
    """
    try:
        return stream.read(n_bytes)
    except DAMAGED as error:
        raise _damaged(file) from error


def _damaged(file: Path) -> LogError:
    return LogError(
        "the compressed file is damaged or cut short",
        where=file.name,
        fix="Make or download it again.",
        is_unreadable=True,
    )


def unpacked_blocks(file: Path, packing: str) -> Iterator[bytes]:
    """Yield a file's unpacked bytes in blocks.

    Raises:
        LogError: it is damaged or cut short, or a small file that would fill the disk.
    """
    most = max(SURELY_FINE_BYTES, MOST_TIMES_LARGER * file.stat().st_size)
    n_bytes = 0
    with open_unpacked(file, packing) as stream:
        while block := read_block(stream, BLOCK_BYTES, file):
            n_bytes += len(block)
            if packing != "none" and n_bytes > most:
                raise LogError(
                    f"the file unpacks to more than {MOST_TIMES_LARGER} times its size",
                    where=file.name,
                    fix="No log packs that well; unpack it yourself if it is meant.",
                )
            yield block


def hash_files(files: Sequence[Path]) -> str:
    """Return the BLAKE3 hash of the files' content in reading order; names do not count.

    Packed files are unpacked to their end on the way: DuckDB does not see that one was cut short.

    Raises:
        LogError: a packed file is damaged, cut short or a trap.
    """
    total = blake3()
    for file in files:
        packing = packing_of(file)
        for _ in unpacked_blocks(file, packing) if packing != "none" else ():
            pass
        content = blake3()
        # Blocks are read, not mapped: a mapped file that someone shortens kills the process.
        for block in unpacked_blocks(file, "none"):
            content.update(block)
        total.update(content.digest())
    return total.hexdigest()
