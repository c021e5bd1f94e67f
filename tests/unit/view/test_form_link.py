from __future__ import annotations

import pytest

from bert4rec.errors import SettingsError
from bert4rec.view.form_link import settings_from_link, settings_link
from bert4rec.view.forms import preset_draft


def test_only_what_differs_from_the_preset_is_written() -> None:
    draft = preset_draft("balanced") | {"n_epochs": 7, "dropout_rate": None}
    assert settings_link(draft, "balanced") == {
        "preset": "balanced",
        "set": "dropout_rate:none,n_epochs:7",
    }


@pytest.mark.parametrize("typed", [{"n_epochs": 0}, {"hidden_size": 63}, {"device": "a,b:c %"}])
def test_what_cannot_be_is_written_all_the_same(typed: dict[str, object]) -> None:
    assert settings_from_link(settings_link(typed, "")) == (typed, "")


@pytest.mark.parametrize(
    "link",
    [
        {"preset": "no such"},
        {"set": "no_such:3"},
        {"set": "n_epochs:many"},
        {"set": "n_epochs:1:2"},
        {"set": "n_epochs:none"},
        {"set": "n_epochs:" + 21 * "1"},
        {"set": "learning_rate:nan"},
        {"set": "learning_rate:quick"},
        {"set": "compile:yes"},
        {"set": "hidden_act:cubic"},
        {"set": "device:" + 101 * "c"},
        {"set": ":"},
    ],
)
def test_an_address_that_does_not_fit_the_form_is_refused(link: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="the address holds settings"):
        settings_from_link(link)
