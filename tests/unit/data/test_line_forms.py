from __future__ import annotations

from pathlib import Path

import pytest

from bert4rec.data.line_forms import are_triples
from bert4rec.data.log import preview_log, read_log
from bert4rec.errors import LogError
from tests.factories import columns_of


def rows_of(path: Path, form: str | None = None) -> list[tuple[str, str]]:
    with read_log(path, form=form) as log:
        return columns_of(log, "user_id", "item_id")


def test_each_line_of_a_session_file_is_a_user(tmp_path: Path):
    (tmp_path / "log.txt").write_text("5 6 7\n\n7 5\n6 6 5\n")
    assert rows_of(tmp_path / "log.txt", "sessions") == [
        ("1", "5"), ("1", "6"), ("1", "7"), ("2", "7"), ("2", "5"), ("3", "6"), ("3", "6"),
        ("3", "5"),
    ]  # fmt: skip


def test_lines_of_items_may_be_parted_by_commas(tmp_path: Path):
    (tmp_path / "log.txt").write_text("a, x y, z\nb, z, x y\n")
    assert rows_of(tmp_path / "log.txt", "sequences") == [
        ("a", "x y"), ("a", "z"), ("b", "z"), ("b", "x y"),
    ]  # fmt: skip


def test_lines_of_histories_that_are_taken_for_one_column_are_told_the_forms_to_name(
    tmp_path: Path,
):
    lines = [" ".join([f"u{n}", *"abcdef"[: 4 + n % 3]]) for n in range(30)]
    (tmp_path / "log.txt").write_text("\n".join(lines) + "\n")
    with pytest.raises(LogError, match="one column") as raised:
        preview_log(tmp_path / "log.txt")
    assert "sequences for a user and items on each line" in (raised.value.fix or "")
    assert rows_of(tmp_path / "log.txt", "sequences")[:2] == [("u0", "a"), ("u0", "b")]


def test_three_lines_a_pupil_are_told_by_their_counts(tmp_path: Path):
    (tmp_path / "log.csv").write_text("2\n7,8\n1,0\n3\n8,8,9,\n0,1,1,\n")
    assert preview_log(tmp_path / "log.csv").form == "triples"
    with read_log(tmp_path / "log.csv") as log:
        rows = columns_of(log, "user_id", "item_id", "value")
        assert rows == [
            ("1", "7", 1), ("1", "8", 0), ("2", "8", 0), ("2", "8", 1), ("2", "9", 1),
        ]  # fmt: skip


def test_a_pupil_whose_lines_do_not_agree_is_counted(tmp_path: Path):
    good = "2\n7,8\n1,0\n" * 3
    (tmp_path / "log.csv").write_text(good + "3\n7,8\n1,0\n" + good)
    with read_log(tmp_path / "log.csv", form="triples") as log:
        assert (log.n_rows_read, log.n_rejected) == (13, 1)


def test_a_form_with_three_lines_is_not_seen_in_other_files(tmp_path: Path):
    (tmp_path / "log.csv").write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(LogError, match="that many items"):
        preview_log(tmp_path / "log.csv", form="triples")


@pytest.mark.parametrize("first", ["①", "²", "1" * 5_000])
def test_a_first_line_that_is_no_usual_number_starts_no_three_lines(first: str):
    assert not are_triples([first, "a", "1"])
