"""Stamps of files: what is read again only where the file is another one, or has changed."""

from __future__ import annotations

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
