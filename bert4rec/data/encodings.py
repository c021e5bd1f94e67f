"""Encodings of text: told by its mark, by zeros beside letters, or by which bytes there are."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from pathlib import Path

from bert4rec.data.packing import unpacked_blocks
from bert4rec.errors import LogError

ENCODING_NAMES = {
    "utf-8": "UTF-8",
    "latin-1": "Latin-1, a guess: it is not UTF-8",
    "cp1252": "Windows-1252, a guess: it is not UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
}
LETTERS = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
# Latin-1 has no letters there; Windows-1252 has, all but at five places.
BETWEEN = re.compile(rb"[\x80-\x9f]")
MISSING = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


def wide_encoding(data: bytes) -> str | None:
    """Return the encoding of text in UTF-16: by its mark, or by the zeros beside plain letters."""
    if data.startswith(b"\xff\xfe\x00\x00"):
        return None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16-le" if data[0] == 0xFF else "utf-16-be"
    n_low, n_high = data[1::2].count(0), data[0::2].count(0)
    most = len(data) // 2 * 0.7
    if n_low > most and n_high == 0:
        return "utf-16-le"
    return "utf-16-be" if n_high > most and n_low == 0 else None


def is_utf_8(blocks: Iterable[bytes], *, is_cut: bool = False) -> bool:
    """Whether all of a text is UTF-8; where it is cut, its last letter need not be whole."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in blocks:
            decoder.decode(block)
        decoder.decode(b"", final=not is_cut)
    except UnicodeDecodeError:
        return False
    return True


def narrow_encoding(blocks: Iterable[bytes], where: str) -> str:
    """Return the encoding of a text that is neither UTF-16 nor UTF-8 all over, as a guess.

    Raises:
        LogError: its bytes are the letters of no text.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    n_bytes = n_bad = n_letters = n_between = n_missing = 0
    for block in blocks:
        n_bytes += len(block)
        n_bad += decoder.decode(block).count("\ufffd")
        n_letters += len(LETTERS.findall(block))
        n_between += len(BETWEEN.findall(block))
        n_missing += len(MISSING.findall(block))
    if n_bad * 10 < n_letters:
        # A few damaged letters: their lines will be rejected, and the others stay right.
        return "utf-8"
    if n_between > n_bytes // 10:
        raise LogError(
            "the file is neither UTF-8 nor Latin-1 text",
            where=where,
            fix="Save it as UTF-8.",
            is_unreadable=True,
        )
    return "cp1252" if n_between and not n_missing else "latin-1"


def whole_encoding(file: Path, packing: str, encoding: str) -> str:
    """Return the encoding of a whole file, whose first letters may all be plain ones.

    Args:
        file: The file.
        packing: How it is packed.
        encoding: What its head tells.

    Raises:
        LogError: the packed file is damaged or a trap, or its bytes are the letters of no text.

    Cost: one pass over the file's unpacked bytes; two where it is not UTF-8.
    """
    if encoding.startswith("utf-16"):
        return encoding
    if is_utf_8(unpacked_blocks(file, packing)):
        return "utf-8"
    return narrow_encoding(unpacked_blocks(file, packing), file.name)
