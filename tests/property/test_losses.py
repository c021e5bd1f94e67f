"""The losses held against plain twins, in float64: values and gradients, whatever the shapes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from bert4rec import losses
from bert4rec.losses import GBCE_CALIBRATION, full_softmax_loss, sampled_loss

SEEDS = st.integers(0, 10**6)
SCALES = st.sampled_from([0.0, 1.0, 10.0])


def tensors(m: int, n: int, d: int, scale: float, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return hidden states, item vectors and targets."""
    chance = torch.Generator().manual_seed(seed)
    hidden_md = scale * torch.randn(m, d, generator=chance, dtype=torch.float64)
    items_nd = scale * torch.randn(n, d, generator=chance, dtype=torch.float64)
    target_m = torch.randint(n, (m,), generator=chance)
    return hidden_md.requires_grad_(), items_nd.requires_grad_(), target_m


def assert_same(found: Tensor, expected: Tensor, inputs: list[Tensor], atol: float = 1e-10) -> None:
    """Compare two losses and their gradients; a factor behind the loss must reach these."""
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
    pair = [
        torch.autograd.grad(3 * loss, inputs, materialize_grads=True) for loss in (found, expected)
    ]
    for left, right in zip(*pair, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-8, atol=atol)


def plain_softmax_loss(hidden_md: Tensor, items_nd: Tensor, target_m: Tensor) -> Tensor:
    if not len(target_m):
        return 0 * (hidden_md.sum() + items_nd.sum())
    return F.cross_entropy(hidden_md @ items_nd.T, target_m)


@given(st.integers(0, 9), st.integers(1, 9), st.tuples(*[st.integers(1, 9)] * 2), SCALES, SEEDS)
@example(0, 5, (4, 2), 1.0, 0)
@example(1, 1, (1, 1), 1.0, 0)
@example(9, 7, (2, 7), 30.0, 0)
@example(9, 7, (2, 3), 30.0, 0)
def test_the_blocked_softmax_equals_the_plain_one(
    m: int, n: int, block: tuple[int, int], scale: float, seed: int
) -> None:
    hidden_md, items_nd, target_m = tensors(m, n, 3, scale, seed)
    with pytest.MonkeyPatch.context() as patch:
        shape = (block[0], min(block[1], n))
        patch.setattr(losses, "block_shape", lambda n_items, device_type: shape)
        found = full_softmax_loss(hidden_md, items_nd, target_m)
    expected = plain_softmax_loss(hidden_md, items_nd, target_m)
    assert_same(found, expected, [hidden_md, items_nd])


@dataclass(frozen=True)
class Case:
    """One batch for a sampled loss."""

    name: str
    hidden_md: Tensor
    items_nd: Tensor
    target_m: Tensor
    negative_rows: Tensor
    log_counts: Tensor | float

    def loss(self) -> Tensor:
        return sampled_loss(
            self.name,
            self.hidden_md,
            self.items_nd,
            self.target_m,
            self.negative_rows,
            n_items=len(self.items_nd),
            log_counts=self.log_counts,
        )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    m, n, k = draw(st.integers(0, 5)), draw(st.integers(1, 5)), draw(st.integers(1, 7))
    seed = draw(SEEDS)
    hidden_md, items_nd, target_m = tensors(m, n, draw(st.integers(1, 4)), draw(SCALES), seed)
    chance = torch.Generator().manual_seed(seed + 1)
    shape = (k,) if draw(st.booleans()) else (m, k)
    negative_rows = torch.randint(n, shape, generator=chance)
    if draw(st.booleans()) and len(shape) == 2:
        negative_rows = target_m[:, None].expand(m, k)
    log_counts: Tensor | float = draw(st.sampled_from([0.0, -1.5]))
    if draw(st.booleans()):
        log_counts = torch.randn(shape, generator=chance, dtype=torch.float64)
    name = draw(st.sampled_from(["sampled_CE", "gBCE", "BCE", "BPR"]))
    return Case(name, hidden_md, items_nd, target_m, negative_rows, log_counts)


def plain_loss(case: Case) -> Tensor:
    """Return the loss by loops over places and negatives, as the papers write it."""
    m, n = len(case.target_m), len(case.items_nd)
    k = case.negative_rows.shape[-1]
    negatives_mk = case.negative_rows.expand(m, k)
    log_counts_mk = torch.as_tensor(case.log_counts).expand(m, k)
    logits_mn = case.hidden_md @ case.items_nd.T
    rate = min(k / (n - 1), 1.0) if n > 1 else 1.0
    power = rate * (GBCE_CALIBRATION * (1 - 1 / rate) + 1 / rate) if case.name == "gBCE" else 1.0
    total = 0 * (case.hidden_md.sum() + case.items_nd.sum())
    for row, target in enumerate(case.target_m.tolist()):
        true = logits_mn[row, target]
        at = [i for i, j in enumerate(negatives_mk[row].tolist()) if j != target]
        wrong = [logits_mn[row, negatives_mk[row, i]] for i in at]
        if case.name == "sampled_CE":
            corrected = [w - log_counts_mk[row, i] for w, i in zip(wrong, at, strict=True)]
            total = total - torch.stack([true, *corrected]).log_softmax(0)[0]
        elif case.name == "BPR":
            total = total - sum(F.logsigmoid(true - w) for w in wrong) / max(len(wrong), 1)
        else:
            total = total - power * F.logsigmoid(true) - sum(F.logsigmoid(-w) for w in wrong)
    return total / max(m, 1)


@given(cases(), st.sampled_from([1, 100, 10**6]))
def test_a_sampled_loss_equals_the_plain_loop(case: Case, block_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(losses.BLOCK_BYTES, "cpu", block_bytes)
        # Torch's softplus is linear from 20 on, where exp(-20) is 2e-9.
        assert_same(case.loss(), plain_loss(case), [case.hidden_md, case.items_nd], atol=1e-7)


@given(cases())
def test_a_batch_without_a_negative_that_counts_has_no_push_and_one_without_a_place_no_loss(
    case: Case,
) -> None:
    loss = case.loss()
    gradients = torch.autograd.grad(loss, [case.hidden_md, case.items_nd])
    assert all(gradient.isfinite().all() for gradient in gradients)
    if not len(case.target_m):
        assert loss.item() == 0
        assert not any(gradient.any() for gradient in gradients)
    counts = (case.negative_rows != case.target_m[:, None]).any()
    if not counts and case.name in ("sampled_CE", "BPR"):
        assert loss.item() == 0
        assert not any(gradient.any() for gradient in gradients)
