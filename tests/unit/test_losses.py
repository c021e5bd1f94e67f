from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bert4rec.losses import (
    BLOCK_ROWS,
    CE_BUDGET_BYTES,
    binary_loss,
    choose_loss,
    full_softmax_loss,
    generalised_binary_loss,
    masked_item_loss,
    pairwise_loss,
    sampled_scores,
    sampled_softmax_loss,
)
from tests.factories import small_settings

LOSS_TYPES = ("CE", "sampled_CE", "gBCE", "BCE", "BPR")


def example(m: int, n: int, d: int = 5, scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    chance = torch.Generator().manual_seed(m + 1000 * n)
    hidden_md = scale * torch.randn(m, d, generator=chance)
    items_nd = scale * torch.randn(n, d, generator=chance)
    target_m = torch.randint(n, (m,), generator=chance)
    return hidden_md.requires_grad_(), items_nd.requires_grad_(), target_m


@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize(
    ("m", "n"), [(1, 7), (BLOCK_ROWS, 7), (BLOCK_ROWS + 1, 13), (3 * BLOCK_ROWS - 5, 4), (6, 1)]
)
def test_the_blocked_softmax_equals_the_plain_one(m: int, n: int, scale: float) -> None:
    hidden_md, items_nd, target_m = example(m, n, scale=scale)
    loss = full_softmax_loss(hidden_md, items_nd, target_m)
    plain = F.cross_entropy(hidden_md @ items_nd.T, target_m)
    torch.testing.assert_close(loss, plain, rtol=1e-5, atol=1e-6)
    # A factor behind the loss must reach the gradients.
    found = torch.autograd.grad(3 * loss, [hidden_md, items_nd])
    expected = torch.autograd.grad(3 * plain, [hidden_md, items_nd])
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)


def test_the_blocked_softmax_of_no_rows_is_zero_with_zero_gradients() -> None:
    hidden_md, items_nd, target_m = example(0, 7)
    loss = full_softmax_loss(hidden_md, items_nd, target_m)
    loss.backward()
    assert loss.item() == 0
    assert hidden_md.grad is not None
    assert hidden_md.grad.shape == (0, 5)
    assert items_nd.grad is not None
    assert items_nd.grad.abs().sum() == 0


def test_the_blocked_softmax_under_bfloat16_stays_near() -> None:
    hidden_md, items_nd, target_m = example(300, 40)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = full_softmax_loss(hidden_md, items_nd, target_m)
    plain = F.cross_entropy(hidden_md @ items_nd.T, target_m)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, plain, rtol=2e-2, atol=2e-2)
    loss.backward()
    (expected,) = torch.autograd.grad(plain, [items_nd])
    assert items_nd.grad is not None
    torch.testing.assert_close(items_nd.grad, expected, rtol=0.1, atol=2e-3)


