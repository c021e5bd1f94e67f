"""JSON-lines journals, which survive a cut at any byte."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bert4rec.files import make_folder


class Journal:
    """A JSON-lines file with one writer, read by byte offset, readable after a cut at any byte."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, event: dict[str, Any]) -> None:
        """Append one event as one line and hand it to the operating system.

        A line that a crash left without an end is closed first, so that it cannot swallow this one.
        """
        line = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        make_folder(self.path.parent)
        with self.path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(line.encode() + b"\n")

    def read(
        self, offset: int = 0, *, only: Sequence[str] = (), at_most: int = -1
    ) -> tuple[list[dict[str, Any]], int]:
        """Read the whole lines that start at byte `offset`.

        Args:
            offset: Where to start.
            only: Kinds of events; the lines of others are passed over unread, which is faster.
            at_most: Bytes to read, more than the longest line has; -1 means all there are.

        Returns:
            The events and the offset to go on from. Lines that a cut left broken are passed over.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                data = file.read(at_most)
        except FileNotFoundError:
            return [], 0
        end = data.rfind(b"\n") + 1
        if only:
            kinds = "|".join(map(re.escape, only)).encode()
            # A search for the sign itself is ten times as fast as one for the start of a line.
            lines = re.findall(rb'\{"event":"(?:%b)"[^\n]*' % kinds, data[:end])
        else:
            lines = data[:end].splitlines()
        events = [event for line in lines if (event := _parse_event(line))]
        return events, offset + end


def _parse_event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
