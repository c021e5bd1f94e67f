"""Plain copies of files that DuckDB cannot read itself: zip, bzip2, xz, UTF-16, Windows-1252."""

from __future__ import annotations

import codecs
from pathlib import Path

from bert4rec.data.packing import unpacked_blocks

READ_AS_IT_IS = {"none", "gzip", "zstd"}
ENCODINGS_READ = {"utf-8", "latin-1"}


def needs_copy(packing: str, encoding: str) -> bool:
    """Whether a file has to be unpacked or put into UTF-8 before DuckDB can read it."""
    return packing not in READ_AS_IT_IS or encoding not in ENCODINGS_READ


def plain_copy(file: Path, packing: str, encoding: str, folder: Path) -> Path:
    """Write a file's text, unpacked and in UTF-8, under its own name into `folder`.

    Raises:
        LogError: the packed file is damaged or a trap.

    Cost: the file's unpacked size on disk, a block at a time in memory.
    """
    folder.mkdir(parents=True)
    copy = folder / file.name
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    with copy.open("wb") as target:
        for block in unpacked_blocks(file, packing):
            # UTF-8 stays as it is, so that its bad lines are counted by the reader.
            target.write(block if encoding == "utf-8" else decoder.decode(block).encode())
        if encoding != "utf-8":
            target.write(decoder.decode(b"", final=True).encode())
    return copy
