from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bert4rec.data.dataset import open_dataset
from bert4rec.data.interchange import export_dataset
from bert4rec.data.item_cells import values_of
from bert4rec.data.item_table import about_items, read_item_table, read_items
from bert4rec.data.prepare import PrepareSettings, prepare
from bert4rec.data.refine import refine
from bert4rec.data.roles import Roles
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
    assert table.dtypes[["year", "table_count"]].tolist() == ["float64", "int64"]
    assert table["table_count"].tolist() == [5, 6]
    assert table["genre"].tolist()[0] == "Folk"


def test_a_log_is_its_own_item_table_without_what_it_tells_of_interactions(tmp_path: Path):
    log = tmp_path / "log.csv"
    lines = [f"u{u},i{i},Name {i},{u},{1000 + i},Folk\n" for u in range(5) for i in range(4)]
    log.write_text("user,item,title,rating,time,genre\n" + "".join(lines))
    made = prepare(log, items=log, workspace=tmp_path / "workspace")
    table = made.vocabulary.table
    assert list(table.columns) == ["item_id", "title", "count", "genre"]
    assert table["title"].tolist() == ["Name 0", "Name 1", "Name 2", "Name 3"]
    ratings = pd.DataFrame({"item": ["i0"], "rating": [4.5]})
    about = about_items(read_item_table(ratings), Roles("user", "item", value="rating"))
    assert "rating" in about.rows


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


def test_a_table_of_one_column_is_not_called_a_log(tmp_path: Path):
    (tmp_path / "items.csv").write_text("item_id\na\nb\n")
    with pytest.raises(LogError, match="it has one column") as caught:
        read_items(tmp_path / "items.csv")
    assert "log" not in str(caught.value)


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
    assert table["place"].tolist() == ["1|2", "x", "3.5"]
    assert table["tags"].tolist() == ["u", "", "v|w"]
    table.to_parquet(tmp_path / "items.parquet")


LISTED = {
    "item_id": ["a", "b", "c", "d"],
    "title": [["A", "An A"], ["B"], None, ["D"]],
    "genres": [["Comedy", "Drama"], ["Drama"], None, []],
    "years": [[1999, 2001], [2001], [], None],
}


@pytest.mark.parametrize("form", ["frame", "parquet", "jsonl", "json"])
def test_lists_of_any_form_are_the_values_of_a_cell(form: str, tmp_path: Path):
    frame, path = pd.DataFrame(LISTED), tmp_path / f"items.{form}"
    if form == "parquet":
        frame.to_parquet(path)
    elif form != "frame":
        frame.to_json(path, orient="records", lines=form == "jsonl")
    table = read_items(frame if form == "frame" else path)
    assert table["title"].tolist() == ["A|An A", "B", "c", "D"]
    assert table["genres"].fillna("").tolist() == ["Comedy|Drama", "Drama", "", ""]
    assert table["years"].fillna("").tolist() == ["1999|2001", "2001", "", ""]


def test_lists_of_arrow_are_lists_too():
    genres = pd.Series([["a", "b"], None], dtype=pd.ArrowDtype(pa.list_(pa.string())))
    table = read_items(pd.DataFrame({"item_id": ["x", "y"], "genres": genres}))
    assert table["genres"].fillna("").tolist() == ["a|b", ""]


@pytest.mark.parametrize("name", ["title", "song", "label"])
def test_a_column_called_id_goes_before_titles(name: str, tmp_path: Path):
    (tmp_path / "items.csv").write_text(f"{name},id\nOne,1\nTwo,2\n")
    table = read_items(tmp_path / "items.csv")
    assert table[["item_id", "title"]].to_numpy().tolist() == [["1", "One"], ["2", "Two"]]


@pytest.mark.parametrize("as_lines", [True, False])
def test_lists_of_records_in_a_table_are_no_items(as_lines: bool, tmp_path: Path):
    genres = [{"id": 3, "name": "Drama"}, {"id": 7, "name": "War"}]
    films = [{"id": n, "title": f"Film {n}", "genres": genres} for n in range(1, 9)]
    path = tmp_path / "films.json"
    document = json.dumps({"films": films})
    path.write_text("\n".join(map(json.dumps, films)) if as_lines else document)
    table = read_items(path)
    assert table["item_id"].tolist() == [str(n) for n in range(1, 9)]
    assert table["title"].tolist() == [f"Film {n}" for n in range(1, 9)]


