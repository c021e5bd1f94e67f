from __future__ import annotations

import pytest

from bert4rec.view.markdown import escape


@pytest.mark.parametrize("sign", list("*_`[]()#<>$~|:!\\"))
def test_signs_of_markdown_are_escaped(sign: str) -> None:
    assert escape(f"a{sign}b") == f"a\\{sign}b"


@pytest.mark.parametrize(
    "text",
    [
        ":smile: x",
        ":material/home: x",
        ":red[x]",
        "https://example.org",
        "www.example.org",
        "a@b.c",
        "a -> b",
        "<- a",
        "a <->",
        "a -- b",
        "a >= b",
    ],
)
def test_codes_and_addresses_that_outlive_escapes_are_broken_by_a_joiner(text: str) -> None:
    assert "\u2060" in escape(text)


def test_a_line_break_cannot_start_a_new_block() -> None:
    assert escape("a\n\n# b") == "a \\# b"


def test_plain_titles_stay_as_they_are() -> None:
    assert escape("Ode to Joy 9") == "Ode to Joy 9"
    assert escape("a->b, c--d") == r"a\-\>b\, c\-\-d"
