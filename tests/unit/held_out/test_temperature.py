"""The temperature found by a few readings of blocks is the one that a plain search finds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from bert4rec import score_blocks
from bert4rec.held_out import temperature
from bert4rec.held_out.temperature import (
    HIGHEST_TEMPERATURE,
    LOWEST_TEMPERATURE,
    ScoreMoments,
    best_temperature,
)

World = tuple[torch.Tensor, np.ndarray, torch.Tensor]


def world(sharpness: float, *, n_rows: int = 40, n_items: int = 300, seed: int = 0) -> World:
    """States, targets drawn from the softmax of sharpness times the scores, and item vectors."""
    chance = torch.Generator().manual_seed(seed)
    states = torch.randn(n_rows, 8, generator=chance)
    items = torch.randn(n_items, 8, generator=chance)
    likely = (sharpness * states @ items.T).softmax(dim=1)
    targets = torch.multinomial(likely, 1, generator=chance)[:, 0] + 1
    return states, targets.numpy(), items


def plain_loss(states: torch.Tensor, targets: np.ndarray, items: torch.Tensor, t: float) -> float:
    log_p = (states.double() @ items.double().T / t).log_softmax(dim=1)
    return -float(log_p[torch.arange(len(targets)), torch.from_numpy(targets - 1)].mean())


def plain_temperature(states: torch.Tensor, targets: np.ndarray, items: torch.Tensor) -> float:
    found = minimize_scalar(
        lambda log_t: plain_loss(states, targets, items, math.exp(log_t)),
        bounds=(math.log(LOWEST_TEMPERATURE), math.log(HIGHEST_TEMPERATURE)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return math.exp(found.x)


@pytest.mark.parametrize("sharpness", [0.3, 0.5, 0.8, 1.0, 1.3, 2.0, 3.0])
@pytest.mark.parametrize("n_rows", [40, 500])
def test_the_temperature_is_that_of_a_plain_search(sharpness: float, n_rows: int) -> None:
    made = world(sharpness, n_rows=n_rows)
    found = best_temperature(*made, n_threads=2)
    assert found == pytest.approx(plain_temperature(*made), rel=1e-3)


@pytest.mark.parametrize(
    ("sharpness", "bound"), [(50.0, LOWEST_TEMPERATURE), (0.0, HIGHEST_TEMPERATURE)]
)
def test_where_a_temperature_beyond_a_bound_would_be_better_it_is_the_bound(
    sharpness: float, bound: float
) -> None:
    assert best_temperature(*world(sharpness)) == pytest.approx(bound)


@pytest.mark.parametrize("factor", [0.0, 1e-3, 300.0])
def test_scores_of_any_size_give_a_temperature_within_the_bounds(factor: float) -> None:
    states, targets, items = world(1.0)
    found = best_temperature(factor * states, targets, items)
    assert LOWEST_TEMPERATURE <= found <= HIGHEST_TEMPERATURE
    loss = [plain_loss(factor * states, targets, items, t) for t in (found, 0.9, 1.0, 1.1)]
    assert loss[0] <= min(loss) + 1e-6


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 3.0])
def test_blocks_of_a_long_catalogue_give_the_same(
    sharpness: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world(sharpness, n_rows=300)
    whole = best_temperature(*made)
    monkeypatch.setattr(score_blocks, "SCORE_BYTES", 4 * 300 * 40)
    monkeypatch.setattr(score_blocks, "CACHE_BYTES", 4 * 300 * 40)
    assert best_temperature(*made) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("width", [1, 7, 64, 300])
@pytest.mark.parametrize("inverse", [0.25, 1.0, 4.0])
def test_moments_by_blocks_are_those_of_the_whole_rows(width: int, inverse: float) -> None:
    chance = torch.Generator().manual_seed(3)
    # Some blocks lie far above the others, and rows far apart.
    scores = 5 * torch.randn(6, 300, generator=chance) + 40 * torch.randn(6, 1, generator=chance)
    scores[:, 200:] += 60
    scores[0] = 7.0
    sums = ScoreMoments(inverse)
    for block in scores.clone().split(width, dim=1):
        sums.add(block)
    mean, variance = sums.moments()
    likely = (inverse * scores.double()).softmax(dim=1)
    expected = (likely * scores).sum(dim=1, keepdim=True)
    np.testing.assert_allclose(mean, expected[:, 0].numpy(), rtol=1e-5)
    spread = (likely * (scores - expected) ** 2).sum(dim=1)
    np.testing.assert_allclose(variance, spread.numpy(), rtol=1e-3, atol=1e-4)


def test_a_long_search_reads_all_scores_a_few_times_and_tells_how_far_it_is() -> None:
    told: list[tuple[str, float]] = []
    made = world(0.6, n_rows=1000)
    best_temperature(*made, watch=lambda *step: told.append(step))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert 0.7 < shares[-1] < 1
    readings = {doing for doing, _ in told}
    first = {doing for doing in readings if doing.startswith("looking for the temperature")}
    whole = {doing for doing in readings if doing.startswith("fitting the temperature")}
    assert first | whole == readings
    assert 1 <= len(whole) <= 3
    assert 1 <= len(first) <= 6


def test_few_rows_are_read_whole_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temperature, "LEAST_FIRST", 1000)
    told: list[str] = []
    best_temperature(*world(1.0), watch=lambda doing, share: told.append(doing))
    assert all(doing.startswith("fitting the temperature") for doing in told)
