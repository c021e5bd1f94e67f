"""Parts of a training step: what they hold and measure, and where a step is cut into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bert4rec.hyperparameters import Hyperparameters

# Share of a window's places that a next-item row asks for, each from its past alone.
NEXT_ITEM_SHARE = 0.4
# Padding that one more part is worth on a CPU, in tokens, and the tokens of a part at most.
MAX_PADDING = 256
MAX_PART_TOKENS = 12_800
# What one more part costs a GPU, in hidden values.
PART_VALUES = 2_000_000
# How many widths, and how many counts of targets, static parts may have.
N_SIZES = 16


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


def n_asked(length: np.ndarray, is_next: np.ndarray, settings: Hyperparameters) -> np.ndarray:
    """Return how many places rows of these lengths ask for, int64 (B,).

    Args:
        length: Items of their windows, int64 (B,).
        is_next: Which of them ask for next items, bool (B,): never for a first one.
        settings: The mask rate, and whether all items but the first are asked for (causal).
    """
    next_share = NEXT_ITEM_SHARE if settings.sees_future else 1.0
    n_cloze = np.float32(settings.mask_rate) * length.astype(np.float32)
    n_next = np.float32(next_share) * (length - 1).astype(np.float32)
    return np.where(is_next, n_next, n_cloze).round().astype(np.int64).clip(min=1)


class Size(NamedTuple):
    """What the tensors of a part measure, known before anything of it is drawn.

    Args:
        n_rows: B.
        width: L.
        n_places: M.
        n_targets: Places that are counted as asking for an item; some may ask for none.
        n_shown: S.
    """

    n_rows: int
    width: int
    n_places: int
    n_targets: int
    n_shown: int


class Shape(NamedTuple):
    """All that what is done with a part depends on, but for the numbers in its tensors.

    Args:
        size: What they measure.
        sees_future: As in `Part`; None where rows of both kinds are together.
        of_step: Rows of the whole step and the width of its widest part.
    """

    size: Size
    sees_future: bool | None
    of_step: tuple[int, int]


@dataclass(frozen=True)
class Draft:
    """Rows of a part, of which nothing is drawn yet but where their windows lie.

    Args:
        rows_5b: For each row which one of the step it is, where its window ends among the items of
            all histories, how many items that holds, whether it asks for next items (1 or 0), and
            how many; int64 (5, B).
        shape: What the part depends on.
        share: As in `Part`.
    """

    rows_5b: np.ndarray
    shape: Shape
    share: float


@dataclass(frozen=True)
class Part:
    """Rows of one training step, padded to the longest of them.

    Args:
        items_bl: Windows padded on the left, int64 (B, L). In cloze rows MASK stands for the
            items asked for; in next-item rows all are there, as later places may see them.
        places_bm: Positions asked for, int64 (B, M); rows that ask for fewer than M repeat one of
            theirs, which `target_places` leaves out.
        sees_future: Whether the places are asked from past and future (cloze), or from the items
            before each of them alone (next item); where rows of both kinds are together, bool (B,).
        shown_bs: Columns to read, int64 (B, S): of next-item rows all in order, in a causal run
            but for the last; of cloze rows those that are shown, in any order.
        target_places: Flat positions in (B * M) that ask for an item, int64 (n_targets,).
        targets: The items asked for, indices 1..N, int64 (n_targets,); PAD where none is.
        share: Of the step's targets, how many are in this part: what its mean loss counts.
    """

    items_bl: Tensor
    places_bm: Tensor
    sees_future: bool | Tensor
    shown_bs: Tensor
    target_places: Tensor
    targets: Tensor
    share: float | Tensor

    @property
    def n_tokens(self) -> int:
        """Tokens that are computed: what the part costs, roughly."""
        return self.shown_bs.numel() + 2 * self.places_bm.numel()

    def rows_see_future(self) -> list[bool]:
        """Return for each row whether it is a cloze row."""
        found: list[bool] = torch.as_tensor(self.sees_future).expand(len(self.items_bl)).tolist()
        return found


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


def n_static_parts(lengths: np.ndarray, settings: Hyperparameters) -> int:
    """Return in how many parts of equally many rows, by length, a step costs a GPU least.

    A part costs as much as `PART_VALUES` hidden values, whatever it holds.
    """
    n_rows = min(settings.batch_size, len(lengths))
    ordered = np.sort(lengths)[::-1]

    def cost(n_parts: int) -> int:
        # The longest row of each part, where a step's rows are as the data has them.
        longest = ordered[[len(ordered) * part // n_parts for part in range(n_parts)]]
        n_values = int(longest.sum()) * n_rows // n_parts * settings.hidden_size
        return n_values + n_parts * PART_VALUES

    return min((1, 2, 4), key=cost) if n_rows else 1


def rounded_up(value: int, most: int) -> int:
    """Return one of at most `N_SIZES` values up to `most`, that one or the next larger."""
    grain = -(-most // N_SIZES)
    return min(-(-value // grain) * grain, most)
