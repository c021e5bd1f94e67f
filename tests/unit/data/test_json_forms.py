from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bert4rec.data.log import Roles, preview_log, read_items, read_log
from bert4rec.errors import LogError
from tests.factories import columns_of

RECORDS = [{"user_id": f"u{n % 3}", "item_id": f"i{n % 4}", "timestamp": n} for n in range(24)]
PLAYLISTS = {
    "info": {"slice": "0-2", "version": "v1"},
    "playlists": [
        {
            "name": f"list {pid}",
            "pid": pid,
            "modified_at": 1_500_000_000,
            "duration_ms": 9,
            "tracks": [
                {
                    "pos": pos,
                    "artist_name": f"artist {pos}",
                    "track_uri": f"spotify:track:{(pid + pos) % 5}",
                    "track_name": f"track {(pid + pos) % 5}",
                    "duration_ms": 100,
                }
                for pos in range(4)
            ],
        }
        for pid in range(3)
    ],
}


OBJECTS = {
    "by columns": {"user": {"0": "a", "1": "b"}, "item": {"0": "x", "1": "y"}},
    "split": {"columns": ["user", "item"], "index": [0, 1], "data": [["a", "x"], ["b", "y"]]},
    "histories by user": {"a": ["x", "y"], "b": ["y", "x"]},
}


def written(folder: Path, document: Any, indent: int | None = None) -> Path:
    path = folder / "log.json"
    path.write_text(json.dumps(document, indent=indent))
    return path


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_records_is_read_as_lines_of_them(indent: int | None, tmp_path: Path):
    path = written(tmp_path, RECORDS, indent)
    assert preview_log(path).form == "json"
    with read_log(path) as log:
        rows = columns_of(log, "user_id", "item_id", "time_s")
    assert rows == [(r["user_id"], r["item_id"], float(r["timestamp"])) for r in RECORDS]


@pytest.mark.parametrize("key", ["item", "item_id", "movieId"])
def test_a_list_of_items_is_a_history_whatever_the_usual_name_of_its_key(key: str, tmp_path: Path):
    records = [{"user_id": n, key: ["x", "y", str(n)]} for n in range(3)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    with read_log(tmp_path / "log.jsonl") as log:
        rows = columns_of(log, "user_id", "item_id")
    assert rows == [(str(n), item) for n in range(3) for item in ("x", "y", str(n))]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8-sig"])
def test_a_document_may_be_in_any_encoding_that_lines_may_be_in(encoding: str, tmp_path: Path):
    records = [{"user": f"{letter}{n % 5}", "item": n % 7} for letter in "éñ" for n in range(60)]
    text = json.dumps(records, ensure_ascii=False)
    (tmp_path / "log.json").write_text(text, encoding=encoding)
    with read_log(tmp_path / "log.json") as log:
        rows = columns_of(log, "user_id", "item_id")
    assert rows == [(record["user"], str(record["item"])) for record in records]


def test_records_below_a_name_are_found(tmp_path: Path):
    path = written(tmp_path, {"status": "ok", "data": RECORDS})
    with read_log(path) as log:
        assert (log.n_rows_read, log.n_rejected) == (24, 0)
    assert "'data'" in preview_log(path).form_reason


@pytest.mark.parametrize("indent", [None, 4])
def test_the_tracks_of_playlists_are_rows_and_the_playlists_users(
    indent: int | None, tmp_path: Path
):
    path = written(tmp_path, PLAYLISTS, indent)
    roles = preview_log(path).roles()
    assert (roles.user, roles.item, roles.time) == ("pid", "track_uri", "pos")
    with read_log(path) as log:
        rows = columns_of(log, "user_id", "item_id", "time_s")
    assert len(rows) == 12
    assert rows[5] == ("1", "spotify:track:2", 1.0)
    table = read_items(path)
    assert table.set_index("item_id").loc["spotify:track:2", "title"] == "track 2"


def test_what_playlist_and_track_both_have_goes_by_two_names(tmp_path: Path):
    names = [column.name for column in preview_log(written(tmp_path, PLAYLISTS)).columns]
    assert {"duration_ms", "outer.duration_ms"} <= set(names)


def test_a_document_longer_than_the_head_is_told_from_its_start(tmp_path: Path):
    many = PLAYLISTS["playlists"] * 3000  # type: ignore[operator]
    path = written(tmp_path, PLAYLISTS | {"playlists": many})
    assert path.stat().st_size > 2 << 20
    with read_log(path) as log:
        assert log.n_rows_read == 36_000


def test_nested_ids_are_columns_by_their_path(tmp_path: Path):
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join(
            json.dumps({"user": {"id": n % 3}, "track": {"id/x": f"t{n % 4}"}, "ts": n}) + "\n"
            for n in range(20)
        )
    )
    assert [c.name for c in preview_log(path).columns] == ["user.id", "track.id/x", "ts"]
    with read_log(path, Roles("user.id", "track.id/x", "ts")) as log:
        assert columns_of(log, "user_id", "item_id")[4] == ("1", "t0")


def test_a_list_of_plain_items_in_each_record_is_a_history(tmp_path: Path):
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join(json.dumps({"user": u, "items": [f"i{u}", "i9", f"i{u}"]}) + "\n" for u in range(5))
        + json.dumps({"user": 6, "items": []})
    )
    with read_log(path) as log:
        assert (log.n_rows_read, log.n_rejected) == (16, 1)
        assert log.rejects[0].reason == "no item id"
        assert columns_of(log, "item_id")[:3] == [
            ("i0",),
            ("i9",),
            ("i0",),
        ]


def test_a_record_with_user_and_item_is_not_gone_into(tmp_path: Path):
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join(
            json.dumps({"user": n % 3, "item": n % 4, "items": [{"a": 1}, {"a": 2}]}) + "\n"
            for n in range(20)
        )
    )
    with read_log(path) as log:
        assert log.n_rows_read == 20


def test_a_document_that_is_damaged_far_from_its_head_is_refused(tmp_path: Path):
    path = tmp_path / "log.json"
    path.write_text(json.dumps(RECORDS * 2000)[:-40])
    assert preview_log(path).form == "json"
    with pytest.raises(LogError, match="cannot be read") as caught:
        read_log(path)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("as_lines", [True, False])
def test_a_key_without_a_name_is_called_by_its_place_as_in_csv(as_lines: bool, tmp_path: Path):
    rows = [{"": n, "user": n % 3, "item": n % 4} for n in range(12)]
    path = written(tmp_path, rows)
    if as_lines:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert preview_log(path).layout.columns == ("column1", "user", "item")
    with read_log(path, Roles("user", "item", time="column1")) as log:
        assert columns_of(log, "time_s") == [(float(n),) for n in range(12)]


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("indent", [None, 1])
def test_one_object_of_lists_or_objects_is_told_from_records(
    name: str, indent: int | None, tmp_path: Path
):
    with pytest.raises(LogError, match=r'one object, not a list of records.*orient="records"'):
        preview_log(written(tmp_path, OBJECTS[name], indent))


def test_a_single_record_may_be_nested_all_over(tmp_path: Path):
    columns = preview_log(written(tmp_path, {"user": {"id": 1}, "item": {"id": 2}})).columns
    assert [column.name for column in columns] == ["user.id", "item.id"]
