"""Lines of a file: where the rows stand that could not be used, and how they are written."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bert4rec.data.layout import Layout

# What blank lines of JSON Lines and of sequences may hold.
SPACES = " \t\r\n"


@dataclass(frozen=True)
class Places:
    """Line numbers, beside what was asked for, and the rows as they stand in the file."""

    of_entries: list[int]
    of_rows: list[int]
    texts: list[str]


def find_lines(
    lines: Iterable[str], layout: Layout, entries: Sequence[int], rows: Sequence[int]
) -> Places:
    """Return the numbers of the lines in which entries and rows start, and the rows' text.

    An entry is what the reader counts: a blank line, or a record with however many line ends its
    quotes hold. A row is an entry that could be cut, neither blank nor the header.

    Args:
        lines: All lines of the file, with their ends.
        layout: How they were read.
        entries: Numbers from 1 of the entries that could not be cut, ascending.
        rows: Numbers from 1 of the rows that are looked for.

    Cost: the file up to the last line that is looked for.
    """
    asked_entries, asked_rows = set(entries), set(rows)
    of_entry: dict[int, int] = {}
    of_row: dict[int, int] = {}
    texts: dict[int, str] = {}
    n_before = layout.n_lines_before
    n_rows = -1 if layout.has_header else 0
    for entry, (line, text, is_blank) in enumerate(_entries(iter(lines), layout), start=1):
        if entry in asked_entries:
            of_entry[entry] = line
        elif entry > n_before and not is_blank:
            n_rows += 1
            if n_rows in asked_rows:
                of_row[n_rows], texts[n_rows] = line, text
        if len(of_entry) + len(of_row) == len(asked_entries) + len(asked_rows):
            break
    return Places(
        [of_entry.get(n, n) for n in entries],
        [of_row.get(n, n) for n in rows],
        [texts.get(n, "") for n in rows],
    )


def _entries(lines: Iterator[str], layout: Layout) -> Iterator[tuple[int, str, bool]]:
    """Yield the number of each entry's first line, its text, and whether it is blank."""
    if layout.form == "jsonl" or not layout.quote:
        blank = SPACES if layout.form == "jsonl" else "\r\n"
        for number, line in enumerate(lines, start=1):
            yield number, line, not line.strip(blank)
        return
    text: list[str] = []

    def noted() -> Iterator[str]:
        for line in lines:
            text.append(line)
            yield line

    n_done, is_whole = 0, False
    while not is_whole:
        reader = csv.reader(noted(), delimiter=layout.delimiter, quotechar=layout.quote)
        first = n_done + 1
        try:
            for fields in reader:
                yield first, "".join(text), not fields
                text.clear()
                first = n_done + reader.line_num + 1
            is_whole = True
        except csv.Error:
            # The field is longer than this reader takes; the next line is a new entry.
            yield first, "".join(text), False
            text.clear()
            n_done += reader.line_num
