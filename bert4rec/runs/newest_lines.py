"""The newest lines of a log, however long it is."""

from __future__ import annotations

import os
from pathlib import Path

from bert4rec.plain_text import printable

# Enough for the newest lines, unless one of them is absurd.
TAIL_BYTES = 16_384


def newest_lines(path: Path, n_lines: int) -> list[str]:
    """Return the last lines of a text, oldest first; none where there is no file.

    Bytes that are no text, and signs that no screen shows, come as a question mark in a box.
    """
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES)
            file.seek(start)
            text = file.read(TAIL_BYTES).decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    lines = text.splitlines()
    # The first line is a part of one, unless the tail is the whole log.
    return [printable(line.expandtabs(4)) for line in lines[1 if start else 0 :][-n_lines:]]
