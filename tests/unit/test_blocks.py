from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bert4rec.blocks import ACTIVATIONS, IN_PLACE, Attention
from tests.factories import small_network


def plain_attention(attention: Attention, x_btd: Tensor, may_attend: Tensor) -> Tensor:
    """The textbook's formula, head by head."""
    n_items, width = may_attend.shape[-1], x_btd.shape[-1] // attention.n_heads
    query = attention.query(x_btd).split(width, dim=-1)
    key, value = attention.key_value(x_btd[:, :n_items]).chunk(2, dim=-1)
    answers = []
    for q, k, v in zip(query, key.split(width, -1), value.split(width, -1), strict=True):
        logits = (q @ k.transpose(1, 2) / width**0.5).masked_fill(~may_attend[:, 0], -torch.inf)
        answers.append(logits.softmax(dim=-1) @ v)
    whole: Tensor = attention.output(torch.cat(answers, dim=-1))
    return whole


@pytest.mark.parametrize(("n_tokens", "n_items"), [(1, 1), (5, 3), (13, 9)])
def test_the_fused_attention_equals_the_plain_one(n_tokens: int, n_items: int) -> None:
    attention = small_network().blocks[0].attention
    chance = torch.Generator().manual_seed(0)
    x_btd = torch.randn(4, n_tokens, 16, generator=chance, requires_grad=True)
    may_attend = torch.rand(4, 1, n_tokens, n_items, generator=chance) < 0.6
    may_attend[..., 0] = True
    fused = attention(x_btd, attention.memory(x_btd[:, :n_items]), may_attend)
    plain = plain_attention(attention, x_btd, may_attend)
    torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-5)
    fused_grad, plain_grad = (torch.autograd.grad(y.sum(), x_btd)[0] for y in (fused, plain))
    # Sums of more terms than the answers, some of them near zero.
    torch.testing.assert_close(fused_grad, plain_grad, rtol=1e-4, atol=5e-5)


@pytest.mark.parametrize(
    ("n_tokens", "n_items", "n_heads"), [(1, 1, 2), (1, 9, 4), (2, 9, 1), (3, 5, 2)]
)
@pytest.mark.parametrize("own_sight", [False, True])
def test_few_tokens_are_answered_the_same_without_keys_and_values(
    n_tokens: int, n_items: int, n_heads: int, *, own_sight: bool
) -> None:
    attention = small_network(n_heads=n_heads).blocks[0].attention
    chance = torch.Generator().manual_seed(3)
    x_bmd = torch.randn(4, n_tokens, 16, generator=chance)
    items_bsd = torch.randn(4, n_items, 16, generator=chance)
    with torch.no_grad():
        # A key's bias changes no share, and a value's is added whole: both are to be seen to.
        attention.key_value.bias.normal_(generator=chance)
        attention.query.bias.normal_(generator=chance)
    shape = 4, 1, n_tokens if own_sight else 1, n_items
    may_attend = torch.rand(shape, generator=chance) < 0.6
    may_attend[..., 0] = True
    expected = attention(x_bmd, attention.memory(items_bsd), may_attend)
    found = attention.of_few(x_bmd, items_bsd, may_attend)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_keys_and_values_are_made_for_gradients_and_for_many_tokens() -> None:
    attention = small_network(n_heads=2).blocks[0].attention
    assert not attention.are_few(torch.zeros(3, 1, 16))
    with torch.no_grad():
        assert attention.are_few(torch.zeros(3, 1, 16))
        assert attention.are_few(torch.zeros(3, 2, 16))
        assert not attention.are_few(torch.zeros(3, 3, 16))
        with torch.autocast("cpu", torch.bfloat16):
            assert not attention.are_few(torch.zeros(3, 1, 16))


@pytest.mark.parametrize("n_places", [1, 2, 5])
def test_the_network_says_the_same_with_and_without_gradients(n_places: int) -> None:
    network = small_network(n_layers=2, n_heads=2).eval()
    chance = torch.Generator().manual_seed(4)
    items_bl = torch.randint(1, 12, (5, 10), generator=chance)
    items_bl[1, :4] = 0
    places_bm = torch.randint(4, 10, (5, n_places), generator=chance)
    items_bl.scatter_(1, places_bm, network.mask_idx)
    expected = network(items_bl, places_bm).detach()
    with torch.no_grad():
        torch.testing.assert_close(network(items_bl, places_bm), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_every_activation_gives_finite_scores_of_its_own(name: str) -> None:
    items_bl = torch.tensor([[0, 0, 3, 12], [5, 1, 9, 12]])
    places = torch.full((2, 1), 3)
    network = small_network(hidden_act=name)
    scores = network.scores(network(items_bl, places))
    assert scores.shape == (2, 1, network.n_items)
    assert torch.isfinite(scores).all()
    others = {act: small_network(hidden_act=act) for act in ACTIVATIONS if act != name}
    for act, other in others.items():
        assert not torch.allclose(other.scores(other(items_bl, places)), scores), act


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_an_activation_in_place_is_the_same_function(name: str) -> None:
    x = torch.linspace(-4, 4, 33)
    expected = ACTIVATIONS[name](x)
    found = IN_PLACE[name](x)
    assert torch.equal(found, expected)
    assert found.data_ptr() == x.data_ptr()
