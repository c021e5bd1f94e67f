from __future__ import annotations

import pandas as pd
import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.prepare import prepare
from bert4rec.data.split import TimeCuts, global_time, leave_one_out, split_dataset
from bert4rec.data.split_picture import picture_of
from bert4rec.data.split_record import split_record
from bert4rec.setting_checks import parse_settings
from bert4rec.ui.data.split_chart import (
    FORMS_BETWEEN,
    MAX_ID,
    PART_NAMES,
    WAYS,
    split_chart,
    split_table,
    split_words,
)
from tests.factories import timed_dataset

HOUR = 3600.0
CUTS = TimeCuts(1.7e9 + 30 * HOUR, 1.7e9 + 40 * HOUR)


def test_parts_differ_in_colour_and_in_sign_and_only_those_that_occur_are_in_the_legend() -> None:
    dataset = SequenceDataset.from_sequences([[1, 2, 3, 4], [5, 6]])
    split = leave_one_out(dataset)
    chart = split_chart(picture_of(dataset, split), dataset, split)
    channels = chart.spec["layer"][0]["encoding"]
    shape = channels["shape"]["scale"]
    assert shape["domain"] == channels["color"]["scale"]["domain"] == list(PART_NAMES)
    assert len(set(shape["range"])) == len(PART_NAMES)
    assert channels["color"]["legend"]["values"] == ["Training", "Validation", "Test"]
    points = chart.points
    assert points.loc[points["part"] == "Test", "x"].tolist() == [0]
    assert channels["y"]["sort"] is None
    assert [forms(user) for user in points["user"].unique()] == [["1", "1"], ["0", "0"]]


def forms(user: str) -> list[str]:
    """An id as it is drawn where there is room, and where there is little."""
    return user.split(FORMS_BETWEEN)


@pytest.mark.parametrize("between", ["", FORMS_BETWEEN])
def test_long_ids_that_begin_alike_leave_room_for_the_dots_and_stay_apart(between: str) -> None:
    ids = [f"a-very-long-name{between}-{at}@example.org" for at in range(3)]
    log = pd.DataFrame({"user": [user for user in ids for _ in range(4)], "item": list("abcd") * 3})
    dataset = prepare(log)
    split = leave_one_out(dataset)
    users = split_chart(picture_of(dataset, split), dataset, split).points["user"]
    roomy, narrow = zip(*map(forms, users.unique()), strict=True)
    assert sorted(roomy) == [user.replace(FORMS_BETWEEN, " ") for user in ids]
    assert len(set(narrow)) == 3
    assert max(map(len, narrow)) <= MAX_ID + len(" · 3")


def test_a_split_by_time_is_drawn_over_time_with_its_cuts() -> None:
    dataset = timed_dataset([12] * 40)
    split = global_time(dataset, CUTS)
    chart = split_chart(picture_of(dataset, split), dataset, split)
    assert pd.to_datetime(chart.points["x"].iloc[0], unit="ms").year == 2023
    dots, *cuts = chart.spec["layer"]
    assert dots["encoding"]["x"]["type"] == "temporal"
    lines = [layer for layer in cuts if layer["mark"]["type"] == "rule"]
    names = [layer for layer in cuts if layer["mark"]["type"] == "text"]
    for layers in (lines, names):
        assert [layer["encoding"]["x"]["datum"] for layer in layers] == [
            1000 * CUTS.valid_at_s,
            1000 * CUTS.test_at_s,
        ]
    assert [name["mark"]["text"] for name in names] == ["validation begins", "test begins"]


def test_the_table_counts_the_same_parts() -> None:
    dataset = SequenceDataset.from_sequences([[1, 2, 3, 4], [5, 6]])
    table = split_table(picture_of(dataset, leave_one_out(dataset)), dataset)
    assert list(table.columns) == ["User", "Training", "Validation", "Test"]
    assert table.to_numpy().tolist() == [["1", 2, 0, 0], ["0", 2, 1, 1]]


def test_the_words_name_counts_and_moments() -> None:
    dataset = timed_dataset([12] * 40)
    settings = parse_settings({"split_strategy": "global_time"})
    words = split_words(split_record(global_time(dataset, CUTS), settings), 480)
    assert words.startswith("Of 480 in all, ")
    assert "Validation begins on 16 Nov 2023, 04:13 UTC, test on 16 Nov 2023, 14:13 UTC." in words


@pytest.mark.parametrize("name", WAYS)
def test_every_way_to_split_is_one_that_settings_know(name: str) -> None:
    way = WAYS[name]
    amounts = (way.lowest, way.first, way.highest) if way.amount else ()
    for amount in amounts:
        parse_settings(dict(way.given) | {way.amount: amount})
    assert amounts == tuple(sorted(amounts))


def test_as_many_of_the_newest_items_are_drawn_as_there_is_room_for_but_all_that_are_held_out() -> (
    None
):
    dataset = SequenceDataset.from_sequences([list(range(1, 81))])
    for settings, least in ({}, 6), ({"split_strategy": "last_k", "held_out_items": 9}, 22):
        split = split_dataset(dataset, parse_settings(settings))
        (layer,) = split_chart(picture_of(dataset, split), dataset, split).spec["layer"]
        assert layer["transform"] == [{"filter": f"datum.x > -max({least}, floor(width / 10))"}]
        assert "width" in layer["mark"]["size"]["expr"]
    timed = timed_dataset([40] * 3)
    split = global_time(timed, CUTS)
    assert "transform" not in split_chart(picture_of(timed, split), timed, split).spec["layer"][0]
