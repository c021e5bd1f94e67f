from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bert4rec.negatives import NegativeSampler
from tests.factories import small_settings

COUNTS = torch.tensor([0, 1, 50, 7, 0, 300, 3, 2])


def chance(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("counts", [None, COUNTS])
def test_draws_follow_the_counts_and_reach_every_item(counts: torch.Tensor | None) -> None:
    n, n_draws = len(COUNTS), 400_000
    rows = NegativeSampler(n, n_draws, is_shared=True, counts=counts).draw(1, chance()).rows
    weights = torch.ones(n) if counts is None else counts.clamp(min=1)
    share = weights.double() / weights.sum()
    found = torch.bincount(rows, minlength=n).double()
    chi_square = ((found - n_draws * share) ** 2 / (n_draws * share)).sum()
    # Seven degrees of freedom: beyond 24.3 lies one case of a thousand.
    assert chi_square < 24.3
    assert (found > 0).all()


@pytest.mark.parametrize("counts", [None, COUNTS])
def test_draws_are_those_of_the_generator_alone(counts: torch.Tensor | None) -> None:
    sampler = NegativeSampler(len(COUNTS), 30, counts=counts)
    torch.manual_seed(1)
    first = sampler.draw(5, chance(1)).rows
    torch.manual_seed(2)
    assert torch.equal(sampler.draw(5, chance(1)).rows, first)
    assert not torch.equal(sampler.draw(5, chance(2)).rows, first)


@pytest.mark.parametrize("n_places", [0, 1, 4])
@pytest.mark.parametrize("n_items", [1, 2, 8])
@pytest.mark.parametrize("is_popular", [False, True])
def test_a_place_has_its_own_or_all_share_one_draw_also_of_more_than_there_are(
    n_places: int, n_items: int, *, is_popular: bool
) -> None:
    counts = COUNTS[:n_items] if is_popular else None
    for is_shared, shape in ((False, (n_places, 9)), (True, (9,))):
        sampler = NegativeSampler(n_items, 9, is_shared=is_shared, counts=counts)
        rows = sampler.draw(n_places, chance()).rows
        assert rows.shape == shape
        assert rows.dtype == torch.int64
        assert ((rows >= 0) & (rows < n_items)).all()


@pytest.mark.parametrize("is_shared", [False, True])
def test_the_expected_counts_are_those_of_the_draws_of_one_place(*, is_shared: bool) -> None:
    sampler = NegativeSampler(len(COUNTS), 30, is_shared=is_shared, counts=COUNTS)
    drawn = sampler.draw(5, chance())
    weights = COUNTS.clamp(min=1)
    expected = torch.log(30 * weights / weights.sum())[drawn.rows]
    torch.testing.assert_close(drawn.log_counts, expected)


def test_uniform_draws_are_corrected_where_they_are_shared() -> None:
    shared = NegativeSampler(90, 30, is_shared=True).draw(5, chance())
    assert shared.log_counts == pytest.approx(math.log(30 / 90))
    assert NegativeSampler(90, 30).draw(5, chance()).log_counts == 0


def test_the_sampler_is_what_the_settings_ask_for() -> None:
    counts = np.array([5, 0, 3])
    plain = NegativeSampler.of(small_settings(), counts, "cpu").draw(4, chance())
    assert plain.rows.shape == (4, 2)
    settings = small_settings(
        negative_samples_count=7, negative_sharing="batch", negative_sampling="popularity"
    )
    drawn = NegativeSampler.of(settings, counts, "cpu").draw(4, chance())
    assert drawn.rows.shape == (7,)
    expected = torch.log(torch.tensor([35 / 9, 7 / 9, 21 / 9]))[drawn.rows]
    torch.testing.assert_close(drawn.log_counts, expected)
