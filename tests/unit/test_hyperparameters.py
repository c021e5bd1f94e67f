from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bert4rec.contexts import window_around
from bert4rec.errors import SettingsError
from bert4rec.hyperparameters import GROUPS, Hyperparameters, setting_field
from bert4rec.policy_settings import PolicySettings
from bert4rec.presets import PRESETS
from bert4rec.setting_checks import parse_assignment, parse_settings

POLICY_DEFAULTS = {
    "hidden_size": 64,
    "inner_size": 256,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.2,
    "attn_dropout_prob": 0.2,
    "dropout_rate": None,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
    "max_seq_length": 50,
    "mask_rate": 0.2,
    "loss_type": None,
    "negative_samples_count": 2,
    "batch_size": 256,
    "eval_batch_size": 1024,
    "n_epochs": 100,
    "learning_rate": 1e-3,
    "eval_step": 1,
    "early_stopping_step": 10,
    "sample_strategy": None,
    "sample_ratio": 0.8,
    "sample_seed": 42,
    "device": "auto",
}


def problems_of(values: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_settings(values)
    return caught.value.problems


def test_the_defaults_are_those_of_the_policy() -> None:
    defaults = Hyperparameters().model_dump()
    assert {name: defaults[name] for name in POLICY_DEFAULTS} == POLICY_DEFAULTS


def test_the_policys_settings_are_apart_and_no_others_among_them() -> None:
    assert set(PolicySettings.model_fields) == set(POLICY_DEFAULTS)


@pytest.mark.parametrize("name", list(Hyperparameters.model_fields))
def test_every_setting_has_a_title_a_help_and_a_group(name: str) -> None:
    field = setting_field(name)
    assert field.title
    assert str(field.description).endswith(".")
    assert isinstance(field.json_schema_extra, dict)
    assert field.json_schema_extra["group"] in GROUPS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_holds_valid_settings_that_differ_from_the_defaults(name: str) -> None:
    preset = PRESETS[name]
    parse_settings(preset.values)
    defaults = Hyperparameters().model_dump()
    assert all(defaults[key] != value for key, value in preset.values.items())


def test_all_problems_are_named_at_once() -> None:
    problems = problems_of({"n_epochs": 0, "mask_rate": 1, "hiden_size": 8, "loss_type": "mse"})
    assert len(problems) == 4
    assert {line.replace(":", " ").split()[0] for line in problems} == {
        "n_epochs",
        "mask_rate",
        "hiden_size",
        "loss_type",
    }


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("n_epochs", "none", "n_epochs: 'none' should be a whole number from 1 to 1,000,000"),
        ("n_epochs", "many", "n_epochs: 'many' should be a whole number from 1 to 1,000,000"),
        ("n_epochs", 2.5, "n_epochs: 2.5 should be a whole number from 1 to 1,000,000"),
        ("learning_rate", 0, "learning_rate: 0 should be a number above 0"),
        (
            "dropout_rate",
            "high",
            "dropout_rate: 'high' should be a number of 0 or more and below 1, or none",
        ),
        ("sample_ratio", 3, "sample_ratio: 3 should be a number above 0 and up to 1"),
        ("grad_clip", float("nan"), "grad_clip: nan should be a number of 0 or more"),
        ("compile", "perhaps", "compile: 'perhaps' should be true or false"),
        ("schedule", "late", "schedule: 'late' should be constant, linear or cosine"),
        ("sample_strategy", "x", "sample_strategy: 'x' should be user_based, or none"),
        ("device", "tpu", "device: 'tpu' should be auto, cpu, cuda, cuda:N or mps"),
    ],
)
def test_a_wrong_value_is_told_in_words_of_our_own_with_what_is_right(
    name: str, value: Any, told: str
) -> None:
    assert problems_of({name: value}) == [told]


def test_an_unknown_name_is_told_with_its_value_and_the_nearest_one() -> None:
    assert problems_of({"hiden_size": 8, "zzz": 1}) == [
        "hiden_size: 8 belongs to no setting; the nearest name is hidden_size",
        "zzz: 1 belongs to no setting; docs/hyperparameters.md has all names",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_epochs", 0),
        ("n_epochs", "many"),
        ("n_epochs", 1.5),
        ("n_epochs", None),
        ("batch_size", -1),
        ("hidden_dropout_prob", 1),
        ("dropout_rate", -0.1),
        ("mask_rate", 0),
        ("mask_rate", 1),
        ("max_seq_length", 1),
        ("learning_rate", 0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("layer_norm_eps", 0),
        ("eval_step", -1),
        ("sample_ratio", 0),
        ("sample_strategy", "time_based"),
        ("split_strategy", "random"),
        ("held_out_items", 0),
        ("held_out_share", 0.5),
        ("negative_sharing", "user"),
        ("negative_sampling", "log_uniform"),
        ("device", "gpu"),
        ("device", "cuda:"),
        ("hidden_act", "gelu_new"),
        ("max_minutes", 0),
        ("n_threads", 0),
    ],
)
def test_a_value_out_of_range_gives_one_line_with_the_name(name: str, value: object) -> None:
    (line,) = problems_of({name: value})
    assert line.startswith(f"{name}: {value!r} ")


@pytest.mark.parametrize("name", ["n_epochs", "learning_rate", "dropout_rate", "n_threads", "seed"])
def test_a_yes_or_no_is_no_number(name: str) -> None:
    (line,) = problems_of({name: True})
    assert "yes/no" in line


def test_a_width_that_the_heads_do_not_divide_names_the_nearest_that_they_do() -> None:
    (line,) = problems_of({"hidden_size": 65, "n_heads": 4})
    assert line.endswith("use 64 or 68")
    (line,) = problems_of({"hidden_size": 3, "n_heads": 4})
    assert line.endswith("use 4")


