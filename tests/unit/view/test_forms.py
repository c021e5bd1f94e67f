from __future__ import annotations

import pytest

from bert4rec.hyperparameters import OF_MASKS, Hyperparameters
from bert4rec.policy import Policy, dump_policy, load_policy
from bert4rec.presets import PRESETS
from bert4rec.setting_checks import parse_settings
from bert4rec.view import forms
from bert4rec.view.forms import changed_draft, check_draft, form_fields


def test_every_setting_has_exactly_one_field() -> None:
    drawn = [field.name for field in forms.common_fields()]
    drawn += [field.name for fields in forms.folded_fields().values() for field in fields]
    assert sorted(drawn) == sorted(Hyperparameters.model_fields)


@pytest.mark.parametrize("name", list(Hyperparameters.model_fields))
def test_a_field_says_what_the_model_says(name: str) -> None:
    field, described = form_fields()[name], Hyperparameters.model_fields[name]
    assert field.title == described.title
    assert str(described.description) in field.help
    assert field.default == described.default
    assert field.step > 0


def test_a_literal_is_a_choice_and_an_optional_one_can_be_unset() -> None:
    loss, activation = form_fields()["loss_type"], form_fields()["hidden_act"]
    assert loss.kind == activation.kind == "choice"
    assert loss.choices == ("CE", "sampled_CE", "gBCE", "BCE", "BPR")
    assert (loss.is_optional, activation.is_optional) == (True, False)


def test_limits_reach_the_field_also_from_an_optional_setting() -> None:
    assert "≥ 0 and < 1" in form_fields()["dropout_rate"].help
    assert "≥ 1" in form_fields()["n_threads"].help
    assert "≥ 2" in form_fields()["max_seq_length"].help


def test_a_default_is_not_given() -> None:
    draft = changed_draft({"n_epochs": 3}, (), "n_epochs", 100)
    assert draft == {}


def test_a_default_that_a_preset_or_a_yaml_gave_stays_given() -> None:
    draft = changed_draft({"n_epochs": 3}, {"n_epochs"}, "n_epochs", 100)
    assert draft == {"n_epochs": 100}


def test_an_optional_setting_can_be_unset_again() -> None:
    assert changed_draft({"dropout_rate": 0.1}, {"dropout_rate"}, "dropout_rate", None) == {}


def test_a_dropout_field_follows_the_dropout_rate_until_it_is_set_itself() -> None:
    draft = changed_draft({}, (), "dropout_rate", 0.1)
    assert forms.shown_value("hidden_dropout_prob", draft) == 0.1
    draft = changed_draft(draft, (), "hidden_dropout_prob", 0.2)
    settings, problems = check_draft(draft)
    assert settings is not None
    assert not problems
    assert (settings.hidden_dropout, settings.attention_dropout) == (0.2, 0.1)


def test_a_draft_keeps_the_order_of_the_model() -> None:
    draft = changed_draft({"device": "cpu"}, (), "batch_size", 8)
    assert list(draft) == ["batch_size", "device"]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_valid_draft_of_differences(preset: str) -> None:
    draft = forms.preset_draft(preset)
    settings, problems = check_draft(draft)
    assert settings is not None
    assert not problems
    assert len(forms.differences(draft)) == len(draft)


def test_a_draft_survives_policy_yaml() -> None:
    draft = {"batch_size": 8, "dropout_rate": 0.1, "hidden_dropout_prob": 0.2, "loss_type": "gBCE"}
    policy = load_policy(dump_policy(Policy("embedding_policy", parse_settings(draft))))
    assert policy.kind == "embedding_policy"
    assert policy.settings.given() == draft


def test_problems_are_found_at_the_fields_they_are_about() -> None:
    settings, problems = check_draft({"hidden_size": 65, "mask_rate": 0.5})
    assert settings is None
    assert "multiple of n_heads" in problems[0]


def test_changes_are_told_against_where_the_form_was_filled_from() -> None:
    base = forms.preset_draft("quick")
    assert forms.changes_from(base, base) == []
    draft = forms.changed_draft(base, base, "n_epochs", 7)
    draft = forms.changed_draft(draft, base, "hidden_size", 32)
    draft = forms.changed_draft(draft, base, "dropout_rate", None)
    found = {
        change.field.name: (change.now, change.before) for change in forms.changes_from(base, draft)
    }
    assert found == {"n_epochs": (7, 20), "dropout_rate": (None, 0.0), "hidden_size": (32, 64)}


def test_what_does_nothing_beside_the_other_settings_is_no_change() -> None:
    base = forms.preset_draft("sasrec")
    draft = base | {"mask_rate": 0.4, "next_item_rate": 0.1, "n_epochs": 7}
    assert [change.field.name for change in forms.changes_from(base, draft)] == ["n_epochs"]
    assert {title for title, _, _ in forms.differences(draft)}.isdisjoint(
        {form_fields()[name].title for name in OF_MASKS}
    )
    assert forms.unused_fields(draft) == dict.fromkeys(OF_MASKS, "SASRec hides no item")
    seeing = draft | {"attention": "bidirectional"}
    changed = {change.field.name for change in forms.changes_from(base, seeing)}
    assert changed == {"attention", "mask_rate", "next_item_rate", "n_epochs"}
    assert not forms.unused_fields(seeing)


@pytest.mark.parametrize("name", ["n_epochs", "dropout_rate", "hidden_size", "loss_type"])
def test_one_change_is_taken_back_and_the_others_stay(name: str) -> None:
    base = forms.preset_draft("quick")
    draft = base
    for each, value in {
        "n_epochs": 7,
        "dropout_rate": 0.3,
        "hidden_size": 32,
        "loss_type": "BPR",
    }.items():
        draft = forms.changed_draft(draft, base, each, value)
    after = forms.taken_back(draft, base, name)
    left = {change.field.name for change in forms.changes_from(base, after)}
    assert left == {"n_epochs", "dropout_rate", "hidden_size", "loss_type"} - {name}
    assert forms.taken_back(base, base, name) == base


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_a_dropout_that_followed_goes_back_to_what_the_button_says(rate: float) -> None:
    base = {"dropout_rate": 0.1}
    draft = forms.changed_draft(base, base, "hidden_dropout_prob", 0.4)
    draft = forms.changed_draft(draft, base, "dropout_rate", rate)
    (before,) = (
        change.before
        for change in forms.changes_from(base, draft)
        if change.field.name == "hidden_dropout_prob"
    )
    after = forms.taken_back(draft, base, "hidden_dropout_prob")
    assert forms.shown_value("hidden_dropout_prob", after) == before == 0.1
    assert (after == base) == (rate == 0.1)
