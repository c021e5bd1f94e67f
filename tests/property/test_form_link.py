from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bert4rec.hyperparameters import Hyperparameters
from bert4rec.presets import PRESETS
from bert4rec.view.form_link import joined, parts_of, settings_from_link, settings_link
from bert4rec.view.forms import form_fields, preset_draft
from tests.property.test_settings import all_settings


@given(all_settings(), st.sampled_from([*PRESETS, "a policy"]))
def test_settings_survive_an_address(settings: Hyperparameters, preset: str) -> None:
    found, source = settings_from_link(settings_link(settings.given(), preset))
    assert found == settings.given()
    assert list(found) == [name for name in form_fields() if name in found]
    assert source == (preset if preset in PRESETS else "")


@given(st.sampled_from(list(PRESETS)), st.data())
def test_what_was_taken_away_from_a_preset_stays_away(preset: str, data: st.DataObject) -> None:
    draft = preset_draft(preset)
    for name in data.draw(st.sets(st.sampled_from(list(draft)))):
        del draft[name]
    assert settings_from_link(settings_link(draft, preset)) == (draft, preset)


@given(st.lists(st.text(max_size=30), min_size=1))
def test_what_is_typed_between_signs_survives(parts: list[str]) -> None:
    assert parts_of(joined(*parts)) == parts
    assert "," not in joined(*parts)
