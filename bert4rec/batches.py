"""Training batches made on the device: windows of histories with freshly masked items.

Nothing is stored between steps: the batch of a step is a function of the seed, the epoch and the
step alone, which is what makes a resumed run equal to an uninterrupted one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bert4rec.data.split import Segments
from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.hyperparameters import Hyperparameters

# Share of a row's places that a next-item step asks for, each from its past alone.
NEXT_ITEM_SHARE = 0.4


@dataclass(frozen=True)
class Batch:
    """One training step's input.

    Args:
        items_bl: Windows padded on the left, int64 (B, L). In a cloze step MASK stands for the
            items asked for; in a next-item step all are there, as later places may see them.
        places_bm: Positions asked for, int64 (B, M); rows that ask for fewer than M repeat one of
            theirs, which `target_places` leaves out.
        sees_future: Whether the places are asked from past and future (cloze), or from the items
            before each of them alone (next item).
        target_places: Flat positions in (B * M) that ask for an item, int64 (n_targets,).
        targets: The items asked for, indices 1..N, int64 (n_targets,).
    """

    items_bl: Tensor
    places_bm: Tensor
    sees_future: bool
    target_places: Tensor
    targets: Tensor


def generator_at(device: str, *counters: int) -> torch.Generator:
    """Return a generator on `device` whose state depends on the counters alone."""
    seed = int(np.random.SeedSequence(counters).generate_state(1, np.uint64)[0] >> np.uint64(1))
    return torch.Generator(device=device).manual_seed(seed)


class TrainingBatches:
    """Serve the batches of each epoch: every training sequence once, in a new order.

    Args:
        items: Item indices of all histories one after the other, (n,).
        train: The ranges of `items` to train on; empty ones are left out.
        mask_idx: Index of the MASK token.
        settings: batch size, window length, mask rate, next-item rate, seed.
        device: Where the sequences live and the masks are drawn.
    """

    def __init__(
        self,
        items: np.ndarray,
        train: Segments,
        mask_idx: int,
        settings: Hyperparameters,
        device: str,
    ) -> None:
        used = train.take(train.lengths > 0)
        # A copy in memory: the array on disk is mapped read-only.
        self.items = torch.tensor(np.asarray(items), dtype=torch.int32, device=device)
        self.starts = torch.as_tensor(used.starts)
        self.lengths = torch.as_tensor(used.lengths)
        self.mask_idx = mask_idx
        self.settings = settings
        self.device = device

    @property
    def n_sequences(self) -> int:
        """Number of sequences that are not empty."""
        return len(self.lengths)

    @property
    def n_steps(self) -> int:
        """Steps in one epoch; the last one may be smaller."""
        return -(-self.n_sequences // self.settings.batch_size)

    def order(self, epoch: int) -> Tensor:
        """Return the order of the sequences in an epoch, int64 (n_sequences,)."""
        generator = generator_at("cpu", self.settings.seed, 1, epoch)
        return torch.randperm(self.n_sequences, generator=generator)

    def batch(self, order: Tensor, epoch: int, step: int) -> Batch:
        """Return the batch of one step (from 0) of an epoch.

        Sequences longer than the window give a window at a random place, so that over the epochs
        all of a long history trains.
        """
        size = self.settings.batch_size
        rows = order[step * size : (step + 1) * size]
        chance = generator_at("cpu", self.settings.seed, 2, epoch, step)
        length = self.lengths[rows].clamp(max=self.settings.max_seq_length)
        n_places = self.lengths[rows] - length + 1
        shift = (torch.rand(len(rows), generator=chance) * n_places).long()
        end = self.starts[rows] + shift + length
        sees_future = bool(torch.rand(1, generator=chance) >= self.settings.next_item_rate)
        # A first item has no past to be asked from, nor has a batch of nothing else.
        sees_future = sees_future or int(length.max()) == 1
        n_asked = self._n_asked(length, sees_future=sees_future)
        items_bl = self._windows(end, length)
        places_bm = self._draw_places(items_bl, n_asked, epoch, step, sees_future=sees_future)
        return self._ask(items_bl, places_bm, n_asked, sees_future=sees_future)

    def _n_asked(self, length: Tensor, *, sees_future: bool) -> Tensor:
        if sees_future:
            return (self.settings.mask_rate * length).round().long().clamp(min=1)
        n_later = length - 1
        return (NEXT_ITEM_SHARE * n_later).round().long().clamp(min=1).minimum(n_later)

    def _windows(self, end: Tensor, length: Tensor) -> Tensor:
        width = int(length.max())
        columns = torch.arange(width, device=self.device)
        end, length = self._send(end), self._send(length)
        at_bl = (end[:, None] - width + columns).clamp_(min=0)
        is_real = columns >= width - length[:, None]
        return torch.where(is_real, self.items[at_bl], PAD_IDX).long()

    def _draw_places(
        self, items_bl: Tensor, n_asked: Tensor, epoch: int, step: int, *, sees_future: bool
    ) -> Tensor:
        """Draw places at random; for next items the last one always and the first one never."""
        chance = generator_at(self.device, self.settings.seed, 3, epoch, step)
        draw = torch.rand(items_bl.shape, generator=chance, device=self.device)
        is_real = items_bl != PAD_IDX
        draw.masked_fill_(~is_real, 2.0)
        if not sees_future:
            draw.masked_fill_(is_real.cumsum(dim=1) == 1, 2.0)
            draw[:, -1] = -1.0
        return draw.topk(int(n_asked.max()), dim=1, largest=False).indices

    def _ask(
        self, items_bl: Tensor, places_bm: Tensor, n_asked: Tensor, *, sees_future: bool
    ) -> Batch:
        n_targets = int(n_asked.sum())
        columns = torch.arange(places_bm.shape[1], device=self.device)
        is_target = columns < self._send(n_asked)[:, None]
        # The count is known here, so that the device need not be waited for to learn it.
        flat = is_target.flatten().nonzero_static(size=n_targets).squeeze(1)
        targets = items_bl.gather(1, places_bm).flatten()[flat]
        places_bm = torch.where(is_target, places_bm, places_bm[:, :1])
        if sees_future:
            items_bl = items_bl.scatter(1, places_bm, self.mask_idx)
        return Batch(items_bl, places_bm, sees_future, flat, targets)

    def _send(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)
