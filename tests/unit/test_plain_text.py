from __future__ import annotations

import pytest

from bert4rec.plain_text import contained, one_line


@pytest.mark.parametrize(
    "title",
    [
        "\u202eab",
        "\u202a\u202bab",
        "a\u2067b",
        "\u202e\u2066\u202cab\u2069",
        "\u2069\u202eab\u2068",
    ],
)
def test_text_that_turns_the_direction_turns_its_own_alone(title: str) -> None:
    shown = contained(title)
    assert shown.startswith(title)
    assert open_directions(shown) == []


def open_directions(text: str) -> list[str]:
    """The beginnings that are left without an end, by the rules of Unicode's annex 9."""
    opened: list[str] = []
    for sign in text:
        if sign in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068":
            opened.append(sign)
        elif sign == "\u202c" and opened and opened[-1] < "\u2066":
            opened.pop()
        elif sign == "\u2069" and any(inner >= "\u2066" for inner in opened):
            while opened.pop() < "\u2066":
                pass
    return opened


def test_plain_text_stays_as_it_is() -> None:
    assert contained("Ode to Joy 9") == one_line("Ode to Joy 9") == "Ode to Joy 9"


def test_a_line_holds_no_breaks_and_nothing_that_a_terminal_obeys() -> None:
    assert one_line(" Ode\n to\x00Joy\u200b ") == "Ode to\ufffdJoy\ufffd"
