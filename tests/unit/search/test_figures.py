from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.search.figures import best_so_far, importance, n_finished, saving
from bert4rec.search.plan import Budget, SearchPlan, checked_plan
from bert4rec.search.space import parse_space
from bert4rec.search.studies import create_study
from bert4rec.search.study import Study, quiet
from bert4rec.search.trials import Trial, distributions, is_done, n_wanted
from tests.factories import ring_dataset, saved_dataset, small_settings

SPACE = {"learning_rate": "log:1e-4..1e-2", "mask_rate": "0.1..0.5:0.1", "n_layers": "1,2"}


@pytest.fixture
def dataset(workspace: Path) -> SequenceDataset:
    return saved_dataset(workspace, ring_dataset(n_items=12, n_users=30))


@pytest.fixture
def study(workspace: Path, dataset: SequenceDataset) -> Study:
    plan = checked_plan(SearchPlan(small_settings(), parse_space(SPACE), Budget(20)))
    return create_study(workspace, dataset, plan)


def trial(number: int, state: str, score: float | None, n_epochs: int, seconds: float) -> Trial:
    curve = tuple((epoch, score or 0.0) for epoch in range(1, n_epochs + 1))
    return Trial(number, state, {}, score, curve, seconds, "")


TRIALS = [
    trial(0, "finished", 0.2, 10, 100),
    trial(1, "pruned", 0.9, 2, 40),
    trial(2, "finished", 0.1, 10, 50),
    trial(3, "failed", None, 0, 5),
    trial(4, "interrupted", 0.95, 5, 20),
    trial(5, "finished", 0.4, 8, 60),
    trial(6, "running", 0.99, 1, 3),
]


def test_a_budget_below_what_was_tried_is_what_was_tried() -> None:
    plan = SearchPlan(space=parse_space({"n_layers": "1..9"}), budget=Budget(3))
    tried = [replace(one, values={"n_layers": one.number + 1}) for one in TRIALS]
    assert [n_wanted(tried[:n], plan) for n in (2, 4, 7)] == [3, 4, 6]
    endless = replace(plan, space=parse_space({"mask_rate": "0.1..0.5"}))
    assert [n_wanted(TRIALS[:n], endless) for n in (2, 4, 7)] == [3, 4, 6]
    assert n_wanted(tried, replace(plan, budget=Budget(30))) == 9
    assert not is_done(tried, replace(plan, budget=Budget(7)))
    assert is_done(tried, replace(plan, budget=Budget(6)))


def test_the_best_so_far_is_that_of_finished_trials_alone() -> None:
    assert best_so_far(TRIALS) == [(0, 0.2), (2, 0.2), (5, 0.4)]
    assert best_so_far([]) == []
    assert n_finished(TRIALS) == 3


def test_what_is_saved_is_the_rest_of_a_usual_length_at_the_pace_of_the_trial() -> None:
    found = saving(TRIALS)
    assert (found.n_ended, found.n_pruned, found.spent_s) == (5, 1, 255)
    # Ten epochs are usual, it had two of them in 40 seconds.
    assert found.saved_s == pytest.approx(160)
    assert found.share == pytest.approx(0.2)
    assert saving([]).saved_s is None
    assert saving([]).share == 0


def test_the_setting_that_makes_the_score_is_the_important_one(study: Study) -> None:
    with quiet():
        study.optuna_study.sampler = optuna.samplers.RandomSampler(seed=1)
        for _ in range(20):
            one = study.optuna_study.ask(distributions(study.plan()))
            study.optuna_study.tell(one, 0.1 * one.params["mask_rate"])
    found = importance(study)
    assert next(iter(found)) == "mask_rate"
    assert found["mask_rate"] > 0.8
    assert sum(found.values()) == pytest.approx(1)
    assert importance(study) == found


@pytest.mark.parametrize("difference", [0.0, 1e-16])
def test_scores_that_do_not_differ_make_nothing_important(study: Study, difference: float) -> None:
    with quiet():
        for number in range(12):
            one = study.optuna_study.ask(distributions(study.plan()))
            study.optuna_study.tell(one, 0.1 + difference * (number == 5))
    assert set(importance(study).values()) == {0.0}
