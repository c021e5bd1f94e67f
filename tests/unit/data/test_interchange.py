from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bert4rec.data import dataset as dataset_module
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.filters import PrepareSettings
from bert4rec.data.interchange import EXPORT_FORMS, export_dataset
from bert4rec.data.item_cells import texts_of, values_of
from bert4rec.data.prepare import prepare
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import DatasetError, UnwritableError
from tests.factories import histories_of

ALL = PrepareSettings(drop_duplicates=False, min_sequence_length=1)
TITLES = ["=1+2", "-minus", '"Quoted" one', 'half "open', "@at, comma; bar|", "Größe ü 😀", "x"]


def times(dataset: SequenceDataset) -> dict[str, list[float]] | None:
    if dataset.times_s is None:
        return None
    cuts = zip(dataset.offsets[:-1], dataset.offsets[1:], strict=True)
    return {
        dataset.user_id(user): dataset.times_s[start:end].tolist()
        for user, (start, end) in enumerate(cuts)
    }


def titles(dataset: SequenceDataset) -> dict[str, str]:
    return dict(zip(dataset.vocabulary.item_ids, dataset.vocabulary.titles, strict=True))


def made(workspace: Path, *, has_times: bool = True, seed: int = 3) -> SequenceDataset:
    """Users whose lines are mixed, with repeats, equal times and times with fractions."""
    chance = np.random.default_rng(seed)
    n = 300
    log = pd.DataFrame(
        {
            "user_id": [f"u{user}" for user in chance.integers(20, size=n)],
            "item_id": [f"i{item}" for item in chance.integers(len(TITLES), size=n)],
        }
    )
    if has_times:
        # Few moments, so that most of a user's times are equal.
        log["timestamp"] = 1_700_000_000 + chance.choice([0, 0.1, 60, 86_400.25, -3e8], size=n)
    items = pd.DataFrame(
        {
            "item_id": [f"i{item}" for item in range(len(TITLES))],
            "title": TITLES,
            "kind": ["a b", None, "c", "d", "e", "f", "g"],
            "year": range(1990, 1990 + len(TITLES)),
        }
    )
    return prepare(log, items=items, workspace=workspace, settings=ALL, name="made")


def with_items(items: dict[str, list[Any]], token_lists: tuple[str, ...] = ()) -> SequenceDataset:
    """Two items with a table of their own."""
    dataset = SequenceDataset.from_sequences([[1, 2], [2, 1]])
    table = dataset.vocabulary.table.assign(**items)
    return replace(dataset, vocabulary=Vocabulary(table, token_lists))


def read_back(files: list[Path], workspace: Path) -> SequenceDataset:
    by_kind = {path.suffix if path.suffix != ".parquet" else path.stem: path for path in files}
    log = by_kind.get(".inter") or by_kind["interactions"]
    return prepare(log, items=by_kind.get("items"), workspace=workspace, settings=ALL)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("has_times", [True, False])
@pytest.mark.parametrize("form", EXPORT_FORMS)
def test_an_export_that_is_read_again_has_equal_histories_times_and_titles(
    form: str, has_times: bool, seed: int, workspace: Path, tmp_path: Path
) -> None:
    dataset = made(workspace, has_times=has_times, seed=seed)
    files = export_dataset(dataset, tmp_path / "out", form)
    again = read_back(files, tmp_path / "other")
    assert histories_of(again) == histories_of(dataset)
    assert times(again) == times(dataset)
    assert titles(again) == titles(dataset)
    assert sorted(again.vocabulary.table["year"]) == sorted(dataset.vocabulary.table["year"])


@pytest.mark.parametrize("form", EXPORT_FORMS)
def test_an_export_in_blocks_is_that_of_the_whole(
    form: str, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = made(workspace)
    whole = read_back(export_dataset(dataset, tmp_path / "whole", form), tmp_path / "w")
    monkeypatch.setattr(dataset_module, "BLOCK_ROWS", 20)
    assert len(list(dataset.blocks())) > 5
    parts = read_back(export_dataset(dataset, tmp_path / "parts", form), tmp_path / "p")
    assert histories_of(parts) == histories_of(whole)


def test_tabs_and_line_ends_of_titles_are_blanks_in_recbole(tmp_path: Path) -> None:
    dataset = SequenceDataset.from_sequences([[1, 2], [2, 1]])
    table = dataset.vocabulary.table.assign(title=["a\tb\r\nc", "d\u2028e"])
    table["odd:name here"] = ["x\ny", None]
    export_dataset(replace(dataset, vocabulary=Vocabulary(table)), tmp_path / "out", "recbole")
    lines = (tmp_path / "out" / "made.item").read_text("utf-8").split("\n")
    assert lines == [
        "item_id:token\ttitle:token_seq\todd_name_here:token",
        "1\ta b  c\tx y",
        "2\td e\t",
        "",
    ]


def test_an_id_that_would_break_a_line_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    dataset = SequenceDataset.from_sequences([[1, 2], [2, 1]])
    odd = replace(dataset, users=pd.DataFrame({"user_id": ["a\tb", "c"]}))
    with pytest.raises(DatasetError, match="Export as Parquet"):
        export_dataset(odd, tmp_path / "out", "recbole")
    assert list(tmp_path.iterdir()) == []
    export_dataset(odd, tmp_path / "out", "parquet")
    read = pd.read_parquet(tmp_path / "out" / "interactions.parquet")
    assert list(read["user_id"]) == ["a\tb", "a\tb", "c", "c"]
    assert list(read.columns) == ["user_id", "item_id"]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    dataset = SequenceDataset.from_sequences([[1, 2], [2, 1]])
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UnwritableError, match="not empty"):
        export_dataset(dataset, tmp_path, "parquet")
    with pytest.raises(UnwritableError, match="not empty"):
        export_dataset(dataset, tmp_path / "mine.txt", "parquet")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    files = export_dataset(dataset, tmp_path / "empty", "parquet")
    assert [path.name for path in files] == ["interactions.parquet", "items.parquet"]
    assert export_dataset(dataset, tmp_path / "empty", "recbole", may_replace=True)[0].is_file()


