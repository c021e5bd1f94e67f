from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from bert4rec.layers import Dropout, Table, _Rows, attended


@pytest.mark.parametrize("padding_idx", [None, 0, 3])
def test_rows_and_their_gradients_are_those_of_an_embedding(padding_idx: int | None) -> None:
    chance = torch.Generator().manual_seed(1)
    index = torch.randint(6, (4, 5), generator=chance)
    weight = torch.randn(6, 3, generator=chance)
    wanted = torch.randn(4, 5, 3, generator=chance)
    found = []
    for look_up in (
        lambda table: _Rows.apply(table, index, padding_idx),
        lambda table: F.embedding(index, table, padding_idx),
    ):
        table = weight.clone().requires_grad_()
        rows = look_up(table)
        (rows * wanted).sum().backward()
        found.append((rows.detach(), table.grad))
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two)


def test_a_table_on_a_cpu_is_an_embedding_that_may_have_sparse_gradients() -> None:
    table = Table(5, 2, padding_idx=0)
    table.sparse = True
    table(torch.tensor([[1, 1], [4, 0]])).sum().backward()
    assert table.weight.grad is not None
    assert table.weight.grad.is_sparse


def test_dropout_keeps_the_expectation_and_draws_from_its_generator() -> None:
    dropout = Dropout(0.25)
    x = torch.ones(200, 200)
    draws = []
    for seed in (1, 1, 2):
        dropout.generator = torch.Generator().manual_seed(seed)
        draws.append(dropout(x))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    # Four standard deviations of the mean of 40,000.
    assert float(draws[0].mean()) == pytest.approx(1, abs=0.012)
    assert torch.equal(dropout.eval()(x), x)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1, 1), (3, 2, 5, 7, 4), (2, 3, 1, 6, 8), (2, 1, 9, 3, 5)]
)
@pytest.mark.parametrize("own_sight", [False, True])
def test_attention_in_bfloat16_is_that_in_float32(
    shape: tuple[int, int, int, int, int], *, own_sight: bool
) -> None:
    n_rows, n_heads, n_tokens, n_items, width = shape
    chance = torch.Generator().manual_seed(2)
    query = torch.randn(n_rows, n_heads, n_tokens, width, generator=chance)
    key, value = torch.randn(2, n_rows, n_heads, n_items, width, generator=chance)
    sight = torch.rand(n_rows, 1, n_tokens if own_sight else 1, n_items, generator=chance) > 0.3
    # One row may attend to nothing.
    sight[0] = False
    wanted = torch.randn(query.shape, generator=chance)
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        inputs = [each.bfloat16().to(dtype).requires_grad_() for each in (query, key, value)]
        answer = attended(*inputs, sight)
        assert answer.dtype == dtype
        assert not answer[0].any()
        gradients = torch.autograd.grad(answer, inputs, wanted.to(dtype))
        found.append([each.float() for each in (answer, *gradients)])
    for one, two in zip(*found, strict=True):
        # A number of bfloat16 has eight bits.
        torch.testing.assert_close(one, two, rtol=0.03, atol=0.03)
