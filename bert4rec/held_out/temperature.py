"""The temperature at which hidden items are most probable, found in a few readings of all scores.

The loss is convex in the inverse of the temperature, b. Its slope there is the mean score under the
softmax of b times the scores, less the score of the hidden item; its curvature is the variance of
the scores under that softmax. One reading of the scores gives both, so that Newton's steps find the
least loss in about as many readings as a search by values alone needs in its first bracket.

Source: Guo et al. 2017, "On calibration of modern neural networks", section 4.2.
"""

from __future__ import annotations

import math
import sys

import numpy as np
import torch
from torch import Tensor

from bert4rec.score_blocks import product_blocks
from bert4rec.stages import Stage, Watch, tell_nobody
from bert4rec.threads import side_by_side

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.25, 4.0
# Rows that are read at once: many enough for a fast product, few enough to tell how far it is.
BATCH_ROWS = 256
# One row of so many tells about where the temperature is that all of them then tell exactly.
FIRST_OF = 8
LEAST_FIRST = 32
FIRST_SHARE = 0.2
# A step by a smaller share of itself leaves an error of about its square.
SMALL_STEP = 1e-3
MAX_READINGS = 20


class ScoreMoments:
    """Mean and variance of the scores of B rows under their softmax, block by block.

    Args:
        inverse: What the scores are multiplied with in that softmax.
    """

    def __init__(self, inverse: float) -> None:
        self.inverse = inverse
        self._memory: Tensor | None = None
        self._top_b: Tensor | None = None
        # Of exp(b z), z exp(b z) and z^2 exp(b z), where z is a score less the greatest one.
        self._sums_3b = torch.empty(0)

    def add(self, block_bc: Tensor) -> None:
        """Take a block into the sums; what it holds is lost."""
        if self._memory is None or self._memory.numel() < block_bc.numel():
            self._memory = torch.empty_like(block_bc).flatten()
        top_b = block_bc.amax(dim=1)
        block_bc.sub_(top_b[:, None])
        parts_bc = self._memory[: block_bc.numel()].view_as(block_bc)
        torch.mul(block_bc, self.inverse, out=parts_bc).exp_()
        sums = [parts_bc.sum(dim=1)]
        sums += [parts_bc.mul_(block_bc).sum(dim=1) for _ in range(2)]
        self._join(top_b.cpu().double(), torch.stack(sums).cpu().double())

    def _join(self, top_b: Tensor, sums_3b: Tensor) -> None:
        if self._top_b is None:
            self._top_b, self._sums_3b = top_b, sums_3b
            return
        greatest_b = torch.maximum(self._top_b, top_b)
        self._sums_3b = self._moved(self._sums_3b, self._top_b - greatest_b) + self._moved(
            sums_3b, top_b - greatest_b
        )
        self._top_b = greatest_b

    def _moved(self, sums_3b: Tensor, by_b: Tensor) -> Tensor:
        """Return the sums as they are where every z is greater by a number of its row."""
        zeroth, first, second = sums_3b
        moved = [zeroth, first + by_b * zeroth, second + 2 * by_b * first + by_b**2 * zeroth]
        return torch.stack(moved) * (self.inverse * by_b).exp()

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of each row, float64 (B,) each."""
        assert self._top_b is not None
        zeroth, first, second = self._sums_3b
        mean = first / zeroth
        variance = (second / zeroth - mean**2).clamp(min=0.0)
        return (self._top_b + mean).numpy(), variance.numpy()


def best_temperature(
    states_bd: Tensor,
    targets: np.ndarray,
    item_vectors: Tensor,
    *,
    n_threads: int = 1,
    watch: Watch | None = None,
) -> float:
    """Return the temperature, within the bounds, at which the targets are most probable.

    An eighth of the rows tells first about where it is, then all rows tell exactly.

    Args:
        states_bd: What the network expects, (B, D).
        targets: The items that are there, 1..N, int64 (B,).
        item_vectors: Of items 1..N, (N, D).
        n_threads: Threads that read rows side by side.
        watch: Told how far it has come.

    Cost: two or three products of all rows with all items.
    """
    reading = _Reading(item_vectors, n_threads, watch or tell_nobody)
    inverse = 1.0
    if len(targets) >= FIRST_OF * LEAST_FIRST:
        reading.tells("looking for the temperature", FIRST_SHARE)
        inverse = reading.lowest(states_bd[::FIRST_OF], targets[::FIRST_OF], inverse)
    reading.tells("fitting the temperature", 1.0)
    return 1.0 / reading.lowest(states_bd, targets, inverse)


class _Reading:
    """Slope and curvature of the loss, by readings of the scores."""

    def __init__(self, item_vectors: Tensor, n_threads: int, watch: Watch) -> None:
        self.item_vectors, self.n_threads, self.watch = item_vectors, n_threads, watch
        self.share = 0.0
        self.tells("reading scores", 1.0)

    def tells(self, doing: str, end: float) -> None:
        """Say what the readings are for from now on, and which share is done after them."""
        self.doing, self.end = doing, end

    def lowest(self, states_bd: Tensor, targets: np.ndarray, inverse: float) -> float:
        """Return where the loss is least, from a guess on."""
        low, high = 1.0 / HIGHEST_TEMPERATURE, 1.0 / LOWEST_TEMPERATURE
        tried: set[float] = set()
        for reading in range(1, MAX_READINGS + 1):
            slope, curvature = self._slope(states_bd, targets, inverse, reading)
            tried.add(inverse)
            step = inverse - slope / max(curvature, sys.float_info.min)
            low, high = (low, inverse) if slope > 0 else (inverse, high)
            if not low < step < high:
                # Beyond a bound the least loss lies at the bound, unless that one rises again.
                edge = high if step >= high else low
                step = math.sqrt(low * high) if edge in tried and edge != inverse else edge
            if abs(step - inverse) <= SMALL_STEP * inverse:
                return step
            inverse = step
        return inverse

    def _slope(
        self, states_bd: Tensor, targets: np.ndarray, inverse: float, reading: int
    ) -> tuple[float, float]:
        """Return the mean slope and curvature of the loss of each row, in nats."""
        # How many readings it takes is not known, so each is taken for half of what is left.
        begun, self.share = self.share, (self.share + self.end) / 2
        doing = f"{self.doing}, reading {reading}"
        stage = Stage(self.watch, doing, len(targets), begun, self.share)

        @torch.inference_mode()
        def read(batch: slice) -> tuple[np.ndarray, np.ndarray]:
            states = states_bd[batch]
            wanted = torch.as_tensor(targets[batch] - 1, device=states.device)
            scores = (states * self.item_vectors[wanted]).sum(dim=1).cpu().double().numpy()
            found = []
            for rows, blocks in product_blocks(states, self.item_vectors):
                sums = ScoreMoments(inverse)
                for _, block in blocks:
                    sums.add(block)
                mean, variance = sums.moments()
                found.append((mean - scores[rows], variance))
            stage.add(len(states))
            slopes, curvatures = zip(*found, strict=True)
            return np.concatenate(slopes), np.concatenate(curvatures)

        parts = side_by_side(read, len(targets), BATCH_ROWS, self.n_threads)
        slopes, curvatures = zip(*parts, strict=True)
        return float(np.concatenate(slopes).mean()), float(np.concatenate(curvatures).mean())
