"""What a hidden place attends to, layer by layer and head by head. It is no explanation.

Attention tells where the network looked, not what it made of it: what is looked at may change
nothing, and what changes the answer may be looked at by no head alone. `explain.occlusion` asks
what would change.

Source: Jain & Wallace 2019, "Attention is not explanation".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bert4rec.recommender import Recommender


@torch.no_grad()
def place_attention(
    recommender: Recommender, items: np.ndarray, position: int, hidden: Sequence[int] = ()
) -> np.ndarray:
    """Return the attention of a hidden place to the items of its sequence.

    Args:
        recommender: The network.
        items: Item indices 1..N, oldest first, (n,).
        position: The place asked for, inside the window; its item is hidden.
        hidden: Places that are hidden as well.

    Returns:
        Weights float32 (layers, heads, n), each head's summing to 1 over the items; 0 for hidden
        places and for items before the window. Where nothing is shown, the hidden places share it;
        of a model that sees only the past all are 0 then.

    Raises:
        SettingsError: the place lies outside the network's window.
    """
    items = np.asarray(items, dtype=np.int64)
    shown = items.copy()
    shown[list(hidden)] = recommender.vocabulary.mask_idx
    start = recommender.window_start(shown, [position])
    shown[position] = recommender.vocabulary.mask_idx
    columns = np.arange(start, len(items))
    if not recommender.settings.sees_future:
        # It is asked as in `NetworkScorer.hidden`: what is hidden before the place is left out.
        is_read = (columns < position) & (shown[start:] != recommender.vocabulary.mask_idx)
        columns = np.append(columns[is_read], position)
    settings = recommender.settings
    found = np.zeros((settings.n_layers, settings.n_heads, len(items)), dtype=np.float32)
    if len(columns) > 1 or settings.sees_future:
        scorer, place = recommender.scorer, int(np.searchsorted(columns, position))
        window = torch.as_tensor(shown[None, columns], device=scorer.choice.device)
        places = torch.tensor([[place]], device=scorer.choice.device)
        # Not in a lower precision: this is looked at closely.
        weights = scorer.network.attention(window, places)[:, 0, :, 0].float()
        found[..., columns] = weights.cpu().numpy()
    return found