def test_records_in_lists_are_values_as_they_are_written():
    cast = [[{"n": 1}], [{"n": 2}, {"n": 3}], None]
    table = read_items(pd.DataFrame({"item_id": ["a", "b", "c"], "cast": cast}))
    assert table["cast"].fillna("").tolist() == ["{'n': 1}", "{'n': 2}|{'n': 3}", ""]


def test_quotes_around_a_title_after_a_tab_are_no_part_of_it(tmp_path: Path):
    (tmp_path / "names.txt").write_text('1\tCircles\n2\t"Angles, acute"\n3\t5" disk\n')
    titles = ["Circles", "Angles, acute", '5" disk']
    assert read_items(tmp_path / "names.txt")["title"].tolist() == titles


def test_a_text_of_json_that_only_begins_as_a_list_stays_a_text(tmp_path: Path):
    text = '{"item_id": "a", "title": "[untitled]"}\n{"item_id": "b", "title": "[]["}\n'
    (tmp_path / "items.jsonl").write_text(text)
    assert read_items(tmp_path / "items.jsonl")["title"].tolist() == ["[untitled]", "[]["]


@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_only_lists_of_json_are_lists_whatever_a_title_looks_like(form: str, tmp_path: Path):
    titles = ["[2010]", '["x"]', "[1, 2]", "[REC]"]
    genres = [["a", "b"], ["c"], [], None]
    frame = pd.DataFrame({"item_id": list("wxyz"), "title": titles, "genres": genres})
    path = tmp_path / f"items.{form}"
    frame.to_json(path, orient="records", lines=form == "jsonl")
    table = read_items(path)
    assert table["title"].tolist() == titles
    assert table["genres"].fillna("").tolist() == ["a|b", "c", "", ""]


ROWS = [f"{n},Title {n},g" for n in range(1, 201)]


def table_file(folder: Path, line_100: str) -> Path:
    path = folder / "items.csv"
    lines = ["item_id,title,genre", *ROWS]
    lines[100] = line_100
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("title", ['"Heroes', '"Weird" Al', 'The 7" Mix'])
def test_a_quote_in_a_title_costs_no_row(title: str, tmp_path: Path):
    table = read_item_table(table_file(tmp_path, f"100,{title},g"))
    assert table.rows["item_id"].tolist() == [str(n) for n in range(1, 201)]
    assert table.rows["title"].iloc[99] == title
    assert (table.n_rejected, table.rejects) == (0, ())


def test_one_odd_quote_costs_its_line_where_quotes_hold_commas_together(tmp_path: Path):
    path = tmp_path / "items.csv"
    quoted = [f'{n},"Title {n}, the",g' for n in range(1, 200)]
    path.write_text("\n".join(["item_id,title,genre", *quoted, '200,"Weird" Al,g']) + "\n")
    table = read_item_table(path)
    assert table.rows["title"].iloc[:2].tolist() == ["Title 1, the", "Title 2, the"]
    assert (len(table.rows), table.n_rejected) == (199, 1)
    assert [reject.line for reject in table.rejects] == [201]


@pytest.mark.parametrize(
    ("line", "reason"), [("100,Hello, Goodbye,g", "too many columns"), (",Hello,g", "no item id")]
)
def test_a_line_that_is_no_row_is_counted_with_its_number_and_reason(
    line: str, reason: str, tmp_path: Path
):
    table = read_item_table(table_file(tmp_path, line))
    assert len(table.rows) == 199
    assert table.n_rejected == 1
    assert [(reject.line, reject.reason) for reject in table.rejects] == [(101, reason)]
    assert "Hello" in table.rejects[0].text


def test_what_is_no_record_and_what_has_no_id_is_counted_apart(tmp_path: Path):
    lines = ['{"item": "a"}', '{"item": "b", "ti', '{"title": "C"}', '{"item": "d"}']
    (tmp_path / "items.jsonl").write_text("\n".join(lines))
    table = read_item_table(tmp_path / "items.jsonl")
    assert table.rows["item_id"].tolist() == ["a", "d"]
    assert [(r.line, r.reason, r.text) for r in table.rejects] == [
        (2, "not a JSON object", lines[1]),
        (3, "no item id", lines[2]),
    ]


