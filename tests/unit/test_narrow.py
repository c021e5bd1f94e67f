"""Products in blocks of bfloat16: few sizes, and what the plain ones give."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from bert4rec import narrow
from bert4rec.layers import Linear


@given(st.integers(0, 20_000), st.sampled_from([narrow.LARGEST, 512, 400]))
def test_blocks_hold_all_rows_and_at_most_a_quarter_more(n_rows: int, largest: int) -> None:
    n_padded = narrow.n_padded(n_rows, largest)
    assert n_rows <= n_padded <= max(n_rows + n_rows // 4, n_rows + narrow.SMALLEST - 1)


def test_blocks_have_few_sizes() -> None:
    sizes = {
        rows.stop - rows.start
        for n_rows in range(1, 20_000)
        for rows in narrow.blocks(narrow.n_padded(n_rows))
    }
    assert max(sizes) == narrow.LARGEST
    assert len(sizes) <= 7 * narrow.SIZES_PER_OCTAVE


@pytest.mark.parametrize("n_rows", [0, 1, 15, 16, 100, 2048, 2049, 5000])
@pytest.mark.parametrize("with_bias", [False, True])
def test_a_map_in_blocks_is_the_plain_one_in_bfloat16(n_rows: int, *, with_bias: bool) -> None:
    chance = torch.Generator().manual_seed(n_rows)
    layer = Linear(24, 40, bias=with_bias)
    x = torch.randn(n_rows, 24, generator=chance, requires_grad=True)
    wanted = torch.randn(n_rows, 40, generator=chance)

    def with_gradients(answer: Tensor) -> list[Tensor]:
        inputs = [x, *layer.parameters()]
        return [answer.float(), *torch.autograd.grad(answer, inputs, wanted.to(answer.dtype))]

    with torch.autocast("cpu", torch.bfloat16):
        found = with_gradients(layer(x))
    plain = with_gradients(F.linear(x, layer.weight, layer.bias))
    for one, two in zip(found, plain, strict=True):
        assert one.dtype == torch.float32
        # Sums of up to 5,000 products of numbers with eight bits.
        torch.testing.assert_close(one, two, rtol=0.02, atol=0.01 * max(n_rows, 4) ** 0.5)


def test_a_map_keeps_the_shape_of_what_it_maps() -> None:
    layer = Linear(8, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.zeros(2, 5, 8)).shape == (2, 5, 3)
    assert layer(torch.zeros(2, 5, 8)).dtype == torch.float32
