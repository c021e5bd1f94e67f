from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from bert4rec import metrics
from bert4rec.comparing.paired import (
    holm,
    paired_difference,
    sign_flip_p,
)
from bert4rec.metrics import gains, group_sums, interval

USERS = np.arange(40)


def exact_p(sums: np.ndarray) -> float:
    """Every choice of signs, one by one."""
    found = abs(sums.sum())
    flips = [abs(np.dot(signs, sums)) for signs in product([-1, 1], repeat=len(sums))]
    return float(np.mean([flip >= found - 1e-9 for flip in flips]))


def test_one_row_a_user_gives_the_interval_that_runs_report() -> None:
    values = gains(np.random.default_rng(0).integers(0, 30, 40), "ndcg", 10)
    assert interval(values, USERS) == interval(values)


def test_an_interval_of_several_rows_a_user_is_that_of_drawing_users_one_by_one() -> None:
    chance = np.random.default_rng(3)
    users = np.repeat(np.arange(30), chance.integers(1, 5, 30))
    # Rows of one user are alike, so that drawing rows would give a far narrower interval.
    values = (np.arange(30) % 3 == 0)[users].astype(float)
    sums, counts = group_sums(values, users)
    # One more user than there are, with nothing for the lower end and all hits for the upper one.
    n_rows, ends = np.append(counts, counts.mean()), []
    for more in (0, sums[sums > 0].mean()):
        found = np.append(sums, more)
        drawn = chance.integers(31, size=(4000, 30))
        ends.append(found[drawn].sum(axis=1) / n_rows[drawn].sum(axis=1))
    wanted = np.quantile(ends[0], 0.025), np.quantile(ends[1], 0.975)
    assert interval(values, users, n_resamples=4000) == pytest.approx(wanted, abs=0.02)
    low, high = interval(values)
    assert high - low < 0.85 * (wanted[1] - wanted[0])


def test_intervals_are_drawn_in_blocks_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(1).random(40)
    whole = interval(values, USERS)
    monkeypatch.setattr(metrics, "BLOCK_COUNTS", 100)
    assert interval(values, USERS) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_the_test_of_signs_agrees_with_trying_all_of_them(seed: int) -> None:
    chance = np.random.default_rng(seed)
    values = np.round(chance.normal(0.3, 1, 11), 1)
    values[chance.integers(0, 11, 3)] = 0
    exact = exact_p(values)
    assert sign_flip_p(values, np.arange(11)) == pytest.approx(exact, abs=0.02)
    from_scipy = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert from_scipy.pvalue == pytest.approx(exact)


def test_the_signs_of_a_user_are_flipped_together() -> None:
    users = np.repeat(np.arange(8), 4)
    values = np.repeat([1.0, 1, 1, 1, 1, 1, -1, 1], 4)
    exact = exact_p(group_sums(values, users)[0])
    assert sign_flip_p(values, users) == pytest.approx(exact, abs=0.02)
    # As rows of their own they would seem far surer.
    assert sign_flip_p(values, np.arange(32)) < 0.01 < exact


def test_a_test_of_nothing_is_as_unsure_as_can_be() -> None:
    assert sign_flip_p(np.zeros(20), np.arange(20)) == 1
    assert sign_flip_p(np.empty(0), np.empty(0, int)) == 1
    assert sign_flip_p(np.array([0.4]), np.array([7])) == 1


def test_a_difference_that_all_users_share_is_as_sure_as_can_be() -> None:
    assert sign_flip_p(np.full(40, 0.1), USERS) == pytest.approx(1 / 10_001)


def test_equal_scorers_are_called_different_as_often_as_the_level_says() -> None:
    chance = np.random.default_rng(5)
    values = chance.normal(size=(300, 30))
    n_small = sum(sign_flip_p(row, np.arange(30), n_flips=400) <= 0.1 for row in values)
    # 30 are expected; 12 and 52 are more than three and a half standard deviations away.
    assert 12 <= n_small <= 52


def test_a_paired_difference_counts_users_and_holds_its_mean() -> None:
    one, other = np.array([1.0, 0, 0.5, 0.5]), np.array([0.0, 0.5, 0.5, 0.5])
    found = paired_difference(one, other, np.array([1, 2, 3, 3]))
    assert found.mean == pytest.approx(0.125)
    assert (found.n_better, found.n_worse, found.n_same) == (1, 1, 1)
    assert found.low <= found.mean <= found.high
    turned = paired_difference(other, one, np.array([1, 2, 3, 3]))
    assert (turned.mean, turned.n_better) == (-found.mean, 1)
    assert turned.p == found.p


def test_one_user_tells_no_sign_and_no_rows_tell_nothing() -> None:
    one = paired_difference(np.array([1.0]), np.array([0.5]), np.array([4]))
    assert (one.mean, one.low, one.high, one.p) == (0.5, -0.75, 0.75, 1.0)
    none = paired_difference(np.empty(0), np.empty(0), np.empty(0, int))
    assert (none.mean, none.p, none.n_same) == (0, 1, 0)


def test_pairing_sees_what_intervals_of_each_alone_do_not() -> None:
    chance = np.random.default_rng(0)
    other = chance.random(400)
    one = other + chance.normal(0.01, 0.02, 400)
    found = paired_difference(one, other, np.arange(400))
    assert found.low > 0
    assert found.p < 0.001
    assert interval(one)[0] < interval(other)[1]


def test_holm_is_the_textbooks_step_down() -> None:
    p_values = np.array([0.01, 0.04, 0.03, 0.005])
    assert holm(p_values).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.7, 0.9])).tolist() == [1, 1]
    assert holm(np.empty(0)).tolist() == []
    assert holm(np.array([0.02])).tolist() == [0.02]
