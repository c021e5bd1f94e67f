"""SASRec from the parts of `model.py`: every item of a window predicts the one that follows it.

Shapes as there. An item attends to itself and to the items before it. What is expected at a place
is the last block's answer for the item before that place, so that nothing from the place on can be
read: no MASK is shown, nothing is hidden, and a window with L items asks for L - 1 of them.

Source: Kang & McAuley 2018, "Self-Attentive Sequential Recommendation", sections 3.1 to 3.4, with
the losses over the whole catalogue or many shared negatives of Klenitskiy & Vasilev 2023, "Turning
Dross Into Gold Loss". We differ where BERT4Rec's network does, so that the two are compared by what
they see and not by what they are made of: normalisation before each part, positions from the end,
dropout of attention before the softmax, item vectors that are not scaled.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import pad

from bert4rec.blocks import Block, Sight
from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.layers import Undrawn
from bert4rec.model import Bert4Rec, Network


class SasRec(Network):
    """Predict the next item of a sequence from the items before it alone.

    Args:
        n_items: Size N of the catalogue; index 0 is PAD, 1..N are items, N + 1 is not used.
        settings: The hyperparameters.
        generator: Chance behind the initial weights; None where others are loaded.
    """

    sees_future = False

    def __init__(
        self, n_items: int, settings: Hyperparameters, generator: torch.Generator | None = None
    ) -> None:
        # The last place of a window is asked for and never read.
        super().__init__(n_items, settings, settings.max_seq_length - 1)
        self.initialise(settings.initializer_range, generator)

    def forward(
        self,
        items_bl: Tensor,
        places_bm: Tensor,
        *,
        sees_future: bool | Tensor = False,
        shown_bs: Tensor | None = None,
    ) -> Tensor:
        """Read windows and return what the network expects at the places asked for.

        Args:
            items_bl: Item indices, int64 (B, L), padded on the left, 2 <= L <= max_seq_length.
            places_bm: Positions asked for, int64 (B, M), each in [1, L). One with no item before
                it is answered from padding alone.
            sees_future: False.
            shown_bs: Columns to read, int64 (B, S), from the first on in order; all but the last
                by default, which no place sees.

        Returns:
            Hidden states, (B, M, D); `scores` turns them into a score for each item.

        Raises:
            ValueError: the future is asked for.

        Cost: the last block computes only the M places asked for.
        """
        if sees_future is not False:
            raise ValueError("SASRec sees only the past")
        read_bs = items_bl[:, :-1] if shown_bs is None else items_bl.gather(1, shown_bs)
        items_bsd, may_bss = self._first(read_bs)
        for block in self.blocks[:-1]:
            items_bsd, _ = cast("Block", block).read(items_bsd, may_bss[:, None])
        before_bm1 = (places_bm - 1)[..., None]
        places_bmd = items_bsd.gather(1, before_bm1.expand(-1, -1, items_bsd.shape[2]))
        may_bms = may_bss.gather(1, before_bm1.expand(-1, -1, may_bss.shape[2]))
        last_block = cast("Block", self.blocks[-1])
        sight = Sight(may_bss[:, None], may_bms[:, None])
        states: Tensor = self.norm(last_block.answer(items_bsd, places_bmd, sight))
        return states

    def attention(self, items_bl: Tensor, places_bm: Tensor) -> Tensor:
        """Return what the item before each place attends to; the last column is read by none."""
        items_bsd, may_bss = self._first(items_bl[:, :-1])
        before_bm1 = (places_bm - 1)[..., None]
        may_bms = may_bss.gather(1, before_bm1.expand(-1, -1, may_bss.shape[2]))
        asked_bmd, found = before_bm1.expand(-1, -1, items_bsd.shape[2]), []
        for block in cast("list[Block]", self.blocks):
            normed_bsd = block.attention_norm(items_bsd)
            memory = block.attention.memory(normed_bsd)
            normed_bmd = normed_bsd.gather(1, asked_bmd)
            found.append(block.attention.weights(normed_bmd, memory, may_bms[:, None]))
            items_bsd, _ = block.read(items_bsd, may_bss[:, None])
        return pad(torch.stack(found), (0, 1))

    def _first(self, read_bs: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the first block reads, and which items each item may attend to."""
        n_read = read_bs.shape[1]
        positions_s = torch.arange(n_read - 1, -1, -1, device=read_bs.device)
        return self.at(self.items(read_bs), positions_s.expand_as(read_bs)), causal_sight(read_bs)


def causal_sight(items_bs: Tensor) -> Tensor:
    """Return which items each item of a window may attend to, bool (B, S, S).

    Itself and all before it but padding, which attends to itself alone.
    """
    n_read = items_bs.shape[1]
    is_earlier = torch.ones(n_read, n_read, dtype=torch.bool, device=items_bs.device).tril(-1)
    is_itself = torch.eye(n_read, dtype=torch.bool, device=items_bs.device)
    return (items_bs != PAD_IDX)[:, None] & is_earlier | is_itself


def new_network(
    n_items: int, settings: Hyperparameters, generator: torch.Generator | None = None
) -> Bert4Rec | SasRec:
    """Return the network that the settings ask for, untrained.

    Args:
        n_items: Size N of the catalogue.
        settings: The hyperparameters.
        generator: Chance behind the initial weights; None where others are loaded.
    """
    kind = Bert4Rec if settings.sees_future else SasRec
    with Undrawn() if generator is None else nullcontext():
        return kind(n_items, settings, generator)


def model_reason(settings: Hyperparameters) -> str:
    """Return why a run's model is what it is, and what was given for nothing, for its record."""
    if settings.sees_future:
        return "attention is bidirectional"
    given = [name for name in settings.unused if name in settings.model_fields_set]
    note = f"; not used, as no item is hidden: {' and '.join(given)}" if given else ""
    return f"attention is causal{note}"
