"""What a run minimises: a loss over the whole catalogue or over items that are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bert4rec.hyperparameters import OF_NEGATIVES, Hyperparameters
from bert4rec.losses import Softmax, full_softmax_loss, sampled_loss, softmax_and_losses
from bert4rec.model import Network
from bert4rec.negatives import NegativeSampler
from bert4rec.parts import row_kinds

# CE is the default while one step's scores would fit this, counted as if they were held whole.
CE_BUDGET_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Objective:
    """A loss with what it needs to draw.

    Args:
        loss_type: CE, sampled_CE, gBCE, BCE or BPR.
        sampler: Draws the wrong items; None for CE, which compares with every item.
        softmax: What CE computes its exponentials with.
    """

    loss_type: str
    sampler: NegativeSampler | None = None
    softmax: Softmax = softmax_and_losses

    @property
    def is_shared(self) -> bool:
        """Whether all places of a batch are compared with the same wrong items."""
        return self.sampler is not None and self.sampler.is_shared

    def loss(
        self, network: Network, hidden_md: Tensor, target_m: Tensor, drawing: torch.Generator
    ) -> Tensor:
        """Return the mean loss over places, a scalar.

        Args:
            network: Whose items are compared.
            hidden_md: Hidden states at the places asked for, (M, D).
            target_m: The items there, indices 1..N, int64 (M,).
            drawing: Chance behind the negatives.
        """
        if self.sampler is None:
            return full_softmax_loss(hidden_md, network.item_vectors(), target_m - 1, self.softmax)
        negatives = self.sampler.draw(len(target_m), drawing)
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


def choose_loss(
    settings: Hyperparameters,
    n_items: int,
    *,
    n_sequences: int | None = None,
    longest: int | None = None,
) -> tuple[str, str]:
    """Return the loss to train with and the reason, for the run's record.

    Args:
        settings: The settings of the run.
        n_items: Size of the catalogue.
        n_sequences: Sequences that train, where that is known; a step holds no more.
        longest: Items of the longest of them, where that is known; a window holds no more.
    """
    if settings.loss_type is not None:
        return settings.loss_type, f"asked for by name{_unused(settings, settings.loss_type)}"
    asked = sum(kind.share * kind.asked for kind in row_kinds(settings))
    n_rows = _at_most(settings.batch_size, n_sequences)
    length = _at_most(settings.max_seq_length, longest)
    n_places = n_rows * max(1, round(asked * length))
    n_bytes = 4 * n_places * n_items
    # As many where each sequence fills the window as the longest does; most are shorter.
    size = f"up to about {n_places:,} places × {n_items:,} items to score in a step"
    budget = f"{CE_BUDGET_BYTES / 2**30:.0f} GiB"
    if n_bytes <= CE_BUDGET_BYTES:
        return "CE", f"{size} fit into {budget}{_unused(settings, 'CE')}"
    shared = "shared by a batch" if settings.negative_sharing == "batch" else "a place"
    drawn = " by popularity" if settings.negative_sampling == "popularity" else ""
    return (
        "sampled_CE",
        f"{size} do not fit into {budget}; "
        f"{settings.negative_samples_count} negatives {shared}{drawn}",
    )


def _at_most(asked: int, there: int | None) -> int:
    return asked if there is None else min(asked, max(1, there))


def _unused(settings: Hyperparameters, loss_type: str) -> str:
    """Return a note on what was given of the settings of negatives, for a loss without them."""
    names = OF_NEGATIVES if loss_type == "CE" else ()
    given = [name for name in names if name in settings.model_fields_set]
    note = f"; not used, as CE compares with every item: {', '.join(given)}"
    return note if given else ""
