from __future__ import annotations

import numpy as np
import pytest

from bert4rec.comparing.sampled import Drawing


def plainly(weights: np.ndarray, rng: np.random.Generator, n: int, barred: np.ndarray) -> list[int]:
    free = weights.copy()
    free[barred] = 0
    return rng.choice(len(free), n, replace=False, p=free / free.sum()).tolist()


@pytest.mark.parametrize("n_items", [3, 40, 1000, 30_000])
@pytest.mark.parametrize("steepness", [0.0, 0.8, 1.6, 4.0])
def test_items_are_drawn_as_numpy_draws_them_without_replacement(
    n_items: int, steepness: float
) -> None:
    chance = np.random.default_rng(n_items)
    counts = np.floor(n_items / np.arange(1, n_items + 1) ** steepness)
    weights = chance.permutation(counts) + 1e-9
    drawing = Drawing(weights)
    one, other = np.random.default_rng(7), np.random.default_rng(7)
    for _ in range(30):
        n_barred = int(chance.integers(0, min(n_items, 60)))
        barred = np.sort(chance.choice(n_items, n_barred, replace=False))
        n = min(100, n_items - n_barred)
        assert drawing.draw(one, n, barred).tolist() == plainly(weights, other, n, barred)


def test_a_large_catalogue_is_not_summed_up_for_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = 1e6 / np.arange(1, 200_001) ** 0.8
    drawing, rng = Drawing(weights), np.random.default_rng(0)

    def refuse(*asked: object) -> None:
        raise AssertionError(asked)

    monkeypatch.setattr(drawing, "shares", refuse)
    barred = np.arange(0, 100, 3)
    for _ in range(20):
        found = drawing.draw(rng, 100, barred)
        assert len(set(found.tolist()) - set(barred.tolist())) == 100