def test_rows_of_a_frame_without_an_id_are_counted():
    table = read_item_table(pd.DataFrame({"item": ["a", None, " "], "title": ["A", "B", None]}))
    assert table.n_rejected == 2
    assert [(reject.line, reject.text) for reject in table.rejects] == [(2, "B"), (3, " ")]


@pytest.mark.parametrize("text", ["item_id,title\n", "item_id,title\n,A\n"])
def test_a_table_without_rows_says_so(text: str, tmp_path: Path):
    (tmp_path / "items.csv").write_text(text)
    with pytest.raises(LogError, match="the item table has no rows"):
        read_items(tmp_path / "items.csv")


@pytest.mark.parametrize(
    "code", ["0306406152", "+4930", "12E4", "1e3", "12345678901234567890", "inf", "NaN", "0x10"]
)
def test_a_column_of_codes_stays_as_it_is(code: str, tmp_path: Path):
    (tmp_path / "items.csv").write_text(f"item_id,title,code\na,A,{code}\nb,B,12\nc,C,\n")
    assert read_items(tmp_path / "items.csv")["code"].fillna("").tolist() == [code, "12", ""]


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["-1", " 0 ", "1999"], [-1, 0, 1999]),
        (["9.90", ".5", "-0.25"], [9.9, 0.5, -0.25]),
        (["1.5e-05", "2", "3.0E+2"], [1.5e-5, 2, 300]),
    ],
)
def test_a_column_of_plain_numbers_becomes_numbers(texts: list[str], numbers: list[float]):
    frame = pd.DataFrame({"item": ["a", "b", "c"], "n": texts})
    assert read_items(frame)["n"].tolist() == numbers


def test_ids_and_titles_that_are_floats_are_written_as_those_of_a_log():
    odd = [1.0, float("inf"), 1e20, 2.5, None]
    table = read_items(pd.DataFrame({"item_id": odd, "title": odd}))
    assert table["item_id"].tolist() == ["1", "inf", "1e+20", "2.5"]
    assert table["title"].tolist() == table["item_id"].tolist()


def test_a_column_that_parquet_cannot_hold_becomes_text(tmp_path: Path):
    frame = pd.DataFrame(
        {
            "item": ["a", "b"],
            "sparse": pd.arrays.SparseArray([0, 1]),
            "sparse of one value": pd.arrays.SparseArray([0, 0]),
            "band": pd.cut(pd.Series([1.0, 9.0]), [0, 5, 10]),
            "complex": [1 + 2j, 3],
            "empty": [{}, {}],
            "large": [2**70, 1],
        }
    )
    table = read_items(frame)
    assert table["sparse"].tolist() == [0, 1]
    assert table["sparse of one value"].tolist() == [0, 0]
    assert table["band"].tolist() == ["(0, 5]", "(5, 10]"]
    assert table["complex"].tolist() == ["(1+2j)", "(3+0j)"]
    assert table["empty"].tolist() == ["{}", "{}"]
    table.to_parquet(tmp_path / "items.parquet")


def test_a_table_with_the_column_of_the_log_is_joined_on_it(tmp_path: Path):
    path = tmp_path / "items.csv"
    path.write_text("item_id,sku_code,label\n90,a,A\n91,b,B\n")
    assert read_item_table(path, log_item="sku_code").key == "sku_code"
    assert read_item_table(path, log_item="other").key == "item_id"
    assert read_item_table(path, log_item="sku_code", key="label").key == "label"
    # Without a header the first is the id, however the log calls its columns.
    path.write_text("1::A::x\n2::B::y\n")
    assert read_item_table(path, log_item="column2").key == "item_id"