def sampled(m: int = 9, n: int = 6, k: int = 4) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Targets, negatives and scores; some negatives are their target."""
    hidden_md, items_nd, target_m = example(m, n)
    negatives_mk = torch.randint(n, (m, k), generator=torch.Generator().manual_seed(5))
    assert (negatives_mk == target_m[:, None]).any()
    return (hidden_md @ items_nd.T).detach(), target_m, negatives_mk, hidden_md


def scores_of(logits_mn: Tensor, target_m: Tensor, negatives_mk: Tensor) -> tuple[Tensor, ...]:
    positive = logits_mn.gather(1, target_m[:, None])
    return positive, logits_mn.gather(1, negatives_mk), negatives_mk != target_m[:, None]


def test_sampled_scores_are_those_of_the_whole_matrix() -> None:
    hidden_md, items_nd, target_m = example(9, 6)
    negatives_mk = torch.randint(6, (9, 4), generator=torch.Generator().manual_seed(5))
    found = sampled_scores(hidden_md, items_nd, target_m, negatives_mk)
    expected = scores_of(hidden_md @ items_nd.T, target_m, negatives_mk)
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left, right)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def plain_loss(name: str, logits_mn: Tensor, target_m: Tensor, negatives_mk: Tensor) -> float:
    """The losses as loops over places and negatives; a negative equal to the target is passed."""
    values, n_pairs = [], 0
    for row, target in enumerate(target_m.tolist()):
        true = logits_mn[row, target].item()
        wrong = [logits_mn[row, j].item() for j in negatives_mk[row].tolist() if j != target]
        n_pairs += len(wrong)
        if name == "sampled_CE":
            values.append(math.log(sum(map(math.exp, [true, *wrong]))) - true)
        elif name == "BCE":
            values.append(softplus(-true) + sum(map(softplus, wrong)))
        else:
            values.append(sum(softplus(x - true) for x in wrong))
    return sum(values) / (n_pairs if name == "BPR" else len(values))


@pytest.mark.parametrize(
    ("name", "loss"),
    [("sampled_CE", sampled_softmax_loss), ("BCE", binary_loss), ("BPR", pairwise_loss)],
)
def test_a_sampled_loss_equals_the_plain_loop(name: str, loss) -> None:  # type: ignore[no-untyped-def]
    logits_mn, target_m, negatives_mk, _ = sampled()
    found = loss(*scores_of(logits_mn, target_m, negatives_mk))
    assert found.item() == pytest.approx(plain_loss(name, logits_mn, target_m, negatives_mk))


def test_gbce_with_every_negative_is_bce() -> None:
    """With all items sampled there is no overconfidence to correct: the power is one."""
    logits_mn, target_m, _, _ = sampled(n=6)
    others = [[j for j in range(6) if j != target] for target in target_m.tolist()]
    scores = scores_of(logits_mn, target_m, torch.tensor(others))
    assert generalised_binary_loss(*scores, n_items=6) == pytest.approx(binary_loss(*scores))


def test_gbce_raises_the_true_probability_to_the_papers_power() -> None:
    logits_mn, target_m, negatives_mk, _ = sampled(m=5, n=9, k=2)
    alpha, t = 2 / 8, 0.75
    power = alpha * (t * (1 - 1 / alpha) + 1 / alpha)
    total = 0.0
    for row, target in enumerate(target_m.tolist()):
        probability = 1 / (1 + math.exp(-logits_mn[row, target].item()))
        wrong = [j for j in negatives_mk[row].tolist() if j != target]
        total -= math.log(probability**power)
        total -= sum(math.log(1 - 1 / (1 + math.exp(-logits_mn[row, j].item()))) for j in wrong)
    found = generalised_binary_loss(*scores_of(logits_mn, target_m, negatives_mk), n_items=9)
    assert found.item() == pytest.approx(total / 5, rel=1e-5)


@pytest.mark.parametrize("name", LOSS_TYPES)
def test_a_negative_that_is_the_target_never_counts(name: str) -> None:
    """In a catalogue of one item every negative is the target."""
    hidden_md, items_nd, target_m = example(4, 1)
    loss = masked_item_loss(name, hidden_md, items_nd, target_m, n_negatives=3)
    true = (hidden_md @ items_nd.T).detach().squeeze(1)
    expected = {"BCE": F.softplus(-true).mean(), "gBCE": F.softplus(-true).mean()}
    assert loss.item() == pytest.approx(float(expected.get(name, 0.0)), abs=1e-6)


@pytest.mark.parametrize("name", LOSS_TYPES)
def test_every_loss_falls_when_the_true_items_rise(name: str) -> None:
    hidden_md, items_nd, target_m = example(40, 12)
    losses = []
    for _ in range(2):
        chance = torch.Generator().manual_seed(1)
        loss = masked_item_loss(
            name, hidden_md, items_nd, target_m, n_negatives=3, generator=chance
        )
        losses.append(loss.item())
        (gradient,) = torch.autograd.grad(loss, [hidden_md])
        hidden_md = (hidden_md - 0.5 * gradient).detach().requires_grad_()
    assert losses[1] < losses[0]


def test_negatives_are_the_generators_alone_and_reach_every_item() -> None:
    hidden_md, items_nd, target_m = example(300, 5)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(draws))
        chance = torch.Generator().manual_seed(seed)
        loss = masked_item_loss(
            "BCE", hidden_md, items_nd, target_m, n_negatives=2, generator=chance
        )
        (gradient,) = torch.autograd.grad(loss, [items_nd])
        draws.append(gradient)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert (draws[0].abs().sum(dim=1) > 0).all()


def test_a_loss_that_was_asked_for_is_used_and_says_so() -> None:
    assert choose_loss(small_settings(loss_type="gBCE"), 10**9) == ("gBCE", "asked for by name")
    name, reason = choose_loss(small_settings(loss_type="CE", negative_samples_count=4), 10)
    assert name == "CE"
    assert "negative_samples_count is not used" in reason


def test_an_unset_loss_is_ce_while_its_scores_fit_the_budget() -> None:
    settings = small_settings(batch_size=100, max_seq_length=50, mask_rate=0.2)
    # 100 rows of 10 hidden items, four bytes a score.
    most = CE_BUDGET_BYTES // (100 * 10 * 4)
    name, reason = choose_loss(settings, most)
    assert name == "CE"
    assert "fit the budget" in reason
    assert "1,000 places" in reason
    name, reason = choose_loss(settings, most + 1)
    assert name == "sampled_CE"
    assert "exceed the budget of 2 GiB; 2 negatives a place" in reason
