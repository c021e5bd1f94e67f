from __future__ import annotations

from dataclasses import replace

import pytest

from bert4rec.errors import SettingsError
from bert4rec.ui.search.search_address import draft_from_link, draft_link
from bert4rec.ui.search.search_draft import (
    LIST,
    LOG,
    RANGE,
    SearchDraft,
    Varied,
    first_draft,
    with_preset,
)

FIRST = first_draft()
ODD = {
    "hidden_size": Varied(LIST, ("32", "a,b:c, %", "")),
    "hidden_act": Varied(LIST),
    "learning_rate": Varied(LOG, (), "fast", ""),
    "n_layers": Varied(RANGE, (), "1", "4", "2"),
}


@pytest.mark.parametrize(
    "draft",
    [
        FIRST,
        replace(FIRST, n_trials=0, minutes=2.5, seed=-7),
        replace(FIRST, space={}),
        replace(FIRST, space=ODD),
        with_preset(FIRST, "sasrec"),
        replace(FIRST, base=dict(FIRST.base) | {"n_epochs": 3, "valid_metric": "hr@10"}),
        replace(FIRST, base={"n_epochs": 3}, kept=("n_epochs",), source=""),
    ],
)
def test_a_search_survives_an_address(draft: SearchDraft) -> None:
    assert draft_from_link(draft_link(draft)) == draft


def test_the_usual_search_needs_no_words() -> None:
    assert draft_link(FIRST) == {}


@pytest.mark.parametrize(
    "link",
    [
        {"vary": "no_such:list:3"},
        {"vary": "seed:list:3"},
        {"vary": "n_layers:wild:3"},
        {"vary": "n_layers:fixed"},
        {"vary": "n_layers"},
        {"vary": "n_layers:range:1:2"},
        {"vary": "hidden_act:log:1:2:"},
        {"vary": "n_layers:list:1,"},
        {"trials": "many"},
        {"minutes": "inf"},
        {"points": "1.5"},
    ],
)
def test_an_address_that_does_not_fit_the_form_is_refused(link: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="the address holds settings"):
        draft_from_link(link)
