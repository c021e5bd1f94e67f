"""The BERT4Rec network, whole, in one file.

Shapes: B batch, L positions of a window, D hidden size, H heads, M places asked for, N items.
Windows are padded on the left, and positions are counted from the end, so that "the last item"
is the same position in a history of any length.

Source: Sun et al. 2019, "BERT4Rec", sections 3.2 to 3.5. We differ where reproductions found a
better way (Petrov & Macdonald 2022; RecTools): normalisation before each part instead of after,
positions from the end, all chosen items replaced by MASK, and output scores straight from the item
vectors, without a further layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.hyperparameters import Hyperparameters

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "relu": F.relu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}


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
        n_words = -(-x.numel() // 8)
        words = torch.empty(n_words, dtype=torch.int64, device=x.device)
        words.random_(-(2**63), None, generator=self.generator)
        is_kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= self.threshold
        return x * is_kept.to(x.dtype).mul_(256 / (256 - self.threshold))


class Attention(nn.Module):
    """Multi-head self-attention in which every place sees past and future."""

    def __init__(self, settings: Hyperparameters) -> None:
        super().__init__()
        d = settings.hidden_size
        self.n_heads = settings.n_heads
        self.query = nn.Linear(d, d)
        self.key_value = nn.Linear(d, 2 * d)
        self.output = nn.Linear(d, d)
        self.dropout = Dropout(settings.attention_dropout)

    def forward(self, asked_bmd: Tensor, x_bld: Tensor, may_attend: Tensor) -> Tensor:
        """Answer for the places in `asked_bmd` from the window `x_bld`; returns (B, M, D)."""
        query_bhmd = self._heads(self.query(asked_bmd))
        key, value = self.key_value(x_bld).chunk(2, dim=-1)
        key_bhld, value_bhld = self._heads(key), self._heads(value)
        if self.training:
            weights = self._weights(query_bhmd, key_bhld, may_attend)
            answer_bhmd = self.dropout(weights) @ value_bhld
        else:
            # The fused twin of the lines above; it has no place for our dropout.
            answer_bhmd = F.scaled_dot_product_attention(
                query_bhmd, key_bhld, value_bhld, attn_mask=may_attend
            )
        return self.output(answer_bhmd.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _heads(self, x: Tensor) -> Tensor:
        width = x.shape[-1] // self.n_heads
        return x.view(*x.shape[:-1], self.n_heads, width).transpose(1, 2)

    @staticmethod
    def _weights(query_bhmd: Tensor, key_bhld: Tensor, may_attend: Tensor) -> Tensor:
        scale = 1 / math.sqrt(query_bhmd.shape[-1])
        logits_bhml = (query_bhmd * scale) @ key_bhld.transpose(-1, -2)
        return logits_bhml.masked_fill(~may_attend, -math.inf).softmax(dim=-1)


class FeedForward(nn.Module):
    """Two linear layers with an activation between them, the same at every place."""

    def __init__(self, settings: Hyperparameters) -> None:
        super().__init__()
        self.inner = nn.Linear(settings.hidden_size, settings.inner_size)
        self.output = nn.Linear(settings.inner_size, settings.hidden_size)
        self.activation = ACTIVATIONS[settings.hidden_act]

    def forward(self, x: Tensor) -> Tensor:
        """Return the output at each place, same shape."""
        return self.output(self.activation(self.inner(x)))  # type: ignore[no-any-return]


class Block(nn.Module):
    """One Transformer block: attention, then feed-forward, each added to its input."""

    def __init__(self, settings: Hyperparameters, eps: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(settings.hidden_size, eps)
        self.attention = Attention(settings)
        self.feed_forward_norm = nn.LayerNorm(settings.hidden_size, eps)
        self.feed_forward = FeedForward(settings)
        self.dropout = Dropout(settings.hidden_dropout)

    def forward(self, x_bld: Tensor, may_attend: Tensor, places_bm: Tensor | None = None) -> Tensor:
        """Return the block's output at `places_bm`, or at every position when that is None."""
        normed_bld = self.attention_norm(x_bld)
        asked, asked_normed = x_bld, normed_bld
        if places_bm is not None:
            asked, asked_normed = at_places(x_bld, places_bm), at_places(normed_bld, places_bm)
        x: Tensor = asked + self.dropout(self.attention(asked_normed, normed_bld, may_attend))
        change: Tensor = self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x + change


