"""Training batches made on the device: windows of histories with freshly masked items.

Nothing is stored between steps: the batch of a step is a function of the seed, the epoch and the
step alone, which is what makes a resumed run equal to an uninterrupted one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bert4rec.data.split import Segments
from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.hyperparameters import Hyperparameters

# Share of a window's places that a next-item row asks for, each from its past alone.
NEXT_ITEM_SHARE = 0.4
# Padding that one more part is worth on a CPU, in tokens, and the tokens of a part at most.
MAX_PADDING = 256
MAX_PART_TOKENS = 12_800


class RowKind(NamedTuple):
    """Rows of a step that are asked in the same way.

    Args:
        share: Their share of a step's rows.
        asked: Share of a row's places that are asked for.
        beside: Tokens that are read beside those of the window, for each of its items.
    """

    share: float
    asked: float
    beside: float


def row_kinds(settings: Hyperparameters) -> tuple[RowKind, ...]:
    """Return what the rows of a step are made of, on average."""
    if not settings.sees_future:
        return (RowKind(1.0, 1.0, 0.0),)
    next_rate = settings.next_item_rate
    return (
        RowKind(1 - next_rate, settings.mask_rate, 0.0),
        RowKind(next_rate, NEXT_ITEM_SHARE, NEXT_ITEM_SHARE),
    )


@dataclass(frozen=True)
class Part:
    """Rows of one training step that are asked in the same way, padded to the longest of them.

    Args:
        items_bl: Windows padded on the left, int64 (B, L). In cloze rows MASK stands for the
            items asked for; in next-item rows all are there, as later places may see them.
        places_bm: Positions asked for, int64 (B, M); rows that ask for fewer than M repeat one of
            theirs, which `target_places` leaves out.
        sees_future: Whether the places are asked from past and future (cloze), or from the items
            before each of them alone (next item).
        shown_bs: Columns to read, int64 (B, S): of next-item rows all in order, in a causal run
            but for the last; of cloze rows those that are shown, in any order.
        target_places: Flat positions in (B * M) that ask for an item, int64 (n_targets,).
        targets: The items asked for, indices 1..N, int64 (n_targets,).
    """

    items_bl: Tensor
    places_bm: Tensor
    sees_future: bool
    shown_bs: Tensor
    target_places: Tensor
    targets: Tensor

    @property
    def n_tokens(self) -> int:
        """Tokens that are computed: what the part costs, roughly."""
        return self.shown_bs.numel() + 2 * self.places_bm.numel()


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
        n_threads: Threads that will compute a step's parts side by side.
    """

    def __init__(
        self,
        items: np.ndarray,
        train: Segments,
        mask_idx: int,
        settings: Hyperparameters,
        device: str,
        n_threads: int = 1,
    ) -> None:
        used = train.take(train.lengths > 0)
        # A copy in memory: the array on disk is mapped read-only.
        self.items = torch.tensor(np.asarray(items), dtype=torch.int32, device=device)
        self.starts = torch.as_tensor(used.starts)
        self.lengths = torch.as_tensor(used.lengths)
        self.mask_idx = mask_idx
        self.settings = settings
        self.device = device
        self.n_threads = n_threads

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

    def parts(self, order: Tensor, epoch: int, step: int) -> list[Part]:
        """Return the batch of one step (from 0) of an epoch, in parts.

        Sequences longer than the window give a window at a random place, so that over the epochs
        all of a long history trains. Which rows make a part changes what a step costs and nothing
        else: windows and places are drawn for the batch as a whole, and the loss of a step is the
        mean over the targets of all its parts.

        In a causal run all rows ask for next items, and each for all of its items but the first.
        """
        size = self.settings.batch_size
        rows = order[step * size : (step + 1) * size]
        chance = generator_at("cpu", self.settings.seed, 2, epoch, step)
        length = self.lengths[rows].clamp(max=self.settings.max_seq_length)
        n_windows = self.lengths[rows] - length + 1
        shift = (torch.rand(len(rows), generator=chance) * n_windows).long()
        end = self.starts[rows] + shift + length
        is_next = self._is_next(length, chance)
        drawing = generator_at(self.device, self.settings.seed, 3, epoch, step)
        shape = (len(rows), self._width(length))
        draw_bl = torch.rand(shape, generator=drawing, device=self.device)
        return [
            self._part(end[part], length[part], draw_bl[self._send(part)], sees_future=sees_future)
            for sees_future in (True, False)
            for part in self._cut((is_next != sees_future).nonzero().squeeze(1), length)
        ]

    def _is_next(self, length: Tensor, chance: torch.Generator) -> Tensor:
        """Draw which rows ask for next items; a first item has no past to be asked from."""
        if not self.settings.sees_future:
            return torch.ones(len(length), dtype=torch.bool)
        is_next = torch.rand(len(length), generator=chance) < self.settings.next_item_rate
        return is_next & (length > 1)

    def _width(self, length: Tensor) -> int:
        """Return the columns of windows; without a future, something stands before what is asked.

        A history of one item is asked for it from padding, as someone of whom nothing is known.
        """
        return max(int(length.max()), 1 if self.settings.sees_future else 2)

    def _cut(self, rows: Tensor, length: Tensor) -> list[Tensor]:
        """Cut rows into parts of similar length; a GPU takes them whole rather than one by one."""
        if not len(rows) or not self.device.startswith("cpu"):
            return [rows] if len(rows) else []
        rows = rows[length[rows].argsort(descending=True, stable=True)]
        lengths = length[rows].tolist()
        max_tokens = MAX_PART_TOKENS
        if self.n_threads > 1:
            # Enough parts for all threads, with room for a last row in each.
            max_tokens = min(max_tokens, sum(lengths) // self.n_threads + lengths[0])
        return list(torch.tensor_split(rows, cuts(lengths, max_tokens)))

    def _part(self, end: Tensor, length: Tensor, draw_bl: Tensor, *, sees_future: bool) -> Part:
        n_asked = self._n_asked(length, sees_future=sees_future)
        items_bl = self._windows(end, length)
        draw_bl = draw_bl[:, -items_bl.shape[1] :]
        order_bl = self._in_order(items_bl, draw_bl, sees_future=sees_future)
        places_bm, n_targets = order_bl[:, : int(n_asked.max())], int(n_asked.sum())
        is_target = torch.arange(places_bm.shape[1], device=self.device)
        is_target = is_target < self._send(n_asked)[:, None]
        # The count is known here, so that the device need not be waited for to learn it.
        flat = is_target.flatten().nonzero_static(size=n_targets).squeeze(1)
        targets = items_bl.gather(1, places_bm).flatten()[flat]
        places_bm = torch.where(is_target, places_bm, places_bm[:, :1])
        if not sees_future:
            # No place sees the last item; in a causal run nothing else stands in its column.
            n_shown = items_bl.shape[1] - (not self.settings.sees_future)
            shown_bs = torch.arange(n_shown, device=self.device).expand(len(items_bl), -1)
            return Part(items_bl, places_bm, sees_future, shown_bs, flat, targets)
        items_bl = items_bl.scatter(1, places_bm, self.mask_idx)
        # Who hides all that it has must read what hides it.
        n_left_out = int(torch.minimum(n_asked, length - 1).min())
        return Part(items_bl, places_bm, sees_future, order_bl[:, n_left_out:], flat, targets)

    def _n_asked(self, length: Tensor, *, sees_future: bool) -> Tensor:
        if sees_future:
            return (self.settings.mask_rate * length).round().long().clamp(min=1)
        share = NEXT_ITEM_SHARE if self.settings.sees_future else 1.0
        return (share * (length - 1)).round().long().clamp(min=1)

    def _windows(self, end: Tensor, length: Tensor) -> Tensor:
        width = self._width(length)
        columns = torch.arange(width, device=self.device)
        end, length = self._send(end), self._send(length)
        at_bl = (end[:, None] - width + columns).clamp_(min=0)
        is_real = columns >= width - length[:, None]
        return torch.where(is_real, self.items[at_bl], PAD_IDX).long()

    def _in_order(self, items_bl: Tensor, draw_bl: Tensor, *, sees_future: bool) -> Tensor:
        """Return the columns in the order in which they would be asked for, padding at the end.

        Chance orders them; of next items the last one comes first and the first one last.
        """
        is_real = items_bl != PAD_IDX
        draw_bl = draw_bl.masked_fill(~is_real, 2.0)
        if not sees_future:
            draw_bl.masked_fill_(is_real.cumsum(dim=1) == 1, 2.0)
            draw_bl[:, -1] = -1.0
        return draw_bl.argsort(dim=1)

    def _send(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)


def cuts(lengths: list[int], max_tokens: int = MAX_PART_TOKENS) -> list[int]:
    """Return where to cut rows into parts, given their lengths, longest first.

    A part ends where its padding would cost more than a further part does, or where it would hold
    too much at once.
    """
    found, start, padding = [], 0, 0
    for row in range(1, len(lengths)):
        padding += lengths[start] - lengths[row]
        if padding > MAX_PADDING or (row + 1 - start) * lengths[start] > max_tokens:
            found.append(row)
            start, padding = row, 0
    return found
