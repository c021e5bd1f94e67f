"""A network in the role of a scorer: windows in, scores of the whole catalogue out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bert4rec.device import DeviceChoice
from bert4rec.model import Bert4Rec
from bert4rec.ranking import Histories


class NetworkScorer:
    """Ask a network for the next item or for items at chosen places, without gradients.

    The network's mode is put back afterwards, so that a training network can be asked between
    two steps of its own thread. A network that several threads ask must be in evaluation mode.
    """

    def __init__(self, network: Bert4Rec, choice: DeviceChoice) -> None:
        self.network = network
        self.choice = choice

    @property
    def mask_idx(self) -> int:
        """Index of the MASK token."""
        return self.network.n_items + 1

    @torch.no_grad()
    def scores(self, histories: Histories) -> Tensor:
        """Return the score of each item as the next one, float32 (n_rows, N)."""
        return self.network.scores(self.hidden_next(histories)).float()

    def hidden_next(self, histories: Histories) -> Tensor:
        """Return the hidden state of a MASK put after each history, float32 (n_rows, D)."""
        past = histories.windows(self.network.max_seq_length - 1)
        column = np.full((len(past), 1), self.mask_idx, dtype=np.int64)
        items_bl = np.concatenate([past, column], axis=1)
        places = np.full((len(past), 1), items_bl.shape[1] - 1, dtype=np.int64)
        return self.hidden(items_bl, places)[:, 0]

    @torch.no_grad()
    def scores_at(self, items_bl: np.ndarray, places_bm: np.ndarray) -> Tensor:
        """Return the score of each item at each place asked for, float32 (B, M, N).

        Args:
            items_bl: Windows padded on the left, MASK where the item is asked for, (B, L).
            places_bm: Positions in the window, (B, M).
        """
        return self.network.scores(self.hidden(items_bl, places_bm)).float()

    @torch.no_grad()
    def hidden(self, items_bl: np.ndarray, places_bm: np.ndarray) -> Tensor:
        """Return the hidden states at the places asked for, float32 (B, M, D)."""
        device = self.choice.device
        was_training = self.network.training
        self.network.eval()
        try:
            with self.choice.autocast():
                states: Tensor = self.network(
                    torch.as_tensor(items_bl, device=device),
                    torch.as_tensor(places_bm, device=device),
                )
                return states.float()
        finally:
            if was_training:
                self.network.train()
