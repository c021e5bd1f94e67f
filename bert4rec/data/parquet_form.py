"""Parquet: the columns of a file, of which its end and its folders tell names and types."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bert4rec.data.column_types import dtype_of_type, id_text
from bert4rec.data.connection import Connection, quote_name
from bert4rec.data.layout import N_EXAMPLES, Layout, check_names
from bert4rec.data.scan import scan_parquet
from bert4rec.errors import LogError


def parquet_layout(file: Path) -> Layout:
    """Return the columns of a Parquet file, with their types and first values.

    Raises:
        LogError: the file is damaged, or has a name twice.
    """
    connection = Connection()
    try:
        scan = scan_parquet([file])
        # Of two columns of one name DuckDB gives the second a name that the file does not have.
        check_names(pq.read_schema(file).names, file.name)
        described = connection.rows(f"DESCRIBE {scan.sql}", scan.parameters)
        names = tuple(str(row[0]) for row in described)
        sql_types = tuple(str(row[1]) for row in described)
        casts = ", ".join(map(id_text, map(quote_name, names), sql_types))
        limited = f"SELECT {casts} FROM ({scan.sql}) LIMIT {N_EXAMPLES}"
        rows = connection.rows(limited, scan.parameters)
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise LogError(
            "the Parquet file cannot be read",
            where=file.name,
            fix="Write or download it again.",
            is_unreadable=True,
        ) from error
    finally:
        connection.close()
    texts = tuple(tuple("" if cell is None else str(cell) for cell in row) for row in rows)
    dtypes = tuple(
        dtype_of_type(sql_type, [text[place] for text in texts])
        for place, sql_type in enumerate(sql_types)
    )
    return Layout(
        "parquet", "the file starts with PAR1", names, texts, dtypes=dtypes, sql_types=sql_types
    )
