from __future__ import annotations

import re
import tomllib
from itertools import combinations
from pathlib import Path

import pytest

import bert4rec.report
from bert4rec.view.group_colours import (
    N_CIRCLES,
    N_COLOURS,
    OTHER_COLOURS,
    PALETTES,
    Theme,
    group_look,
)
from bert4rec.view.map_page import GROUNDS

# Of what is neither text nor read letter by letter, WCAG 2.2, 1.4.11.
LEAST_CONTRAST = 3.0
# Of text, 1.4.3.
LEAST_CONTRAST_OF_TEXT = 4.5
THEMES = Path(__file__).resolve().parents[3] / ".streamlit" / "config.toml"


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_stands_out_from_the_page(theme: Theme) -> None:
    ground = GROUNDS[theme][0]
    assert all(contrast(colour, ground) >= LEAST_CONTRAST for colour in PALETTES[theme])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_two_groups_look_alike(theme: Theme) -> None:
    looks = [group_look(place, theme) for place in range(N_COLOURS + 1)]
    assert all(one.colour != other.colour for one, other in combinations(looks, 2))
    assert [look.sign for look in looks] == [*"●" * N_CIRCLES, *"◆" * N_CIRCLES, "●"]
    assert looks[-1].colour == OTHER_COLOURS[theme]


def test_a_report_has_the_colours_of_the_pages() -> None:
    folder = Path(bert4rec.report.__file__).parent
    style = (folder / "templates" / "report.css").read_text("utf-8")
    found = re.findall(r"--group\d+: (#\w{6});", style)
    wanted = [*PALETTES["light"], *PALETTES["dark"], *PALETTES["light"]]
    assert [colour.upper() for colour in found] == wanted


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_white_text_on_what_is_chosen_or_pressed_can_be_read(theme: Theme) -> None:
    colours = tomllib.loads(THEMES.read_text("utf-8"))["theme"][theme]
    assert contrast(colours["primaryColor"], "#FFFFFF") >= LEAST_CONTRAST_OF_TEXT
    assert contrast(colours["primaryColor"], colours["backgroundColor"]) >= LEAST_CONTRAST
