from __future__ import annotations

import pytest

from bert4rec.ui.name_room import (
    CELL_PX,
    MAX_DATA_PX,
    MAX_NAME_PX,
    MAX_ROWS,
    MAX_TALL,
    N_LINES,
    ROW_PX,
    TALL_ROW_PX,
    NameRoom,
    cell_beginning,
    cell_text,
    data_room,
    name_room,
    text_px,
    text_within,
)

LONG = "playlists, half as wide as the usual one, with all of its dropout kept"
NAMES = (LONG, LONG.upper(), "m" * 90, "春の再生リスト" * 9, "a" * 200)


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_shown_wider_than_its_room(name: str) -> None:
    for room in (48, 68, 104, 184):
        shown = text_within(name, room)
        assert text_px(shown) <= room
        assert "…" in shown
        assert (shown[0], shown[-1]) == (name[0], name[-1])
    assert text_within(name, text_px(name)) == name
    assert text_px(cell_text(120)(name)) <= 120 - CELL_PX


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_three_lines_do_not_hold_loses_its_middle_too(name: str) -> None:
    room = name_room([name])
    assert room.row == TALL_ROW_PX
    assert text_px(room.text(name)) <= N_LINES * (room.width - CELL_PX)
    assert room.text(name) == name or "…" in room.text(name)
    assert "…" in NameRoom(MAX_NAME_PX, TALL_ROW_PX).text(name * 3)


@pytest.mark.parametrize("row", [ROW_PX, TALL_ROW_PX])
def test_a_list_that_scrolls_ends_within_a_row_and_a_whole_one_after_its_last(row: int) -> None:
    room = NameRoom(MAX_NAME_PX, row)
    most = MAX_ROWS if row == ROW_PX else MAX_TALL
    for n_rows in range(1, most + 1):
        assert room.height(n_rows) == ROW_PX + 2 + n_rows * row
    within = (room.height(most + 1) - ROW_PX - 2) % row
    assert 0.4 * row < within < 0.6 * row
    assert room.height(most + 1) == room.height(1_000)


def test_names_of_data_have_as_much_room_as_they_need_up_to_a_limit() -> None:
    assert data_room(["ml-100k"], ROW_PX).width < data_room(["listens, cleaned"], ROW_PX).width
    one_line, three_lines = (data_room([LONG], row) for row in (ROW_PX, TALL_ROW_PX))
    assert one_line.width == three_lines.width == MAX_DATA_PX
    assert len(one_line.text(LONG)) < len(three_lines.text(LONG))
    assert data_room([], ROW_PX).width == data_room(["log"], ROW_PX).width


@pytest.mark.parametrize("name", NAMES)
def test_longer_text_is_cut_at_its_end_with_a_sign_and_is_no_wider_than_its_cell(name: str) -> None:
    for width in (64, 190, 300):
        shown = cell_beginning(width)(name)
        assert text_px(shown) <= width - CELL_PX
        assert shown.endswith("…")
        assert name.startswith(shown[:-1])
    assert cell_beginning(10_000)(name) == name