def test_an_unknown_form_is_refused_by_name(tmp_path: Path) -> None:
    dataset = SequenceDataset.from_sequences([[1, 2], [2, 1]])
    with pytest.raises(DatasetError, match="Forms are: parquet, recbole"):
        export_dataset(dataset, tmp_path / "out", "xlsx")


def test_names_that_recbole_cannot_tell_apart_get_a_number(tmp_path: Path) -> None:
    log = pd.DataFrame({"user_id": list("aabb"), "item_id": list("xyxy")})
    columns = {"a b": [1, 2], "a_b": [3, 4], "a:b": [5, 6], "A_B": [7, 8], "Title": ["p", "q"]}
    items = pd.DataFrame({"item_id": ["x", "y"], "title": ["X", "Y"]} | columns)
    dataset = prepare(log, items=items, workspace=tmp_path / "w", settings=ALL)
    files = export_dataset(dataset, tmp_path / "out", "recbole")
    table = read_back(files, tmp_path / "again").vocabulary.table
    names = ["a_b", "a_b_2", "a_b_3", "A_B_4", "Title_2"]
    assert table.columns.tolist() == ["item_id", "title", "count", *names]
    assert table[names].to_numpy().tolist() == [[1, 3, 5, 7, "p"], [2, 4, 6, 8, "q"]]


def test_what_a_killed_export_left_goes_at_the_next_one(workspace: Path, tmp_path: Path) -> None:
    left = tmp_path / "exports" / ".ml.bert4rec-0a0b0c0d.tmp"
    left.mkdir(parents=True)
    (left / "items.parquet").write_bytes(b"PAR1")
    export_dataset(made(workspace), tmp_path / "exports" / "mine", "parquet")
    assert [path.name for path in (tmp_path / "exports").iterdir()] == ["mine"]


@pytest.mark.parametrize("form", EXPORT_FORMS)
def test_columns_that_are_lists_of_words_hold_the_same_values_when_read_again(
    form: str, tmp_path: Path
) -> None:
    dataset = with_items({"genres": ["Comedy Drama", "Drama"]}, ("genres",))
    again = read_back(export_dataset(dataset, tmp_path / "out", form), tmp_path / "w")
    assert values_of(again.vocabulary, "genres") == [["Comedy", "Drama"], ["Drama"]]


@pytest.mark.parametrize("form", EXPORT_FORMS)
@pytest.mark.parametrize("values", [[True, False], [True, None], [1990, None], [2.5, 7.0]])
def test_values_of_any_type_group_alike_when_read_again(
    values: list[Any], form: str, tmp_path: Path
) -> None:
    dataset = with_items({"kind": values})
    again = read_back(export_dataset(dataset, tmp_path / "out", form), tmp_path / "w")
    assert texts_of(again.vocabulary, "kind") == texts_of(dataset.vocabulary, "kind")


def test_truth_is_no_number_in_recbole(tmp_path: Path) -> None:
    dataset = with_items({"flag": [True, False], "year": [1990, 2001]})
    export_dataset(dataset, tmp_path / "out", "recbole")
    assert (tmp_path / "out" / "made.item").read_text().splitlines() == [
        "item_id:token\ttitle:token_seq\tflag:token\tyear:float",
        "1\t1\ttrue\t1990",
        "2\t2\tfalse\t2001",
    ]


def test_lists_in_the_items_of_an_older_dataset_are_exported(tmp_path: Path) -> None:
    dataset = with_items({"genres": [np.array(["a", "b"]), ["c\td"]]})
    export_dataset(dataset, tmp_path / "out", "recbole")
    lines = (tmp_path / "out" / "made.item").read_text().splitlines()
    assert lines[1:] == ["1\t1\ta|b", "2\t2\tc d"]
