"""The five losses of the policy, each the mean over masked places.

Shapes: M masked places, D hidden size, N items, K negatives of a place, R rows of the table that a
sampled loss reads: the whole (N, D) table or just the rows that a batch needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bert4rec import narrow
from bert4rec.narrow import narrowed, widened

# Logits that exist at once: on a CPU they stay in its cache, a GPU needs larger products.
BLOCK_BYTES = {"cpu": 7_000_000, "cuda": 2**28, "mps": 2**26}
# Fewer rows than this make slow matrix products: then the columns are cut too, for BLOCK_ROWS.
MIN_BLOCK_ROWS = 64
BLOCK_ROWS = 256
# gBCE's calibration t (Petrov & Macdonald 2023): 0 is BCE, 1 is fully calibrated.
GBCE_CALIBRATION = 0.75


def block_shape(n_items: int, device_type: str = "cpu") -> tuple[int, int]:
    """Return how many rows and columns of logits over N items are computed at once.

    Whole rows while enough of them fit `BLOCK_BYTES`, else tiles of a quarter of these, which
    were measured to be faster than larger ones.
    """
    n_logits = BLOCK_BYTES[device_type] // 4
    n_rows = n_logits // n_items
    if n_rows >= MIN_BLOCK_ROWS:
        return n_rows, n_items
    return BLOCK_ROWS, n_logits // (4 * BLOCK_ROWS)


def _ranges(size: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, size)) for start in range(0, size, step))


Softmax = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def softmax_and_losses(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return probabilities, in the type and the place of the logits, and the losses (M, 1).

    Args:
        logits: (M, N), which are overwritten.
        target: The true items, int64 (M,).
    """
    target_logit = widened(logits.gather(1, target[:, None]))
    peak = logits.amax(dim=1, keepdim=True)
    # Torch's own goes over a row twice; exponentials and their sum apart, four times.
    probabilities = torch.softmax(logits, dim=1, out=logits)
    # The true item's probability may be too small for its type, the largest one never is.
    log_total = peak - widened(probabilities.amax(dim=1, keepdim=True)).log()
    return probabilities, log_total - target_logit


class _BlockedSoftmax(torch.autograd.Function):
    """Softmax cross-entropy over all items whose logits exist one block at a time."""

    @staticmethod
    def forward(
        ctx: Any, hidden_md: Tensor, items_nd: Tensor, target_m: Tensor, softmax: Softmax
    ) -> Tensor:
        n_places, dtype, table_nd = len(hidden_md), hidden_md.dtype, narrowed(items_nd)
        n_rows, n_columns = block_shape(len(table_nd), hidden_md.device.type)
        if narrow.is_by_blocks(hidden_md):
            n_padded = narrow.n_padded(n_places, n_rows)
            hidden_md = narrow.padded(hidden_md, n_padded)
            target_m = F.pad(target_m, (0, n_padded - n_places), value=-1)
        grad_hidden = torch.empty_like(hidden_md, dtype=dtype)
        grad_items = torch.zeros_like(items_nd)
        total_loss = hidden_md.new_zeros((), dtype=torch.promote_types(dtype, torch.float32))
        share_m1 = _shares(target_m, total_loss.dtype)
        target_m = target_m.clamp(min=0)
        for rows in _ranges(len(hidden_md), n_rows):
            hidden, target, share = hidden_md[rows], target_m[rows], share_m1[rows]
            if n_columns == len(table_nd):
                losses, grad = _softmax_rows(hidden, table_nd, target, grad_items, share, softmax)
            else:
                losses, grad = _softmax_tiles(
                    hidden, table_nd, target, grad_items, share, n_columns
                )
            grad_hidden[rows] = grad.sub_(table_nd[target]).mul_(share)
            grad_items.index_add_(0, target, (hidden * share).to(grad_items.dtype), alpha=-1)
            total_loss += (losses * share).sum()
        ctx.save_for_backward(grad_hidden[:n_places], grad_items)
        return total_loss

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_hidden, grad_items = ctx.saved_tensors
        return grad_hidden * grad, grad_items * grad, None, None


