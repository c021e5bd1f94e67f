from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bert4rec.bulk import scoring
from bert4rec.bulk.scoring import KeptVectors, score_pairs
from bert4rec.errors import FormatError, NotFoundError, UnknownIdError
from bert4rec.files import temporary_beside
from bert4rec.histories import Histories
from bert4rec.loaded_model import load_model
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from tests.factories import abandoned_beside, namesakes_recommender


@pytest.fixture(scope="module")
def model(tiny_run: Run) -> Recommender:
    return load_model(tiny_run)


def past(model: Recommender, user: str) -> list[str]:
    dataset = model.dataset
    history = dataset.history(dataset.user_idx(user))
    return [model.vocabulary.item_id(int(idx)) for idx in history]


def written(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return path


def scored(model: Recommender, pairs: Path, **options: Any) -> pd.DataFrame:
    out = pairs.with_name("scored.parquet")
    score_pairs(model, pairs, out, **options)
    return pd.read_parquet(out)


def test_pairs_of_users_and_of_sequences_get_the_score_of_the_library(
    model: Recommender, tmp_path: Path
) -> None:
    history = past(model, "0")
    expected = model.score(history, ["3", "5"])
    by_user = pd.DataFrame({"user_id": ["0", "1", "0"], "item_id": ["3", "4", "5"]})
    found = scored(model, written(by_user, tmp_path / "users.csv"))
    np.testing.assert_allclose(found["score"][[0, 2]], expected, rtol=1e-5)
    texts = pd.DataFrame({"sequence": [",".join(history), json.dumps(history)], "item_id": [3, 5]})
    found = scored(model, written(texts, tmp_path / "texts.csv"))
    np.testing.assert_allclose(found["score"], expected, rtol=1e-5)
    lists = texts.assign(sequence=[history, history])
    found = scored(model, written(lists, tmp_path / "lists.parquet"))
    np.testing.assert_allclose(found["score"], expected, rtol=1e-5)


def test_columns_of_any_type_go_along_as_they_are(model: Recommender, tmp_path: Path) -> None:
    kept = pa.table(
        {
            "coded": pa.array(["a", "b", "a"]).dictionary_encode(),
            "lasting": pa.array([1, 2, None], pa.duration("s")),
            "at": pa.array([0, 1, 2], pa.timestamp("us", "Europe/Berlin")),
            "lists": [[1], [], [2, 3]],
        }
    )
    ids = pa.table({"user_id": ["0", "1", "0"], "item_id": pa.array(["3", "4", "3"])})
    table = ids.set_column(1, "item_id", ids.column(1).dictionary_encode())
    for name, column in zip(kept.column_names, kept.columns, strict=True):
        table = table.append_column(name, column)
    pq.write_table(table, tmp_path / "pairs.parquet")
    scored(model, tmp_path / "pairs.parquet")
    found = pq.read_table(tmp_path / "scored.parquet")
    assert found.select(kept.column_names).equals(kept)
    assert found.select(["user_id", "item_id"]).equals(ids)
    score_pairs(model, tmp_path / "pairs.parquet", tmp_path / "scored.csv")
    lines = (tmp_path / "scored.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[:3] for line in lines[1:]] == [
        ["0", "3", "a"],
        ["1", "4", "b"],
        ["0", "3", "a"],
    ]


@pytest.mark.parametrize("group_rows", [2, 9, 100])
@pytest.mark.parametrize("batch_rows", [3, 16, 1_000])
@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
)
def test_the_answer_is_the_same_however_a_parquet_file_holds_its_texts(
    kind: pa.DataType, batch_rows: int, group_rows: int, model: Recommender, tmp_path: Path
) -> None:
    chance = np.random.default_rng(2)
    users, items = chance.integers(0, 6, 60).astype(str), chance.integers(1, 13, 60).astype(str)
    ids = {"user_id": [*users, "nobody", None], "item_id": [*items, "3", "4"]}
    expected = scored(model, written(pd.DataFrame(ids), tmp_path / "pairs.csv"), skip_unknown=True)
    table = pa.table(
        {name: pa.array(values, pa.string()).cast(kind) for name, values in ids.items()}
    )
    pq.write_table(table, tmp_path / "pairs.parquet", row_group_size=group_rows)
    found = scored(model, tmp_path / "pairs.parquet", batch_rows=batch_rows, skip_unknown=True)
    kinds = [field.type for field in pq.read_schema(tmp_path / "scored.parquet")]
    assert kinds == [pa.string(), pa.string(), pa.float32(), pa.int64()]
    assert found["user_id"].tolist()[:-1] == expected["user_id"].tolist()[:-1]
    assert found["item_id"].tolist() == expected["item_id"].tolist()
    assert found["rank"].tolist()[:-2] == expected["rank"].tolist()[:-2]
    assert found["score"].isna().tolist() == [False] * 60 + [True] * 2
    np.testing.assert_allclose(found["score"][:-2], expected["score"][:-2], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch_rows", [2, 7, 1_000])
@pytest.mark.parametrize("kept_bytes", [1, 2**20])
def test_ranks_count_among_all_pairs_of_a_history_wherever_they_stand(
    batch_rows: int, kept_bytes: int, model: Recommender, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(scoring, "KEPT_BYTES", kept_bytes)
    chance = np.random.default_rng(1)
    rows = [(str(user), str(item)) for user in range(5) for item in range(1, 13)]
    order = chance.permutation(len(rows))
    frame = pd.DataFrame([rows[at] for at in order], columns=["user_id", "item_id"])
    found = scored(model, written(frame, tmp_path / "pairs.csv"), batch_rows=batch_rows)
    assert found[["user_id", "item_id"]].equals(frame)
    for user, part in found.groupby("user_id"):
        expected = model.score(past(model, str(user)), list(part["item_id"]))
        np.testing.assert_allclose(part["score"], expected, rtol=1e-5, atol=1e-6)
        # A float32 of another batch differs in its last digits; no two of these are so near.
        assert list(part["rank"]) == list(pd.Series(expected).rank(ascending=False).astype(int))


def test_equal_scores_have_equal_ranks(model: Recommender, tmp_path: Path) -> None:
    frame = pd.DataFrame({"sequence": ["1,2"] * 4, "item_id": ["3", "9", "3", "20"]})
    found = scored(model, written(frame, tmp_path / "pairs.csv"))
    assert sorted(found["rank"]) == [1, 1, 3, 4]
    assert list(found["rank"][[0, 2]]) == [1, 1]


def test_sequences_that_only_look_different_are_one_history(
    model: Recommender, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"sequence": ["1,2", " 1 , 2 ", '["1","2"]'], "item_id": ["3", "4", "5"]})
    pairs = written(frame, tmp_path / "pairs.csv")
    report = score_pairs(model, pairs, tmp_path / "scored.csv")
    assert report.n_histories == 1
    assert sorted(pd.read_csv(tmp_path / "scored.csv")["rank"]) == [1, 2, 3]


def test_a_history_is_read_once_for_all_its_pairs(model: Recommender, tmp_path: Path) -> None:
    rows = [(str(user), str(item)) for item in range(1, 9) for user in range(6)]
    pairs = written(pd.DataFrame(rows, columns=["user_id", "item_id"]), tmp_path / "pairs.csv")
    assert score_pairs(model, pairs, tmp_path / "scored.csv", batch_rows=4).n_histories == 6


def test_vectors_are_forgotten_when_they_take_too_much(model: Recommender) -> None:
    vectors = KeptVectors(model, n_bytes=2 * 4 * model.settings.hidden_size)
    histories = Histories.of([[1, 2], [3]])
    first = vectors.of([b"a", b"b"], histories.pick)
    np.testing.assert_array_equal(vectors.of([b"a", b"b"], histories.pick), first)
    assert vectors.n_read == 2
    vectors.of([b"c"], histories.pick)
    np.testing.assert_allclose(vectors.of([b"a", b"b"], histories.pick), first, atol=1e-6)
    assert vectors.n_read == 5


@pytest.mark.parametrize("batch_rows", [3, 1_000])
def test_blank_lines_are_rows_but_for_those_at_the_end(
    batch_rows: int, model: Recommender, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("user_id,item_id\r\n0,1\r\n\r\n\r\n\r\n\r\n1,2\r\n" + "\r\n" * 9)
    with pytest.raises(UnknownIdError, match=r"in row 3; 4 of 6 rows"):
        score_pairs(model, path, tmp_path / "scored.csv", batch_rows=batch_rows)
    found = scored(model, path, skip_unknown=True, batch_rows=batch_rows)
    assert list(found["score"].isna()) == [False, True, True, True, True, False]


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
def test_a_blank_line_before_the_names_is_told(
    end: str, model: Recommender, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(end * 2 + "user_id,item_id\n0,1\n", newline="")
    with pytest.raises(FormatError, match="its first line names no columns"):
        score_pairs(model, path, tmp_path / "scored.csv")


@pytest.mark.parametrize("batch_rows", [3, 1_000])
def test_many_pairs_at_once_are_scored_and_ranked_as_each_is_alone(
    batch_rows: int, model: Recommender, tmp_path: Path
) -> None:
    chance = np.random.default_rng(5)
    sequences = ["1,2", "2,1", "7", "3,4,5,6", "9,8,7,6,5,4,3,2,1,10,11,12"]
    frame = pd.DataFrame(
        {
            "sequence": chance.choice(sequences, 40),
            "item_id": chance.integers(1, 21, 40).astype(str),
            "note": pd.Categorical(chance.choice(["a", "b"], 40)),
        }
    )
    found = scored(model, written(frame, tmp_path / "pairs.parquet"), batch_rows=batch_rows)
    pd.testing.assert_frame_equal(found[list(frame)], frame)
    alone = [model.score(row.sequence.split(","), [row.item_id])[0] for row in frame.itertuples()]
    np.testing.assert_allclose(found["score"], alone, rtol=1e-5, atol=1e-6)
    ranks = found.groupby("sequence")["score"].rank(method="min", ascending=False)
    assert list(found["rank"]) == list(ranks.astype(int))
    same = found.groupby(["sequence", "item_id"])["score"].nunique()
    assert same.max() == 1


def test_ids_in_dictionaries_are_ids(model: Recommender, tmp_path: Path) -> None:
    frame = pd.DataFrame({"user_id": ["0", "1", "0"], "item_id": ["3", "4", "5"]})
    plain = scored(model, written(frame, tmp_path / "plain.parquet"))
    coded = frame.astype("category")
    pd.testing.assert_frame_equal(scored(model, written(coded, tmp_path / "c.parquet")), plain)


def test_what_cannot_be_scored_is_told_with_count_and_rows(
    model: Recommender, tmp_path: Path
) -> None:
    users = ["0", "nosuch", "0", "1", "other"]
    pairs = pd.DataFrame({"user_id": users, "item_id": ["1", "1", "nosuch", "2", "3"]})
    path = written(pairs, tmp_path / "pairs.csv")
    with pytest.raises(UnknownIdError, match=r"'nosuch' .* in row 3; 3 of 5 rows") as caught:
        score_pairs(model, path, tmp_path / "scored.csv")
    assert caught.value.details["problems"] == {
        "unknown user": {"count": 2, "first_rows": [3, 6]},
        "unknown item": {"count": 1, "first_rows": [4]},
    }
    assert [file.name for file in tmp_path.iterdir()] == ["pairs.csv"]
    report = score_pairs(model, path, tmp_path / "scored.csv", skip_unknown=True)
    assert report.problems.lines() == [
        "unknown user: 2 rows (row 3, 6)",
        "unknown item: 1 row (row 4)",
    ]
    found = pd.read_csv(tmp_path / "scored.csv")
    assert list(found["score"].isna()) == list(found["rank"].isna())
    assert list(found["score"].isna()) == [False, True, True, False, True]


PROBLEMS: dict[str, tuple[pd.DataFrame, int]] = {
    "a gap among the users": (pd.DataFrame({"user_id": [0, None], "item_id": ["1", "2"]}), 2),
    "a gap among the items": (pd.DataFrame({"user_id": ["0", "0"], "item_id": [1.0, None]}), 2),
    "a gap among texts": (pd.DataFrame({"user_id": ["0", None], "item_id": ["1", "2"]}), 2),
    "a gap among whole numbers": (
        pd.DataFrame({"user_id": pd.array([0, None], "Int64"), "item_id": [1, 2]}),
        2,
    ),
    "a gap among the sequences": (
        pd.DataFrame({"sequence": [["1", "2"], None], "item_id": ["3", "3"]}),
        2,
    ),
    "a gap in a sequence": (
        pd.DataFrame({"sequence": [[1, 2], [1, None]], "item_id": ["3", "3"]}),
        2,
    ),
    "an empty item": (pd.DataFrame({"sequence": ["1,2", "1,,2"], "item_id": ["3", "3"]}), 2),
    "a typed gap": (pd.DataFrame({"sequence": ["1,_", "1,2"], "item_id": ["3", "3"]}), 1),
    "a damaged list": (pd.DataFrame({"sequence": ["1,2", '["1'], "item_id": ["3", "3"]}), 2),
    "an unknown item": (pd.DataFrame({"sequence": ["1,x", "[1]"], "item_id": ["3", "3"]}), 1),
}


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_pair_that_cannot_be_scored_is_named_by_its_row_or_left_empty(
    problem: str, ending: str, model: Recommender, tmp_path: Path
) -> None:
    frame, row = PROBLEMS[problem]
    path = tmp_path / f"pairs.{ending}"
    if ending == "csv" and "sequence" in frame:
        frame = frame.assign(sequence=[as_cell(value) for value in frame["sequence"]])
    written(frame.convert_dtypes() if ending == "csv" else frame, path)
    # The header of a CSV is its first row; Parquet has none.
    with pytest.raises((UnknownIdError, FormatError), match=f"row {row + (ending == 'csv')}"):
        score_pairs(model, path, tmp_path / "scored.csv")
    found = scored(model, path, skip_unknown=True)
    assert list(found["score"].isna()) == [row == 1, row == 2]


def as_cell(sequence: Any) -> Any:
    return json.dumps(sequence) if isinstance(sequence, list) else sequence


def test_ids_that_a_gap_made_floats_are_whole_again_in_the_answer(
    model: Recommender, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"user_id": [0.0, None], "item_id": [1.5, 2.0]})
    pairs = written(frame, tmp_path / "pairs.parquet")
    score_pairs(model, pairs, tmp_path / "scored.csv", skip_unknown=True)
    assert (tmp_path / "scored.csv").read_text() == "user_id,item_id,score,rank\n0,1.5,,\n,2,,\n"


@pytest.mark.parametrize("kind", [pa.int8(), pa.int32(), pa.uint16(), pa.int64(), pa.uint64()])
def test_whole_numbers_with_a_gap_stay_whole_whatever_their_width(
    kind: pa.DataType, model: Recommender, tmp_path: Path
) -> None:
    known = {"user_id": ["0", "0"], "item_id": ["1", "2"], "year": pa.array([7, None], kind)}
    pq.write_table(pa.table(known), tmp_path / "pairs.parquet")
    score_pairs(model, tmp_path / "pairs.parquet", tmp_path / "scored.csv")
    found = pd.read_csv(tmp_path / "scored.csv", dtype=str, keep_default_na=False)
    assert list(found["year"]) == ["7", ""]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user_id,item_id\nu1,i2,\n", "row 2 has 3 cells"),
        ("user_id,item_id\nu1,i2\nu1,i2,x\n", "row 3 has 3 cells"),
        ("user_id,item_id,score\n0,1,mine\n", "column 'score'"),
        ("user_id,item_id,rank\n0,1,mine\n", "column 'rank'"),
        ("user_id,item_id,item_id\n0,1,1\n", "column 'item_id' is there more than once"),
        ("user_id\n1\n", "the columns are 'user_id'"),
        ("user_id,sequence,item_id\n1,1,1\n", "the columns are"),
        ("", "names no columns"),
    ],
)
def test_pairs_whose_columns_are_not_clear_are_refused(
    text: str, expected: str, model: Recommender, tmp_path: Path
) -> None:
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(FormatError, match=expected) as caught:
        score_pairs(model, tmp_path / "pairs.csv", tmp_path / "scored.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"PAR1 no", b"\x89PNG\r\n\x1a\n"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_of_something_else_is_refused_in_one_line(
    ending: str, content: bytes, model: Recommender, tmp_path: Path
) -> None:
    path = tmp_path / f"pairs.{ending}"
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        score_pairs(model, path, tmp_path / "scored.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"user_id,item_id\n0,1\n0,1,x\n", r"row 3 has 3 cells, and there are 2 columns .*quotes"),
        (b'user_id,item_id,note\n0,1,"a\nb"\n0,"1,c\n', "a quote that opens in row 3 is never"),
        (b"user_id,item_id\n0,\xe9\n", "it is not in UTF-8 .*Save it"),
        ("user_id,item_id\n0,1\n".encode("utf-16"), "it is not in UTF-8 .*Save it"),
    ],
)
def test_what_is_wrong_with_a_csv_file_is_told_by_row_with_what_to_do(
    content: bytes, expected: str, model: Recommender, tmp_path: Path
) -> None:
    (tmp_path / "pairs.csv").write_bytes(content)
    with pytest.raises(FormatError, match=f"the pairs cannot be read: {expected}"):
        score_pairs(model, tmp_path / "pairs.csv", tmp_path / "scored.csv")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_cells_may_be_parted_by_semicolons_or_tabs_as_spreadsheets_write_them(
    separator: str, model: Recommender, tmp_path: Path
) -> None:
    history = past(model, "0")
    rows = pd.DataFrame(
        {"sequence": [",".join(history)] * 2, "item_id": ["3", "5"], "price, EUR": ["1,5", "a b"]}
    )
    rows.to_csv(tmp_path / "pairs.csv", sep=separator, index=False, encoding="utf-8-sig")
    found = scored(model, tmp_path / "pairs.csv")
    np.testing.assert_allclose(found["score"], model.score(history, ["3", "5"]), rtol=1e-5)
    assert found[list(rows)].equals(rows)
    path = written(rows.rename(columns={"price, EUR": "a;b"}), tmp_path / "commas.csv")
    assert list(scored(model, path)["a;b"]) == ["1,5", "a b"]


