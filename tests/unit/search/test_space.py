from __future__ import annotations

from typing import Any

import pytest

from bert4rec.errors import SettingsError
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.search.plan import SearchPlan, checked_plan, dump_plan, load_plan
from bert4rec.search.space import (
    DEFAULT_SPACE,
    Choices,
    Domain,
    Range,
    check_space,
    n_points,
    parse_domain,
    parse_space,
    usual_space,
)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("hidden_size", "32,64", Choices((32, 64))),
        ("hidden_size", [32, 64], Choices((32, 64))),
        ("loss_type", ["ce", "gbce"], Choices(("CE", "gBCE"))),
        ("loss_type", ["none", "CE"], Choices((None, "CE"))),
        ("dropout_rate", "0.0..0.4", Range(0.0, 0.4)),
        ("dropout_rate", "0.0..0.45:0.1", Range(0.0, 0.4, step=0.1)),
        ("n_layers", {"low": 1, "high": 4, "step": 2}, Range(1, 3, step=2)),
        ("learning_rate", "log:3e-4..5e-3", Range(3e-4, 5e-3, is_log=True)),
        ("learning_rate", {"low": 1e-4, "high": 1, "log": True}, Range(1e-4, 1.0, is_log=True)),
    ],
)
def test_a_domain_is_read_as_typed_and_as_yaml_holds_it(
    name: str, given: Any, expected: Domain
) -> None:
    assert parse_domain(name, given) == expected
    assert parse_domain(name, expected.plain()) == expected
    assert parse_domain(name, expected.text()) == expected


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"n_layers": "1..6:2"}, [1, 3, 5]),
        ({"batch_size": "log:7..9"}, [7, 8, 9]),
        ({"dropout_rate": "0.1..0.4:0.1"}, [0.1, 0.2, 0.3, 0.4]),
        ({"loss_type": ["none", "CE"]}, [None, "CE"]),
    ],
)
def test_the_values_of_a_domain_have_places(given: dict[str, Any], values: list[Any]) -> None:
    ((name, domain),) = parse_space(given).items()
    assert [domain.at(place) for place in range(domain.n_values or 0)] == values
    assert [domain.place(value) for value in values] == list(range(len(values)))
    assert n_points({name: domain, "hidden_size": Choices((8, 16))}) == 2 * len(values)
    assert n_points({name: domain, "mask_rate": Range(0.1, 0.2)}) is None


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("hiden_size", "32,64", "'32,64' belongs to no setting; the nearest name is hidden_size"),
        ("learning_rte", "log:1e-4..1e-2", "'log:1e-4..1e-2' belongs to no setting; the nearest"),
        ("dropout", {"low": 0.1, "high": 0.4}, "{'high': 0.4, 'low': 0.1} belongs to no setting"),
        ("hidden_size", {"low": 32, "high": 64, "log": "yes please"}, "log: 'yes please' should"),
        ("hidden_size", "32,wide", "hidden_size: 'wide'"),
        ("hidden_size", "32", "instead of 1"),
        ("hidden_size", "32,32", "twice"),
        ("dropout_rate", "0.0..1.5", "dropout_rate: '1.5'"),
        ("dropout_rate", "0.4..0.1", "no range"),
        ("dropout_rate", "log:0.0..0.4", "begins above 0"),
        ("dropout_rate", "0.0..0.4:0", "no number above 0"),
        ("dropout_rate", "0.0..0.4:1", "wider than the range"),
        ("dropout_rate", "0.0..0.4:5e-324", "too small for the range"),
        ("hidden_size", {"low": 32, "high": 64, "step": float("inf")}, "no number above 0"),
        ("hidden_size", {"low": 32, "high": 64, "step": 10**400}, "wider than the range"),
        ("dropout_rate", {"low": 0.0, "high": 0.4, "step": 10**400}, "no number above 0"),
        ("dropout_rate", {"low": 0.0, "high": 10**400}, "dropout_rate: 1000"),
        ("learning_rate", "log:1e-3", "neither choices"),
        ("learning_rate", {"low": 1e-3, "max": 1}, "a range has low, high"),
        ("loss_type", {"low": "CE", "high": "BPR"}, "no number"),
        ("seed", "1,2", "luck"),
        ("split_strategy", "last_k,leave_one_out", "what is judged"),
        ("device", "cpu,cuda", "machine"),
    ],
)
def test_a_wrong_domain_is_refused_in_one_line_that_names_the_setting(
    name: str, given: Any, said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_domain(name, given)
    (problem,) = caught.value.problems
    assert problem.startswith(name)
    assert said in problem


def test_all_problems_of_a_space_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_space({"hidden_size": "32", "mask_rate": "0.0..0.5"})
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    "space",
    [
        {"n_heads": Choices((2, 3))},
        {"hidden_size": Choices((64, 65))},
        {"hidden_size": Range(32, 64)},
        {"hidden_size": Range(32, 64, is_log=True), "n_heads": Choices((1, 2))},
    ],
)
def test_a_width_that_some_number_of_heads_does_not_divide_is_refused_before_training(
    space: dict[str, Domain],
) -> None:
    with pytest.raises(SettingsError, match=r"hidden_size: \d+ is not a multiple of n_heads"):
        check_space(space, Hyperparameters())


