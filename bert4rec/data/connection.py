"""A DuckDB of one's own: SELECTs with their parameters, and the connection that runs them."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from bert4rec.files import temporary_folder_beside
from bert4rec.stages import Watch, told_meanwhile

Found = TypeVar("Found")
LEAST_MEMORY_BYTES = 400 << 20
TMP = "tmp"
ROWS_STREAMED = 1_000_000
# What the reader may have ready while the rows before are being looked at.
STREAM_BUFFER = "64MB"
# A name or a text in SQL, in which `$` means nothing, or a parameter.
PARAMETER = re.compile(r"""\"(?:[^"]|"")*"|'(?:[^']|'')*'|\$(\w+)""")


@dataclass(frozen=True)
class Scan:
    """A SELECT over files, with its parameters."""

    sql: str
    parameters: dict[str, Any] = field(default_factory=dict)

    def literal(self) -> str:
        """Return the SELECT with its parameters written out."""

        def written(found: re.Match[str]) -> str:
            name = found.group(1)
            return found.group() if name is None else _written(self.parameters[name])

        return PARAMETER.sub(written, self.sql)


def _written(value: Any) -> str:
    """Return a value as SQL."""
    if isinstance(value, list):
        return f"[{', '.join(_written(part) for part in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_written(key)}: {_written(at)}' for key, at in value.items())}}}"
    if isinstance(value, (bool, int)):
        return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """Return a column name quoted for SQL; names come from files and are never trusted."""
    return '"' + name.replace('"', '""') + '"'


class Connection:
    """An in-memory DuckDB of one owner that cleans up behind itself.

    Args:
        workspace: What does not fit the memory goes to its `tmp` folder; to the system's if None.
        n_threads: Threads of the reader; up to eight of the machine's if None.
        memory_bytes: What may stay in memory before it spills; half of the machine's if None.
    """

    def __init__(
        self,
        workspace: Path | None = None,
        n_threads: int | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        # DuckDB makes this folder itself, but not those above it.
        self._held = ExitStack()
        self.spill_folder = self._held.enter_context(_spill_folder(workspace))
        self.duckdb = duckdb.connect(
            ":memory:",
            config={
                "temp_directory": str(self.spill_folder),
                "threads": str(n_threads or min(os.cpu_count() or 1, 8)),
                "preserve_insertion_order": "true",
                # Nothing is fetched from the network, whatever a query asks for.
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        limit = "50%" if memory_bytes is None else f"{max(memory_bytes, LEAST_MEMORY_BYTES)}B"
        self.duckdb.execute(
            f"SET memory_limit = '{limit}'; SET TimeZone = 'UTC';"
            f" SET streaming_buffer_size = '{STREAM_BUFFER}';"
            # Without the bar it would not count how far a statement is.
            " SET enable_progress_bar = true; SET enable_progress_bar_print = false"
        )
        # It would make the reader reject lines whose text is not of the type that is tried.
        for (name,) in self.rows(
            "SELECT name FROM duckdb_optimizers() WHERE name = 'type_pushdown'"
        ):
            self.run(f"SET disabled_optimizers = '{name}'")

    def run(self, sql: str, parameters: dict[str, Any] | None = None) -> None:
        """Run a statement whose result nobody needs."""
        self.duckdb.execute(sql, parameters or {})

    def rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        return self.duckdb.execute(sql, parameters or {}).fetchall()

    def row(self, sql: str, parameters: dict[str, Any] | None = None) -> tuple[Any, ...]:
        """Return the only row of a query."""
        return self.rows(sql, parameters)[0]

    def types(self, scan: Scan) -> dict[str, str]:
        """Return the SQL type of each column of a SELECT."""
        found = self.rows(f"DESCRIBE {scan.sql}", scan.parameters)
        return {str(row[0]): str(row[1]) for row in found}

    def stream(self, scan: Scan) -> pa.RecordBatchReader:
        """Return the rows of a SELECT in order, `ROWS_STREAMED` at a time, while it goes on.

        Nothing else may be asked of the connection before the last of them has come.
        """
        # A statement with parameters would be carried out to its end, and its rows held, first.
        return self.duckdb.sql(scan.literal()).to_arrow_reader(ROWS_STREAMED)

    def told(self, compute: Callable[[], Found], watch: Watch, doing: str) -> Found:
        """Return what is computed by statements, while somebody is told how far each one is.

        Args:
            compute: Carries the statements out, in a thread of its own.
            watch: Told now and then. What it raises, or Ctrl+C, ends the statements and is raised
                here.
            doing: What they are for.
        """

        def tell() -> None:
            percent = self.duckdb.query_progress()
            # Nothing is under way between two statements, or it cannot tell.
            if percent >= 0:
                watch(doing, min(percent / 100, 1.0))

        watch(doing, 0.0)
        return told_meanwhile(compute, tell, self.duckdb.interrupt)

    def close(self) -> None:
        """Close the database and remove what it spilled; the folder above is others' too."""
        self.duckdb.close()
        self._held.close()


@contextmanager
def _spill_folder(workspace: Path | None) -> Iterator[Path]:
    if workspace is None:
        with tempfile.TemporaryDirectory(prefix="bert4rec-", ignore_cleanup_errors=True) as name:
            yield Path(name)
        return
    with temporary_folder_beside(workspace / TMP / "duckdb") as folder:
        yield folder