def test_blanks_around_names_of_columns_and_ids_do_not_count(
    model: Recommender, tmp_path: Path
) -> None:
    (tmp_path / "pairs.csv").write_text("user_id , item_id\n0 , 3\n 1, 4\n")
    found = scored(model, tmp_path / "pairs.csv")
    assert list(found) == ["user_id", "item_id", "score", "rank"]
    np.testing.assert_allclose(
        found["score"],
        [*model.score(past(model, "0"), ["3"]), *model.score(past(model, "1"), ["4"])],
        rtol=1e-5,
    )


def test_a_parquet_file_whose_pages_are_damaged_is_refused(
    model: Recommender, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"user_id": ["0", "1", "2", "0"] * 50, "item_id": ["1"] * 200})
    path = written(frame, tmp_path / "pairs.parquet")
    whole, n_refused = path.read_bytes(), 0
    end = pq.read_metadata(path).row_group(0).column(0).total_compressed_size
    for place in range(4, 4 + end):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            score_pairs(model, path, tmp_path / "scored.csv", skip_unknown=True)
        except FormatError:
            n_refused += 1
    assert n_refused > 10


@pytest.mark.parametrize("history", ["user_id", "sequence"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_without_pairs_gets_no_scores(
    ending: str, history: str, model: Recommender, tmp_path: Path
) -> None:
    empty = pd.DataFrame({history: [], "item_id": []}, dtype="str")
    found = scored(model, written(empty, tmp_path / f"pairs.{ending}"))
    assert list(found.columns) == [history, "item_id", "score", "rank"]
    assert len(found) == 0


@pytest.mark.parametrize("history", ["user_id", "sequence"])
def test_a_file_of_nothing_but_unknown_ids_can_be_skipped(
    history: str, model: Recommender, tmp_path: Path
) -> None:
    frame = pd.DataFrame({history: ["nosuch", "other"], "item_id": ["1", "nosuch"]})
    found = scored(model, written(frame, tmp_path / "pairs.csv"), skip_unknown=True)
    assert found[["score", "rank"]].isna().all(axis=None)


def test_a_candidate_is_an_id_and_never_a_title(tmp_path: Path) -> None:
    model = namesakes_recommender()
    pairs = pd.DataFrame({"user_id": ["0"] * 4, "item_id": ["b2", "Emma", "b4", "Book 1"]})
    path = written(pairs, tmp_path / "pairs.csv")
    with pytest.raises(UnknownIdError, match=r"'Emma' is not .* in row 3; 2 of 4 rows"):
        score_pairs(model, path, tmp_path / "scored.csv")
    found = scored(model, path, skip_unknown=True)
    expected = model.score(past(model, "0"), ["b2", "b4"])
    np.testing.assert_allclose(found["score"].dropna(), expected, rtol=1e-4)
    assert list(found["score"].isna()) == [False, True, False, True]


def test_a_title_in_a_sequence_is_that_of_one_item_or_told(tmp_path: Path) -> None:
    model = namesakes_recommender()
    pairs = pd.DataFrame({"sequence": ["book 1,b2", "b1,Emma"], "item_id": ["b3", "b3"]})
    path = written(pairs, tmp_path / "pairs.csv")
    said = r"'Emma' is the title of 2 items, with the ids 'b2', 'b4', in row 3; 1 of 2 rows"
    with pytest.raises(UnknownIdError, match=said) as caught:
        score_pairs(model, path, tmp_path / "scored.csv")
    told = {"title of several items": {"count": 1, "first_rows": [3]}}
    assert caught.value.details["problems"] == told
    found = scored(model, path, skip_unknown=True)
    np.testing.assert_allclose(
        found["score"].iloc[:1], model.score(["b1", "b2"], ["b3"]), rtol=1e-4
    )
    assert list(found["score"].isna()) == [False, True]


@pytest.mark.parametrize("name", ["scored.csv.gz", "scored.tsv", "scored"])
def test_an_answer_of_another_form_is_refused_before_anything_is_asked(
    name: str, model: Recommender, tmp_path: Path
) -> None:
    pairs = written(pd.DataFrame({"user_id": ["0"], "item_id": ["1"]}), tmp_path / "pairs.csv")
    with pytest.raises(FormatError, match=f"'{name}' ends neither in .csv nor in .parquet"):
        score_pairs(model, pairs, tmp_path / name)
    assert [file.name for file in tmp_path.iterdir()] == ["pairs.csv"]


def test_an_ending_counts_in_large_letters_too(model: Recommender, tmp_path: Path) -> None:
    pairs = written(pd.DataFrame({"user_id": ["0"], "item_id": ["1"]}), tmp_path / "p.parquet")
    pairs = pairs.rename(tmp_path / "P.PARQUET")
    score_pairs(model, pairs, tmp_path / "SCORED.PARQUET")
    assert len(pq.read_table(tmp_path / "SCORED.PARQUET")) == 1


def test_what_waits_beside_the_answer_waits_where_a_link_leads_to(
    model: Recommender, tmp_path: Path
) -> None:
    pairs = written(pd.DataFrame({"user_id": ["0"], "item_id": ["1"]}), tmp_path / "pairs.csv")
    (tmp_path / "far").mkdir()
    link = tmp_path / "scored.parquet"
    link.symlink_to("far/kept")
    score_pairs(model, pairs, link)
    assert link.is_symlink()
    assert [file.name for file in (tmp_path / "far").iterdir()] == ["kept"]
    assert len(pq.read_table(tmp_path / "far" / "kept")) == 1


def test_moments_have_one_form_in_a_csv_whatever_stands_in_the_same_batch(
    model: Recommender, tmp_path: Path
) -> None:
    moments = pd.to_datetime(
        ["2020-01-01", None, "2020-01-01 05:00", "2020-01-01"], format="ISO8601"
    )
    frame = pd.DataFrame({"user_id": ["0"] * 4, "item_id": ["1"] * 4, "at": moments})
    pairs = written(frame, tmp_path / "pairs.parquet")
    score_pairs(model, pairs, tmp_path / "scored.csv", batch_rows=2)
    texts = pd.read_csv(tmp_path / "scored.csv", dtype=str)["at"]
    assert texts[0] == texts[3]
    assert pd.to_datetime(texts).dropna().tolist() == moments.dropna().tolist()


def test_bytes_are_written_to_a_csv_as_the_text_they_are(
    model: Recommender, tmp_path: Path
) -> None:
    table = {"user_id": ["0"] * 3, "item_id": ["1"] * 3, "note": [b"=1", "\xe9".encode(), None]}
    pq.write_table(pa.table(table), tmp_path / "pairs.parquet")
    score_pairs(model, tmp_path / "pairs.parquet", tmp_path / "scored.csv")
    notes = pd.read_csv(tmp_path / "scored.csv", keep_default_na=False)["note"]
    assert notes.tolist() == ["'=1", "\xe9", ""]


def test_a_home_folder_may_be_short_for_where_the_pairs_are(
    model: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    written(pd.DataFrame({"user_id": ["0"], "item_id": ["1"]}), tmp_path / "pairs.csv")
    assert score_pairs(model, "~/pairs.csv", "~/scored.csv").n_pairs == 1
    assert (tmp_path / "scored.csv").is_file()


def test_a_cell_of_the_answer_starts_no_formula(model: Recommender, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"user_id": ["0"] * 3, "item_id": ["1", "2", "3"], "note": ["=1", "a", ""]}
    )
    pairs = written(frame, tmp_path / "pairs.csv")
    score_pairs(model, pairs, tmp_path / "scored.csv", batch_rows=2)
    lines = (tmp_path / "scored.csv").read_text().splitlines()
    assert lines[0] == "user_id,item_id,note,score,rank"
    assert lines[1].startswith("0,1,'=1,")
    assert len(lines) == 4


def test_what_a_killed_process_left_beside_the_answer_goes_with_the_next_one(
    model: Recommender, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"user_id": ["0"], "item_id": ["1"]})
    pairs = written(frame, tmp_path / "pairs.csv")
    left = abandoned_beside(tmp_path / "old.csv")
    with temporary_beside(tmp_path / "new.csv") as under_way:
        for folder in (left, under_way):
            folder.mkdir()
            (folder / "rows").write_bytes(b"half")
        score_pairs(model, pairs, tmp_path / "scored.csv")
        assert under_way.is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {"pairs.csv", "scored.csv"}


def test_pairs_longer_named_than_any_file_are_not_there(model: Recommender) -> None:
    with pytest.raises(NotFoundError):
        score_pairs(model, Path("x" * 300), "scored.csv")


def test_pairs_whose_packing_is_cut_are_refused_in_words(
    model: Recommender, tmp_path: Path
) -> None:
    packed = gzip.compress(b"user_id,item_id\n" + b"0,1\n" * 10_000)
    for content in (packed[:-20], packed[:20] + b"xxxx" + packed[24:]):
        (tmp_path / "pairs.csv.gz").write_bytes(content)
        with pytest.raises(FormatError, match="the pairs cannot be read"):
            score_pairs(model, tmp_path / "pairs.csv.gz", tmp_path / "scored.csv")
    assert {path.name for path in tmp_path.iterdir()} == {"pairs.csv.gz"}
