"""Tables, linear maps, attention and dropout, done in the ways that CPUs and GPUs are quick at.

And a mode in which new layers are made without drawing weights that others are to replace.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from bert4rec import narrow


class Table(nn.Embedding):
    """An embedding whose gradients are added where they belong, on a GPU without sorting them."""

    def forward(self, index: Tensor) -> Tensor:
        """Return the rows of some indices, (..., D)."""
        if not index.is_cuda or self.sparse or torch.compiler.is_compiling():
            return super().forward(index)
        return _Rows.apply(self.weight, index, self.padding_idx)  # type: ignore[no-any-return,no-untyped-call]


class _Rows(torch.autograd.Function):
    """Rows of a table; the gradient of `padding_idx` is left out."""

    @staticmethod
    def forward(ctx: Any, table_rd: Tensor, index: Tensor, padding_idx: int | None) -> Tensor:
        ctx.save_for_backward(index)
        ctx.n_rows, ctx.padding_idx = len(table_rd), padding_idx
        return F.embedding(index, table_rd)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (index,) = ctx.saved_tensors
        grad_table = grad.new_zeros(ctx.n_rows, grad.shape[-1])
        grad_table.index_add_(0, index.flatten(), grad.flatten(0, -2))
        if ctx.padding_idx is not None:
            grad_table[ctx.padding_idx].zero_()
        return grad_table, None, None


class Linear(nn.Linear):
    """A linear map; in bfloat16 on a CPU in blocks of few different sizes."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the image of each vector, (..., O)."""
        if narrow.is_by_blocks(x):
            return narrow.linear(x, self.weight, self.bias)
        return super().forward(x)


def attended(
    query: Tensor, key: Tensor, value: Tensor, may_attend: Tensor, *, scale: float | None = None
) -> Tensor:
    """Return the values weighted by how well their keys answer each query; 0 where none may.

    Args:
        query: Of T tokens, (B, H, T, D / H).
        key: Of S items, (B, H, S, D / H).
        value: Of the items, (B, H, S, D / H).
        may_attend: Which items a token may attend to, bool (B, 1, T or 1, S).
        scale: Of the products of queries and keys; by default one by the root of their width.

    Torch's fused attention. Its gradient takes six times as long in bfloat16 on a CPU, so that it
    computes in float32 there.
    """
    if query.device.type != "cpu" or query.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=may_attend, scale=scale)
    with torch.autocast("cpu", enabled=False):
        wide = query.float(), key.float(), value.float()
        return F.scaled_dot_product_attention(*wide, attn_mask=may_attend, scale=scale).to(
            query.dtype
        )


def _any_of_row(of_rows: Tensor) -> Tensor:
    """Return which rows have some True, bool (..., 1); `any` is six times slower on a CPU."""
    if of_rows.device.type != "cpu":
        return of_rows.any(dim=-1, keepdim=True)
    return of_rows.view(torch.uint8).amax(dim=-1, keepdim=True).view(torch.bool)


class Dropout(nn.Module):
    """Zero a share `rate` of the values, with chance from a generator that is passed in.

    One random byte decides for one value, which makes the rate a multiple of 1/256 and drawing
    several times cheaper than torch's own dropout on a CPU. Kept values are scaled up by the rate
    really used, so that the expectation is exact.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        # Not 256: a rate just below 1 must keep something to scale up.
        self.threshold = min(round(rate * 256), 255)
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` with some values zeroed in training, as it is otherwise."""
        if not self.training or self.threshold == 0:
            return x
        return x * self.is_kept(x.shape, x.device).to(x.dtype).mul_(256 / (256 - self.threshold))

    def is_kept(self, shape: torch.Size, device: torch.device) -> Tensor:
        """Draw which values stay, bool of that shape."""
        if torch.compiler.is_compiling() and device.type == "cuda":
            # What is built draws within its own loops, from the device's own generator.
            return torch.rand(shape, device=device) >= self.threshold / 256
        n_words = -(-shape.numel() // 8)
        words = torch.empty(n_words, dtype=torch.int64, device=device)
        words.random_(-(2**63), None, generator=self.generator)
        return words.view(torch.uint8)[: shape.numel()].view(shape) >= self.threshold


class AttentionDropout(Dropout):
    """Take a share `rate` of the items from each token's attention; the others share its weight.

    Source: Li et al. 2023, "DropKey": dropout before the softmax instead of after it. All heads
    lose the same items, which leaves the attention to the fused kernels.
    """

    def forward(self, may_attend: Tensor, n_tokens: int = -1) -> Tensor:
        """Return `may_attend`, bool (B, 1, T or 1, S), with some True taken away in training.

        Args:
            may_attend: Which items a token may attend to; one row where it is the same for all.
            n_tokens: How many tokens T attend, as each loses others; -1 for a row each.
        """
        if not self.training or self.threshold == 0:
            return may_attend
        may_attend = may_attend.expand(-1, -1, n_tokens, -1)
        kept = may_attend & self.is_kept(may_attend.shape, may_attend.device)
        # Who would be left with nothing loses nothing.
        return kept | (may_attend & ~_any_of_row(kept))


class Undrawn(TorchFunctionMode):
    """Leaves out what torch draws by itself for a new layer, in this thread and inside `with`.

    For a million items that takes longer than to read their weights; without memory, on the device
    `meta`, it first imports torch's compiler.
    """

    def __torch_function__(
        self,
        func: Any,
        types: Collection[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if getattr(func, "__module__", None) == nn.init.__name__:
            return args[0] if args else given["tensor"]
        return func(*args, **given)
