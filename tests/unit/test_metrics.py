from __future__ import annotations

import math

import numpy as np
import pytest

from bert4rec import metrics
from bert4rec.metrics import (
    CUT_OFFS,
    LEAST_USERS,
    beside,
    coverage,
    gains,
    interval,
    mean_metrics,
    novelty,
    popular_share,
)

RANKS = np.array([0, 4, 5, 9, 10, 19, 20, 3415])


@pytest.mark.parametrize("k", CUT_OFFS)
def test_the_metrics_equal_the_textbooks_sums(k: int) -> None:
    hits = [rank for rank in RANKS.tolist() if rank < k]
    found = mean_metrics(RANKS)
    assert found[f"hr@{k}"] == pytest.approx(len(hits) / 8)
    assert found[f"ndcg@{k}"] == pytest.approx(sum(1 / math.log2(r + 2) for r in hits) / 8)
    assert found[f"mrr@{k}"] == pytest.approx(sum(1 / (r + 1) for r in hits) / 8)


def test_the_first_place_gains_one_in_every_metric() -> None:
    for metric in ("hr", "ndcg", "mrr"):
        assert gains(np.array([0]), metric, 1).tolist() == [1.0]
        assert gains(np.array([1]), metric, 1).tolist() == [0.0]


def test_no_rows_give_zeros() -> None:
    assert set(mean_metrics(np.empty(0, dtype=np.int64)).values()) == {0.0}
    assert interval(np.empty(0)) == (0.0, 0.0)


def test_an_interval_holds_the_mean_and_narrows_with_more_rows() -> None:
    values = np.tile([0.0, 1.0, 0.5, 0.0], 25)
    low, high = interval(values)
    assert low < values.mean() < high
    more = interval(np.tile(values, 100))
    assert more[1] - more[0] == pytest.approx((high - low) / 10, rel=0.15)


def test_an_interval_is_that_of_the_normal_law_for_many_rows() -> None:
    values = np.repeat([0.0, 1.0], [700, 300])
    error = 1.96 * math.sqrt(0.3 * 0.7 / 1000)
    assert interval(values, n_resamples=4000) == pytest.approx((0.3 - error, 0.3 + error), abs=2e-3)


@pytest.mark.parametrize("n_users", [1, 3, 20, LEAST_USERS - 1])
def test_few_users_tell_nobody_apart(n_users: int) -> None:
    ends = (0.8, 1.0), (0.0, 0.2)
    assert beside(*ends, n_users) == "level"
    assert beside(*ends, LEAST_USERS) == "ahead"


def test_rows_that_are_all_alike_leave_room_for_what_was_not_met() -> None:
    none, few, many = (np.repeat([1.0, 0.0], [n, 30 - n]) for n in (0, 4, 15))
    # Four of thirty against none: signs flipped at random do as much in one of eight.
    assert beside(interval(none), interval(few), 30) == "level"
    assert beside(interval(none), interval(many), 30) == "behind"


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    chance = np.random.default_rng(0)
    n_covered = 0
    for seed in range(200):
        low, high = interval(chance.random(60) < 0.4, share=0.9, n_resamples=300, seed=seed)
        n_covered += low <= 0.4 <= high
    # 180 are expected; 160 are nearly five standard deviations away.
    assert 160 <= n_covered <= 198


def test_an_interval_repeats_with_its_seed() -> None:
    values = np.random.default_rng(1).random(50)
    assert interval(values, seed=1) == interval(values, seed=1) != interval(values, seed=2)


def test_values_all_alike_leave_room_for_what_was_not_met() -> None:
    # Of none in 50, a share of 3/50 cannot be ruled out (Hanley & Lippman-Hand 1983).
    assert interval(np.zeros(50)) == pytest.approx((0, 3 / 50), abs=0.021)
    low, high = interval(np.ones(50))
    assert (low, high) == (pytest.approx(1 - 3 / 50, abs=0.021), 1)
    low, high = interval(np.zeros(50), is_signed=True)
    assert low == -high == pytest.approx(-2 / 50)


RARE = [(25, 0.03), (25, 0.1), (100, 0.03), (100, 0.1), (400, 0.02)]


