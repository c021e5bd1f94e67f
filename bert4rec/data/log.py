"""The interaction log: who met what when, read from files with every bad line counted."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import psutil

from bert4rec.data.connection import Connection
from bert4rec.data.ingest import Ingested, hash_source, ingest
from bert4rec.data.item_table import read_items
from bert4rec.data.layout import FORMS, Layout
from bert4rec.data.rejects import Reject
from bert4rec.data.roles import (
    Column,
    RoleGuess,
    Roles,
    check_roles,
    confirm_roles,
    guess_roles,
    refuse_lists,
)
from bert4rec.data.row_order import OrderedRows, order_rows
from bert4rec.data.source import (
    Source,
    holds_lists,
    looked_through,
    open_source,
    refuse_changed,
)
from bert4rec.data.staged_rows import StagedRows
from bert4rec.files import find_workspace, writing_explained
from bert4rec.stages import Watch, tell_nobody, within

__all__ = [
    "FORMS",
    "Column",
    "InteractionLog",
    "LogPreview",
    "Reject",
    "RoleGuess",
    "Roles",
    "preview_log",
    "read_items",
    "read_log",
]

N_PREVIEW_ROWS = 20
MOST_MEMORY_BYTES = 4 << 30
# Share of a reading that is done once the files have been looked through.
LOOKED_SHARE = 0.1


@dataclass(frozen=True)
class LogPreview:
    """What the first lines of a log tell, for a person to confirm.

    Args:
        path: What was asked for.
        form: One of `FORMS`.
        form_reason: The sign by which the form was told.
        columns: The columns with type and examples.
        rows: The first rows, all text.
        guesses: For each of `ROLE_NAMES`, the column taken and why.
        size_bytes: Size of the file or files on disk.
        files: Names of the files that are read together; none of a frame.
        passed_over: Names of the other files of the folder, which are no part of the log.
        encoding: That of the first lines in words, and whether it is a guess; empty for Parquet
            and frames.
        layout: How the lines become columns, with the first few hundred of them.
    """

    path: str
    form: str
    form_reason: str
    columns: tuple[Column, ...]
    rows: pd.DataFrame
    guesses: dict[str, RoleGuess]
    size_bytes: int
    layout: Layout
    files: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    encoding: str = ""

    def roles(self) -> Roles:
        """Return the guessed roles.

        Raises:
            LogError: user, item or time is not certain.
        """
        return confirm_roles(self.guesses, self.columns, Path(self.path).name)


def preview_log(
    path: str | Path, *, form: str | None = None, max_bytes: int | None = None
) -> LogPreview:
    """Read the head of a log and guess its form and roles.

    Raises:
        LogError: it is no log, or larger than `max_bytes`.

    Cost: the first megabyte of the file, whatever its size.
    """
    return preview_source(open_source(path, form=form, max_bytes=max_bytes), path)


def preview_source(source: Source, path: str | Path) -> LogPreview:
    """Describe an opened source."""
    layout = source.layout
    columns = layout.described()
    rows = pd.DataFrame(
        [list(row) for row in layout.rows[:N_PREVIEW_ROWS]],
        columns=list(layout.columns),
        dtype="str",
    )
    return LogPreview(
        path=str(path),
        form=source.layout.form,
        form_reason=source.layout.reason,
        columns=tuple(columns),
        rows=rows,
        guesses=guess_roles(columns),
        size_bytes=source.size_bytes,
        files=source.file_names,
        passed_over=source.passed_over,
        encoding=source.encoding_words,
        layout=layout,
    )


class InteractionLog:
    """A log that was read; its rows lie on disk until it is closed.

    Close it, or use it in a `with` block.

    Args:
        connection: Owns the folder of the rows.
        source: Where it came from.
        source_hash: Hash of the content, equal for equal files.
        roles: The columns that were taken.
        found: What reading found: rows, counts, rejected ones, what the times were taken for.
    """

    def __init__(
        self,
        connection: Connection,
        source: Source,
        source_hash: str,
        roles: Roles,
        found: Ingested,
    ) -> None:
        self.connection = connection
        self.source = source
        self.source_hash = source_hash
        self.roles = roles
        self.rows: StagedRows = found.rows
        self.n_rows_read = found.n_rows_read
        self.n_rejected = found.n_rejected
        self.reject_reasons = found.reject_reasons
        self.rejects: tuple[Reject, ...] = found.rejects
        self.time_reason = found.time_reason
        self.other_order = found.other_order
        self._orders: dict[bytes, OrderedRows] = {}

    @property
    def source_name(self) -> str:
        """Name of the file, folder or frame."""
        return self.source.name

    @property
    def form(self) -> str:
        """The form that was read, one of `FORMS` or `frame`."""
        return self.source.layout.form

    @property
    def has_times(self) -> bool:
        """Whether the interactions have times; else file order is the order."""
        return self.roles.time is not None

    def ordered(
        self,
        is_wanted: np.ndarray | None,
        *,
        drop_duplicates: bool,
        watch: Watch = tell_nobody,
    ) -> OrderedRows:
        """Return the rows by user and time; the columns of those before are removed.

        Args:
            is_wanted: Which rows to take, bool of shape (n_rows,); all if None.
            drop_duplicates: Leave out a row whose user, item and time an earlier one has.
            watch: Told how far it has come.

        Raises:
            UnwritableError: the disk is full.
        """
        mask = b"" if is_wanted is None else np.packbits(is_wanted).tobytes()
        key = hashlib.blake2b(mask, digest_size=16, person=b"%d" % drop_duplicates).digest()
        if key not in self._orders:
            for old in self._orders.values():
                shutil.rmtree(old.folder)
            self._orders.clear()
            folder = self.rows.folder.with_name(f"ordered-{secrets.token_hex(4)}")
            with writing_explained(folder):
                self._orders[key] = order_rows(
                    self.rows,
                    folder,
                    is_wanted=is_wanted,
                    drop_duplicates=drop_duplicates,
                    watch=watch,
                )
        return self._orders[key]

    def close(self) -> None:
        """Remove the rows and whatever else reading has left on disk."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def read_log(
    path: str | Path,
    roles: Roles | None = None,
    *,
    form: str | None = None,
    max_bytes: int | None = None,
    workspace: str | Path | None = None,
) -> InteractionLog:
    """Read a log; every line that cannot be read is counted with its reason.

    Args:
        path: A file, a folder with files of one form, or a glob.
        roles: The columns to take; guessed if omitted.
        form: One of `FORMS`; told from the first lines if omitted.
        max_bytes: Refuse a log that is larger, unpacked.
        workspace: DuckDB spills to its `tmp` folder.

    Raises:
        LogError: the log cannot be used; says what, where and how to mend it.
    """
    source = open_source(path, form=form, max_bytes=max_bytes)
    roles = resolve_roles(source, roles)
    return read_source(source, roles, workspace=find_workspace(workspace))


