"""Stamps of files: what is read again only where the file is another one, or has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

# Its inode, when it was last written in nanoseconds, and its size.
FileStamp = tuple[int, int, int]


def file_stamp(path: Path) -> FileStamp:
    """Return the stamp of a file, zeros while there is none."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def stamp_of_all(path: Path) -> str:
    """Return one stamp of a file, or of all files below a folder: its own misses what they gain."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    total = hashlib.blake2b(digest_size=16)
    for file in files:
        total.update(repr((str(file), file_stamp(file))).encode("utf-8", "surrogateescape"))
    return total.hexdigest()
