from __future__ import annotations

from typing import Any

import optuna
from hypothesis import given, settings
from hypothesis import strategies as st

from bert4rec.hyperparameters import Hyperparameters
from bert4rec.search.plan import SearchPlan, checked_plan, dump_plan, load_plan
from bert4rec.search.sampler import NumberedSampler
from bert4rec.search.space import Domain, n_points, parse_space
from bert4rec.search.study import quiet
from bert4rec.search.trials import distributions
from bert4rec.setting_checks import parse_settings

DOMAINS: dict[str, st.SearchStrategy[Any]] = {
    "learning_rate": st.floats(1e-6, 1e-2).map(lambda low: {"low": low, "high": 1, "log": True}),
    "dropout_rate": st.sampled_from(["0.0..0.99", "0.0..0.9:0.25", "0.1,0.3"]),
    "mask_rate": st.floats(0.01, 0.5).map(lambda low: {"low": low, "high": 0.9}),
    "hidden_size": st.lists(st.sampled_from([8, 16, 24, 64]), min_size=2, unique=True),
    "n_heads": st.lists(st.sampled_from([1, 2, 4, 8]), min_size=2, unique=True),
    "n_layers": st.sampled_from(["1..6", "1..6:2", "log:1..9"]),
    "batch_size": st.integers(1, 64).map(lambda low: {"low": low, "high": 512, "log": True}),
    "loss_type": st.sampled_from([["CE", "gBCE"], ["BCE", "BPR", "sampled_CE"]]),
}


@st.composite
def spaces(draw: st.DrawFn) -> dict[str, Domain]:
    found = draw(st.fixed_dictionaries({}, optional=DOMAINS).filter(bool))
    return dict(parse_space(found))


@settings(max_examples=40)
@given(space=spaces(), seed=st.integers(0, 2**53 - 1))
def test_every_point_that_is_drawn_is_a_valid_set_of_settings(
    space: dict[str, Domain], seed: int
) -> None:
    plan = checked_plan(SearchPlan(space=space, seed=seed))
    with quiet():
        study = optuna.create_study(sampler=NumberedSampler(plan), direction="maximize")
        for number in range(12):
            trial = study.ask(distributions(plan))
            found = plan.settings(trial.params)
            assert isinstance(found, Hyperparameters)
            assert parse_settings(found.given()) == found
            assert all(space[name].holds(value) for name, value in trial.params.items())
            study.tell(trial, float(number))


@settings(max_examples=10)
@given(seed=st.integers(0, 2**53 - 1))
def test_no_point_is_drawn_twice_while_there_is_another(seed: int) -> None:
    space = parse_space(
        {"n_layers": "1,2,3", "batch_size": "log:32..34", "dropout_rate": "0.0..0.2:0.1"}
    )
    n, drawn = n_points(space), []
    assert n == 27
    with quiet():
        study = optuna.create_study(
            sampler=NumberedSampler(SearchPlan(space=space, seed=seed)), direction="maximize"
        )
        for _ in range(n):
            trial = study.ask(distributions(SearchPlan(space=space)))
            drawn.append(tuple(trial.params.values()))
            # One point does so well that TPE comes back to it.
            study.tell(trial, -abs(trial.params["n_layers"] - 2) - trial.params["dropout_rate"])
    assert len(set(drawn)) == n
    assert {point[-1] for point in drawn} == {0.0, 0.1, 0.2}


@given(space=spaces(), seed=st.integers(0, 2**53 - 1))
def test_a_plan_survives_yaml(space: dict[str, Domain], seed: int) -> None:
    plan = SearchPlan(space=space, seed=seed)
    again = load_plan(dump_plan(plan))
    assert (again.space, again.seed) == (space, seed)