def resolve_roles(source: Source, roles: Roles | None) -> Roles:
    """Return `roles` after checking them against the columns, or the guessed ones."""
    if roles is None:
        columns = source.layout.described()
        roles = confirm_roles(guess_roles(columns), columns, source.name)
    else:
        check_roles(roles, source.layout.columns, source.name)
    refuse_lists(roles, partial(holds_lists, source), source.name)
    return roles


def read_source(
    source: Source,
    roles: Roles,
    *,
    source_hash: str | None = None,
    workspace: Path | None = None,
    watch: Watch = tell_nobody,
) -> InteractionLog:
    """Read an opened source with checked roles."""
    watch("looking the files through", 0.0)
    source = looked_through(source)
    # Packed files are looked through to their end here, before anything is made of them.
    source_hash = source_hash or hash_source(source, roles)
    connection = Connection(workspace or find_workspace(), memory_bytes=_memory_for(source))
    try:
        found = ingest(connection, source, roles, watch=within(watch, LOOKED_SHARE, 1.0))
        refuse_changed(source)
    except BaseException:
        connection.close()
        raise
    return InteractionLog(connection, source, source_hash, roles, found)


def _memory_for(source: Source) -> int | None:
    """Return what reading may take: about a log's size, so that it leaves room for a training."""
    if source.frame is not None or source.layout.form == "json":
        return None
    is_packed = source.is_packed or source.layout.form == "parquet"
    wanted = source.size_bytes * (6 if is_packed else 1)
    return min(wanted, MOST_MEMORY_BYTES, psutil.virtual_memory().total // 2)
