"""Training batches made on the device: windows of histories with freshly masked items.

Nothing is stored between steps: the batch of a step is a function of the seed, the epoch and the
step alone, which is what makes a resumed run equal to an uninterrupted one.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bert4rec.data.split import Segments
from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.parts import (
    MAX_PART_TOKENS,
    Draft,
    Part,
    Shape,
    Size,
    cuts,
    n_asked,
    n_static_parts,
    rounded_up,
)

# What chance decides, each by a stream of its own: that of a part is behind its dropout and its
# negatives, that of a step behind negatives that all its parts share. Other numbers would make
# another training.
WEIGHTS, ORDER, WINDOWS, PLACES, PART, STEP = range(6)


def seed_at(*counters: int) -> int:
    """Return a seed that depends on the counters alone, at most 63 bits."""
    return int(np.random.SeedSequence(counters).generate_state(1, np.uint64)[0] >> np.uint64(1))


def generator_at(device: str, *counters: int) -> torch.Generator:
    """Return a generator on `device` whose state depends on the counters alone."""
    return torch.Generator(device=device).manual_seed(seed_at(*counters))


class TrainingBatches:
    """Serve the batches of each epoch: every training sequence once, in a new order.

    Args:
        items: Item indices of all histories one after the other, (n,).
        train: The ranges of `items` to train on; empty ones are left out.
        mask_idx: Index of the MASK token.
        settings: batch size, window length, mask rate, next-item rate, seed.
        device: Where the sequences live and the masks are drawn.
        n_threads: Threads that will compute a step's parts side by side.
        is_static: Whether parts are to have few different shapes, so that what is done with one
            can be recorded and replayed. They hold rows of both kinds then, and targets that are
            PAD.
    """

    def __init__(
        self,
        items: np.ndarray,
        train: Segments,
        mask_idx: int,
        settings: Hyperparameters,
        device: str,
        n_threads: int = 1,
        *,
        is_static: bool = False,
    ) -> None:
        used = train.take(train.lengths > 0)
        # A copy in memory: the array on disk is mapped read-only.
        self.items = torch.tensor(np.asarray(items), dtype=torch.int32, device=device)
        self.starts = np.asarray(used.starts, dtype=np.int64)
        self.lengths = np.asarray(used.lengths, dtype=np.int64)
        self.mask_idx = mask_idx
        self.settings = settings
        self.device = device
        self.n_threads = n_threads
        self.is_static = is_static
        windows = self.lengths.clip(max=settings.max_seq_length)
        self.longest = max(int(windows.max(initial=0)), self._least_width)
        self.n_parts = n_static_parts(windows, settings) if is_static else 1

    @property
    def n_sequences(self) -> int:
        """Number of sequences that are not empty."""
        return len(self.lengths)

    @property
    def n_steps(self) -> int:
        """Steps in one epoch; the last one may be smaller."""
        return -(-self.n_sequences // self.settings.batch_size)

    @property
    def _least_width(self) -> int:
        """Columns of a window; without a future something stands before what is asked for.

        A history of one item is asked for it from padding, as someone of whom nothing is known.
        """
        return 1 if self.settings.sees_future else 2

    def order(self, epoch: int) -> Tensor:
        """Return the order of the sequences in an epoch, int64 (n_sequences,)."""
        generator = generator_at("cpu", self.settings.seed, ORDER, epoch)
        return torch.randperm(self.n_sequences, generator=generator)

    def rows(self, order: Tensor, step: int) -> Tensor:
        """Return the sequences of one step (from 0) of an epoch, int64 (B,)."""
        size = self.settings.batch_size
        return order[step * size : (step + 1) * size]

    def drafts(self, order: Tensor, epoch: int, step: int) -> list[Draft]:
        """Return the rows of one step of an epoch, in parts of which nothing is drawn.

        Sequences longer than the window give a window at a random place, so that over the epochs
        all of a long history trains. Which rows make a part changes what a step costs and nothing
        else: windows and places are drawn for the batch as a whole, and the loss of a step is the
        mean over the targets of all its parts.

        In a causal run all rows ask for next items, and each for all of its items but the first.
        """
        rows = self.rows(order, step).numpy()
        chance = generator_at("cpu", self.settings.seed, WINDOWS, epoch, step)
        length = self.lengths[rows].clip(max=self.settings.max_seq_length)
        n_windows = self.lengths[rows] - length + 1
        drawn = torch.rand(len(rows), generator=chance).numpy()
        end = self.starts[rows] + (drawn * n_windows.astype(np.float32)).astype(np.int64) + length
        is_next = self._is_next(length, chance)
        asked = n_asked(length, is_next, self.settings)
        rows_5n = np.stack([np.arange(len(rows)), end, length, is_next, asked])
        cut = [(rows_5n[:, part], sees_future) for part, sees_future in self._cut(length, is_next)]
        sizes = [self._size(*each) for each in cut]
        of_step = (len(rows), max(size.width for size in sizes))
        return [
            Draft(rows_5b, Shape(size, sees_future, of_step), int(rows_5b[4].sum()) / asked.sum())
            for (rows_5b, sees_future), size in zip(cut, sizes, strict=True)
        ]

    def parts(self, order: Tensor, epoch: int, step: int) -> list[Part]:
        """Return the batch of one step of an epoch: what its drafts become."""
        drafts = self.drafts(order, epoch, step)
        drawing = generator_at(self.device, self.settings.seed, PLACES, epoch, step)
        draw_nl = self.draw(drafts[0].shape, drawing)
        found = []
        for draft in drafts:
            rows_5b = torch.from_numpy(draft.rows_5b).to(self.device, non_blocking=True)
            found.append(self.part(draft.shape, rows_5b, draw_nl, draft.share))
        return found

    def draw(self, shape: Shape, drawing: torch.Generator) -> Tensor:
        """Return the chance behind the places of a whole step, (its rows, its widest window)."""
        return torch.rand(shape.of_step, generator=drawing, device=self.device)

    def part(self, shape: Shape, rows_5b: Tensor, draw_nl: Tensor, share: float | Tensor) -> Part:
        """Return what a draft becomes; nothing here waits for the device or asks it for a size.

        Args:
            shape: That of the draft.
            rows_5b: Its rows, on the device.
            draw_nl: The chance of the step.
            share: Of the step's targets, how many are in this part.
        """
        size, sees_future = shape.size, shape.sees_future
        row, end, length, is_next, asked = rows_5b
        is_next_b1 = is_next.bool()[:, None]
        items_bl = self._windows(end, length, size.width)
        order_bl = _in_order(items_bl, draw_nl[row, -size.width :], is_next_b1)
        places_bm = order_bl[:, : size.n_places]
        is_target = torch.arange(size.n_places, device=self.device) < asked[:, None]
        flat = is_target.flatten().nonzero_static(size=size.n_targets, fill_value=-1).squeeze(1)
        targets = items_bl.gather(1, places_bm).flatten()[flat]
        if self.is_static:
            # Places that ask for nothing lie apart, for gradients that meet are added in turn.
            targets = targets.masked_fill(flat < 0, PAD_IDX)
            flat = torch.where(flat < 0, torch.arange(size.n_targets, device=self.device), flat)
        places_bm = torch.where(is_target, places_bm, places_bm[:, :1])
        if sees_future is not False:
            hidden_bl = items_bl.scatter(1, places_bm, self.mask_idx)
            items_bl = torch.where(is_next_b1, items_bl, hidden_bl)
        if sees_future is True and not self.is_static:
            shown_bs = order_bl[:, size.width - size.n_shown :]
        else:
            shown_bs = torch.arange(size.n_shown, device=self.device).expand(size.n_rows, -1)
        sees = ~is_next_b1[:, 0] if sees_future is None else sees_future
        return Part(items_bl, places_bm, sees, shown_bs, flat, targets, share)

    def _is_next(self, length: np.ndarray, chance: torch.Generator) -> np.ndarray:
        """Draw which rows ask for next items; a first item has no past to be asked from."""
        if not self.settings.sees_future:
            return np.ones(len(length), dtype=bool)
        drawn: np.ndarray = torch.rand(len(length), generator=chance).numpy()
        return (drawn < np.float32(self.settings.next_item_rate)) & (length > 1)

    def _cut(self, length: np.ndarray, is_next: np.ndarray) -> list[tuple[np.ndarray, bool | None]]:
        """Cut rows into parts, each with whether its rows see the future."""
        if not self.is_static:
            return [
                (part, sees_future)
                for sees_future in (True, False)
                for part in self._cut_kind(np.flatnonzero(is_next != sees_future), length)
            ]
        parts = np.array_split((-length).argsort(kind="stable"), self.n_parts)
        sees_future = None if self._mixes_rows else self.settings.sees_future
        return [(part, sees_future) for part in parts if len(part)]

    @property
    def _mixes_rows(self) -> bool:
        return self.settings.sees_future and self.settings.next_item_rate > 0

    def _cut_kind(self, rows: np.ndarray, length: np.ndarray) -> list[np.ndarray]:
        """Cut rows of a kind into parts of similar length; a GPU takes them whole."""
        if not len(rows) or not self.device.startswith("cpu"):
            return [rows] if len(rows) else []
        rows = rows[(-length[rows]).argsort(kind="stable")]
        lengths = length[rows].tolist()
        max_tokens = MAX_PART_TOKENS
        if self.n_threads > 1:
            # Enough parts for all threads, with room for a last row in each.
            max_tokens = min(max_tokens, sum(lengths) // self.n_threads + lengths[0])
        return np.split(rows, cuts(lengths, max_tokens))

    def _size(self, rows_5b: np.ndarray, sees_future: bool | None) -> Size:
        """Return what the tensors of a part measure; static ones have a little more than needed."""
        _, _, length, _, asked = rows_5b
        width = max(int(length.max()), self._least_width)
        n_rows, n_places, n_targets = len(length), int(asked.max()), int(asked.sum())
        if self.is_static:
            width = rounded_up(width, self.longest)
            kinds = np.array([False, True] if sees_future is None else [not sees_future])
            n_places = int(n_asked(np.full(len(kinds), width), kinds, self.settings).max())
            n_targets = rounded_up(n_targets, n_rows * n_places)
        # In a causal run nobody reads the last column.
        n_unread = 0 if self.settings.sees_future else 1
        if sees_future is True and not self.is_static:
            # Who hides all that it has must read what hides it.
            n_unread = int(np.minimum(asked, length - 1).min())
        return Size(n_rows, width, n_places, n_targets, width - n_unread)

    def _windows(self, end: Tensor, length: Tensor, width: int) -> Tensor:
        columns = torch.arange(width, device=self.device)
        at_bl = (end[:, None] - width + columns).clamp_(min=0)
        is_real = columns >= width - length[:, None]
        return torch.where(is_real, self.items[at_bl], PAD_IDX).long()


def _in_order(items_bl: Tensor, draw_bl: Tensor, is_next_b1: Tensor) -> Tensor:
    """Return the columns in the order in which they would be asked for, padding at the end.

    Chance orders them; of next items the last one comes first and the first one last.
    """
    is_real = items_bl != PAD_IDX
    is_first = is_real & (is_real.cumsum(dim=1) == 1) & is_next_b1
    draw_bl = draw_bl.masked_fill(~is_real | is_first, 2.0)
    draw_bl[:, -1:].masked_fill_(is_next_b1, -1.0)
    return draw_bl.argsort(dim=1)
