"""Of all items listed with a probability of 20%, a fifth should be the hidden one: is it so?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bert4rec.held_out.estimates import Estimate
from bert4rec.ranking import RunningTop
from bert4rec.score_blocks import Blocks, LogSums, product_blocks
from bert4rec.scorer import NetworkScorer
from bert4rec.stages import Stage
from bert4rec.threads import side_by_side

LIST_LENGTH = 10
N_BINS = 10
BATCH_PLACES = 256


@dataclass(frozen=True)
class Bin:
    """Listed items of similar probability.

    Args:
        n: How many they are.
        probability: Their mean probability.
        share: Share of them that is the hidden item, with its interval.
    """

    n: int
    probability: float
    share: Estimate


@dataclass(frozen=True)
class Reliability:
    """How far the probabilities of one context are what they say.

    Args:
        error: Expected calibration error: the distance of probability and share, averaged over
            the listed items.
        loss: Mean negative log-likelihood of the hidden items, in bits.
        bins: By probability, as many listed items in each, from the least.
    """

    error: float
    loss: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, eq=False)
class Listed:
    """The items listed for each place.

    Args:
        probability: Of each listed item, float64 (n, K).
        is_hidden: Which of them is the hidden one, bool (n, K).
        log_p: Log-probability of the hidden one, listed or not, float64 (n,).
    """

    probability: np.ndarray
    is_hidden: np.ndarray
    log_p: np.ndarray

    def take(self, rows: np.ndarray) -> Listed:
        """Return those of some places."""
        return Listed(self.probability[rows], self.is_hidden[rows], self.log_p[rows])

    def where(self, is_own: np.ndarray, other: Listed) -> Listed:
        """Return its own at some places and the other's at the rest; both list the same items."""
        return Listed(
            np.where(is_own[:, None], self.probability, other.probability),
            self.is_hidden,
            np.where(is_own, self.log_p, other.log_p),
        )


def read_lists(
    scorer: NetworkScorer,
    states_bd: Tensor,
    targets: np.ndarray,
    temperatures_b: np.ndarray,
    stage: Stage,
) -> tuple[Listed, Listed]:
    """Return what is listed without and with temperatures, from one reading of all scores.

    Args:
        scorer: The network.
        states_bd: What it expects at each place, (B, D).
        targets: The items that are hidden there, 1..N, int64 (B,).
        temperatures_b: What divides the scores of each place, float32 (B,).
        stage: Told of the places that were read.
    """
    item_vectors = scorer.item_vectors()

    @torch.inference_mode()
    def read(batch: slice) -> list[Listed]:
        of_batch = product_blocks(states_bd[batch], item_vectors)
        found = [
            _read(
                blocks,
                states_bd[batch][rows],
                targets[batch][rows],
                item_vectors,
                temperatures_b[batch][rows],
            )
            for rows, blocks in of_batch
        ]
        stage.add(batch.stop - batch.start)
        return _joined(found)

    parts = side_by_side(read, len(targets), BATCH_PLACES, scorer.choice.n_side_by_side)
    without, with_them = _joined(parts)
    return without, with_them


def _read(
    blocks: Blocks, states_bd: Tensor, targets: np.ndarray, item_vectors: Tensor, by_b: np.ndarray
) -> list[Listed]:
    by = torch.from_numpy(by_b).to(states_bd.device)
    top = RunningTop(len(states_bd), min(LIST_LENGTH, len(item_vectors)))
    plain, scaled = LogSums(), LogSums()
    for start, block in blocks:
        top.add(start, block)
        plain.add(block)
        scaled.add(block.div_(by[:, None]))
    wanted = torch.as_tensor(targets - 1, device=states_bd.device)
    scores = (states_bd * item_vectors[wanted]).sum(dim=1)
    is_hidden = top.items.cpu().numpy() == targets[:, None]
    return [
        Listed(
            (top.scores / divisor[:, None] - log_sums[:, None]).exp().cpu().double().numpy(),
            is_hidden,
            (scores / divisor - log_sums).cpu().double().numpy(),
        )
        for divisor, log_sums in ((torch.ones_like(by), plain.total()), (by, scaled.total()))
    ]


def _joined(parts: Sequence[Sequence[Listed]]) -> list[Listed]:
    """Return the lists of rows, one for each temperature, put together from parts of the rows."""
    return [
        Listed(
            np.concatenate([part.probability for part in of_one]),
            np.concatenate([part.is_hidden for part in of_one]),
            np.concatenate([part.log_p for part in of_one]),
        )
        for of_one in zip(*parts, strict=True)
    ]


def reliability_of(listed: Listed, users: np.ndarray) -> Reliability:
    """Bin all listed items by probability, as many in each bin.

    Args:
        listed: Of n places.
        users: Whose places they are, int64 (n,).
    """
    probability, is_hidden = listed.probability.ravel(), listed.is_hidden.ravel()
    owners = np.repeat(users, listed.probability.shape[1])
    order = np.argsort(probability, kind="stable")
    bins = [
        Bin(
            len(rows),
            float(probability[rows].mean()),
            # Of all that a list holds one item is hidden at most, whatever else of it is here.
            Estimate.of(is_hidden[rows].astype(np.float64), owners[rows], usual=1.0),
        )
        for rows in np.array_split(order, N_BINS)
        if len(rows)
    ]
    n = sum(one.n for one in bins)
    error = sum(one.n * abs(one.probability - one.share.mean) for one in bins) / max(n, 1)
    return Reliability(error, -float(listed.log_p.mean()) / math.log(2), tuple(bins))
