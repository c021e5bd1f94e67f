"""The BERT4Rec network, from `blocks.py` up; `sasrec.py` builds a causal one from the same parts.

Shapes: B batch, L positions of a window, S of them that are read, M places asked for, T tokens of
either kind, D hidden size, H heads, N items. A window is padded on the left, and positions are
counted from its end, so that "the last item" is the same position in a history of any length.

What is asked stands beside the window: for each place asked for, a MASK token with that place's
position. Items attend to items and MASK tokens attend to items; nobody attends to a MASK. So the
items are read the same way whatever is asked, and one row can ask for many places, each from a
context of its own: all shown items (the cloze task), or those before the place (the next item).

A place also starts from its neighbours in the window, where it sees them: what was met last says
most about what comes next, and so it need not be found by attention first (decision 0012).

Source: Sun et al. 2019, "BERT4Rec", sections 3.2 to 3.5. We differ where it was measured to be
better (docs/LOG.md): MASK tokens beside the window that start from their neighbours, places asked
from their past alone in some rows, normalisation before each part, positions from the end, all
chosen items hidden, and output scores straight from the item vectors, without a further layer.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bert4rec.blocks import Block, Sight
from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.layers import Dropout, Linear, Table


class Network(nn.Module):
    """What is common to networks that read windows: vectors of items and places, blocks, scores.

    Args:
        n_items: Size N of the catalogue; index 0 is PAD, 1..N are items, N + 1 is MASK.
        settings: The hyperparameters.
        n_positions: Places of a window that have a vector of their own.
    """

    # Whether a place can be asked from what stands after it, too.
    sees_future = True

    def __init__(self, n_items: int, settings: Hyperparameters, n_positions: int) -> None:
        super().__init__()
        self.n_items = n_items
        self.mask_idx = n_items + 1
        self.max_seq_length = settings.max_seq_length
        d = settings.hidden_size
        # float32 cannot hold the difference that a smaller epsilon would make.
        eps = max(settings.layer_norm_eps, 1e-12)
        self.items = Table(n_items + 2, d, padding_idx=PAD_IDX)
        self.positions = Table(n_positions, d)
        self.dropout = Dropout(settings.hidden_dropout)
        self.blocks = nn.ModuleList(Block(settings, eps) for _ in range(settings.n_layers))
        self.norm = nn.LayerNorm(d, eps)

    def initialise(self, std: float, generator: torch.Generator | None) -> None:
        """Draw the initial weights with that standard deviation; None: they stay as made."""
        if generator is None:
            return
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "norm" not in name:
                nn.init.trunc_normal_(parameter, 0, std, -2 * std, 2 * std, generator=generator)
        with torch.no_grad():
            self.items.weight[PAD_IDX].zero_()

    def at(self, x_btd: Tensor, positions_bt: Tensor) -> Tensor:
        """Return what the first block reads of tokens at positions counted from the end.

        Args:
            x_btd: The tokens' vectors, (B, T, D).
            positions_bt: Their positions, int64 (B, T), or (1, T) where all rows have the same.
        """
        x: Tensor = self.dropout(x_btd + self.positions(positions_bt))
        return x

    def attention(self, items_bl: Tensor, places_bm: Tensor) -> Tensor:
        """Return what the places asked for attend to in each block and head, (blocks, B, H, M, L).

        Args:
            items_bl: Windows as in `forward`.
            places_bm: Positions asked for, (B, M).
        """
        raise NotImplementedError

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


class Bert4Rec(Network):
    """Predict hidden items of a sequence from the items on both sides.

    Args:
        n_items: Size N of the catalogue; index 0 is PAD, 1..N are items, N + 1 is MASK.
        settings: The hyperparameters.
        generator: Chance behind the initial weights; None where others are loaded.
    """

    def __init__(
        self, n_items: int, settings: Hyperparameters, generator: torch.Generator | None = None
    ) -> None:
        super().__init__(n_items, settings, settings.max_seq_length)
        self.neighbours = Linear(2 * settings.hidden_size, settings.hidden_size, bias=False)
        self.initialise(settings.initializer_range, generator)

    def forward(
        self,
        items_bl: Tensor,
        places_bm: Tensor,
        *,
        sees_future: bool | Tensor = True,
        shown_bs: Tensor | None = None,
    ) -> Tensor:
        """Read windows and return what the network expects at the places asked for.

        Args:
            items_bl: Item indices, int64 (B, L), padded on the left, L <= max_seq_length; MASK
                for what no place may see.
            places_bm: Positions asked for, int64 (B, M), each in [0, L).
            sees_future: Whether a place sees all items that are shown, or only those before it;
                then it must not be the first of its row, and all are shown, in order. One answer
                for all rows, or one for each, bool (B,).
            shown_bs: Columns to read, int64 (B, S); all by default. What is hidden need not be
                among them, for nobody attends to it.

        Returns:
            Hidden states, (B, M, D); `scores` turns them into a score for each item.

        Cost: the last block computes only the M places asked for.
        """
        is_next_b = None if sees_future is True else _is_next(sees_future, items_bl)
        items_bsd, places_bmd, sight = self._tokens(items_bl, places_bm, is_next_b, shown_bs)
        for block in self.blocks[:-1]:
            items_bsd, places_bmd = block(items_bsd, places_bmd, sight)
        last_block = cast("Block", self.blocks[-1])
        states: Tensor = self.norm(last_block.answer(items_bsd, places_bmd, sight))
        return states

    def _tokens(
        self,
        items_bl: Tensor,
        places_bm: Tensor,
        is_next_b: Tensor | None,
        shown_bs: Tensor | None,
    ) -> tuple[Tensor, Tensor, Sight]:
        """Return what the first block reads: items (B, S, D), MASKs (B, M, D), who sees what."""
        end = items_bl.shape[1] - 1
        if shown_bs is None:
            shown_items_bs = items_bl
            shown_bs = torch.arange(end + 1, device=items_bl.device)[None]
        else:
            shown_items_bs = items_bl.gather(1, shown_bs)
        items_bsd = self.at(self.items(shown_items_bs), end - shown_bs)
        asked_bmd = self._asked(items_bl, places_bm, is_next_b)
        places_bmd = self.at(asked_bmd, end - places_bm)
        return items_bsd, places_bmd, self._sight(shown_items_bs, places_bm, is_next_b)

    def _asked(self, items_bl: Tensor, places_bm: Tensor, is_next_b: Tensor | None) -> Tensor:
        """Return a MASK for each place, with what the neighbours that it sees say, (B, M, D)."""
        beside = F.pad(items_bl, (1, 1), value=PAD_IDX)
        before, after = beside.gather(1, places_bm), beside.gather(1, places_bm + 2)
        if is_next_b is not None:
            after = after.masked_fill(is_next_b[:, None], PAD_IDX)
        said = self.neighbours(self.items(torch.stack([before, after], dim=-1)).flatten(-2))
        asked: Tensor = self.items(torch.full_like(places_bm, self.mask_idx)) + said
        return asked

    def _sight(self, items_bs: Tensor, places_bm: Tensor, is_next_b: Tensor | None) -> Sight:
        """Return who may attend to what; places of next-item rows see only what is before them."""
        is_real = (items_bs != PAD_IDX)[:, None]
        may = is_real & (items_bs != self.mask_idx)[:, None]
        # Where everything is hidden there is nothing else to attend to than what hides it.
        may = (may | (is_real & ~may.any(dim=-1, keepdim=True)))[:, None]
        if is_next_b is None:
            return Sight(may, may)
        length = items_bs.shape[1]
        column_s = torch.arange(length, device=items_bs.device)
        sees_all_b1 = ~is_next_b[:, None]
        reach_bs = next_item_reach(places_bm, length).masked_fill(sees_all_b1, length)
        limit_bm = places_bm.masked_fill(sees_all_b1, length)
        return Sight(
            may & (column_s < reach_bs[:, None, :, None]),
            may & (column_s < limit_bm[:, None, :, None]),
        )

    def attention(self, items_bl: Tensor, places_bm: Tensor) -> Tensor:
        """Return what the places asked for attend to, from all items that are shown."""
        items_bsd, places_bmd, sight = self._tokens(items_bl, places_bm, None, None)
        found = []
        for block in cast("list[Block]", self.blocks):
            memory = block.attention.memory(block.attention_norm(items_bsd))
            normed_bmd = block.attention_norm(places_bmd)
            found.append(block.attention.weights(normed_bmd, memory, sight.of_places))
            items_bsd, places_bmd = block(items_bsd, places_bmd, sight)
        return torch.stack(found)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *rest: Any, **more: Any
    ) -> None:
        """Load weights; those of version 1 had no neighbours, which is as if they said nothing."""
        nothing = torch.zeros_like(self.neighbours.weight)
        state_dict.setdefault(prefix + "neighbours.weight", nothing)
        super()._load_from_state_dict(state_dict, prefix, *rest, **more)


def _is_next(sees_future: bool | Tensor, items_bl: Tensor) -> Tensor:
    """Return which rows are asked from the past alone, bool (B,)."""
    if isinstance(sees_future, Tensor):
        return ~sees_future
    return torch.full((len(items_bl),), not sees_future, device=items_bl.device)


def next_item_reach(places_bm: Tensor, length: int) -> Tensor:
    """Return how many of the first items of a window each of its items may attend to, (B, L).

    An item sees all that lies before the next place after it: that is the most it may see, as
    that place will read it.
    """
    column_l = torch.arange(length, device=places_bm.device).expand(len(places_bm), -1)
    # Places in order, with the end of the window behind the last of them.
    end_b1 = places_bm.new_full((len(places_bm), 1), length)
    ordered = torch.cat([places_bm.sort(dim=1).values, end_b1], dim=1)
    following = torch.searchsorted(ordered, column_l.contiguous(), right=True)
    return ordered.gather(1, following)


def n_parameters(n_items: int, settings: Hyperparameters) -> int:
    """Return the number of trainable weights, without building the network."""
    d, inner = settings.hidden_size, settings.inner_size
    block = 4 * (d * d + d) + 2 * (2 * d) + (d * inner + inner) + (inner * d + d)
    tokens = (n_items + 2 + settings.max_seq_length) * d
    # What only one kind has: the map of the neighbours; the other has a place less.
    own = 2 * d * d if settings.sees_future else -d
    return tokens + settings.n_layers * block + 2 * d + own
