"""A network in the role of a scorer: windows in, scores of the whole catalogue out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.device import DeviceChoice
from bert4rec.histories import Histories
from bert4rec.model import Network
from bert4rec.temperatures import Temperatures, count_around, divisors

# Places of windows that are read at once. A CPU keeps the hidden states of so many in its cache;
# a GPU wants enough of them to be busy.
CPU_PLACES = 2**12
GPU_PLACES = 2**17


class NetworkScorer:
    """Ask a network for the next item or for items at chosen places, without gradients.

    Several threads may ask at once, for asking writes nothing.

    Args:
        network: Put into evaluation mode and left there.
        choice: Device, precision and threads.
        temperatures: Divide all scores, by what is shown; ranks stay.
    """

    def __init__(
        self,
        network: Network,
        choice: DeviceChoice,
        *,
        temperatures: Temperatures | None = None,
    ) -> None:
        self.network = network.eval()
        self.choice = choice
        self.temperatures = dict(temperatures or {})

    @property
    def mask_idx(self) -> int:
        """Index of the MASK token."""
        return self.network.n_items + 1

    @torch.no_grad()
    def scores(self, histories: Histories) -> Tensor:
        """Return the score of each item as the next one, float32 (n_rows, N)."""
        return self.network.scores(self.vectors(histories)).float()

    def item_vectors(self) -> Tensor:
        """Return the vectors of items 1..N, float32 (N, D): a view of the network's weights."""
        return self.network.item_vectors().detach()

    @torch.no_grad()
    def vectors(self, histories: Histories) -> Tensor:
        """Return the hidden state at the place after each history, float32 (n_rows, D).

        It is divided by the temperatures; see `undivided`.
        """
        states = self.undivided(histories)
        return _divided(states, self.divisors(histories)) if self.temperatures else states

    def divisors(self, histories: Histories) -> np.ndarray:
        """Return what divides the scores after each history, float32 (n_rows,)."""
        n_read = np.minimum(np.diff(histories.offsets), self.network.max_seq_length - 1)
        return divisors(self.temperatures, n_read, np.zeros_like(n_read))

    @torch.no_grad()
    def undivided(self, histories: Histories) -> Tensor:
        """Return the hidden state at the place after each history as it is, float32 (n_rows, D).

        Cost: histories of like length are read together, so that little of a window is padding.
        """
        past = histories.windows(self.network.max_seq_length - 1)
        sizes = (past != PAD_IDX).sum(axis=1)
        n_places = CPU_PLACES if self.choice.device == "cpu" else GPU_PLACES
        states = self.item_vectors().new_empty((len(past), self.network.items.embedding_dim))
        for rows in _rows_of_like_length(sizes, n_places):
            states[rows] = self._next(past[rows, past.shape[1] - sizes[rows].max() :])
        return states

    def _next(self, past: np.ndarray) -> Tensor:
        if not past.shape[1] and not self.network.sees_future:
            # It answers from padding where there is nothing else.
            past = np.full((len(past), 1), PAD_IDX, dtype=np.int64)
        column = np.full((len(past), 1), self.mask_idx, dtype=np.int64)
        items_bl = np.concatenate([past, column], axis=1)
        places = np.full((len(past), 1), items_bl.shape[1] - 1, dtype=np.int64)
        return self._read(items_bl, places)[:, 0]

    @torch.no_grad()
    def hidden(
        self, items_bl: np.ndarray, places_bm: np.ndarray, *, shown_bl: np.ndarray | None = None
    ) -> Tensor:
        """Return the hidden states at the places asked for, float32 (B, M, D).

        Args:
            items_bl: Windows padded on the left, MASK where the item is asked for, (B, L).
            places_bm: Positions in the window, (B, M).
            shown_bl: Windows by which the temperatures are chosen, if not by these themselves.

        A network that sees only the past is asked what follows the items that are shown before each
        place. It knows no gaps from training, so these close up.

        They are divided by the temperatures, and so are all scores, which are products with them.
        """
        if self.network.sees_future:
            states_bmd = self._read(items_bl, places_bm)
        else:
            states_bmd = self.undivided(_shown_before(items_bl, places_bm, self.mask_idx))
            states_bmd = states_bmd.view(*places_bm.shape, -1)
        if not self.temperatures:
            return states_bmd
        shown_bl = items_bl if shown_bl is None else shown_bl
        return _divided(states_bmd, self.divisors_at(shown_bl, places_bm))

    def at(
        self, windows: Sequence[np.ndarray], places: Sequence[Sequence[int]]
    ) -> tuple[Tensor, np.ndarray]:
        """Return what is expected at places of windows, and by what that is divided.

        Args:
            windows: Item indices, MASK where an item is asked for, (n,) each.
            places: Positions in each of them.

        Returns:
            One place after the other, of one window after the other: hidden states, float32 (m, D),
            and temperatures, float32 (m,).
        """
        items_bl = Histories.of(windows).windows()
        width = max(map(len, places))
        places_bm = np.zeros((len(windows), width), dtype=np.int64)
        for to, row, items in zip(places_bm, places, windows, strict=True):
            # Windows are padded on the left.
            to[: len(row)] = np.array(row, dtype=np.int64) + (items_bl.shape[1] - len(items))
        is_asked = np.arange(width) < np.array([len(row) for row in places])[:, None]
        states_md = self.hidden(items_bl, places_bm)[torch.from_numpy(is_asked)]
        return states_md, self.divisors_at(items_bl, places_bm)[is_asked]

    def divisors_at(self, items_bl: np.ndarray, places_bm: np.ndarray) -> np.ndarray:
        """Return what divides the scores at the places asked for, float32 (B, M); see `hidden`."""
        n_before_bm, n_after_bm = count_around(_is_shown(items_bl, self.mask_idx), places_bm)
        if not self.network.sees_future:
            n_before_bm = np.minimum(n_before_bm, self.network.max_seq_length - 1)
            n_after_bm = np.zeros_like(n_before_bm)
        return divisors(self.temperatures, n_before_bm, n_after_bm)

    def _read(self, items_bl: np.ndarray, places_bm: np.ndarray) -> Tensor:
        device = self.choice.device
        with self.choice.autocast():
            states: Tensor = self.network(
                torch.as_tensor(items_bl, device=device), torch.as_tensor(places_bm, device=device)
            )
            return states.float()


def _divided(states: Tensor, by: np.ndarray) -> Tensor:
    return states / torch.from_numpy(by).to(states.device)[..., None]


def _is_shown(items_bl: np.ndarray, mask_idx: int) -> np.ndarray:
    """Return which places of windows hold an item, bool (B, L)."""
    shown: np.ndarray = (items_bl != PAD_IDX) & (items_bl != mask_idx)
    return shown


def _shown_before(items_bl: np.ndarray, places_bm: np.ndarray, mask_idx: int) -> Histories:
    """Return the items shown before each place of each window, as one history a place."""
    is_shown = _is_shown(items_bl, mask_idx)
    return Histories.of(
        [
            items[:place][shown[:place]]
            for items, shown, places in zip(items_bl, is_shown, places_bm, strict=True)
            for place in places.tolist()
        ]
    )


def _rows_of_like_length(sizes: np.ndarray, n_places: int) -> Iterator[np.ndarray]:
    """Yield the rows of windows of these sizes, longest first, up to `n_places` at once."""
    order, start = np.argsort(-sizes, kind="stable"), 0
    while start < len(order):
        # Beside its items, each row holds the place asked for.
        end = start + max(1, n_places // (int(sizes[order[start]]) + 1))
        yield order[start:end]
        start = end