def test_what_is_right_by_itself_is_held_against_the_rest_beside_what_is_wrong() -> None:
    first, second = problems_of({"learning_rate": -1.0, "hidden_size": 65})
    # As a form shows the number.
    assert first == "learning_rate: -1 should be a number above 0"
    assert second.startswith("hidden_size: 65 is not a multiple of n_heads (2)")
    (line,) = problems_of({"n_heads": 0, "hidden_size": 65})
    assert line.startswith("n_heads: 0 should be")


def test_the_dropout_rate_sets_what_is_not_given_itself() -> None:
    both = Hyperparameters(dropout_rate=0.5)
    assert (both.hidden_dropout, both.attention_dropout) == (0.5, 0.5)
    one = Hyperparameters(dropout_rate=0.5, attn_dropout_prob=0.2)
    assert (one.hidden_dropout, one.attention_dropout) == (0.5, 0.2)
    none = Hyperparameters(hidden_dropout_prob=0.1)
    assert (none.hidden_dropout, none.attention_dropout) == (0.1, 0.2)
    zero = Hyperparameters(dropout_rate=0)
    assert (zero.hidden_dropout, zero.attention_dropout) == (0, 0)


def test_what_is_in_effect_is_all_settings_with_the_dropouts_that_train() -> None:
    settings = Hyperparameters(dropout_rate=0.5, attn_dropout_prob=0.3)
    expected = settings.model_dump() | {"hidden_dropout_prob": 0.5}
    assert settings.in_effect() == expected
    assert Hyperparameters().in_effect() == Hyperparameters().model_dump()


@pytest.mark.parametrize(
    ("given", "kept"), [("swish", "silu"), ("GELU", "gelu"), ("Swish", "silu"), ("silu", "silu")]
)
def test_an_activation_is_known_by_its_other_names(given: str, kept: str) -> None:
    assert parse_settings({"hidden_act": given}).hidden_act == kept


def test_a_loss_is_known_in_any_case() -> None:
    assert parse_settings({"loss_type": "Sampled_ce"}).loss_type == "sampled_CE"


@pytest.mark.parametrize("word", ["none", "None", "null"])
def test_what_may_be_left_empty_is_so_where_none_is_typed(word: str) -> None:
    empty = [name for name, one in Hyperparameters.model_fields.items() if one.default is None]
    settings = parse_settings(dict.fromkeys(empty, word))
    assert settings.given() == dict.fromkeys(empty)


def test_numbers_that_were_typed_as_text_are_read() -> None:
    settings = parse_settings({"n_epochs": "20", "layer_norm_eps": "1e-12", "dropout_rate": "0.1"})
    assert (settings.n_epochs, settings.layer_norm_eps, settings.dropout_rate) == (20, 1e-12, 0.1)


def test_only_what_was_given_is_given_back() -> None:
    settings = parse_settings({"seed": 1, "batch_size": 256})
    assert settings.given() == {"batch_size": 256, "seed": 1}


def test_settings_cannot_be_changed() -> None:
    settings = Hyperparameters()
    with pytest.raises(ValidationError, match="frozen"):
        settings.n_epochs = 3  # type: ignore[misc]


def test_an_assignment_is_split_at_the_first_equals_sign() -> None:
    assert parse_assignment(" n_epochs = 20 ") == ("n_epochs", "20")
    assert parse_assignment("device=a=b") == ("device", "a=b")


@pytest.mark.parametrize("text", ["n_epochs", "=3", "", " = "])
def test_what_is_no_assignment_says_what_one_looks_like(text: str) -> None:
    with pytest.raises(SettingsError, match="name=value"):
        parse_assignment(text)


def whole_numbers() -> list[str]:
    described = Hyperparameters.model_json_schema()["properties"]
    branches = {name: schema.get("anyOf", [schema]) for name, schema in described.items()}
    return [name for name, found in branches.items() if found[0].get("type") == "integer"]


@pytest.mark.parametrize("name", whole_numbers())
def test_a_whole_number_that_nothing_could_hold_is_refused(name: str) -> None:
    for value in (10**20, "9" * 5000):
        with pytest.raises(SettingsError, match=f"^{name}: ") as caught:
            parse_settings({name: value})
        assert len(caught.value.problems) == 1
    limits = [getattr(limit, "le", None) for limit in setting_field(name).metadata]
    (highest,) = filter(None, limits)
    # The boxes of a browser hold no more.
    assert 1_000 <= highest < 2**53
    width = {"hidden_size": highest} if name == "n_heads" else {}
    assert getattr(parse_settings({name: highest} | width), name) == highest


@pytest.mark.parametrize("name", PRESETS)
def test_a_figure_of_a_preset_stands_in_the_file_that_it_names(name: str) -> None:
    for found in PRESETS[name].measured:
        source = (Path(__file__).parents[2] / found.source).read_text("utf-8").replace(",", "")
        seconds = () if found.seconds is None else (found.seconds,)
        for value in itertools.chain(*found.metrics.values(), seconds):
            assert re.search(rf"(?<![\d.]){re.escape(f'{value:g}')}", source), (found.data, value)
        assert found.data in found.text
        assert found.data in found.short


@pytest.mark.parametrize("attention", ["bidirectional", "causal"])
def test_a_place_is_shown_all_of_a_window_but_itself(attention: str) -> None:
    chosen = parse_settings({"attention": attention, "max_seq_length": 50})
    assert chosen.most_shown == 49
    window = window_around(np.ones(200, bool), 150, 50, sees_future=chosen.sees_future)
    assert window.stop - window.start - 1 == chosen.most_shown
