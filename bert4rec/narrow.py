"""Products in bfloat16 on a CPU, in blocks of few different sizes.

What multiplies bfloat16 there (oneDNN) builds a routine for each size of matrices that it meets,
which takes half a millisecond and 0.7 MB, and a run's parts have ever other sizes. So matrices are
cut into blocks of rows, and the last block is filled up with zeros to one of few sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

# Rows of the largest and of the smallest block, and sizes that lie between two powers of two.
LARGEST, SMALLEST = 2048, 16
SIZES_PER_OCTAVE = 4


def narrowed(x: Tensor) -> Tensor:
    """Return `x` in the type that autocast asks matrix products to have."""
    kind = x.device.type
    return x.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x


def widened(x: Tensor) -> Tensor:
    """Return `x` as float32, or as it is when it is wider."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def is_by_blocks(x: Tensor) -> bool:
    """Return whether products with `x` are to be made in blocks of few sizes."""
    if torch.compiler.is_compiling() or x.device.type != "cpu":
        return False
    return torch.is_autocast_enabled("cpu")


def n_padded(n_rows: int, largest: int = LARGEST) -> int:
    """Return how many rows blocks have that hold these: up to a quarter more, seldom so many.

    Args:
        n_rows: Rows to hold.
        largest: Rows of all blocks but the last one.
    """
    n_whole = n_rows // largest * largest
    left = n_rows - n_whole
    grain = max(SMALLEST, (1 << left.bit_length()) // (2 * SIZES_PER_OCTAVE))
    return n_whole + min(-(-left // grain) * grain, largest)


def blocks(n_rows: int) -> Iterator[slice]:
    """Yield slices of padded rows."""
    return (slice(at, min(at + LARGEST, n_rows)) for at in range(0, n_rows, LARGEST))


def padded(x: Tensor, n_rows: int) -> Tensor:
    """Return `x` in bfloat16, followed by rows of zeros up to that many."""
    if len(x) == n_rows:
        return x.bfloat16().contiguous()
    filled = x.new_empty(n_rows, *x.shape[1:], dtype=torch.bfloat16)
    filled[: len(x)] = x
    filled[len(x) :] = 0
    return filled


def linear(x: Tensor, weight_od: Tensor, bias_o: Tensor | None = None) -> Tensor:
    """Return what `torch.nn.functional.linear` does, in blocks of bfloat16.

    Args:
        x: (..., D).
        weight_od: (O, D).
        bias_o: (O,).

    Returns:
        (..., O), bfloat16. Gradients have the types of what they belong to; those of the weights
        are added up in float32.
    """
    found: Tensor = _Linear.apply(x.flatten(0, -2), weight_od, bias_o)  # type: ignore[no-untyped-call]
    return found.view(*x.shape[:-1], len(weight_od))


class _Linear(torch.autograd.Function):
    """A linear map of rows, block by block."""

    @staticmethod
    def forward(ctx: Any, x_nd: Tensor, weight_od: Tensor, bias_o: Tensor | None) -> Tensor:
        x, weight = padded(x_nd, n_padded(len(x_nd))), weight_od.bfloat16()
        bias = None if bias_o is None else bias_o.bfloat16()
        found = x.new_empty(len(x), len(weight))
        for rows in blocks(len(x)):
            if bias is None:
                torch.mm(x[rows], weight.T, out=found[rows])
            else:
                torch.addmm(bias, x[rows], weight.T, out=found[rows])
        ctx.save_for_backward(x, weight)
        ctx.types = x_nd.dtype, weight_od.dtype, None if bias_o is None else bias_o.dtype
        return found[: len(x_nd)]

    @staticmethod
    def backward(ctx: Any, grad_no: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        x, weight = ctx.saved_tensors
        x_type, weight_type, bias_type = ctx.types
        grad = padded(grad_no, len(x))
        grad_x, grad_weight = torch.empty_like(x), torch.zeros(weight.shape, dtype=weight_type)
        for rows in blocks(len(x)):
            torch.mm(grad[rows], weight, out=grad_x[rows])
            grad_weight += grad[rows].T @ x[rows]
        grad_bias = None if bias_type is None else grad_no.sum(0).to(bias_type)
        return grad_x[: len(grad_no)].to(x_type), grad_weight, grad_bias
