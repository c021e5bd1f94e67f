"""The five losses of the policy, each the mean over masked places.

Shapes: M masked places, D hidden size, N items, K negatives of a place. Targets and negatives are
rows of the (N, D) item vectors, that is item index - 1.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bert4rec.hyperparameters import Hyperparameters

# Rows of logits computed at once: a block of 256 x 3,416 float32 stays in a core's cache.
BLOCK_ROWS = 256
# CE is the default while one step's scores would fit this, counted as if they were held whole.
CE_BUDGET_BYTES = 2 * 2**30
# gBCE's calibration t (Petrov & Macdonald 2023): 0 is BCE, 1 is fully calibrated.
GBCE_CALIBRATION = 0.75


class _BlockedSoftmax(torch.autograd.Function):
    """Softmax cross-entropy over all items whose logits exist one block of rows at a time."""

    @staticmethod
    def forward(ctx: Any, hidden_md: Tensor, items_nd: Tensor, target_m: Tensor) -> Tensor:
        dtype = torch.get_autocast_dtype(hidden_md.device.type)
        is_autocast = torch.is_autocast_enabled(hidden_md.device.type)
        table_nd = items_nd.to(dtype) if is_autocast else items_nd
        grad_hidden = torch.empty_like(hidden_md)
        grad_items = torch.zeros_like(items_nd)
        losses = [hidden_md.new_zeros(0, dtype=torch.float32)]
        for start in range(0, len(hidden_md), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            losses.append(
                _softmax_block(
                    hidden_md[rows], table_nd, target_m[rows], grad_hidden[rows], grad_items
                )
            )
        n_rows = max(len(hidden_md), 1)
        ctx.save_for_backward(grad_hidden.div_(n_rows), grad_items.div_(n_rows))
        return torch.cat(losses).sum() / n_rows

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        grad_hidden, grad_items = ctx.saved_tensors
        return grad_hidden * grad, grad_items * grad, None


def _softmax_block(
    hidden: Tensor, table: Tensor, target: Tensor, grad_hidden: Tensor, grad_items: Tensor
) -> Tensor:
    """Return the losses of one block; fill its part of the gradients with the sum's gradient."""
    narrow = hidden.to(table.dtype)
    logits = (narrow @ table.T).float()
    peak = logits.amax(dim=1, keepdim=True)
    target_logit = logits.gather(1, target[:, None])
    unscaled = logits.sub_(peak).exp_()
    total = unscaled.sum(dim=1, keepdim=True)
    # Softmax minus one-hot, with the division moved to the smaller side of each product.
    weights = unscaled.to(table.dtype)
    grad_hidden.copy_((weights @ table) / total - table[target])
    scaled = hidden / total
    grad_items += (weights.T @ scaled.to(table.dtype)).float()
    grad_items.index_add_(0, target, hidden.float(), alpha=-1)
    return (total.log() + peak - target_logit).squeeze(1)


def full_softmax_loss(hidden_md: Tensor, items_nd: Tensor, target_m: Tensor) -> Tensor:
    """Return CE over the whole catalogue, a scalar.

    Cost: M x N x D multiplications three times; memory for BLOCK_ROWS x N logits, never M x N.
    Gradients are computed in the forward pass.
    """
    return _BlockedSoftmax.apply(hidden_md, items_nd, target_m)  # type: ignore[no-any-return,no-untyped-call]


def sampled_scores(
    hidden_md: Tensor, items_nd: Tensor, target_m: Tensor, negatives_mk: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the scores of the true items (M, 1), of the negatives (M, K), and which may count.

    A negative that happens to be the true item must not count: it is False in the third, (M, K).
    """
    positive = (hidden_md * items_nd[target_m]).sum(dim=-1, keepdim=True)
    negative = torch.einsum("md,mkd->mk", hidden_md, items_nd[negatives_mk])
    return positive.float(), negative.float(), negatives_mk != target_m[:, None]


def sampled_softmax_loss(positive: Tensor, negative: Tensor, may_count: Tensor) -> Tensor:
    """Return CE among the true item and its negatives (sampled_CE)."""
    logits = torch.cat([positive, negative.masked_fill(~may_count, -torch.inf)], dim=1)
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))


def binary_loss(positive: Tensor, negative: Tensor, may_count: Tensor) -> Tensor:
    """Return binary cross-entropy: true items up, negatives down (BCE)."""
    down = F.softplus(negative).masked_fill(~may_count, 0)
    return (F.softplus(-positive).sum(1) + down.sum(1)).mean()


def pairwise_loss(positive: Tensor, negative: Tensor, may_count: Tensor) -> Tensor:
    """Return Bayesian personalised ranking: each true item above each of its negatives (BPR)."""
    losses = F.softplus(negative - positive).masked_fill(~may_count, 0)
    return losses.sum() / may_count.sum().clamp(min=1)


def generalised_binary_loss(
    positive: Tensor, negative: Tensor, may_count: Tensor, n_items: int
) -> Tensor:
    """Return gBCE, whose true-item probability is raised to a power against overconfidence.

    Source: Petrov & Macdonald 2023, "gSASRec", equation 10, with t = 0.75.
    """
    alpha = min(negative.shape[1] / max(n_items - 1, 1), 1.0)
    power = alpha * (GBCE_CALIBRATION * (1 - 1 / alpha) + 1 / alpha)
    down = F.softplus(negative).masked_fill(~may_count, 0)
    return (power * F.softplus(-positive).sum(1) + down.sum(1)).mean()


def masked_item_loss(
    loss_type: str,
    hidden_md: Tensor,
    items_nd: Tensor,
    target_m: Tensor,
    *,
    n_negatives: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the loss of one batch's masked places, a scalar.

    Args:
        loss_type: CE, sampled_CE, gBCE, BCE or BPR.
        hidden_md: Hidden states at the masked places, (M, D).
        items_nd: Item vectors, (N, D).
        target_m: The true items as rows of `items_nd`, int64 (M,).
        n_negatives: Items drawn uniformly for each place, for every loss but CE.
        generator: Chance behind the negatives.
    """
    if loss_type == "CE":
        return full_softmax_loss(hidden_md, items_nd, target_m)
    n_items = len(items_nd)
    shape = (len(target_m), n_negatives)
    negatives = torch.randint(n_items, shape, generator=generator, device=hidden_md.device)
    scores = sampled_scores(hidden_md, items_nd, target_m, negatives)
    if loss_type == "gBCE":
        return generalised_binary_loss(*scores, n_items=n_items)
    by_name = {"sampled_CE": sampled_softmax_loss, "BCE": binary_loss, "BPR": pairwise_loss}
    return by_name[loss_type](*scores)


def choose_loss(settings: Hyperparameters, n_items: int) -> tuple[str, str]:
    """Return the loss to train with and the reason, for the run's record."""
    if settings.loss_type is not None:
        note = ""
        if settings.loss_type == "CE" and "negative_samples_count" in settings.model_fields_set:
            note = "; negative_samples_count is not used, CE compares with every item"
        return settings.loss_type, f"asked for by name{note}"
    n_places = settings.batch_size * max(1, round(settings.mask_rate * settings.max_seq_length))
    n_bytes = 4 * n_places * n_items
    size = f"a cloze step's scores of {n_places:,} places x {n_items:,} items"
    if n_bytes <= CE_BUDGET_BYTES:
        return "CE", f"{size} fit the budget; negative_samples_count is not used"
    return (
        "sampled_CE",
        f"{size} exceed the budget of {CE_BUDGET_BYTES / 2**30:.0f} GiB; "
        f"{settings.negative_samples_count} negatives a place",
    )