def test_a_dropout_that_does_nothing_is_refused() -> None:
    base = Hyperparameters(hidden_dropout_prob=0.1, attn_dropout_prob=0.1)
    with pytest.raises(SettingsError, match="dropout_rate has no effect"):
        check_space({"dropout_rate": Range(0.0, 0.4)}, base)


@pytest.mark.parametrize(
    ("loss_type", "name"), [("CE", "negative_samples_count"), ("gBCE", "ema_decay")]
)
def test_what_the_loss_does_not_use_is_not_varied(loss_type: str, name: str) -> None:
    space = parse_space({name: "1,2" if name == "negative_samples_count" else "0.9,0.99"})
    with pytest.raises(SettingsError, match=f"{name} has no effect where loss_type is {loss_type}"):
        check_space(space, Hyperparameters(loss_type=loss_type))
    check_space(space, Hyperparameters())
    check_space(space | parse_space({"loss_type": "CE,gBCE"}), Hyperparameters(loss_type=loss_type))


@pytest.mark.parametrize("name", ["hidden_dropout_prob", "attn_dropout_prob"])
def test_the_first_point_has_the_dropout_that_the_base_trains_with(name: str) -> None:
    plan = SearchPlan(Hyperparameters(dropout_rate=0.1), parse_space({name: "0.0..0.4"}))
    first = plan.first_point()
    assert first == {name: 0.1}
    point = plan.settings(first)
    assert (point.hidden_dropout, point.attention_dropout) == (0.1, 0.1)


def test_the_usual_plan_is_sound_and_starts_from_its_base() -> None:
    plan = checked_plan(SearchPlan())
    first = plan.first_point()
    assert first is not None
    assert set(first) == set(DEFAULT_SPACE)
    assert plan.settings(first) == plan.base


def test_a_base_outside_of_the_space_is_not_its_first_point() -> None:
    assert SearchPlan(space={"hidden_size": Choices((16, 32))}).first_point() is None


def test_a_plan_survives_yaml() -> None:
    text = dump_plan(SearchPlan())
    again = load_plan(text)
    assert again.space == SearchPlan().space
    assert again.base == SearchPlan().base
    assert dump_plan(again) == text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("trials: 0", "trials: 0"),
        ("trials: many", "trials: 'many'"),
        ("minutes: -1", "minutes: -1"),
        ("metric: ndcg@7", "metric: .ndcg@7"),
        ("preset: best", "preset: 'best'"),
        ("preset: [balanced]", r"preset: \['balanced'\]"),
        ("preset: {balanced: 1}", r"preset: \{'balanced': 1\}"),
        (f"minutes: {10**400}", "minutes: 1000"),
        ("preset: &a quick\n  metric: *a", "aliases are not read"),
        ("settings: 3", "settings should be names"),
        ("settings: {eval_step: 0}", "eval_step: 0"),
        ("space: [hidden_size]", "space should be"),
        ("pruner: none", "pruner: not known"),
    ],
)
def test_a_wrong_plan_is_refused_with_what_is_wrong(body: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        load_plan(f"search:\n  {body}\n", where="search.yaml")
    assert caught.value.where == "search.yaml"


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("loss_type", "none,gBCE"),
        ("learning_rate", "log:0.000123456789..0.01"),
        ("mask_rate", "0.123456789..0.9:0.0123456789"),
    ],
)
def test_a_domain_survives_being_typed_to_the_last_digit(name: str, typed: str) -> None:
    found = parse_domain(name, typed)
    assert parse_domain(name, found.text()) == found
    if isinstance(found, Choices):
        assert found.values == (None, "gBCE")


def test_all_that_is_wrong_with_a_plan_is_told_at_once() -> None:
    text = """
search:
  trails: 3
  preset: quik
  metric: ndgc@10
  settings: {n_epochs: 0, eval_step: 5}
  space: {learning_rate: [0.1], dropout_rate: {low: 0.5, high: 0.1}, seed: [1, 2]}
  trials: many
  minutes: -1
  seed: -3
"""
    with pytest.raises(SettingsError) as caught:
        load_plan(text)
    names = ("trails", "n_epochs", "learning_rate", "dropout_rate", "seed", "trials", "minutes")
    names = (*names, "search seed", "preset", "metric")
    said = caught.value.problems
    assert [name for name in names if not any(line.startswith(name) for line in said)] == []
    assert len(said) == 10


def test_a_space_is_checked_against_its_base_beside_a_wrong_budget() -> None:
    text = "search: {settings: {n_heads: 4}, space: {hidden_size: [32, 50]}, trials: 0}"
    with pytest.raises(SettingsError, match="trials") as caught:
        load_plan(text)
    assert any("not a multiple" in line for line in caught.value.problems)


def test_a_search_around_a_causal_base_varies_no_mask() -> None:
    causal = Hyperparameters(attention="causal")
    assert set(DEFAULT_SPACE) - set(usual_space(causal)) == {"mask_rate", "next_item_rate"}
    assert usual_space(Hyperparameters()) == DEFAULT_SPACE
    with pytest.raises(SettingsError, match="mask_rate has no effect where attention is causal"):
        check_space({"mask_rate": Range(0.1, 0.6)}, causal)
    both = {"mask_rate": Range(0.1, 0.6), "attention": Choices(("bidirectional", "causal"))}
    check_space(both, causal)
    plan = load_plan("search: {settings: {attention: causal}}")
    assert plan.space == usual_space(causal)
