from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from bert4rec.data.item_table import read_items
from bert4rec.errors import LogError

TABLES = {
    "movies.dat": "1::Toy Story (1995)::Animation|Comedy\n2::Jumanji (1995)::Adventure\n",
    "movies.csv": 'movieId,title,year\n1,"Toy Story (1995)",1995\n2,Jumanji (1995),1995\n',
    "x.item": "item_id:token\tmovie_title:token_seq\n1\tToy Story (1995)\n2\tJumanji (1995)\n",
    "id2name.txt": "1::Toy Story (1995)\n2::Jumanji (1995)\n",
    "names.tsv": "1\tToy Story (1995)\n2\tJumanji (1995)\n",
    "id.csv": "id,name\n1,Toy Story (1995)\n2,Jumanji (1995)\n",
    "items.jsonl": '{"id": 1, "name": "Toy Story (1995)"}\n{"id": 2, "name": "Jumanji (1995)"}\n',
    "map.txt": "eid\tpid\tname\n0\t1\tToy Story (1995)\n1\t2\tJumanji (1995)\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_ids_and_titles_are_told_in_every_form(name: str, tmp_path: Path):
    (tmp_path / name).write_text(TABLES[name])
    table = read_items(tmp_path / name)
    assert table["item_id"].tolist() == ["1", "2"]
    assert table["title"].tolist() == ["Toy Story (1995)", "Jumanji (1995)"]


def test_the_third_column_of_a_table_without_header_is_the_category(tmp_path: Path):
    (tmp_path / "movies.dat").write_text(TABLES["movies.dat"])
    assert read_items(tmp_path / "movies.dat")["category"].tolist() == [
        "Animation|Comedy",
        "Adventure",
    ]


def test_latin_1_titles_keep_their_accents(tmp_path: Path):
    (tmp_path / "movies.dat").write_bytes("1::Misérables, Les\n2::Jumanji\n".encode("latin-1"))
    assert read_items(tmp_path / "movies.dat")["title"].tolist() == ["Misérables, Les", "Jumanji"]


def test_a_missing_title_is_the_id_and_the_first_of_two_rows_counts():
    frame = pd.DataFrame(
        {"item": ["a", "b", "a", None, " c "], "title": ["A", None, "B", "D", "  "]}
    )
    table = read_items(frame)
    assert table["item_id"].tolist() == ["a", "b", "c"]
    assert table["title"].tolist() == ["A", "b", "c"]


def test_other_columns_stay_and_numbers_become_numbers(tmp_path: Path):
    text = "item_id,title,year,count,genre\na,A,1999,5,Folk\nb,B,,6,\n"
    (tmp_path / "items.csv").write_text(text)
    table = read_items(tmp_path / "items.csv")
    assert table.columns.tolist() == ["item_id", "title", "year", "table_count", "genre"]
    assert table["year"].tolist()[0] == 1999
    assert table["table_count"].tolist() == [5, 6]
    assert table["genre"].tolist()[0] == "Folk"


def test_key_and_title_can_be_named():
    frame = pd.DataFrame({"old": [1, 2], "new": [7, 8], "caption": ["A", "B"]})
    table = read_items(frame, key="new", title="caption")
    assert table["item_id"].tolist() == ["7", "8"]
    assert table["title"].tolist() == ["A", "B"]


def test_a_table_without_a_clear_key_names_its_columns():
    frame = pd.DataFrame({"x": ["a", "b"], "y": ["c", "d"]})
    with pytest.raises(LogError, match=r"no column .* is clearly .*Its columns are x, y"):
        read_items(frame)
    with pytest.raises(LogError, match="no column 'z'"):
        read_items(frame, key="z")


def test_a_key_of_json_may_hold_any_sign(tmp_path: Path):
    rows = [{"item": "a", 'a"/~b': "x", "title": "A"}, {"item": "b", 'a"/~b': "y", "title": "B"}]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_items(tmp_path / "items.jsonl")['a"/~b'].tolist() == ["x", "y"]


def test_a_column_of_several_types_becomes_text_and_others_stay_as_they_are(tmp_path: Path):
    frame = pd.DataFrame(
        {
            "item": ["a", "b", "c"],
            "mixed": [1, "x", None],
            "place": [(1, 2), "x", 3.5],
            "tags": [["u"], [], ["v", "w"]],
        }
    )
    table = read_items(frame)
    assert table["mixed"].fillna("").tolist() == ["1", "x", ""]
    assert table["place"].tolist() == ["(1, 2)", "x", "3.5"]
    assert table["tags"].tolist() == [["u"], [], ["v", "w"]]
    table.to_parquet(tmp_path / "items.parquet")
