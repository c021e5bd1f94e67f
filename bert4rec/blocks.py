"""The blocks of a Transformer: attention to the items of a window, then feed-forward.

Shapes: B batch, S positions of a window that are read, M places asked for, T tokens of either kind,
D hidden size, H heads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bert4rec import narrow
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.layers import AttentionDropout, Dropout, Linear, attended

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "relu": F.relu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
# The same, in the memory of what they are given.
IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": torch.ops.aten.gelu_,
    "relu": torch.relu_,
    "silu": torch.ops.aten.silu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
}
# Attention takes about so many times as long for an operation as a product of matrices.
ATTENTION_COST = 4


class Attention(nn.Module):
    """Multi-head attention of tokens to the items of their window."""

    def __init__(self, settings: Hyperparameters) -> None:
        super().__init__()
        d = settings.hidden_size
        self.n_heads = settings.n_heads
        self.query = Linear(d, d)
        self.key_value = Linear(d, 2 * d)
        self.output = Linear(d, d)
        self.dropout = AttentionDropout(settings.attention_dropout)

    def memory(self, items_bsd: Tensor) -> tuple[Tensor, Tensor]:
        """Return the keys and the values of items, both (B, H, S, D / H)."""
        key, value = self.key_value(items_bsd).chunk(2, dim=-1)
        return self._heads(key), self._heads(value)

    def forward(self, x_btd: Tensor, memory: tuple[Tensor, Tensor], may_attend: Tensor) -> Tensor:
        """Answer for tokens from the items' keys and values; returns (B, T, D)."""
        query = self._heads(self.query(x_btd))
        may_attend = self.dropout(may_attend, x_btd.shape[1])
        answer_bhtd = attended(query, *memory, may_attend)
        return self.output(answer_bhtd.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def are_few(self, x_bmd: Tensor) -> bool:
        """Return whether `of_few` answers sooner; its gradient would be no quicker."""
        if torch.is_grad_enabled() or narrow.is_by_blocks(x_bmd):
            return False
        return x_bmd.shape[1] * self.n_heads * ATTENTION_COST <= x_bmd.shape[2]

    def of_few(self, x_bmd: Tensor, items_bsd: Tensor, may_attend: Tensor) -> Tensor:
        """Answer as `forward` does for so few tokens that the items' keys and values do not pay.

        A product with a key is one with the item itself once the query has gone through the keys'
        map: q (W x) = (q W) x, where the keys' bias gives each item the same. And values may be
        mapped once their items are weighted, as weights sum to 1.

        Args:
            x_bmd: The tokens, (B, M, D).
            items_bsd: The items that keys and values would be made of, (B, S, D).
            may_attend: Which items a token may attend to, one at least, bool (B, 1, M or 1, S).

        Cost: M H S D instead of S D D + M S D. The heads share one memory: the items.
        """
        n_rows, _, d = x_bmd.shape
        n_heads = self.n_heads
        key_hwd, value_hwd = self.key_value.weight.view(2, n_heads, d // n_heads, d)
        value_bias_d = self.key_value.bias[d:]
        query_hnw = self.query(x_bmd).view(-1, n_heads, d // n_heads).transpose(0, 1)
        asked_nhd = (query_hnw @ key_hwd).transpose(0, 1)
        if may_attend.shape[2] > 1:
            may_attend = may_attend.repeat_interleave(n_heads, dim=2)
        query_btd, items_bsd = asked_nhd.reshape(n_rows, 1, -1, d), items_bsd[:, None]
        scale = (d // n_heads) ** -0.5
        found = attended(query_btd, items_bsd, items_bsd, may_attend, scale=scale)
        found_hnd = found.reshape(-1, n_heads, d).transpose(0, 1)
        answer_nhw = (found_hnd @ value_hwd.mT).transpose(0, 1)
        return self.output(answer_nhw.reshape(x_bmd.shape) + value_bias_d)  # type: ignore[no-any-return]

    def weights(self, x_btd: Tensor, memory: tuple[Tensor, Tensor], may_attend: Tensor) -> Tensor:
        """Return the items' shares in the attention of tokens, (B, H, T, S), without dropout.

        What `forward` answers is the items' values weighted by these.
        """
        query_bhtd, (key_bhsd, _) = self._heads(self.query(x_btd)), memory
        scores = query_bhtd @ key_bhsd.transpose(2, 3) / query_bhtd.shape[-1] ** 0.5
        weights: Tensor = scores.masked_fill(~may_attend, -torch.inf).softmax(dim=-1)
        return weights

    def _heads(self, x: Tensor) -> Tensor:
        width = x.shape[-1] // self.n_heads
        return x.view(*x.shape[:-1], self.n_heads, width).transpose(1, 2)


class FeedForward(nn.Module):
    """Two linear layers with an activation between them, the same at every place."""

    def __init__(self, settings: Hyperparameters) -> None:
        super().__init__()
        self.inner = Linear(settings.hidden_size, settings.inner_size)
        self.output = Linear(settings.inner_size, settings.hidden_size)
        self.hidden_act = settings.hidden_act

    def forward(self, x: Tensor) -> Tensor:
        """Return the output at each place, same shape."""
        # Where no gradient asks for what went in, new memory would take longer than the function.
        activation = (ACTIVATIONS if torch.is_grad_enabled() else IN_PLACE)[self.hidden_act]
        return self.output(activation(self.inner(x)))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Sight:
    """Which items the tokens of a batch may attend to, True for those.

    Args:
        of_items: Of the items, bool (B, 1, S or 1, S).
        of_places: Of the places asked for, bool (B, 1, M or 1, S).
    """

    of_items: Tensor
    of_places: Tensor


class Block(nn.Module):
    """One Transformer block: attention, then feed-forward, each added to its input."""

    def __init__(self, settings: Hyperparameters, eps: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(settings.hidden_size, eps)
        self.attention = Attention(settings)
        self.feed_forward_norm = nn.LayerNorm(settings.hidden_size, eps)
        self.feed_forward = FeedForward(settings)
        self.dropout = Dropout(settings.hidden_dropout)

    def forward(self, items_bsd: Tensor, places_bmd: Tensor, sight: Sight) -> tuple[Tensor, Tensor]:
        """Return the items and the places asked for, both after reading the items."""
        items_after_bsd, memory = self.read(items_bsd, sight.of_items)
        return items_after_bsd, self._read(places_bmd, memory, sight.of_places)

    def read(self, items_bsd: Tensor, may_attend: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the items after reading each other, and the keys and values they were read by."""
        normed_bsd = self.attention_norm(items_bsd)
        memory = self.attention.memory(normed_bsd)
        return self._changed(items_bsd, self.attention(normed_bsd, memory, may_attend)), memory

    def answer(self, items_bsd: Tensor, places_bmd: Tensor, sight: Sight) -> Tensor:
        """Return the places alone, (B, M, D): the last block's items would be read by nobody."""
        normed_bsd = self.attention_norm(items_bsd)
        if self.attention.are_few(places_bmd):
            normed_bmd = self.attention_norm(places_bmd)
            found_bmd = self.attention.of_few(normed_bmd, normed_bsd, sight.of_places)
            return self._changed(places_bmd, found_bmd)
        return self._read(places_bmd, self.attention.memory(normed_bsd), sight.of_places)

    def _read(self, x_btd: Tensor, memory: tuple[Tensor, Tensor], may_attend: Tensor) -> Tensor:
        return self._changed(x_btd, self.attention(self.attention_norm(x_btd), memory, may_attend))

    def _changed(self, x_btd: Tensor, found_btd: Tensor) -> Tensor:
        x: Tensor = x_btd + self.dropout(found_btd)
        change: Tensor = self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x + change
