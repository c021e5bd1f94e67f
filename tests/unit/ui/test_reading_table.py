from __future__ import annotations

import pandas as pd

from bert4rec.ui.reading_table import Column, count_column, share_column, table_html
from tests.reading import read_table

TABLE = pd.DataFrame(
    {"rank": [1, 1200], "item": ["a <b>b</b>", "\u202eturned"], "share": [0.25, None]}
)
COLUMNS = (count_column("rank", "#"), Column("item", "Item"), share_column("share", "Share"))


def test_cells_are_text_in_the_order_of_the_columns() -> None:
    body = table_html(TABLE, COLUMNS, alt="list")
    assert read_table(body).to_numpy().tolist() == [
        ["1", "a <b>b</b>", "25%"],
        ["1,200", "\u202eturned\u202c", "–"],
    ]
    assert "<b>" not in body


def test_names_and_help_cannot_leave_their_attribute() -> None:
    hostile = '"><script>alert(1)</script>'
    body = table_html(TABLE, [Column("item", hostile, about=hostile)], alt=hostile)
    assert "<script" not in body
    assert body.count('"') == body.replace("&quot;", "").count('"')
    assert list(read_table(body).columns) == [hostile]


def test_an_id_that_may_be_cut_tells_the_whole_of_itself_and_nothing_more() -> None:
    ids = pd.DataFrame({"user": ['"><b>x'], "other": ["y"]})
    columns = [Column("user", "User", is_id=True), Column("other", "Other")]
    body = table_html(ids, columns, alt="ids")
    assert '<td class=id title="&quot;&gt;&lt;b&gt;x">&quot;&gt;&lt;b&gt;x</td>' in body
    assert "<td>y</td>" in body


def test_a_bar_is_full_at_its_value_and_never_longer() -> None:
    shares = pd.DataFrame({"share": [0.1, 0.2, 0.9, 0.0]})
    body = table_html(shares, [share_column("share", "Share", full=0.2)], alt="shares")
    assert [part.split("%")[0] for part in body.split("width:")[1:]] == [
        "50.0",
        "100.0",
        "100.0",
        "0.0",
    ]
    # Where everything is 0, no bar is as long as it can be.
    none = share_column("share", "Share", full=0.0)
    assert "width:0.0%" in table_html(pd.DataFrame({"share": [0.0]}), [none], alt="none")


def test_a_bar_of_something_signed_begins_in_the_middle() -> None:
    bits = pd.DataFrame({"bits": [3.0, -1.5, -9.0]})
    column = Column("bits", "Bits", full=3.0, is_signed=True)
    body = table_html(bits, [column], alt="bits")
    assert "margin-left:50.0%;width:50.0%" in body
    assert "margin-left:25.0%;width:25.0%" in body
    assert "margin-left:0.0%;width:50.0%" in body


def test_rows_stand_out_where_that_is_said() -> None:
    body = table_html(TABLE, COLUMNS, alt="list", is_tinted=[False, True])
    assert read_table(body).attrs["tinted"] == [False, True]
    assert read_table(table_html(TABLE, COLUMNS, alt="list")).attrs["tinted"] == [False, False]


def test_a_table_without_rows_has_its_headings() -> None:
    body = table_html(TABLE.iloc[:0], COLUMNS, alt="list")
    assert list(read_table(body).columns) == ["#", "Item", "Share"]
    assert read_table(body).empty


def test_a_second_text_stands_small_below_and_is_text() -> None:
    table = TABLE.assign(below=["<i>0.1</i> to 0.3", ""])
    body = table_html(table, [Column("rank", "#", is_number=True, below="below")], alt="list")
    assert "<td class=number>1<small>&lt;i&gt;0.1&lt;/i&gt; to 0.3</small></td>" in body
    assert "<td class=number>1200</td>" in body


def test_a_heading_as_long_as_a_name_may_be_broken_into_lines() -> None:
    body = table_html(TABLE, [Column("item", "x" * 25), Column("item", "x" * 24)], alt="list")
    assert body.count('<th scope="col" class=long>') == 1
