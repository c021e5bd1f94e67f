"""How often pages look at a run: by its age, and by how many of them there are."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bert4rec.moments import utc_now
from bert4rec.ui.train import pace
from bert4rec.ui.train.pace import LONGEST_S, Watchers, pace_of


def curves_of_age(seconds: float) -> Any:
    return SimpleNamespace(started={"at": (utc_now() - timedelta(seconds=seconds)).isoformat()})


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "n_usable_cores", lambda: 2)


def test_an_old_run_is_looked_at_less_often() -> None:
    found = [pace_of(curves_of_age(age), 1) for age in (0, 60, 3_600)]
    assert found == [(1, 2), (2, 6), (5, 10)]


def test_a_run_that_has_not_begun_is_young() -> None:
    assert pace_of(SimpleNamespace(started={}), 1) == (1, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize(("n_watching", "times"), [(1, 1), (2, 1), (3, 2), (5, 3), (8, 4)])
def test_what_looking_costs_is_shared_by_those_who_watch(n_watching: int, times: int) -> None:
    assert pace_of(curves_of_age(60), n_watching) == (2 * times, 6 * times)


def test_nobody_waits_longer_than_half_a_minute() -> None:
    assert pace_of(curves_of_age(3_600), 500) == (LONGEST_S, LONGEST_S)


def test_who_watches_is_counted_once_and_forgotten_when_gone() -> None:
    now = [0.0]
    watchers = Watchers(lambda: now[0])
    assert [watchers.note(name) for name in "aba"] == [1, 2, 2]
    now[0] = 2 * LONGEST_S
    assert watchers.note("a") == 2
    now[0] += 1
    assert watchers.note("c") == 2
