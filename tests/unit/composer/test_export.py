from __future__ import annotations

import csv
import io
import json

import pandas as pd
import pytest

from bert4rec.composer.decoding import Composition, compose
from bert4rec.composer.export import as_m3u8, as_text, composition_rows, offered_forms
from bert4rec.composer.outline import Limit, Outline, Rules
from bert4rec.composer.reasons import Reason, find_reasons
from bert4rec.data.vocabulary import Vocabulary
from tests.factories import SHELF, shelf_recommender


@pytest.fixture(scope="module")
def made() -> tuple[Composition, list[Reason]]:
    model = shelf_recommender()
    rules = Rules(frozenset({9}), (Limit("author", 2),))
    found = compose(model, Outline.of([1, None, 4], rules))
    return found, find_reasons(model, found.items, [1])


def test_a_playlist_is_offered_where_the_item_table_holds_what_players_read() -> None:
    for column in ("Artist", "duration", "path"):
        assert offered_forms(Vocabulary(SHELF.assign(**{column: "x"}))) == ["csv", "json", "m3u8"]
    # The author of a book to read.
    assert offered_forms(Vocabulary(SHELF)) == ["csv", "json"]
    films = SHELF[["item_id", "title", "count"]].assign(genre="Drama")
    assert offered_forms(Vocabulary(films)) == ["csv", "json"]


def test_json_holds_what_was_asked_for_and_what_came_out(
    made: tuple[Composition, list[Reason]],
) -> None:
    found, reasons = made
    document = json.loads(as_text("json", found, reasons, Vocabulary(SHELF)))
    kept, chosen, _ = document["places"]
    assert kept["item_id"] == "b1"
    assert (kept["kept"], kept["probability"], kept["carried_by"]) == (True, None, None)
    assert not chosen["kept"]
    assert chosen["probability"] == pytest.approx(found.choices[0].probability)
    assert chosen["carried_by"] == reasons[0].carried_by
    assert 0 < chosen["past"] < 1
    assert document["excluded"] == ["b9"]
    assert document["limits"] == [{"column": "author", "n": 2}]


def test_a_sequence_without_choices_is_written_as_well() -> None:
    model = shelf_recommender()
    found = compose(model, Outline.of([1, 4]))
    lines = list(csv.DictReader(io.StringIO(as_text("csv", found, [], model.vocabulary))))
    assert [(line["kept"], line["round"], line["probability"]) for line in lines] == [
        ("yes", "", "")
    ] * 2


def test_what_a_model_of_the_past_does_not_see_is_empty() -> None:
    model = shelf_recommender(attention="causal")
    found = compose(model, Outline.of([1, None, 4]))
    reasons = find_reasons(model, found.items, [1])
    chosen = composition_rows(found, reasons, model.vocabulary)[1]
    assert 0 < chosen["past"] < 1
    assert (chosen["future"], chosen["both"]) == (None, None)


def test_csv_starts_no_formula_and_keeps_the_columns_of_the_item_table(
    made: tuple[Composition, list[Reason]],
) -> None:
    found, reasons = made
    table = SHELF.assign(title="=1+1", probability="high")
    lines = list(csv.DictReader(io.StringIO(as_text("csv", found, reasons, Vocabulary(table)))))
    assert [line["title"] for line in lines] == ["'=1+1"] * 3
    assert [line["kept"] for line in lines] == ["yes", "no", "yes"]
    # As in the JSON file, whole.
    assert [line["round"] for line in lines] == ["", "1", ""]
    assert [line["table_probability"] for line in lines] == ["high"] * 3
    assert lines[0]["author"] == "Ann"


def test_a_playlist_names_each_item_on_one_line_and_starts_no_comment() -> None:
    table = pd.DataFrame(
        {
            "item_id": ["a", "#b", "c"],
            "title": ["One\n#EXTINF:9,Two", "Tab\there", "\u202eThree"],
            "count": 1,
            "artist": ["Ann\r\nBo", None, "Cy"],
            "duration": [61.4, None, -3],
            "path": ["music/a.flac\nrm", "", "#c.mp3"],
        }
    )
    assert as_m3u8([1, 2, 3], Vocabulary(table)).splitlines() == [
        "#EXTM3U",
        "#EXTINF:61,Ann Bo - One #EXTINF:9,Two",
        "music/a.flac rm",
        "#EXTINF:-1,Tab here",
        "./#b",
        "#EXTINF:-1,Cy - Three",
        "./#c.mp3",
    ]


def test_a_place_names_its_file_sign_by_sign_and_a_title_keeps_what_joins_its_signs() -> None:
    paths = ["Ann/Live  1999.flac", "B\u00a0o/\u3000.mp3", "\u0645\u06cc\u200c\u062e.mp3"]
    table = pd.DataFrame({"item_id": ["a", "b", "c"], "title": ["\U0001f469\u200d\U0001f680"] * 3})
    lines = as_m3u8([1, 2, 3], Vocabulary(table.assign(path=paths))).split("\n")
    assert lines[2::2] == paths
    assert lines[1] == "#EXTINF:-1,\U0001f469\u200d\U0001f680"


def test_without_a_column_of_places_the_ids_stand_there() -> None:
    assert as_m3u8([2], Vocabulary(SHELF)).splitlines() == [
        "#EXTM3U",
        "#EXTINF:-1,Ann - Book 2",
        "b2",
    ]
