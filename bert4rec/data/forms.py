"""Forms of a log file: which one a file has, by which sign, and how its columns are cut."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from operator import itemgetter

from bert4rec.data.heads import Head, may_be_json
from bert4rec.data.json_forms import json_layout
from bert4rec.data.layout import JSON_FORMS, Layout, check_columns, check_form, numbered
from bert4rec.data.line_forms import (
    are_sequences,
    are_triples,
    sequences_layout,
    sessions_layout,
    triples_layout,
)
from bert4rec.data.roles import Column, dtype_of, holds_unix_times, is_known_name
from bert4rec.errors import LogError
from bert4rec.words import counted

DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar", " ": "space", "::": "'::'"}
N_SAMPLE_LINES = 500
# What helps where lines of histories were not told from others.
CHOOSE_LINES = (
    "choose the form that the file has: sequences for a user and items on each line, sessions for"
    " items alone"
)
RECBOLE_FIELD = re.compile(r"([^:]+):(token|token_seq|float|float_seq)")


def detect_layout(head: Head, form: str | None = None, *, of_items: bool = False) -> Layout:
    """Tell the form of a text file from its first lines, or cut them by the form that was named.

    Args:
        head: The first lines.
        form: The form that was named, if one was.
        of_items: Whether it is a table of items, not a log.

    Raises:
        LogError: the lines fit no form, or not the one that was named.
    """
    check_form(form)
    if form in JSON_FORMS or (form is None and may_be_json(head.text)):
        return json_layout(head, form, of_items=of_items)
    told = (n for n, line in enumerate(head.lines) if line.strip() and not _tells_delimiter(line))
    n_before = next(told, 0)
    rest = (line for line in head.lines[n_before:] if line.strip())
    layout = _layout_of(list(islice(rest, N_SAMPLE_LINES)), head.path.name, form)
    return replace(layout, n_lines_before=n_before) if layout.has_header else layout


def _tells_delimiter(line: str) -> bool:
    """Whether a line is for Excel alone, as in `sep=;`."""
    return re.fullmatch(r'"?sep=."?', line.strip(" "), re.IGNORECASE) is not None


def _layout_of(lines: Sequence[str], where: str, form: str | None) -> Layout:
    if form == "recbole" or (form is None and _is_recbole(lines[0])):
        return _recbole_layout(lines, where)
    if form == "triples" or (form is None and are_triples(lines)):
        return triples_layout(lines, where)
    if form == "sequences":
        return sequences_layout(lines, "a user and items on each line, as named")
    if form == "sessions":
        return sessions_layout(lines, "items on each line, as named; each line is a user")
    if form == "pairs":
        return _pairs_layout(lines, where)
    has_names = any(map(is_known_name, lines[0].split("::")))
    if form in (None, "movielens") and "::" in lines[0] and not has_names:
        return _movielens_layout(_cut(lines, "::", ""), "::", "", "fields are separated by '::'")
    return _delimited_layout(lines, where, form)


def _is_recbole(line: str) -> bool:
    return all(RECBOLE_FIELD.fullmatch(field.strip()) for field in line.split("\t"))


def _recbole_layout(lines: Sequence[str], where: str) -> Layout:
    if not _is_recbole(lines[0]):
        raise LogError(
            "the first line is no RecBole header",
            where=f"{where}, line 1",
            fix="Start with tab-separated fields such as user_id:token, item_id:token.",
        )
    fields = [field.strip().split(":") for field in lines[0].split("\t")]
    columns = tuple(name for name, _ in fields)
    check_columns(columns, where)
    rows = _fitting(_cut(lines[1:], "\t", ""), len(columns))
    token_lists = tuple(name for name, kind in fields if kind == "token_seq")
    reason = "the header has fields of the kind name:type"
    return Layout("recbole", reason, columns, rows, "\t", "", token_lists=token_lists)


def _pairs_layout(lines: Sequence[str], where: str) -> Layout:
    for delimiter in (" ", "\t", ","):
        quote = _quote(lines, delimiter)
        rows = _cut(lines, delimiter, quote)
        if sum(len(row) == 2 for row in rows) * 2 > len(rows):
            return _pairs(rows, delimiter, quote, "as named")
    raise LogError(
        "the lines are not pairs of a user and an item",
        where=where,
        fix="Write 'user item' on each line, or choose another form.",
    )


def _pairs(rows: Sequence[tuple[str, ...]], delimiter: str, quote: str, reason: str) -> Layout:
    return Layout("pairs", reason, ("user", "item"), _fitting(rows, 2), delimiter, quote, False)


def _movielens_layout(
    rows: Sequence[tuple[str, ...]], delimiter: str, quote: str, reason: str
) -> Layout:
    width = Counter(len(row) for row in rows).most_common(1)[0][0]
    good = _fitting(rows, width)
    if _is_movielens(good):
        names: tuple[str, ...] = ("user", "item", "rating", "timestamp")
        reason += "; the columns are user, item, rating, Unix time, as in MovieLens"
    else:
        names = numbered(width)
    return Layout("movielens", reason, names, good, delimiter, quote, False)


def _is_movielens(rows: Sequence[tuple[str, ...]]) -> bool:
    if not rows or len(rows[0]) != 4:
        return False
    values = [tuple(row[place] for row in rows) for place in range(4)]
    columns = [Column(str(place), dtype_of(texts), texts) for place, texts in enumerate(values)]
    return columns[2].dtype in ("integer", "number") and holds_unix_times(columns[3])


def _delimited_layout(lines: Sequence[str], where: str, form: str | None) -> Layout:
    delimiter = _delimiter(lines, form)
    if delimiter is None:
        if form is None and are_sequences(lines):
            return sequences_layout(
                lines, "each line is a user and then items, separated by spaces"
            )
        raise _uncut(lines, where, form)
    quote = _quote(lines, delimiter)
    rows = _cut(lines, delimiter, quote)
    has_header = _has_header(rows)
    reason = f"fields are separated by a {DELIMITERS.get(delimiter, repr(delimiter))}"
    if not has_header:
        known = _headerless(rows, delimiter, quote, form, reason)
        if known is not None:
            return known
    if form == "movielens":
        raise LogError(
            "the lines are not user, item, rating, Unix time without a header, as in MovieLens",
            where=where,
            fix="Choose the form csv or tsv, or omit it.",
        )
    names = tuple(name.strip() for name in rows[0]) if has_header else numbered(len(rows[0]))
    names = tuple(name or f"column{place}" for place, name in enumerate(names, start=1))
    check_columns(names, where)
    reason += "; the first line is the header" if has_header else "; there is no header"
    good = _fitting(rows[1:] if has_header else rows, len(names))
    if has_header and len(good) * 2 < len(rows) - 1:
        usual = Counter(len(row) for row in rows[1:]).most_common(1)[0][0]
        raise _uneven(len(rows[0]), usual, where, DELIMITERS.get(delimiter, repr(delimiter)))
    name = "tsv" if delimiter == "\t" else "csv"
    return Layout(name, reason, names, good, delimiter, quote, has_header)


def _headerless(
    rows: Sequence[tuple[str, ...]], delimiter: str, quote: str, form: str | None, reason: str
) -> Layout | None:
    if form in ("csv", "tsv"):
        return None
    if len(rows[0]) == 2 and delimiter in (" ", "\t"):
        sign = f"{reason}, two on a line without a header: user and item, oldest first"
        return _pairs(rows, delimiter, quote, sign)
    if delimiter in ("\t", " ") or form == "movielens":
        layout = _movielens_layout(rows, delimiter, quote, f"{reason} without a header")
        return layout if layout.columns[0] == "user" else None
    return None


def _delimiter(lines: Sequence[str], form: str | None) -> str | None:
    parted = [sign for sign in DELIMITERS if sign != " " or not _n_aligned(lines)]
    candidates = ["\t"] if form == "tsv" else parted
    best, best_share = None, 0.5
    for delimiter in candidates:
        widths = [len(row) for row in _cut(lines, delimiter, '"')]
        share = widths.count(widths[0]) / len(widths) if widths[0] > 1 else 0.0
        if share > best_share + 1e-9:
            best, best_share = delimiter, share
    return best if best or form == "tsv" else _sniffed(lines)


def _n_aligned(lines: Sequence[str]) -> int:
    """Return into how many columns runs of spaces part the lines, as in tables for people; or 0."""
    n_runs = sum("  " in line.strip() for line in lines)
    for parted_by in (" +", " {2,}"):
        widths = [len(re.split(parted_by, line.strip())) for line in lines]
        if widths[0] > 1 and min(n_runs, widths.count(widths[0])) * 2 > len(lines):
            return widths[0]
    return 0


def _sniffed(lines: Sequence[str]) -> str | None:
    # Signs that nobody writes in names, such as ^ or ~ or a control character.
    try:
        delimiter = csv.Sniffer().sniff("\n".join(lines[:50])).delimiter
    except csv.Error:
        return None
    if delimiter.isalnum() or delimiter in " _-.:/'\"":
        return None
    widths = {line.count(delimiter) for line in lines}
    return delimiter if len(widths) == 1 and widths != {0} else None


def _cut(lines: Sequence[str], delimiter: str, quote: str) -> list[tuple[str, ...]]:
    if not quote or len(delimiter) > 1:
        return [tuple(line.split(delimiter)) for line in lines]
    plain = [tuple(line.split(delimiter)) for line in lines]
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        read = [(tuple(row), reader.line_num) for row in reader]
    except csv.Error:
        return plain
    rows = [row for row, _ in read if row]
    if len(rows) * 2 > len(lines):
        return rows
    # Most rows go on in the next line, unless a quote that is never closed takes all further ones.
    n_last = read[-1][1] - (read[-2][1] if len(read) > 1 else 0)
    return rows if n_last * 2 <= len(lines) and _n_uneven(plain) * 2 > len(plain) else plain


def _quote(lines: Sequence[str], delimiter: str) -> str:
    """Return the quote character; fields between tabs mostly have none, whatever they hold."""
    return '"' if delimiter != "\t" or _has_quotes(lines) else ""


def _has_quotes(lines: Sequence[str]) -> bool:
    fields = [field for line in lines for field in line.split("\t")]
    if any(len(field) > 1 and field[0] == field[-1] == '"' for field in fields):
        return True
    # Quotes around the end of a line show only in what they hold together.
    return _n_uneven(_cut(lines, "\t", '"')) < _n_uneven(_cut(lines, "\t", ""))


def _n_uneven(rows: Sequence[tuple[str, ...]]) -> int:
    return sum(len(row) != len(rows[0]) for row in rows)


def _has_header(rows: Sequence[tuple[str, ...]]) -> bool:
    first, rest = rows[0], rows[1:]
    if any(re.fullmatch(r"[+-]?[\d.]+", cell.strip()) for cell in first):
        return False
    if any(is_known_name(cell) for cell in first):
        return True
    for place, cell in enumerate(first):
        kind = dtype_of([row[place] for row in rest if len(row) > place])
        if kind != "text":
            return dtype_of([cell]) == "text"
    seen = {cell for row in rest for cell in row}
    return not seen.intersection(first)


def _fitting(rows: Sequence[tuple[str, ...]], width: int) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row) for row in rows if len(row) == width)


def _are_below_items(lines: Sequence[str]) -> bool:
    """Whether the id of an item stands above its rows, as in `1:` and `1488844,3,2005-09-06`."""
    is_above = [re.fullmatch(r"[^,\t ]+:", line.strip()) is not None for line in lines]
    return is_above[0] and len(lines) > 1 and not is_above[1]


def _uncut(lines: Sequence[str], where: str, form: str | None) -> LogError:
    if _are_below_items(lines):
        return LogError(
            f"the item {lines[0].strip()!r} stands above its rows, as in the Netflix Prize",
            where=where,
            fix="Write the item into each row, such as 1488844,1,3,2005-09-06, below a first line"
            " user_id,item_id,rating,date.",
        )
    n_aligned = _n_aligned(lines)
    if n_aligned:
        return LogError(
            f"runs of spaces part its {n_aligned} columns",
            where=where,
            fix="Part them by one comma or tab; pandas reads such a file with read_fwf.",
        )
    signs = list(DELIMITERS.items())[:4]
    found = []
    for sign, word in [("\t", "tab")] if form == "tsv" else signs:
        first, *others = (len(row) for row in _cut(lines, sign, '"'))
        usual, n = Counter(others).most_common(1)[0] if others else (1, 0)
        if usual > 1 and n * 2 > len(others):
            found.append((first, usual, where, word))
    if found:
        # Decimal commas cut lines evenly, too, but into fewer columns.
        return _uneven(*max(found, key=itemgetter(1)))
    if form != "tsv" and not any(sign in line for sign, _ in signs for line in lines):
        return LogError(
            "it has one column",
            where=where,
            fix="Two are needed at least, such as user and item, parted by a comma or a tab; or "
            f"{CHOOSE_LINES}.",
        )
    present = [word for sign, word in DELIMITERS.items() if sign in lines[0]]
    asked = " by a tab" if form == "tsv" else ""
    there = f"; the first line has a {' and a '.join(present)}" if present else ""
    return LogError(
        f"the lines cannot be cut into the same number of columns{asked}{there}",
        where=where,
        fix=f"Use one delimiter in the whole file, or {CHOOSE_LINES}.",
    )


def _uneven(n_first: int, n_usual: int, where: str, delimiter: str) -> LogError:
    fix = f"Use a {delimiter} in every line, and let the first be the one that names the columns:"
    fix += " delete what stands above it."
    if n_first == n_usual - 1 > 1:
        fix = f"Let the first line name all {n_usual}: numbers of rows need a name, too, and so"
        fix += f" does what follows a {delimiter} at the end of the lines. Or delete what stands"
        fix += " above the line with the names."
    return LogError(
        f"separated by a {delimiter}, the first line has {counted(n_first, 'column')} but most"
        f" others {n_usual}",
        where=where,
        fix=fix,
    )
