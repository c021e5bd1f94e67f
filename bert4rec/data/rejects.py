"""Lines of a source that are of no use: how many there are, which, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from bert4rec.data.connection import Connection, Scan
from bert4rec.data.heads import open_lines
from bert4rec.data.layout import LINE_FORMS
from bert4rec.data.lines import find_lines
from bert4rec.data.source import Source, scan_source

N_REJECTS_KEPT = 100
N_CHARACTERS_KEPT = 200

# Forms whose rows are no lines of the file.
UNNUMBERED = ("parquet", "json", *LINE_FORMS)


@dataclass(frozen=True)
class Reject:
    """A line that was not read: its number, why, and its text.

    `line` is the number in the file; where several files are read and the line could be cut into
    columns, it counts the rows over all files and `file` is empty.
    """

    line: int
    reason: str
    text: str
    file: str = ""


def usual_reason(reasons: Mapping[str, int]) -> str:
    """Return the reason that most were rejected for, empty where none is known.

    Example:
        >>> usual_reason({"no item id": 2, "no readable time": 7})
        'no readable time'
    """
    return max(reasons, key=lambda reason: reasons[reason], default="")


def fill_raw(
    connection: Connection,
    source: Source,
    scan: Scan,
    shaped: Callable[[Scan], Scan],
) -> Source:
    """Fill the table `raw` with the rows of a source, if need be with quotes as letters.

    Args:
        connection: Gets the table.
        source: What is read.
        scan: All columns of it.
        shaped: Makes the columns of the table from those of a scan.

    Returns:
        The source with the layout by which it was read in the end.
    """
    table = shaped(scan)
    connection.run(f"CREATE TABLE raw AS {table.sql}", table.parameters)
    if has_open_quote(connection, source):
        return _without_quotes(connection, source, shaped)
    return source


def has_open_quote(connection: Connection, source: Source) -> bool:
    """Whether a reading met a quote that is never closed, or closed too early."""
    if not source.layout.quote or not has_reject_table(source):
        return False
    sql = "SELECT count(*) > 0 FROM reject_errors WHERE error_type = 'UNQUOTED VALUE'"
    return bool(connection.row(sql)[0])


def _without_quotes(
    connection: Connection,
    source: Source,
    shaped: Callable[[Scan], Scan],
) -> Source:
    """Read again with quotes as letters, and keep the reading that has more rows.

    A quote that is never closed swallows all lines after it, and they would go uncounted. Quotes
    around a whole field are taken off; a quoted delimiter costs its line, which is counted.

    Returns:
        The source with the layout of that reading.
    """
    (first_scan,) = connection.row("SELECT max(scan_id) FROM reject_errors")
    plain = replace(source, layout=replace(source.layout, quote=""))
    table = shaped(scan_source(plain, connection.spill_folder / "plain"))
    connection.run(f"CREATE TABLE plain AS {table.sql}", table.parameters)
    (is_better,) = connection.row(
        "SELECT (SELECT count(*) FROM plain) > (SELECT count(*) FROM raw)"
    )
    connection.run(f"DROP TABLE {'raw' if is_better else 'plain'}")
    if is_better:
        connection.run("ALTER TABLE plain RENAME TO raw")
    stale = "<=" if is_better else ">"
    connection.run(f"DELETE FROM reject_errors WHERE scan_id {stale} $scan", {"scan": first_scan})
    return plain if is_better else source


def has_reject_table(source: Source) -> bool:
    """Whether the reader keeps a table of the lines of a source that it could not cut."""
    return source.frame is None and source.layout.form not in ("parquet", "json")


def count_uncut(connection: Connection, source: Source) -> Counter[str]:
    """Return how many lines could not be cut into columns, for each reason."""
    if not has_reject_table(source):
        return Counter()
    # A reject can hold several lines where a quote was not closed.
    found = connection.rows(
        "SELECT reason, sum(n) FROM (SELECT lower(any_value(error_type)) AS reason,"
        " max(len(string_split(rtrim(ltrim(csv_line, chr(13) || chr(10)), chr(13) || chr(10)),"
        " chr(10)))) AS n FROM reject_errors GROUP BY file_id, line) GROUP BY reason"
    )
    return Counter({str(reason): int(n) for reason, n in found})


def first_rejects(
    connection: Connection, source: Source, refused: Iterable[tuple[int, str, str]]
) -> tuple[Reject, ...]:
    """Return the first lines that could not be cut or were refused, as they stand in the file.

    Args:
        connection: Has read the source.
        source: The source with the layout by which it was read.
        refused: Rows that could be cut: number from 1, why they are of no use, and text.
    """
    return _placed(_uncut_lines(connection, source), [Reject(*row) for row in refused], source)


def _uncut_lines(connection: Connection, source: Source) -> list[Reject]:
    if not has_reject_table(source):
        return []
    found = connection.rows(
        "SELECT line, lower(any_value(error_type)), any_value(left(csv_line, $n)), file_id"
        " FROM reject_errors GROUP BY file_id, line ORDER BY file_id, line LIMIT $limit",
        {"n": N_CHARACTERS_KEPT, "limit": N_REJECTS_KEPT},
    )
    names = [file.name for file in source.files]
    return [
        Reject(int(line), str(reason), str(text or "").strip(), names[int(file)])
        for line, reason, text, file in found
    ]


def _placed(uncut: list[Reject], refused: list[Reject], source: Source) -> tuple[Reject, ...]:
    """Return the first rejects with their lines, which DuckDB and the table count otherwise.

    Refused rows have the text of their lines then, in place of what was made of it.
    """
    is_counted = len(source.files) == 1 and source.layout.form not in UNNUMBERED
    if is_counted and (uncut or refused):
        file, layout = source.files[0], source.layout
        with open_lines(file, source.packings[0], source.encodings[0]) as lines:
            found = find_lines(lines, layout, [r.line for r in uncut], [r.line for r in refused])
        uncut = [replace(r, line=line) for r, line in zip(uncut, found.of_entries, strict=True)]
        refused = [
            replace(r, line=line, file=file.name, text=_written(text) or r.text)
            for r, line, text in zip(refused, found.of_rows, found.texts, strict=True)
        ]
    return tuple(sorted([*uncut, *refused], key=lambda reject: reject.line)[:N_REJECTS_KEPT])


def _written(text: str) -> str:
    return text.strip("\r\n")[:N_CHARACTERS_KEPT]