class Bert4Rec(nn.Module):
    """Predict hidden items of a sequence from the items on both sides.

    Args:
        n_items: Size N of the catalogue; index 0 is PAD, 1..N are items, N + 1 is MASK.
        settings: The hyperparameters.
        generator: Chance behind the initial weights.
    """

    def __init__(
        self, n_items: int, settings: Hyperparameters, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.n_items = n_items
        self.max_seq_length = settings.max_seq_length
        d = settings.hidden_size
        # float32 cannot hold the difference that a smaller epsilon would make.
        eps = max(settings.layer_norm_eps, 1e-12)
        self.items = nn.Embedding(n_items + 2, d, padding_idx=PAD_IDX)
        self.positions = nn.Embedding(settings.max_seq_length, d)
        self.dropout = Dropout(settings.hidden_dropout)
        self.blocks = nn.ModuleList(Block(settings, eps) for _ in range(settings.n_layers))
        self.norm = nn.LayerNorm(d, eps)
        self._initialise(settings.initializer_range, generator)

    def _initialise(self, std: float, generator: torch.Generator | None) -> None:
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "norm" not in name:
                nn.init.trunc_normal_(parameter, 0, std, -2 * std, 2 * std, generator=generator)
        with torch.no_grad():
            self.items.weight[PAD_IDX].zero_()

    def forward(self, items_bl: Tensor, places_bm: Tensor) -> Tensor:
        """Read windows and return what the network expects at the places asked for.

        Args:
            items_bl: Item indices, int64 (B, L), padded on the left, L <= max_seq_length.
            places_bm: Positions asked for, int64 (B, M), each in [0, L).

        Returns:
            Hidden states, (B, M, D); `scores` turns them into a score for each item.

        Cost: the last block computes only the M places asked for.
        """
        x_bld, may_attend = self.embed(items_bl)
        *earlier, last = self.blocks
        for block in earlier:
            x_bld = block(x_bld, may_attend)
        states: Tensor = self.norm(last(x_bld, may_attend, places_bm))
        return states

    def embed(self, items_bl: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first layer's input (B, L, D) and who may be attended (B, 1, 1, L)."""
        length = items_bl.shape[1]
        from_end = torch.arange(length - 1, -1, -1, device=items_bl.device)
        x_bld = self.items(items_bl) + self.positions(from_end)
        return self.dropout(x_bld), (items_bl != PAD_IDX)[:, None, None, :]

    def item_vectors(self) -> Tensor:
        """Return the vectors of items 1..N, (N, D); input and output share them."""
        return self.items.weight[1 : self.n_items + 1]

    def scores(self, hidden: Tensor) -> Tensor:
        """Return the score (logit) of each item for each hidden state, (..., N)."""
        return hidden @ self.item_vectors().T

    def set_generator(self, generator: torch.Generator) -> None:
        """Let all dropout draw from `generator`."""
        for module in self.modules():
            if isinstance(module, Dropout):
                module.generator = generator


def at_places(x_bld: Tensor, places_bm: Tensor) -> Tensor:
    """Return the rows of `x_bld` at `places_bm`, shape (B, M, D)."""
    return x_bld.gather(1, places_bm[..., None].expand(-1, -1, x_bld.shape[-1]))


def n_parameters(n_items: int, settings: Hyperparameters) -> int:
    """Return the number of trainable weights, without building the network."""
    d, inner = settings.hidden_size, settings.inner_size
    block = 4 * (d * d + d) + 2 * (2 * d) + (d * inner + inner) + (inner * d + d)
    return (n_items + 2 + settings.max_seq_length) * d + settings.n_layers * block + 2 * d