@pytest.mark.parametrize(("n", "chance_of_hit"), RARE)
def test_intervals_of_few_hits_cover_the_truth(n: int, chance_of_hit: float) -> None:
    chance, n_covered = np.random.default_rng(4), 0
    truth = chance_of_hit * gains(np.arange(10), "ndcg", 10).mean()
    for seed in range(200):
        ranks = np.where(chance.random(n) < chance_of_hit, chance.integers(0, 10, n), 50)
        low, high = interval(gains(ranks, "ndcg", 10), seed=seed)
        n_covered += low <= truth <= high
    # 190 are expected; 178 are four standard deviations away.
    assert n_covered >= 178


@pytest.mark.parametrize(("n", "chance_of_hit"), RARE)
def test_intervals_of_few_differences_cover_the_truth(n: int, chance_of_hit: float) -> None:
    chance, n_covered = np.random.default_rng(5), 0
    truth = 0.3 * chance_of_hit * gains(np.arange(10), "ndcg", 10).mean()
    for seed in range(200):
        one = np.where(chance.random(n) < chance_of_hit, chance.integers(0, 10, n), 50)
        other = np.where(chance.random(n) < 1.6 * chance_of_hit, chance.integers(0, 10, n), 50)
        other = np.where(chance.random(n) < 0.5, one, other)
        found = gains(other, "ndcg", 10) - gains(one, "ndcg", 10)
        low, high = interval(found, is_signed=True, seed=seed)
        n_covered += low <= truth <= high
    assert n_covered >= 178


@pytest.mark.parametrize("factor", [0.001, 1, 1000])
def test_an_interval_grows_with_its_values(factor: float) -> None:
    values = np.random.default_rng(2).normal(size=40)
    wanted = np.array(interval(values, is_signed=True)) * factor
    assert interval(values * factor, is_signed=True) == pytest.approx(tuple(wanted))
    turned = interval(-values, is_signed=True, n_resamples=20_000)
    again = interval(values, is_signed=True, n_resamples=20_000)
    assert turned == pytest.approx((-again[1], -again[0]), abs=0.01)


def test_coverage_is_the_share_of_items_in_any_list() -> None:
    assert coverage(np.array([[1, 2], [2, 3]]), 6) == 0.5
    assert coverage(np.empty((0, 10), dtype=np.int64), 6) == 0.0


def test_novelty_is_the_mean_surprise_in_bits() -> None:
    counts = np.array([8, 4, 4, 0])
    assert novelty(np.array([[1, 2]]), counts) == pytest.approx((1 + 2) / 2)
    # Never seen counts as seen once.
    assert novelty(np.array([[4]]), counts) == pytest.approx(4)
    assert novelty(np.empty((0, 10), dtype=np.int64), counts) == 0.0


def test_where_a_list_ends_early_nothing_is_counted() -> None:
    counts, top = np.array([8, 4, 4, 0]), np.array([[1, 2, 0], [2, 0, 0]])
    assert coverage(top, 4) == 0.5
    assert novelty(top, counts) == pytest.approx((1 + 2 + 2) / 3)
    assert popular_share(top, counts) == pytest.approx(1 / 3)
    assert (coverage(top * 0, 4), novelty(top * 0, counts), popular_share(top * 0, counts)) == (
        *(0, 0, 0),
    )


def test_the_popular_share_counts_items_of_the_head() -> None:
    counts = np.arange(20)[::-1]
    assert popular_share(np.array([[1, 2], [3, 20]]), counts) == 0.5
    assert popular_share(np.array([[1], [2]]), np.array([1, 9])) == 0.5
    assert popular_share(np.empty((0, 10), dtype=np.int64), counts) == 0.0


def test_kinds_of_groups_are_their_distinct_columns() -> None:
    rng = np.random.default_rng(0)
    sums = np.round(rng.normal(size=500), 1) * rng.integers(0, 2, 500)
    counts = rng.integers(1, 4, 500)
    kinds, n_of_kind = metrics._kinds(sums, counts)
    wanted = np.unique(np.stack((sums, counts)), axis=1, return_counts=True)
    assert np.array_equal(kinds, wanted[0])
    assert np.array_equal(n_of_kind, wanted[1])
