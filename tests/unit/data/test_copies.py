from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from bert4rec.data.copies import has_mixed_ends, plain_copy
from bert4rec.data.log import InteractionLog, read_log
from bert4rec.data.packing import BLOCK_BYTES
from tests.factories import columns_of

HEADER = "user_id,item_id,timestamp"
ROWS = [f"u{n % 5},i{n % 7},{1_700_000_000 + n}" for n in range(60)]
FORMS = {
    "csv": [HEADER, *ROWS],
    "tsv": [line.replace(",", "\t") for line in [HEADER, *ROWS]],
    "movielens": [f"{n % 5}::{n % 7}::3::{978_300_000 + n}" for n in range(60)],
    "pairs": [f"{n % 5} {n % 7}" for n in range(60)],
    "sequences": [f"{n} {' '.join('123456'[: n % 5 + 1])}" for n in range(60)],
    "jsonl": [f'{{"user": {n % 5}, "item": {n % 7}}}' for n in range(60)],
}


def mixed(lines: list[str]) -> bytes:
    """Lines of which each third ends as on Windows."""
    return "".join(line + ("\n", "\n", "\r\n")[n % 3] for n, line in enumerate(lines)).encode()


def plain(lines: list[str]) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


def all_of(log: InteractionLog) -> list[tuple[object, ...]]:
    return columns_of(log, "user_id", "item_id", "time_s", "value", "event")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_may_end_now_as_on_unix_and_now_as_on_windows(form, pack, tmp_path: Path):
    (tmp_path / "plain.txt").write_bytes(plain(FORMS[form]))
    (tmp_path / "mixed.txt").write_bytes(pack(mixed(FORMS[form])))
    with read_log(tmp_path / "plain.txt") as one, read_log(tmp_path / "mixed.txt") as other:
        assert one.form == other.form == form
        assert all_of(one) == all_of(other)
        assert (other.n_rejected, other.n_rows_read) == (0, one.n_rows_read)


@pytest.mark.parametrize("n_before", [0, 200_000])
def test_one_odd_line_end_far_from_the_head_costs_nothing(n_before: int, tmp_path: Path):
    rows = ROWS[:2] + ROWS[2:4] * (n_before // 2)
    text = plain([HEADER, *rows]) + b"u1,i1,1700000007\r\n" + plain([*ROWS, "bad,line"])
    (tmp_path / "log.csv").write_bytes(text)
    with read_log(tmp_path / "log.csv") as log:
        assert log.n_rows_read == len(rows) + len(ROWS) + 2
        assert [reject.line for reject in log.rejects] == [log.n_rows_read + 1]


@pytest.mark.parametrize(
    ("cell", "expected"), [("a\rb", "a b"), ("i1\r", "i1"), ('"a\r""b"""', 'a "b"')]
)
def test_a_carriage_return_within_a_line_is_a_blank(cell: str, expected: str, tmp_path: Path):
    text = plain(["time,user,item", *(f"{n},u{n % 3},i{n % 4}" for n in range(20))])
    (tmp_path / "log.csv").write_bytes(text + f"7,u1,{cell}\n".encode())
    with read_log(tmp_path / "log.csv") as log:
        assert log.n_rejected == 0
        assert all_of(log)[-1][1] == expected


@pytest.mark.parametrize("text", [b"a\nb\n", b"a\r\nb\r\n", b"a", b"", b"a\r\nb"])
def test_lines_that_end_alike_need_no_copy(text: bytes, tmp_path: Path):
    (tmp_path / "log.csv").write_bytes(text)
    assert not has_mixed_ends(tmp_path / "log.csv", "none")


@pytest.mark.parametrize(
    "text", [b"a\nb\r\n", b"a\r\nb\n", b"a\rb\n", b"a\r\r\nb\r\n", b"a\r\nb\r"]
)
def test_lines_that_end_otherwise_are_told(text: bytes, tmp_path: Path):
    (tmp_path / "log.csv").write_bytes(text)
    assert has_mixed_ends(tmp_path / "log.csv", "none")


@pytest.mark.parametrize("place", range(BLOCK_BYTES - 3, BLOCK_BYTES + 2))
def test_a_line_end_may_lie_across_two_blocks(place: int, tmp_path: Path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"x" * place + b"\r\ny\r\n")
    assert not has_mixed_ends(path, "none")
    path.write_bytes(b"x" * place + b"\r\ny\n")
    assert has_mixed_ends(path, "none")
    copy = plain_copy(path, "none", "utf-8", tmp_path / "copies")
    assert copy.read_bytes() == b"x" * place + b"\ny\n"
