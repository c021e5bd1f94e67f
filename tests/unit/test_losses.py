from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bert4rec import losses
from bert4rec.losses import (
    BLOCK_BYTES,
    BLOCK_ROWS,
    MIN_BLOCK_ROWS,
    block_shape,
    full_softmax_loss,
    sampled_loss,
)
from bert4rec.negatives import NegativeSampler
from bert4rec.objective import CE_BUDGET_BYTES, choose_loss
from tests.factories import small_settings

LOSS_TYPES = ("CE", "sampled_CE", "gBCE", "BCE", "BPR")


def example(m: int, n: int, d: int = 5, scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    chance = torch.Generator().manual_seed(m + 1000 * n)
    hidden_md = scale * torch.randn(m, d, generator=chance)
    items_nd = scale * torch.randn(n, d, generator=chance)
    target_m = torch.randint(n, (m,), generator=chance)
    return hidden_md.requires_grad_(), items_nd.requires_grad_(), target_m


SAMPLED = ("sampled_CE", "gBCE", "BCE", "BPR")


@pytest.mark.parametrize("n_items", [1, 500, 3_416, 27_343, 27_344, 10**6, 10**7])
@pytest.mark.parametrize("device_type", ["cpu", "cuda", "mps"])
def test_a_block_of_logits_keeps_to_its_bytes_and_is_cut_in_columns_last(
    n_items: int, device_type: str
) -> None:
    n_rows, n_columns = block_shape(n_items, device_type)
    assert 4 * n_rows * n_columns <= BLOCK_BYTES[device_type]
    assert n_rows >= MIN_BLOCK_ROWS
    assert n_columns <= n_items
    if n_columns < n_items:
        assert n_rows == BLOCK_ROWS
        assert 4 * MIN_BLOCK_ROWS * n_items > BLOCK_BYTES[device_type]


@pytest.mark.parametrize("block", [(7, 40), (60, 40), (7, 11)])
def test_every_kind_of_block_under_bfloat16_stays_near(
    block: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "block_shape", lambda n_items, device_type: block)
    hidden_md, items_nd, target_m = example(60, 40)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = full_softmax_loss(hidden_md, items_nd, target_m)
    plain = F.cross_entropy(hidden_md @ items_nd.T, target_m)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, plain, rtol=2e-2, atol=2e-2)
    found = torch.autograd.grad(loss, [hidden_md, items_nd])
    expected = torch.autograd.grad(plain, [hidden_md, items_nd])
    for left, right in zip(found, expected, strict=True):
        assert left.dtype == torch.float32
        torch.testing.assert_close(left, right, rtol=0.1, atol=2e-3)


@pytest.mark.parametrize("shape", [(300, 7), (7,)])
@pytest.mark.parametrize("name", SAMPLED)
def test_a_sampled_loss_under_bfloat16_stays_near(name: str, shape: tuple[int, ...]) -> None:
    hidden_md, items_nd, target_m = example(300, 40)
    rows = torch.randint(40, shape, generator=torch.Generator().manual_seed(5))
    results = []
    for is_narrow in (False, True):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_narrow):
            loss = sampled_loss(name, hidden_md, items_nd, target_m, rows, n_items=40)
        results.append([loss, *torch.autograd.grad(loss, [hidden_md, items_nd])])
    for plain, narrow in zip(*results, strict=True):
        assert narrow.dtype == torch.float32
        torch.testing.assert_close(narrow, plain, rtol=0.1, atol=5e-3)


