"""Plain copies of what DuckDB cannot read itself: zip, bzip2, xz, UTF-16, mixed line ends."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from bert4rec.data.packing import unpacked_blocks

READ_AS_IT_IS = {"none", "gzip", "zstd"}
ENCODINGS_READ = {"utf-8", "latin-1"}


def needs_copy(packing: str, encoding: str) -> bool:
    """Whether a file has to be unpacked or put into UTF-8 before DuckDB can read it."""
    return packing not in READ_AS_IT_IS or encoding not in ENCODINGS_READ


def has_mixed_ends(file: Path, packing: str) -> bool:
    r"""Whether lines end now with `\n` and now with `\r\n`, or a `\r` stands alone.

    DuckDB gives up such a file as a whole. Ends within quotes are not told from others.

    Raises:
        LogError: the packed file is damaged or a trap.

    Cost: one pass over the file's unpacked bytes; the first block is mostly enough where they mix.
    """
    has_lf = has_crlf = ended_with_cr = False
    for block in unpacked_blocks(file, packing):
        # Looking for a sign is ten times as fast as counting it.
        if ended_with_cr or b"\r" in block:
            n_cr = block.count(b"\r") + ended_with_cr
            # A block may end between the two signs of one line end.
            n_crlf = block.count(b"\r\n") + (ended_with_cr and block.startswith(b"\n"))
            ended_with_cr = block.endswith(b"\r")
            if n_cr - n_crlf > ended_with_cr:
                return True
            has_crlf |= n_crlf > 0
            has_lf |= block.count(b"\n") > n_crlf
        else:
            has_lf = has_lf or b"\n" in block
        if has_lf and has_crlf:
            return True
    return ended_with_cr


def plain_copy(file: Path, packing: str, encoding: str, folder: Path) -> Path:
    r"""Write a file's text, unpacked, in UTF-8 and with `\n` after each line, into `folder`.

    It keeps its name. A `\r` that ends no line becomes a blank.

    Raises:
        LogError: the packed file is damaged or a trap.

    Cost: the file's unpacked size on disk, a block at a time in memory.
    """
    folder.mkdir(parents=True)
    copy = folder / file.name
    with copy.open("wb") as target:
        held = b""
        for block in _blocks_in_utf_8(file, packing, encoding):
            # A block may end between the two signs of one line end.
            text = held + block
            whole = text.rstrip(b"\r")
            held = text[len(whole) :]
            target.write(_with_one_end(whole))
    return copy


def _blocks_in_utf_8(file: Path, packing: str, encoding: str) -> Iterator[bytes]:
    if encoding == "utf-8":
        # It stays as it is, so that its bad lines are counted by the reader.
        yield from unpacked_blocks(file, packing)
        return
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    for block in unpacked_blocks(file, packing):
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", final=True).encode()


def _with_one_end(text: bytes) -> bytes:
    if b"\r" not in text:
        return text
    return re.sub(rb"\r+\n", b"\n", text).replace(b"\r", b" ")
