"""Which of many names look like one that is not among them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import duckdb
import pyarrow as pa

N_NAMED = 3
# What is looked at closely; among more names these are the likeliest by a measure that is quick.
N_LIKELY = 500
MANY = 20_000
# A ratio of `difflib`, of letters that stand in the same order in both.
LEAST_RATIO = 0.6


def near_names(text: str, names: Sequence[str]) -> list[str]:
    """Return up to three names that look like `text` whatever their case, the likest first.

    Cost: 2 s for two million names, where a close look at each would take 30.
    """
    folded = {name.casefold(): name for name in names}
    likely, wanted = list(folded), text.casefold()
    if len(likely) > MANY:
        likely = _likely(wanted, likely)
    close = difflib.get_close_matches(wanted, likely, n=N_NAMED, cutoff=LEAST_RATIO)
    return [folded[name] for name in close]


def _likely(text: str, names: list[str]) -> list[str]:
    """Return the names nearest by Jaro's similarity.

    Source: Jaro 1989, "Advances in record-linkage methodology".
    """
    table = pa.table({"name": pa.array(names, pa.large_string())})
    with duckdb.connect() as connection:
        connection.register("names", table)
        found = connection.execute(
            "SELECT name FROM names ORDER BY jaro_similarity(name, $text) DESC, name LIMIT $n",
            {"text": text, "n": N_LIKELY},
        )
        return [name for (name,) in found.fetchall()]
