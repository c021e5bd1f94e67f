"""Wrong items for the sampled losses, drawn on the device at a cost that N hardly touches.

Shapes: M masked places, N items, K negatives. Rows are those of the (N, D) item vectors, that is
item index - 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bert4rec.hyperparameters import Hyperparameters


@dataclass(frozen=True)
class Negatives:
    """What was drawn for one batch.

    Args:
        rows: Items, int64: (M, K) where each place has its own, (K,) where all share them. They
            are drawn with replacement and know nothing of the targets, so they may hold them.
        log_counts: Natural logarithm of how often an item is expected among the K draws of a
            place, float32 of the shape of `rows` or a number for all; 0 asks for no correction.
    """

    rows: Tensor
    log_counts: Tensor | float


class AliasTable:
    """Draw from a fixed distribution over N items in constant time a draw.

    Source: Walker 1977 and Vose 1991, the alias method; built by prefix sums, as in
    Hübschle-Schneider & Sanders 2022, "Parallel Weighted Random Sampling", section 4.

    Args:
        weights: How likely each item is, up to a factor: int64 (N,), all positive, with
            N x their sum below 2**63.
        device: Where draws are made.

    Cost: O(N log N) once; 8 bytes an item; a draw is two random reads.
    """

    def __init__(self, weights: Tensor, device: str = "cpu") -> None:
        stay, alias = _alias_parts(weights.cpu())
        self.stay = stay.to(device)
        self.alias = alias.to(device)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
        """Return items, int64 of that shape, with chance from `generator`."""
        n_items, device = len(self.stay), self.stay.device
        items = torch.randint(n_items, shape, generator=generator, device=device)
        chance = torch.rand(shape, generator=generator, device=device)
        return torch.where(chance < self.stay[items], items, self.alias[items])


def _alias_parts(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return how likely each item's column stays with it, float32, and who has the rest, int32.

    Columns are equally likely. Light items leave a part of theirs to the heavy ones, which are
    used up in turn; one that has given more than its surplus is filled up by the next.
    """
    n_items, total = len(weights), weights.sum()
    # In whole numbers, where a column holds `total`, sums over 10 million items are exact.
    surplus = weights * n_items - total
    light, heavy = (surplus < 0).nonzero().squeeze(1), (surplus >= 0).nonzero().squeeze(1)
    alias = torch.arange(n_items, dtype=torch.int32)
    kept = (weights * n_items).clamp(max=int(total))
    if len(light):
        asked, offered = (-surplus[light]).cumsum(0), surplus[heavy].cumsum(0)
        giver = torch.searchsorted(offered, asked + surplus[light], right=True)
        alias[light] = heavy[giver].int()
        # All but the last giver, which comes out even; one without surplus is used up by nobody.
        used = torch.cat([asked.new_zeros(1), asked])
        kept[heavy[:-1]] = total + offered[:-1] - used[torch.searchsorted(used, offered[:-1])]
        alias[heavy[:-1]] = heavy[1:].int()
    return (kept.double() / total).float(), alias


class NegativeSampler:
    """Draw the negatives of each batch as the settings say.

    Args:
        n_items: Size N of the catalogue.
        n_negatives: K.
        is_shared: Whether the places of a batch share one draw.
        counts: How often each item occurs in training, whole numbers (N,), to draw in proportion
            to it; an item that never occurs is drawn as if it had occurred once. None draws
            uniformly.
        device: Where to draw.

    Uniform draws of a place's own come without a correction: sampled_CE is then CE within the
    sample, which is what the policy's `negative_samples_count` stands for.

    Cost: a batch costs O(M x K), or O(K) when shared, whatever N is. Popularity keeps 12 bytes
    an item.
    """

    def __init__(
        self,
        n_items: int,
        n_negatives: int,
        *,
        is_shared: bool = False,
        counts: Tensor | None = None,
        device: str = "cpu",
    ) -> None:
        self.n_items = n_items
        self.n_negatives = n_negatives
        self.is_shared = is_shared
        self.device = device
        self.table: AliasTable | None = None
        self.log_counts: Tensor | None = None
        if counts is not None:
            weights = counts.cpu().long().clamp(min=1)
            self.table = AliasTable(weights, device)
            expected = n_negatives * (weights.double() / weights.sum())
            self.log_counts = expected.log().float().to(device)

    @classmethod
    def of(cls, settings: Hyperparameters, counts: np.ndarray, device: str) -> NegativeSampler:
        """Return the sampler that the settings ask for.

        Args:
            settings: How many negatives, for whom, and how they are drawn.
            counts: How often each item occurs in the training part, int64 (N,).
            device: Where to draw.
        """
        is_popular = settings.negative_sampling == "popularity"
        return cls(
            len(counts),
            settings.negative_samples_count,
            is_shared=settings.negative_sharing == "batch",
            counts=torch.as_tensor(counts) if is_popular else None,
            device=device,
        )

    def draw(self, n_places: int, generator: torch.Generator | None = None) -> Negatives:
        """Draw for a batch of M places, with chance from `generator`."""
        k = self.n_negatives
        shape = (k,) if self.is_shared else (n_places, k)
        if self.table is not None and self.log_counts is not None:
            rows = self.table.draw(shape, generator)
            return Negatives(rows, self.log_counts[rows])
        rows = torch.randint(self.n_items, shape, generator=generator, device=self.device)
        return Negatives(rows, math.log(k / self.n_items) if self.is_shared else 0.0)
