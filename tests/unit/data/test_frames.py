from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bert4rec.data.frames import frame_source
from bert4rec.data.item_table import read_items
from bert4rec.data.prepare import PrepareSettings, prepare
from bert4rec.data.roles import Roles
from bert4rec.errors import LogError

HALF = "\ud83d"
ROLES = Roles("user", "item", "time", "value", "event")
LOG = {
    "user": [f"u{n % 7}" for n in range(600)],
    "item": [f"i{n % 11}" for n in range(600)],
    "time": [str(n) for n in range(600)],
    "value": ["4.5"] * 600,
    "event": ["play"] * 600,
    "note": ["none"] * 600,
}
ITEMS = {"item": [f"i{n}" for n in range(11)], "title": list("ABCDEFGHIJK"), "genre": ["Folk"] * 11}


def with_a_half(columns: dict[str, list[str]], name: str, row: int) -> pd.DataFrame:
    frame = pd.DataFrame(columns, dtype=object)
    frame.loc[row - 1, name] = f"a{HALF}"
    return frame


def mended(column: pd.Series) -> pd.Series:
    return column.str.encode("utf-16", "surrogatepass").str.decode("utf-16", "replace")


@pytest.mark.parametrize("row", [3, 500])
@pytest.mark.parametrize("name", ["user", "item", "time", "value", "event"])
def test_half_a_sign_in_a_log_is_refused_with_its_place(
    name: str, row: int, workspace: Path
) -> None:
    frame = with_a_half(LOG, name, row)
    frame.loc[0, "note"] = HALF
    settings = PrepareSettings(events=("play",), min_value=1)
    with pytest.raises(LogError, match="half of a pair of surrogates") as caught:
        prepare(frame, roles=ROLES, workspace=workspace, settings=settings)
    assert caught.value.where == f"frame, row {row} of column {name!r}"
    assert "surrogatepass" in str(caught.value.fix)


def test_half_a_sign_where_nobody_reads_it_and_a_pair_that_was_joined_are_no_matter(
    workspace: Path,
) -> None:
    frame = with_a_half(LOG, "note", 3)
    frame["item"] = frame["item"] + HALF + "\ude00"
    frame["item"] = mended(frame["item"])
    made = prepare(frame, roles=ROLES, workspace=workspace)
    assert set(made.vocabulary.item_ids) == {f"i{n}\U0001f600" for n in range(11)}


@pytest.mark.parametrize("name", ITEMS)
def test_half_a_sign_in_an_item_table_is_refused_with_its_place(name: str) -> None:
    with pytest.raises(LogError, match="half of a pair of surrogates") as caught:
        read_items(with_a_half(ITEMS, name, 2))
    assert caught.value.where == f"items, row 2 of column {name!r}"


def test_half_a_sign_in_the_name_of_a_column_is_refused() -> None:
    names = pd.Index(["user", HALF], dtype=object)
    with pytest.raises(LogError, match="half of a pair of surrogates") as caught:
        frame_source(pd.DataFrame([["u", "i"]], columns=names), "frame")
    assert caught.value.where == "frame, the name of column 2"
