"""The BERT4Rec network, whole, in one file.

Shapes: B batch, L positions of a window, M places asked for, T = L + M tokens, D hidden size,
H heads, N items. A window is padded on the left, and positions are counted from its end, so that
"the last item" is the same position in a history of any length.

What is asked stands beside the window: for each place asked for, a MASK token with that place's
position. Items attend to items and MASK tokens attend to items; nobody attends to a MASK. So the
items are read the same way whatever is asked, and one row can ask for many places, each from a
context of its own: all shown items (the cloze task), or those before the place (the next item).

Source: Sun et al. 2019, "BERT4Rec", sections 3.2 to 3.5. We differ where it was measured to be
better (docs/LOG.md): MASK tokens beside the window, places asked from their past alone in some
rows, normalisation before each part, positions from the end, all chosen items hidden, and output
scores straight from the item vectors, without a further layer.
"""

from __future__ import annotations

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
        return x * self.is_kept(x.shape, x.device).to(x.dtype).mul_(256 / (256 - self.threshold))

    def is_kept(self, shape: torch.Size, device: torch.device) -> Tensor:
        """Draw which values stay, bool of that shape."""
        n_words = -(-shape.numel() // 8)
        words = torch.empty(n_words, dtype=torch.int64, device=device)
        words.random_(-(2**63), None, generator=self.generator)
        return words.view(torch.uint8)[: shape.numel()].view(shape) >= self.threshold


class AttentionDropout(Dropout):
    """Take a share `rate` of the items from each token's attention; the others share its weight.

    Source: Li et al. 2023, "DropKey": dropout before the softmax instead of after it. All heads
    lose the same items, which leaves the attention to the fused kernels.
    """

    def forward(self, may_attend: Tensor) -> Tensor:
        """Return `may_attend`, bool (B, 1, T, L), with some True taken away in training."""
        if not self.training or self.threshold == 0:
            return may_attend
        kept = may_attend & self.is_kept(may_attend.shape, may_attend.device)
        # Who would be left with nothing loses nothing.
        return kept | (may_attend & ~kept.any(dim=-1, keepdim=True))


class Attention(nn.Module):
    """Multi-head attention of tokens to the items of their window."""

    def __init__(self, settings: Hyperparameters) -> None:
        super().__init__()
        d = settings.hidden_size
        self.n_heads = settings.n_heads
        self.query = nn.Linear(d, d)
        self.key_value = nn.Linear(d, 2 * d)
        self.output = nn.Linear(d, d)
        self.dropout = AttentionDropout(settings.attention_dropout)

    def forward(self, asked_bmd: Tensor, x_bld: Tensor, may_attend: Tensor) -> Tensor:
        """Answer for the tokens in `asked_bmd` from the items in `x_bld`; returns (B, M, D)."""
        key, value = self.key_value(x_bld).chunk(2, dim=-1)
        answer_bhmd = F.scaled_dot_product_attention(
            self._heads(self.query(asked_bmd)),
            self._heads(key),
            self._heads(value),
            attn_mask=self.dropout(may_attend),
        )
        return self.output(answer_bhmd.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _heads(self, x: Tensor) -> Tensor:
        width = x.shape[-1] // self.n_heads
        return x.view(*x.shape[:-1], self.n_heads, width).transpose(1, 2)


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

    def forward(self, x_btd: Tensor, may_attend: Tensor, start: int = 0) -> Tensor:
        """Return the block's output for the tokens from `start` on, (B, T - start, D).

        Args:
            x_btd: The items of the window, then the places asked for.
            may_attend: Which item each token may attend to, (B, 1, T, L).
            start: Tokens before it are read, but not computed.
        """
        n_items = may_attend.shape[-1]
        normed_btd = self.attention_norm(x_btd)
        found = self.attention(
            normed_btd[:, start:], normed_btd[:, :n_items], may_attend[:, :, start:]
        )
        x: Tensor = x_btd[:, start:] + self.dropout(found)
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
        self.mask_idx = n_items + 1
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

    def forward(self, items_bl: Tensor, places_bm: Tensor, *, sees_future: bool = True) -> Tensor:
        """Read windows and return what the network expects at the places asked for.

        Args:
            items_bl: Item indices, int64 (B, L), padded on the left, L <= max_seq_length; MASK
                for what no place may see.
            places_bm: Positions asked for, int64 (B, M), each in [0, L).
            sees_future: Whether a place sees all items that are shown, or only those before it;
                then it must not be the first of its row.

        Returns:
            Hidden states, (B, M, D); `scores` turns them into a score for each item.

        Cost: the last block computes only the M places asked for.
        """
        x_btd = self.embed(items_bl, places_bm)
        may_attend = self._may_attend(items_bl, places_bm, sees_future=sees_future)
        *earlier, last = self.blocks
        for block in earlier:
            x_btd = block(x_btd, may_attend)
        states: Tensor = self.norm(last(x_btd, may_attend, items_bl.shape[1]))
        return states

    def embed(self, items_bl: Tensor, places_bm: Tensor) -> Tensor:
        """Return the first block's input, (B, T, D): the items, then a MASK a place asked for."""
        length = items_bl.shape[1]
        columns_bl = torch.arange(length, device=items_bl.device).expand_as(items_bl)
        tokens_bt = torch.cat([items_bl, torch.full_like(places_bm, self.mask_idx)], dim=1)
        columns_bt = torch.cat([columns_bl, places_bm], dim=1)
        x: Tensor = self.dropout(self.items(tokens_bt) + self.positions(length - 1 - columns_bt))
        return x

    def _may_attend(self, items_bl: Tensor, places_bm: Tensor, *, sees_future: bool) -> Tensor:
        """Return which items each token may attend to, bool (B, 1, T, L)."""
        length = items_bl.shape[1]
        is_real = (items_bl != PAD_IDX)[:, None]
        may = is_real & (items_bl != self.mask_idx)[:, None]
        if not sees_future:
            column_l = torch.arange(length, device=items_bl.device)
            may = may & (column_l < next_item_reach(places_bm, length)[..., None])
        # Where everything is hidden there is nothing else to attend to than what hides it.
        may = may | (is_real & ~may.any(dim=-1, keepdim=True))
        return may.expand(-1, length + places_bm.shape[1], -1)[:, None]

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


def next_item_reach(places_bm: Tensor, length: int) -> Tensor:
    """Return how many of the first items of a window each token may attend to, int64 (B, T).

    A place asked for sees what lies before it. An item sees all that lies before the next place
    after it: that is the most it may see, as that place will read it.
    """
    column_l = torch.arange(length, device=places_bm.device).expand(len(places_bm), -1)
    # Places in order, with the end of the window behind the last of them.
    end_b1 = places_bm.new_full((len(places_bm), 1), length)
    ordered = torch.cat([places_bm.sort(dim=1).values, end_b1], dim=1)
    following = torch.searchsorted(ordered, column_l.contiguous(), right=True)
    return torch.cat([ordered.gather(1, following), places_bm], dim=1)


def n_parameters(n_items: int, settings: Hyperparameters) -> int:
    """Return the number of trainable weights, without building the network."""
    d, inner = settings.hidden_size, settings.inner_size
    block = 4 * (d * d + d) + 2 * (2 * d) + (d * inner + inner) + (inner * d + d)
    return (n_items + 2 + settings.max_seq_length) * d + settings.n_layers * block + 2 * d