def test_ids_keep_the_blanks_that_those_of_a_log_keep(workspace: Path):
    ids = ["art\u3000", "art", " spaced ", "tab\t"]
    log = pd.DataFrame({"user": list("aaaabbbb"), "item": ids * 2})
    items = pd.DataFrame({"item": ids, "title": [f" Title {n}\u3000" for n in range(4)]})
    dataset = prepare(log, items=items, workspace=workspace)
    assert dataset.manifest["item_table"]["n_matched"] == 4
    assert dataset.vocabulary.titles == ["Title 0", "Title 1", "Title 2", "Title 3"]


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([4e15 + n for n in range(3)]),
        pa.array([1234567890123456700, 1234567890123456701, None]),
        pa.array([b"i0", b"i1", b"i2"]),
        pa.array([True, False, None]),
    ],
    ids=lambda ids: str(ids.type),
)
def test_ids_of_any_type_name_the_items_of_a_log_of_that_type(
    ids: pa.Array, tmp_path: Path, workspace: Path
):
    log = pa.table({"user": list("aaabbb"), "item": pa.concat_arrays([ids, ids])})
    titles = pa.array([name.encode() for name in ("Nought", "Öne", "Two")])
    pq.write_table(log, tmp_path / "log.parquet")
    pq.write_table(pa.table({"item": ids, "title": titles}), tmp_path / "items.parquet")
    settings = PrepareSettings(min_sequence_length=1)
    for given in (tmp_path / "log.parquet", log.to_pandas(integer_object_nulls=True)):
        dataset = prepare(
            given,
            items=tmp_path / "items.parquet",
            settings=settings,
            workspace=workspace,
        )
        assert dataset.vocabulary.titles == ["Nought", "Öne", "Two"][: dataset.n_items]


def test_what_a_recbole_file_declares_to_be_lists_stays_so_in_the_dataset(
    tmp_path: Path, workspace: Path
) -> None:
    rows = "".join(f"u{n % 4}\ti{n % 6}\t{n}\n" for n in range(24))
    (tmp_path / "x.inter").write_text(f"user_id:token\titem_id:token\ttimestamp:float\n{rows}")
    items = "".join(f"i{n}\tA B\tScience Fiction\tDrama Folk\tx y\n" for n in range(6))
    fields = "item_id:token\ttitle:token_seq\tgenre:token\tclass:token_seq\tcount:token_seq"
    (tmp_path / "x.item").write_text(f"{fields}\n{items}")
    made = prepare(tmp_path / "x.inter", workspace=workspace)
    assert made.folder is not None
    lists = {"class", "table_count"}
    assert made.vocabulary.token_lists == open_dataset(made.folder).vocabulary.token_lists == lists
    stricter = refine(made, {"min_sequence_length": 4}, workspace=workspace)
    assert stricter.vocabulary.token_lists == lists
    export_dataset(made, tmp_path / "out", "recbole")
    assert (
        "genre:token\tclass:token_seq\ttable_count:token_seq"
        in (tmp_path / "out" / "x.item").read_text()
    )


def test_lists_that_a_recbole_file_declares_stay_lists_in_the_table_that_is_read_from_it(
    tmp_path: Path, workspace: Path
) -> None:
    rows = "".join(f"u{n % 4}\ti{n % 6}\t{n}\n" for n in range(24))
    (tmp_path / "x.inter").write_text(f"user_id:token\titem_id:token\ttimestamp:float\n{rows}")
    items = "".join(f"i{n}\tScience Fiction\tDrama  Folk\t{n}\n" for n in range(5))
    fields = "item_id:token\tgenre:token\tclass:token_seq\tyears:token_seq"
    (tmp_path / "x.item").write_text(f"{fields}\n{items}i5\tTango\t\t\n")
    table = read_items(tmp_path / "x.item")
    assert table["class"].tolist() == ["Drama|Folk"] * 5 + [""]
    assert table["genre"].iloc[0] == "Science Fiction"
    assert table["years"].tolist()[:5] == [*range(5)]
    through, direct = (
        prepare(tmp_path / "x.inter", items=given, workspace=workspace).vocabulary
        for given in (table, tmp_path / "x.item")
    )
    for column in ("genre", "class", "years"):
        assert values_of(through, column) == values_of(direct, column)
    assert values_of(through, "class")[0] == ["Drama", "Folk"]


def test_the_same_rows_declared_otherwise_make_another_dataset(
    tmp_path: Path, workspace: Path
) -> None:
    rows = "".join(f"u{n % 4},i{n % 6},{n}\n" for n in range(24))
    (tmp_path / "log.csv").write_text(f"user_id,item_id,timestamp\n{rows}")
    made = []
    for kind in ("token", "token_seq"):
        items = "".join(f"i{n}\tScience Fiction\n" for n in range(6))
        (tmp_path / "x.item").write_text(f"item_id:token\tgenre:{kind}\n{items}")
        made.append(prepare(tmp_path / "log.csv", items=tmp_path / "x.item", workspace=workspace))
    assert [one.vocabulary.token_lists for one in made] == [frozenset(), {"genre"}]
