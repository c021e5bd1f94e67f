"""What a run minimises: a loss over the whole catalogue or over items that are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bert4rec.losses import full_softmax_loss, sampled_loss
from bert4rec.model import Bert4Rec
from bert4rec.negatives import NegativeSampler


@dataclass(frozen=True)
class Objective:
    """A loss with what it needs to draw.

    Args:
        loss_type: CE, sampled_CE, gBCE, BCE or BPR.
        sampler: Draws the wrong items; None for CE, which compares with every item.
    """

    loss_type: str
    sampler: NegativeSampler | None = None

    def loss(
        self, network: Bert4Rec, hidden_md: Tensor, target_m: Tensor, chance: torch.Generator
    ) -> Tensor:
        """Return the mean loss over places, a scalar.

        Args:
            network: Whose items are compared.
            hidden_md: Hidden states at the places asked for, (M, D).
            target_m: The items there, indices 1..N, int64 (M,).
            chance: Draws the negatives.
        """
        if self.sampler is None:
            return full_softmax_loss(hidden_md, network.item_vectors(), target_m - 1)
        negatives = self.sampler.draw(len(target_m), chance)
        # Of the catalogue just the items that are compared here, each once.
        compared = torch.cat([target_m - 1, negatives.rows.flatten()])
        items_r, row = torch.unique(compared, return_inverse=True)
        return sampled_loss(
            self.loss_type,
            hidden_md,
            network.items(items_r + 1),
            row[: len(target_m)],
            row[len(target_m) :].view_as(negatives.rows),
            n_items=network.n_items,
            log_counts=negatives.log_counts,
        )
