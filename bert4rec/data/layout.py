"""The layout of a log file: its form, and how its lines become rows of columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bert4rec.data.column_types import is_list_type
from bert4rec.data.roles import Column, dtype_of
from bert4rec.errors import LogError

JSON_FORMS = ("jsonl", "json")
# Forms of which a line holds a whole history, or a part of one.
LINE_FORMS = ("sequences", "sessions", "triples")
FORMS = ("csv", "tsv", "parquet", *JSON_FORMS, "movielens", "recbole", "pairs", *LINE_FORMS)
MOST_COLUMNS = 10_000
# Values of a column by which its type and role are told.
N_EXAMPLES = 200


@dataclass(frozen=True)
class Layout:
    """How the lines of a file become rows of columns.

    Args:
        form: One of `FORMS`.
        reason: The sign by which the form was told.
        columns: Names of the columns, in the order of the file.
        rows: The first rows, as text; empty for Parquet.
        delimiter: What parts the fields of a line.
        quote: The quote character, or an empty string where quotes mean nothing.
        has_header: Whether the first line names the columns.
        dtypes: Types of the columns in words, where the file states them (Parquet).
        sql_types: The same in SQL.
        n_lines_before: How many lines come before the header: blank ones, and `sep=;`.
        paths: For each column of JSON, in which of the nested records it lies and its pointer.
        is_list: Whether a JSON document is a list of records, not one record.
        lists: Pointers to the lists whose elements are the nested records, from the outside in.
        token_lists: Columns that the file states to be lists parted by spaces (RecBole).
        partitions: Names of the last columns, where the folders of the file give them.
    """

    form: str
    reason: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()
    delimiter: str = ","
    quote: str = '"'
    has_header: bool = True
    dtypes: tuple[str, ...] = ()
    sql_types: tuple[str, ...] = ()
    n_lines_before: int = 0
    paths: tuple[tuple[int, str], ...] = ()
    is_list: bool = False
    lists: tuple[str, ...] = ()
    token_lists: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()

    def described(self) -> list[Column]:
        """Return the columns with type and examples."""
        columns = []
        for place, name in enumerate(self.columns):
            values = [row[place] for row in self.rows[:N_EXAMPLES]]
            dtype = self.dtypes[place] if self.dtypes else dtype_of(values)
            columns.append(Column(name, dtype, tuple(values)))
        return columns

    def holds_lists(self, name: str) -> bool:
        """Whether the file states that each cell of a column holds several values."""
        return bool(self.sql_types) and is_list_type(self.sql_types[self.columns.index(name)])

    @property
    def own_columns(self) -> tuple[str, ...]:
        """Names of the columns that the file has itself."""
        return self.columns[: len(self.columns) - len(self.partitions)]

    @property
    def signature(self) -> tuple[str, ...]:
        """What files must share to be read together."""
        if self.form in JSON_FORMS:
            # Records need not all have the same keys.
            return (self.form, *self.lists, *self.partitions)
        header = f"{self.has_header} after {self.n_lines_before}"
        return (self.form, self.delimiter, header, *self.columns, *self.partitions)


def check_form(form: str | None) -> None:
    """Check that `form` is one of `FORMS` or None."""
    if form is not None and form not in FORMS:
        raise LogError(f"there is no form {form!r}", fix=f"Use one of {', '.join(FORMS)}.")


def numbered(n: int) -> tuple[str, ...]:
    """Return names for columns without a header: column1, column2, ..."""
    return tuple(f"column{place}" for place in range(1, n + 1))


def check_columns(columns: Sequence[str], where: str, noun: str = "column") -> None:
    """Check that there are at least two columns, each with a name of its own.

    Raises:
        LogError: there are not, or more than any log has.
    """
    if len(columns) > MOST_COLUMNS:
        raise LogError(
            f"it has {len(columns):,} {noun}s",
            where=where,
            fix=f"Keep user, item and time; at most {MOST_COLUMNS:,} {noun}s are read.",
        )
    if len(columns) < 2:
        found = f"one {noun}, {columns[0]!r}" if columns else f"no {noun}s"
        raise LogError(
            f"it has {found}",
            where=where,
            fix="Two are needed at least, such as user and item; check the delimiter.",
        )
    check_names(columns, f"{where}, line 1", noun)


def check_names(columns: Sequence[str], where: str, noun: str = "column") -> None:
    """Check that no two columns have the same name but for case.

    Raises:
        LogError: two have.
    """
    counts = Counter(name.casefold() for name in columns)
    twice = [name for name in dict.fromkeys(columns) if counts[name.casefold()] > 1]
    if twice:
        raise LogError(
            f"the {noun} {twice[0]!r} is there more than once",
            where=where,
            fix=f"Give each {noun} a name of its own (case does not count).",
            columns=list(columns),
        )