def test_gbce_with_every_negative_is_bce() -> None:
    """With all items sampled there is no overconfidence to correct: the power is one."""
    hidden_md, items_nd, target_m = example(9, 6)
    others = [[j for j in range(6) if j != target] for target in target_m.tolist()]
    found, expected = (
        sampled_loss(name, hidden_md, items_nd, target_m, torch.tensor(others), n_items=6)
        for name in ("gBCE", "BCE")
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("shape", [(5, 3), (3,)])
@pytest.mark.parametrize("name", SAMPLED)
def test_a_sampled_loss_needs_no_more_than_the_rows_that_it_reads(
    name: str, shape: tuple[int, ...]
) -> None:
    hidden_md, items_nd, target_m = example(5, 90)
    negatives = torch.randint(90, shape, generator=torch.Generator().manual_seed(5))
    whole = sampled_loss(name, hidden_md, items_nd, target_m, negatives, n_items=90)
    read, rows = torch.cat([target_m, negatives.flatten()]).unique(return_inverse=True)
    table_rd = items_nd.detach()[read].requires_grad_()
    small = sampled_loss(name, hidden_md, table_rd, rows[:5], rows[5:].view(shape), n_items=90)
    torch.testing.assert_close(small, whole)
    (of_table,) = torch.autograd.grad(small, [table_rd])
    (of_items,) = torch.autograd.grad(whole, [items_nd])
    torch.testing.assert_close(of_table, of_items[read])
    of_items[read] = 0
    assert not of_items.any()


@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize("is_popular", [False, True])
def test_the_corrected_sampled_softmax_has_the_gradient_of_the_full_one(
    *, is_shared: bool, is_popular: bool
) -> None:
    n, k, n_draws = 40, 1000, 60
    _, items_nd, target_m = example(6, n)
    # The true items are likely: where they are not, the rest of the softmax hardly counts.
    hidden_md = items_nd.detach()[target_m]
    counts = 1000 // torch.arange(1, n + 1) if is_popular else None
    sampler = NegativeSampler(n, k, is_shared=is_shared, counts=counts)
    chance = torch.Generator().manual_seed(3)

    def gradient(*, is_corrected: bool) -> Tensor:
        total = torch.zeros_like(items_nd)
        for _ in range(n_draws):
            drawn = sampler.draw(6, chance)
            expected = drawn.log_counts if is_shared or is_popular else math.log(k / n)
            loss = sampled_loss(
                "sampled_CE",
                hidden_md,
                items_nd,
                target_m,
                drawn.rows,
                n_items=n,
                log_counts=expected if is_corrected else 0.0,
            )
            total += torch.autograd.grad(loss, [items_nd])[0] / n_draws
        return total

    full = full_softmax_loss(hidden_md, items_nd, target_m)
    (wanted,) = torch.autograd.grad(full, [items_nd])
    error = (gradient(is_corrected=True) - wanted).norm() / wanted.norm()
    uncorrected_error = (gradient(is_corrected=False) - wanted).norm() / wanted.norm()
    assert error < 0.05
    assert uncorrected_error > 0.2


@pytest.mark.parametrize("name", SAMPLED)
def test_a_negative_that_is_the_target_never_counts(name: str) -> None:
    """In a catalogue of one item every negative is the target."""
    hidden_md, items_nd, target_m = example(4, 1)
    rows = torch.zeros(3, dtype=torch.int64)
    loss = sampled_loss(name, hidden_md, items_nd, target_m, rows, n_items=1)
    true = (hidden_md @ items_nd.T).detach().squeeze(1)
    expected = {"BCE": F.softplus(-true).mean(), "gBCE": F.softplus(-true).mean()}
    assert loss.item() == pytest.approx(float(expected.get(name, 0.0)), abs=1e-6)


@pytest.mark.parametrize("name", LOSS_TYPES)
def test_every_loss_falls_when_the_true_items_rise(name: str) -> None:
    hidden_md, items_nd, target_m = example(40, 12)
    rows = torch.randint(12, (40, 3), generator=torch.Generator().manual_seed(1))
    values = []
    for _ in range(2):
        if name == "CE":
            loss = full_softmax_loss(hidden_md, items_nd, target_m)
        else:
            loss = sampled_loss(name, hidden_md, items_nd, target_m, rows, n_items=12)
        values.append(loss.item())
        (gradient,) = torch.autograd.grad(loss, [hidden_md])
        hidden_md = (hidden_md - 0.5 * gradient).detach().requires_grad_()
    assert values[1] < values[0]


def test_a_loss_that_was_asked_for_is_used_and_says_so() -> None:
    assert choose_loss(small_settings(loss_type="gBCE"), 10**9) == ("gBCE", "asked for by name")
    name, reason = choose_loss(small_settings(loss_type="CE", negative_samples_count=4), 10)
    assert name == "CE"
    assert reason.endswith("; not used, as CE compares with every item: negative_samples_count")
    _, reason = choose_loss(
        small_settings(loss_type="CE", negative_samples_count=4, negative_sharing="batch"), 10
    )
    assert reason.endswith(": negative_samples_count, negative_sharing")


def test_an_unset_loss_is_ce_while_its_scores_fit_the_budget() -> None:
    settings = small_settings(batch_size=100, max_seq_length=50, mask_rate=0.2, next_item_rate=0.5)
    # 100 rows, half of them of 10 hidden items and half of 20 next items; four bytes a score.
    most = CE_BUDGET_BYTES // (100 * 15 * 4)
    name, reason = choose_loss(settings, most)
    assert name == "CE"
    assert "fit into 2 GiB" in reason
    assert "1,500 places" in reason
    name, reason = choose_loss(settings, most + 1)
    assert name == "sampled_CE"
    assert "do not fit into 2 GiB; 2 negatives a place" in reason
    shared = settings.model_copy(
        update={
            "negative_samples_count": 500,
            "negative_sharing": "batch",
            "negative_sampling": "popularity",
        }
    )
    _, reason = choose_loss(shared, most + 1)
    assert reason.endswith("; 500 negatives shared by a batch by popularity")
