"""The nearest vectors to vectors: exact, in blocks, on a CPU or a GPU."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from bert4rec.device import choose_device
from bert4rec.errors import SettingsError
from bert4rec.histories import Histories
from bert4rec.ranking import Removal, RunningTop
from bert4rec.score_blocks import MAX_ROWS, product_blocks
from bert4rec.suggestions import check_length
from bert4rec.threads import side_by_side

Similarity = Literal["dot", "cosine"]


@torch.inference_mode()
def nearest(
    queries_qd: np.ndarray,
    vectors_nd: np.ndarray,
    k: int = 10,
    *,
    similarity: Similarity = "dot",
    leave_out: np.ndarray | None = None,
    device: str = "auto",
) -> tuple[np.ndarray, np.ndarray]:
    """Return the `k` nearest vectors to each query, exactly, nearest first.

    Args:
        queries_qd: float32 (Q, D).
        vectors_nd: float32 (N, D).
        k: Length of the lists; all N where there are fewer.
        similarity: `dot`, by which an item is scored for a user, or `cosine`.
        leave_out: The row of `vectors_nd` that each query must not find, as itself; -1 for none,
            int64 (Q,).
        device: Where to compute: auto, cpu, cuda, cuda:N or mps.

    Returns:
        Rows of `vectors_nd`, int64 (Q, K), equal ones in the order of rows, and their
        similarities, float32 (Q, K). What was left out comes last, at minus infinity.

    Raises:
        SettingsError: the widths differ, or `k` is below 1.

    Cost: Q · N · D products; similarities are held in blocks of `score_blocks.SCORE_BYTES`.
    """
    check_length(k)
    if queries_qd.shape[1] != vectors_nd.shape[1]:
        raise SettingsError(
            [f"queries have {queries_qd.shape[1]} numbers, vectors {vectors_nd.shape[1]}"],
            fix="Take vectors of one run.",
        )
    if similarity == "cosine":
        queries_qd, vectors_nd = unit(queries_qd), unit(vectors_nd)
    choice = choose_device(device, "float32")
    queries = _on(queries_qd, choice.device)
    vectors = _on(vectors_nd, choice.device)

    def search(rows: slice) -> tuple[np.ndarray, np.ndarray]:
        gone = None if leave_out is None else leave_out[rows]
        return _search(queries[rows], vectors, k, gone)

    parts = side_by_side(search, len(queries), MAX_ROWS, choice.n_side_by_side)
    k = min(k, len(vectors))
    rows = [np.empty((0, k), dtype=np.int64), *(part[0] for part in parts)]
    found = [np.empty((0, k), dtype=np.float32), *(part[1] for part in parts)]
    return np.concatenate(rows), np.concatenate(found)


def _on(array: np.ndarray, device: str) -> torch.Tensor:
    return torch.from_numpy(np.require(array, np.float32, ["C", "W"])).to(device)


def _search(
    queries: torch.Tensor, vectors: torch.Tensor, k: int, gone: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    found, similar = [], []
    for rows, blocks in product_blocks(queries, vectors):
        top = RunningTop(len(queries[rows]), k)
        removal = Removal(None if gone is None else _itself(gone[rows]))
        for start, block in blocks:
            top.add(start, removal.apply(start, block))
        found.append(top.items.cpu().numpy() - 1)
        similar.append(top.scores.cpu().numpy())
    return np.concatenate(found), np.concatenate(similar)


def _itself(gone: np.ndarray) -> Histories:
    return Histories.of([[row + 1] if row >= 0 else [] for row in gone])


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return the vectors at length 1, float32 (n, D); a zero vector stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1.0), dtype=np.float32)
