from __future__ import annotations

import pytest

from bert4rec.errors import DatasetError, LabelError
from bert4rec.names import MAX_NOTE, checked_name, checked_note, free_name


def test_a_name_is_kept_on_one_line_with_single_blanks() -> None:
    assert checked_name("  My \n first   log ", 60, refusal=DatasetError) == "My first log"


@pytest.mark.parametrize("refusal", [DatasetError, LabelError])
@pytest.mark.parametrize(("name", "n"), [("", 0), (" \n ", 0), ("x" * 61, 61)])
def test_a_name_that_is_none_is_refused_as_the_caller_asks(
    name: str, n: int, refusal: type[DatasetError | LabelError]
) -> None:
    with pytest.raises(refusal, match=f"a name has 1 to 60 signs, not {n}"):
        checked_name(name, 60, refusal=refusal)


def test_a_note_loses_the_blanks_around_it_and_may_be_empty_but_not_too_long() -> None:
    assert checked_note(" two\nlines ", refusal=LabelError, where="run") == "two\nlines"
    assert checked_note(" ", refusal=LabelError, where="run") == ""
    with pytest.raises(LabelError, match="up to 2,000 signs, not 2,001"):
        checked_note("x" * (MAX_NOTE + 1), refusal=LabelError, where="run")


def test_a_free_name_is_cut_before_its_number() -> None:
    assert free_name("abcdef", ["abcdef"], 6) == "abcd 2"
    assert free_name("abcdef", [], 4) == "abcd"