def _shares(target_m: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what each place counts in the mean, (M, 1): nothing where its target is negative."""
    counts_m1 = (target_m >= 0).to(dtype)[:, None]
    return counts_m1 / counts_m1.sum().clamp(min=1)


def _softmax_rows(
    hidden: Tensor,
    table: Tensor,
    target: Tensor,
    grad_items: Tensor,
    share: Tensor,
    softmax: Softmax,
) -> tuple[Tensor, Tensor]:
    """Return losses and the expected item vector of some rows; add to the items' gradient.

    Both gradients are those of the softmax's logarithm; the caller takes the true items off.
    """
    weights, losses = softmax(hidden.to(table.dtype) @ table.T, target)
    grad_items += weights.T @ (hidden * share).to(table.dtype)
    return losses, widened(weights @ table)


def _softmax_tiles(
    hidden: Tensor,
    table: Tensor,
    target: Tensor,
    grad_items: Tensor,
    share: Tensor,
    n_columns: int,
) -> tuple[Tensor, Tensor]:
    """Do what `_softmax_rows` does in tiles: the first pass sums, the second computes anew."""
    rounded, scaled = hidden.to(table.dtype), (hidden * share).to(table.dtype)
    peak = widened(hidden).new_full((len(hidden), 1), -torch.inf)
    total = torch.zeros_like(peak)
    for columns in _ranges(len(table), n_columns):
        logits = widened(rounded @ table[columns].T)
        higher = torch.maximum(peak, logits.amax(dim=1, keepdim=True))
        total *= (peak - higher).exp_()
        total += logits.sub_(higher).exp_().sum(dim=1, keepdim=True)
        peak = higher
    log_total = total.log() + peak
    expected = torch.zeros_like(widened(hidden))
    for columns in _ranges(len(table), n_columns):
        logits = widened(rounded @ table[columns].T)
        weights = logits.sub_(log_total).exp_().to(table.dtype)
        expected += weights @ table[columns]
        grad_items[columns] += weights.T @ scaled
    target_logit = (widened(rounded) * table[target]).sum(dim=1, keepdim=True)
    return log_total - target_logit, expected


def full_softmax_loss(
    hidden_md: Tensor,
    items_nd: Tensor,
    target_m: Tensor,
    softmax: Softmax = softmax_and_losses,
) -> Tensor:
    """Return CE over the whole catalogue, a scalar; 0 where nothing counts.

    Args:
        hidden_md: Hidden states at the masked places, (M, D).
        items_nd: Item vectors, (N, D).
        target_m: The true items, int64 (M,), in [0, N); a place with a negative one does not count.
        softmax: `softmax_and_losses`, or what became of it when it was compiled.

    Cost: M x N x D multiplications three times, four times where N is too large for blocks of
    whole rows; memory for a block of `BLOCK_BYTES` and the gradients, never for M x N logits.
    Gradients are computed in the forward pass.
    """
    return _BlockedSoftmax.apply(hidden_md, items_nd, target_m, softmax)  # type: ignore[no-any-return,no-untyped-call]


class _OwnScores(torch.autograd.Function):
    """Scores of each place's own rows, (M, K), which never holds the (M, K, D) vectors at once."""

    @staticmethod
    def forward(ctx: Any, hidden_md: Tensor, table_rd: Tensor, rows_mk: Tensor) -> Tensor:
        ctx.save_for_backward(hidden_md, table_rd, rows_mk)
        hidden, table = narrowed(hidden_md), narrowed(table_rd)
        scores = torch.empty(rows_mk.shape, dtype=table.dtype, device=table.device)
        n_bytes = rows_mk.shape[1] * table.shape[1] * table.element_size()
        n_places = max(BLOCK_BYTES[table.device.type] // n_bytes, 1)
        for places in _ranges(len(hidden), n_places):
            vectors_mkd = F.embedding(rows_mk[places], table)
            scores[places] = torch.einsum("md,mkd->mk", hidden[places], vectors_mkd)
        return scores

    @staticmethod
    def backward(ctx: Any, grad_mk: Tensor) -> tuple[Tensor, Tensor, None]:
        hidden_md, table_rd, rows_mk = ctx.saved_tensors
        grad_hidden = _weighted_sums(table_rd, rows_mk, grad_mk)
        # For each row of the table the places that read it: in order, so that chance in the
        # order of additions does not change the result.
        order = rows_mk.flatten().argsort(stable=True)
        n_read = torch.zeros(len(table_rd), dtype=torch.int64, device=order.device)
        n_read.scatter_add_(0, rows_mk.flatten(), torch.ones_like(order))
        starts = n_read.cumsum(0) - n_read
        readers = order.div(rows_mk.shape[1], rounding_mode="floor")
        grad_table = _weighted_sums(hidden_md, readers, grad_mk.flatten()[order], starts)
        return grad_hidden.to(hidden_md.dtype), grad_table.to(table_rd.dtype), None


def _weighted_sums(
    vectors: Tensor, rows: Tensor, weights: Tensor, starts: Tensor | None = None
) -> Tensor:
    """Return weighted sums of rows of `vectors`, for each row of `rows` or range from `starts`."""
    weights = weights.to(widened(vectors).dtype)
    return F.embedding_bag(rows, widened(vectors), starts, mode="sum", per_sample_weights=weights)


def _products(hidden_md: Tensor, rows_kd: Tensor) -> Tensor:
    if narrow.is_by_blocks(hidden_md):
        return narrow.linear(hidden_md, rows_kd)
    return hidden_md @ rows_kd.T


def sampled_scores(
    hidden_md: Tensor, table_rd: Tensor, target_m: Tensor, negative_rows: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the scores of the true items (M, 1), of the negatives (M, K), and which may count.

    A negative that happens to be the true item must not count: it is False in the third, (M, K).

    Cost: O(M x K x D) either way. Memory is O(M x K) and O(R x D) in both directions: shared
    negatives are one matrix product, own ones are read a block of places at a time.
    """
    may_count = negative_rows != target_m[:, None]
    if negative_rows.dim() == 1:
        positive = _OwnScores.apply(hidden_md, table_rd, target_m[:, None])  # type: ignore[no-untyped-call]
        negative = _products(hidden_md, table_rd[negative_rows])
        return widened(positive), widened(negative), may_count
    rows = torch.cat([target_m[:, None], negative_rows], dim=1)
    scores = widened(_OwnScores.apply(hidden_md, table_rd, rows))  # type: ignore[no-untyped-call]
    return scores[:, :1], scores[:, 1:], may_count


def sampled_softmax_loss(
    positive: Tensor, negative: Tensor, may_count: Tensor, log_counts: Tensor | float = 0.0
) -> Tensor:
    """Return CE among the true item and its negatives (sampled_CE).

    With E_j the expected count of item j among the K draws, K x q_j where q_j is the chance of
    one draw, and t the true item with score s_t, a place's loss is

        log(exp(s_t) + sum over negatives j != t of exp(s_j - log E_j)) - s_t

    The sum estimates that of the full softmax over the wrong items without bias, whatever the
    draws favour, and so the gradient is that of CE up to O(1/K). The true item is always there:
    its count is 1, and so its score stays as it is. With `log_counts` 0 the loss is CE within the
    sample, which is not that of the catalogue.

    Args:
        positive: Scores of the true items, (M, 1).
        negative: Scores of the negatives, (M, K).
        may_count: Which negatives count, bool (M, K).
        log_counts: log E_j, (M, K), (K,) or a number.

    Source: Bengio & Senécal 2008, "Adaptive Importance Sampling", section III; as "logQ
    correction" in Yi et al. 2019, "Sampling-Bias-Corrected Neural Modeling", section 3, where the
    true item is corrected too, since there it is one of the draws; that it must not be where it
    is always present: Khrylchenko et al. 2025, "Correcting the LogQ Correction".
    """
    negative = (negative - log_counts).masked_fill(~may_count, -torch.inf)
    total = torch.cat([positive, negative], dim=1).logsumexp(dim=1, keepdim=True)
    return _mean_of_places(total - positive)


def binary_loss(
    positive: Tensor, negative: Tensor, may_count: Tensor, power: float = 1.0
) -> Tensor:
    """Return binary cross-entropy: true items up, negatives down (BCE).

    Args:
        positive: Scores of the true items, (M, 1).
        negative: Scores of the negatives, (M, K).
        may_count: Which negatives count, bool (M, K).
        power: What the true item's probability is raised to.
    """
    down = F.softplus(negative).masked_fill(~may_count, 0).sum(dim=1, keepdim=True)
    return _mean_of_places(power * F.softplus(-positive) + down)


def generalised_binary_loss(
    positive: Tensor, negative: Tensor, may_count: Tensor, n_items: int
) -> Tensor:
    """Return gBCE, whose true-item probability is raised to a power against overconfidence.

    Source: Petrov & Macdonald 2023, "gSASRec", equation 10, with t = 0.75. It is derived for
    uniform draws; for others the power is the same.
    """
    alpha = min(negative.shape[1] / max(n_items - 1, 1), 1.0)
    power = alpha * (GBCE_CALIBRATION * (1 - 1 / alpha) + 1 / alpha)
    return binary_loss(positive, negative, may_count, power)


def pairwise_loss(positive: Tensor, negative: Tensor, may_count: Tensor) -> Tensor:
    """Return Bayesian personalised ranking: each true item above each of its negatives (BPR)."""
    losses = F.softplus(negative - positive).masked_fill(~may_count, 0)
    # By place first, as everywhere: a step is the mean of its places, however it is cut.
    n_pairs_m1 = may_count.sum(dim=1, keepdim=True).clamp(min=1)
    return _mean_of_places(losses.sum(dim=1, keepdim=True) / n_pairs_m1)


def _mean_of_places(losses_m1: Tensor) -> Tensor:
    """Return the mean; 0 where there are none."""
    return losses_m1.sum() / max(len(losses_m1), 1)


def sampled_loss(
    loss_type: str,
    hidden_md: Tensor,
    table_rd: Tensor,
    target_m: Tensor,
    negative_rows: Tensor,
    *,
    n_items: int,
    log_counts: Tensor | float = 0.0,
) -> Tensor:
    """Return a sampled loss of one batch's masked places, a scalar; 0 where M is 0.

    Args:
        loss_type: sampled_CE, gBCE, BCE or BPR.
        hidden_md: Hidden states at the masked places, (M, D).
        table_rd: Item vectors, (R, D): all N, or just those that the batch needs.
        target_m: The true items as rows of the table, int64 (M,). One item is one row: two rows
            for one item would let a negative pass for another item.
        negative_rows: The negatives as rows of the table, int64: (M, K) for each place its own,
            (K,) for all the same.
        n_items: Size N of the catalogue.
        log_counts: See `Negatives`; only sampled_CE uses them.

    Cost: see `sampled_scores`; N costs nothing.
    """
    scores = sampled_scores(hidden_md, table_rd, target_m, negative_rows)
    if loss_type == "sampled_CE":
        return sampled_softmax_loss(*scores, log_counts)
    if loss_type == "gBCE":
        return generalised_binary_loss(*scores, n_items)
    return {"BCE": binary_loss, "BPR": pairwise_loss}[loss_type](*scores)
