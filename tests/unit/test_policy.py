from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bert4rec.errors import NotFoundError, SettingsError
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.policy import (
    Policy,
    _PolicyLoader,
    dump_policy,
    dump_whole_policy,
    load_policy,
    own_settings,
    read_policy,
)
from bert4rec.policy_settings import PolicySettings
from bert4rec.setting_checks import parse_settings

V1 = """\
policy_configs:
  scoring_policy:
    policy_type: bert4rec
    batch_size: 1000
    eval_batch_size: 1000
    n_epochs: 1
    negative_samples_count: 2
    learning_rate: 0.001
    dropout_rate: 0.2
    hidden_size: 64
    inner_size: 256
    n_heads: 2
    n_layers: 2
    hidden_act: gelu
    layer_norm_eps: 1.0e-12
    initializer_range: 0.02
    max_seq_length: 50
    mask_rate: 0.2
    loss_type: CE
    eval_step: 10
    early_stopping_step: 10
    sample_strategy: user_based
    sample_ratio: 0.8
    sample_seed: 42
    device: auto
"""


def problems_of(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_policy(text)
    return caught.value.problems


@pytest.mark.parametrize("kind", ["scoring_policy", "embedding_policy"])
def test_a_policy_is_written_as_it_was_read(kind: str) -> None:
    text = V1.replace("scoring_policy", kind)
    policy = load_policy(text)
    assert policy.kind == kind
    assert dump_policy(policy) == text


@pytest.mark.parametrize("kind", ["bidirectional", "causal"])
def test_a_policy_that_is_handed_over_has_every_name_and_nothing_of_ours(kind: str) -> None:
    given = {"attention": kind, "dropout_rate": 0.1, "batch_size": 8, "seed": 3}
    policy = Policy("embedding_policy", parse_settings(given))
    text = dump_whole_policy(policy)
    body = yaml.safe_load(text)["policy_configs"]["embedding_policy"]
    assert set(body) == {"policy_type", *PolicySettings.model_fields}
    # What follows another setting is what it comes to.
    assert body["hidden_dropout_prob"] == 0.1
    read = load_policy(text)
    assert (read.kind, read.settings.attention) == (policy.kind, kind)
    effective = policy.settings.in_effect()
    assert all(
        read.settings.in_effect()[name] == effective[name] for name in body.keys() & effective
    )
    assert own_settings(policy) == ["attention", "seed"]


def test_a_policy_without_settings_means_the_defaults() -> None:
    policy = load_policy("policy_configs: {embedding_policy: {policy_type: bert4rec}}")
    assert policy == Policy("embedding_policy", Hyperparameters())
    assert policy.settings.given() == {}


def test_a_number_without_a_point_which_yaml_takes_for_text_is_read() -> None:
    policy = load_policy(V1.replace("1.0e-12", "1e-12"))
    assert policy.settings.layer_norm_eps == 1e-12


def read_value(written: str) -> object:
    text = f"policy_configs: {{scoring_policy: {{policy_type: bert4rec, seed: {written}}}}}"
    return load_policy(text).settings.seed


@pytest.mark.parametrize(
    ("written", "value"), [("10", 10), ("010", 10), ("+7", 7), ("0x1F", 31), ("0o17", 15)]
)
def test_whole_numbers_are_read_as_people_mean_them(written: str, value: int) -> None:
    assert read_value(written) == value


@pytest.mark.parametrize("written", ["1:30", "2024-13-45", "2024-01-02", "0b11", "1.5", "1:30.5"])
def test_what_yaml_1_1_alone_takes_for_a_number_is_refused_with_its_key(written: str) -> None:
    text = f"policy_configs: {{scoring_policy: {{policy_type: bert4rec, n_epochs: {written}}}}}"
    (problem,) = problems_of(text)
    assert problem.startswith("n_epochs: ")
    assert written in problem


@pytest.mark.parametrize(
    ("written", "value"),
    [("1e-3", 1e-3), ("1E+3", 1e3), (".5", 0.5), ("2.", 2.0), ("-1.5e1", -15.0), ("3", 3)],
)
def test_numbers_with_an_exponent_are_numbers(written: str, value: float) -> None:
    found = yaml.load(written, Loader=_PolicyLoader)  # noqa: S506
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("written", ["null", "none", "~", ""])
def test_an_unset_setting_may_be_written_as_null_or_none(written: str) -> None:
    text = V1.replace("loss_type: CE", f"loss_type: {written}")
    assert load_policy(text).settings.loss_type is None


def test_all_problems_are_named_at_once() -> None:
    text = V1.replace("bert4rec", "gru4rec").replace("n_epochs: 1", "epochs: 1")
    problems = problems_of(text.replace("mask_rate: 0.2", "mask_rate: 2"))
    assert problems == [
        "policy_type is 'gru4rec'; it should be bert4rec (or sasrec, for attention: causal)",
        "epochs: 1 belongs to no setting; the nearest name is n_epochs",
        "mask_rate: 2 should be a number above 0 and below 1",
    ]


def test_a_missing_policy_type_is_named() -> None:
    assert problems_of("policy_configs: {scoring_policy: {n_epochs: 3}}") == [
        "policy_type is missing; it should be bert4rec (or sasrec, for attention: causal)"
    ]


def test_a_causal_policy_has_a_type_of_its_own_and_survives() -> None:
    settings = Hyperparameters(attention="causal", n_epochs=3)
    text = dump_policy(Policy("embedding_policy", settings))
    assert yaml.safe_load(text)["policy_configs"]["embedding_policy"] == {
        "policy_type": "sasrec",
        "n_epochs": 3,
        "attention": "causal",
    }
    again = load_policy(text)
    assert again.settings == settings
    assert dump_policy(again) == text


def test_the_type_alone_asks_for_causal_attention() -> None:
    found = load_policy("policy_configs: {scoring_policy: {policy_type: sasrec, n_epochs: 3}}")
    assert found.settings.given() == {"attention": "causal", "n_epochs": 3}


@pytest.mark.parametrize(
    ("policy_type", "attention", "fitting"),
    [("bert4rec", "causal", "sasrec"), ("sasrec", "bidirectional", "bert4rec")],
)
def test_a_type_that_contradicts_the_attention_is_refused(
    policy_type: str, attention: str, fitting: str
) -> None:
    body = f"policy_type: {policy_type}, attention: {attention}"
    assert problems_of(f"policy_configs: {{scoring_policy: {{{body}}}}}") == [
        f"policy_type is {policy_type}; with attention: {attention} it is {fitting}"
    ]


def test_a_key_that_is_given_twice_is_refused() -> None:
    assert problems_of(V1 + "    n_epochs: 5\n") == ["n_epochs is given twice; keep one of them"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no policy_configs section"),
        ("just a sentence", "no policy_configs section"),
        ("- a\n- b", "no policy_configs section"),
        ("policy_configs: 3", "no policy_configs section"),
        ("policy_configs: {}", "expected one policy, found 0"),
        ("policy_configs: {scoring_policy: 3}", "scoring_policy holds no settings"),
        ("policy_configs: {scoring_policy: null}", "scoring_policy holds no settings"),
        ("policy_configs: {scoring_policy: {}, embedding_policy: {}}", "found 2"),
        (
            "policy_configs: {ranking_policy: {}, scoring_policy: {}}",
            "ranking_policy is not a policy",
        ),
        ("{policy_configs: {scoring_policy: {}}, more: 1}", "more is not a known section"),
        ("policy_configs: [", "not valid YAML"),
        ("a: [1, 2}", "not valid YAML: line 1, column 9: expected ',' or ']', but got '}'"),
        ("a: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("{[1, 2]: 3}", "not valid YAML"),
        ("policy_configs:\n  scoring_policy:\n    [1]: 2\n", "not valid YAML"),
        ("policy_configs: !!map [a, b]", "line 1"),
        ("policy_configs:\n  scoring_policy: {seed: !!int x}", "'x' is not of the kind int"),
        ("a: !!float many", "'many' is not of the kind float"),
        ("a: !!timestamp soon", "'soon' is not of the kind timestamp"),
        ("a: !!bool perhaps", "'perhaps' is not of the kind bool"),
        (f"a:\n  seed: {'9' * 5000}", "'99999999999999999999' is not of the kind int"),
        (f"a:\n  seed: 0x{'f' * 5000}", "'0xffffffffffffffffff' is not of the kind int"),
        ("a: &a [1]\nb: *a", "line 2, column 4: aliases are not read"),
        ("policy_configs: &a {scoring_policy: *a}", "aliases are not read"),
        ("[" * 5000, "nested too deeply"),
        ("{a: " * 5000, "nested too deeply"),
    ],
)
def test_what_is_no_policy_gives_one_clear_line(text: str, problem: str) -> None:
    (line,) = problems_of(text)
    assert problem in line
    assert "\n" not in line


def test_a_value_is_told_in_short_however_long_it_is() -> None:
    for value in ("x" * 100_000, f"[{', '.join('9' * 10_000)}]", "9" * 900):
        (line,) = problems_of(V1.replace("n_epochs: 1", f"n_epochs: {value}"))
        assert line.startswith("n_epochs: ")
        assert line.endswith("should be a whole number from 1 to 1,000,000")
        assert len(line) < 200


def test_an_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(V1.replace("n_epochs: 1", "n_epochs: 0"))
    with pytest.raises(SettingsError, match=r"\(policy\.yaml\)"):
        read_policy(path)


def test_a_policy_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(V1)
    assert read_policy(path) == load_policy(V1)


def test_what_is_no_text_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no file policy\.yaml"):
        read_policy(tmp_path / "policy.yaml")
    (tmp_path / "p.csv").write_text("")
    for path in (tmp_path / "p.csv" / "x", tmp_path / ("x" * 300), tmp_path / "a\0b"):
        with pytest.raises(NotFoundError, match="there is no file"):
            read_policy(path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "binary", tmp_path):
        with pytest.raises(SettingsError, match="not a text file"):
            read_policy(path)
