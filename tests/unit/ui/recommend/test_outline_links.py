from __future__ import annotations

import pytest

from bert4rec.composer.outline import OPEN, Dials, Limit, Order, Outline, Rules
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import SettingsError
from bert4rec.ui.recommend.outline_links import Sheet, parse_places, sheet_from_link, sheet_link
from tests.factories import SHELF

SHELVED = Vocabulary(SHELF)
ORDERS = [Order("series", "series_number"), Order("requires")]
COLUMNS = ["author", "genre"]


def back(link: dict[str, str]) -> Sheet:
    return sheet_from_link(link, SHELVED, ORDERS, COLUMNS)


@pytest.mark.parametrize(
    "sheet",
    [
        Sheet(Outline((1, OPEN, 3))),
        Sheet(Outline((OPEN,) * 3), is_filled=True, user="u 1&2=é"),
        Sheet(
            Outline(
                (1, OPEN),
                Rules(frozenset({4, 9}), (Limit("author", 2), Limit("genre", 3)), tuple(ORDERS)),
                Dials(novelty=0.35, diversity=1.0, temperature=0.5, seed=12),
            ),
            is_filled=True,
        ),
    ],
)
def test_a_link_brings_the_sheet_back(sheet: Sheet) -> None:
    assert back(sheet_link(sheet)) == sheet


def test_what_is_not_set_is_not_in_the_link() -> None:
    assert sheet_link(Sheet(Outline((1, OPEN)))) == {"places": "1.0"}


@pytest.mark.parametrize(
    "link",
    [
        {},
        {"places": "1.11"},
        {"places": "1.-1"},
        {"places": "1.²"},
        {"places": ".".join(["1"] * 401)},
        {"places": "1.0", "exclude": "0"},
        {"places": "1.0", "limit": "2:colour"},
        {"places": "1.0", "limit": "0:author"},
        {"places": "1.0", "limit": ":author"},
        {"places": "1.0", "order": "author"},
        {"places": "1.0", "novelty": "2"},
        {"places": "1.0", "diversity": "nan"},
        {"places": "1.0", "chance": "1e3"},
        {"places": "1.0", "seed": "x"},
        {"places": "1.0", "seed": ""},
    ],
)
def test_a_link_that_does_not_fit_is_refused_in_plain_words(link: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="does not fit this catalogue"):
        back(link)


def test_pasted_sequences_may_hold_gaps() -> None:
    assert parse_places("b1, _, Book 3\n_\n\nb2", SHELVED) == (1, OPEN, 3, OPEN, 2)
    assert parse_places("_,_", SHELVED) == (OPEN, OPEN)
    with pytest.raises(SettingsError, match="no item yet"):
        parse_places(" \n", SHELVED)
    with pytest.raises(SettingsError, match="'b_1' is not in the catalogue"):
        parse_places("b_1, _", SHELVED)
