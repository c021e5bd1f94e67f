"""Zip files and folders from elsewhere, of which only what was expected is let in."""

from __future__ import annotations

import lzma
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path
from typing import IO, BinaryIO, cast

from bert4rec.errors import FormatError, UnwritableError
from bert4rec.files import is_there

BLOCK_BYTES = 2**20
# Journals of a run shrink to a tenth; weights hardly at all.
MAX_RATIO, SMALL_BYTES = 100, 2**22
# Left free beside what comes in, for what trains meanwhile.
SPARE_BYTES = 64 * 2**20
MAX_SHOWN = 80
# What the standard library raises on damaged or foreign bytes; bzip2 does so as the system would.
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError),
    *(LookupError, RuntimeError, OverflowError, ValueError),
)


@dataclass(frozen=True)
class Expected:
    """What a zip file or folder of some kind consists of.

    Args:
        what: What it is, for the words of an error.
        max_bytes: All files that it may hold, and how large each may be.
        needed: Those that must be there.
    """

    what: str
    max_bytes: Mapping[str, int]
    needed: Sequence[str]

    def unpack(self, path: Path, folder: Path) -> None:
        """Unpack a zip file whose list of contents is that of this kind.

        Args:
            path: The zip file.
            folder: Where its files go; folders inside it are there already.

        Raises:
            FormatError: it is another one, or larger than it should be.
            UnwritableError: there is no room for it.
        """
        with _opened(path) as archive:
            entries = archive.infolist()
            self.check_names([entry.filename for entry in entries])
            for entry in entries:
                if stat.S_ISLNK(entry.external_attr >> 16):
                    raise FormatError(f"{entry.filename}: it is a link")
            sizes = {entry.filename: entry.file_size for entry in entries}
            self._check_sizes(sizes, folder, n_packed=path.stat().st_size)
            for entry in entries:
                blocks = _blocks(partial(archive.open, entry))
                _write(blocks, folder / entry.filename, entry.file_size, entry.filename)

    def copy(self, path: Path, folder: Path) -> None:
        """Copy from a folder what belongs to this kind; links are not followed.

        Raises:
            FormatError: a file is missing, a link, or larger than it should be.
            UnwritableError: there is no room for it.
        """
        there = [
            name for name in self.max_bytes if is_there(path / name) or (path / name).is_symlink()
        ]
        self.check_names(there)
        for name in there:
            is_plain = stat.S_ISREG((path / name).lstat().st_mode)
            if not is_plain or (path / name).parent.is_symlink():
                raise FormatError(f"{name}: it is a link, or no file")
        sizes = {name: (path / name).stat().st_size for name in there}
        self._check_sizes(sizes, folder)
        for name in there:
            blocks = _blocks(partial(FileIO, path / name))
            _write(blocks, folder / name, sizes[name], name)

    def check_names(self, names: Sequence[str]) -> None:
        """Refuse whatever this kind does not consist of, before a byte of it is read.

        Raises:
            FormatError: a name is strange, there twice, or missing.
        """
        strange = next((name for name in names if name not in self.max_bytes), None)
        if strange is not None:
            raise FormatError(f"it holds {strange[:MAX_SHOWN]!r}", strange=strange)
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise FormatError(f"it holds {twice} twice")
        missing = next((name for name in self.needed if name not in names), None)
        if missing is not None:
            raise FormatError(f"it holds no {missing}")

    def _check_sizes(
        self, sizes: Mapping[str, int], folder: Path, n_packed: int | None = None
    ) -> None:
        """Refuse what would be too large; what a zip file claims is held to while unpacking."""
        for name, n_bytes in sizes.items():
            if n_bytes > self.max_bytes[name]:
                raise FormatError(
                    f"{name}: it would be {n_bytes:,} bytes, more than {self.what} has"
                )
        total = sum(sizes.values())
        if n_packed is not None and total > max(SMALL_BYTES, MAX_RATIO * n_packed):
            raise FormatError(
                f"its {n_packed:,} bytes would become {total:,}, as those of a zip bomb"
            )
        n_free = shutil.disk_usage(folder).free
        if total + SPARE_BYTES > n_free:
            raise UnwritableError(
                f"there is no room for {self.what}, which takes {total:,} bytes, with"
                f" {n_free:,} free",
                where=str(folder.parent),
                fix="Make room, or choose another place.",
            )


class _Bounded:
    """A file that hands out a block at most at a time.

    A zip file lists what it holds in one piece, which a hostile one makes as large as it likes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, n_bytes: int = -1) -> bytes:
        """Read some bytes, or all that are left.

        Raises:
            BadZipFile: that is more than a block.
        """
        data = self._file.read(BLOCK_BYTES + 1 if n_bytes < 0 else min(n_bytes, BLOCK_BYTES + 1))
        if len(data) > BLOCK_BYTES:
            raise zipfile.BadZipFile("its list of contents is too long")
        return data


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    with _reading():
        file = path.open("rb")
    with file:
        with _reading():
            archive = zipfile.ZipFile(cast("BinaryIO", _Bounded(file)))
        with archive:
            yield archive


@contextmanager
def _reading() -> Iterator[None]:
    """Refuse what cannot be read. Nothing may be written in here: that would be no damage."""
    try:
        yield
    except DAMAGED as why:
        raise FormatError(f"it cannot be read ({getattr(why, 'strerror', None) or why})") from why


def _blocks(opened: Callable[[], IO[bytes]]) -> Iterator[bytes]:
    """Yield what a file holds, a block at a time."""
    with _reading(), opened() as source:
        while block := source.read(BLOCK_BYTES):
            yield block


def _write(blocks: Iterable[bytes], target: Path, n_claimed: int, name: str) -> None:
    """Write one file, as far as it was claimed to go."""
    n_bytes = 0
    with target.open("wb") as file:
        for block in blocks:
            n_bytes += len(block)
            if n_bytes > n_claimed:
                break
            file.write(block)
    if n_bytes != n_claimed:
        raise FormatError(f"{name}: it is not as large as it claims")
