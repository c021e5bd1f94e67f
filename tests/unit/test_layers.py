from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from bert4rec.layers import AttentionDropout, Dropout, Table, _Rows, attended


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


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9, 0.999])
def test_dropout_zeroes_the_rate_and_keeps_the_expectation(rate: float) -> None:
    dropout = Dropout(rate).train()
    dropout.generator = torch.Generator().manual_seed(0)
    n = 400_000
    kept = dropout(torch.ones(n))
    exact = min(round(rate * 256), 255) / 256
    error = 4 * (exact * (1 - exact) / n) ** 0.5
    assert (kept == 0).float().mean().item() == pytest.approx(exact, abs=error)
    assert kept.mean().item() == pytest.approx(1, abs=error / (1 - exact))
    assert kept.max().item() == pytest.approx(1 / (1 - exact))


def test_dropout_is_the_generators_alone() -> None:
    dropout = Dropout(0.5).train()
    x = torch.ones(3, 5, 7)
    results = []
    for seed in (1, 1, 2):
        dropout.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(len(results))
        results.append(dropout(x))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_dropout_does_nothing_in_evaluation_or_at_rate_zero() -> None:
    x = torch.randn(4, 3)
    assert torch.equal(Dropout(0.9).eval()(x), x)
    assert torch.equal(Dropout(0).train()(x), x)
    assert Dropout(0.9).train()(torch.empty(0, 3)).shape == (0, 3)


def test_dropout_stops_gradients_where_it_zeroes() -> None:
    dropout = Dropout(0.5).train()
    x = torch.ones(1000, requires_grad=True)
    y = dropout(x)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())


def test_attention_dropout_takes_the_rate_and_never_all() -> None:
    dropout = AttentionDropout(0.5).train()
    dropout.generator = torch.Generator().manual_seed(0)
    may_attend = torch.rand(500, 1, 20, 8, generator=torch.Generator().manual_seed(1)) < 0.7
    may_attend[:, :, 0] = False
    kept = dropout(may_attend, 20)
    assert not (kept & ~may_attend).any()
    assert torch.equal(kept.any(dim=-1), may_attend.any(dim=-1))
    # Those that would have lost all keep all, which is less than two of a hundred here.
    assert kept.sum().item() / may_attend.sum().item() == pytest.approx(0.5, abs=0.03)
    # One row for all tokens still takes other items from each of them.
    each = dropout(may_attend[:, :, 1:2], 20)
    assert each.shape == may_attend.shape
    assert (each[:, :, 0] != each[:, :, 1]).any()
    assert torch.equal(AttentionDropout(0.5).eval()(may_attend, 20), may_attend)
    assert torch.equal(AttentionDropout(0).train()(may_attend, 20), may_attend)


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
