"""The kinds of events that a log holds, to choose from before it is prepared."""

from __future__ import annotations

from pathlib import Path

from bert4rec.data.connection import Connection, quote_name
from bert4rec.data.ingest import plain_errors
from bert4rec.data.source import looked_through, open_source, scan_source
from bert4rec.errors import LogError

# More would be no kinds of events, and no box that a person looks through.
MOST_EVENTS = 200


def count_events(
    path: str | Path, column: str, *, form: str | None = None, workspace: Path | None = None
) -> list[tuple[str, int]]:
    """Return the different values of a column with how many rows have each, most frequent first.

    Args:
        path: The log.
        column: The column of events.
        form: The form of the file; told from its first lines if omitted.
        workspace: DuckDB spills to its `tmp` folder.

    Raises:
        LogError: the log cannot be read, or the column has more than `MOST_EVENTS` values.

    Cost: reads the whole log once.
    """
    source = looked_through(open_source(path, form=form))
    if column not in source.layout.columns:
        raise LogError(
            f"there is no column {column!r} for the event",
            where=source.name,
            fix="Choose another column for the event, or none.",
        )
    connection = Connection(workspace)
    try:
        with plain_errors(source):
            scan = scan_source(source, connection.spill_folder)
            event = f"nullif(trim({quote_name(column)}::VARCHAR), '')"
            # Beside the columns of the log, a name of ours could be that of one of them.
            events = f"SELECT {event} AS event FROM ({scan.sql})"
            found = connection.rows(
                f"SELECT event, count(*) AS n FROM ({events}) WHERE event IS NOT NULL"
                f" GROUP BY event ORDER BY n DESC, event LIMIT {MOST_EVENTS + 1}",
                scan.parameters,
            )
    finally:
        connection.close()
    if len(found) > MOST_EVENTS:
        raise LogError(
            f"the column {column!r} has more than {MOST_EVENTS} different values",
            where=source.name,
            fix="Choose a column that tells kinds of events apart, or none.",
        )
    return [(str(name), int(n)) for name, n in found]
