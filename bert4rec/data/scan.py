"""DuckDB as the reader: a connection of one's own, and files as tables of text."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from bert4rec.data.forms import Layout
from bert4rec.files import temporary_beside, writing_explained

# A line that is not one field by quotes or delimiters, so that it arrives whole.
WHOLE_LINE = {"columns": {"line": "VARCHAR"}, "delim": "", "quote": "", "escape": ""}
MAX_LINE_BYTES = 16 << 20
TMP = "tmp"


@dataclass(frozen=True)
class Scan:
    """A SELECT over files, with its parameters."""

    sql: str
    parameters: dict[str, Any] = field(default_factory=dict)


def quote_name(name: str) -> str:
    """Return a column name quoted for SQL; names come from files and are never trusted."""
    return '"' + name.replace('"', '""') + '"'


class Connection:
    """An in-memory DuckDB of one owner that cleans up behind itself.

    Args:
        workspace: What does not fit the memory goes to its `tmp` folder; to the system's if None.
        n_threads: Threads of the reader; up to eight of the machine's if None.
    """

    def __init__(self, workspace: Path | None = None, n_threads: int | None = None) -> None:
        # DuckDB makes this folder itself, but not those above it.
        self.spill_folder = _spill_folder(workspace)
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
        self.duckdb.execute("SET memory_limit = '50%'; SET TimeZone = 'UTC'")

    def run(self, sql: str, parameters: dict[str, Any] | None = None) -> None:
        """Run a statement whose result nobody needs."""
        self.duckdb.execute(sql, parameters or {})

    def rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        return self.duckdb.execute(sql, parameters or {}).fetchall()

    def row(self, sql: str, parameters: dict[str, Any] | None = None) -> tuple[Any, ...]:
        """Return the only row of a query."""
        return self.rows(sql, parameters)[0]

    def close(self) -> None:
        """Close the database and remove what it spilled."""
        self.duckdb.close()
        shutil.rmtree(self.spill_folder, ignore_errors=True)
        if self.spill_folder.parent.name == TMP:
            with suppress(OSError):
                self.spill_folder.parent.rmdir()


def _spill_folder(workspace: Path | None) -> Path:
    if workspace is None:
        return Path(tempfile.mkdtemp(prefix="bert4rec-"))
    folder = temporary_beside(workspace / TMP / "duckdb")
    with writing_explained(workspace):
        folder.mkdir(parents=True)
    return folder


def scan_files(
    files: Sequence[Path], layout: Layout, compression: str = "none", encoding: str = "utf-8"
) -> Scan:
    """Return a SELECT of all columns of the files, as text except for Parquet, in file order.

    JSON Lines and sequences arrive as one column `line`.
    """
    paths = [_literal(file) for file in files]
    if layout.form == "parquet":
        sql = "SELECT * FROM read_parquet($files, hive_partitioning=false)"
        return Scan(sql, {"files": paths})
    options: dict[str, Any] = {"compression": compression, "encoding": encoding}
    if layout.form in ("jsonl", "sequences"):
        options |= WHOLE_LINE | {"header": False}
    else:
        options |= {
            "columns": dict.fromkeys(layout.columns, "VARCHAR"),
            "delim": layout.delimiter,
            "quote": layout.quote,
            "escape": layout.quote,
            "header": layout.has_header,
            "skip": layout.n_blank_lines,
        }
    return Scan(_read_csv_sql(options), {"files": paths} | options)


def _read_csv_sql(options: dict[str, Any]) -> str:
    named = ", ".join(f"{name}=${name}" for name in options)
    return (
        f"SELECT * FROM read_csv($files, {named}, auto_detect=false, store_rejects=true,"
        f" rejects_limit=0, max_line_size={MAX_LINE_BYTES}, hive_partitioning=false)"
    )


def _literal(path: Path) -> str:
    # DuckDB takes [, * and ? in a path for a glob.
    text = str(path.resolve())
    return "".join(f"[{sign}]" if sign in "[*?" else sign for sign in text)
