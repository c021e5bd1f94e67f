"""Lists of items with what is said of each: score, probability, how common it is, whether seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import SettingsError
from bert4rec.ranking import Removal, top_and_log_sums
from bert4rec.score_blocks import Blocks


@dataclass(frozen=True)
class Suggestion:
    """One item that the network expects at a place.

    Args:
        item_idx: Dense index, 1..N.
        item_id: Raw id.
        title: Title, or the raw id where there is none.
        score: The network's logit.
        probability: Softmax over the whole catalogue, also over items that are left out here; of
            the logits divided by a temperature where that pays, see `temperatures`.
        rank: Place in this list, from 0.
        count: How often the item occurs in the dataset.
        is_seen: Whether the sequence holds it already.
    """

    item_idx: int
    item_id: str
    title: str
    score: float
    probability: float
    rank: int
    count: int
    is_seen: bool


def check_length(k: int) -> None:
    """Refuse lists that are to hold nothing.

    Raises:
        SettingsError: `k` is below 1.
    """
    if k < 1:
        raise SettingsError([f"k is {k}, but a list holds at least 1 item"], fix="Give a larger k.")


def suggestion_lists(
    vocabulary: Vocabulary,
    blocks: Blocks,
    k: int,
    seen: Sequence[np.ndarray],
    divisors: np.ndarray,
    removal: Removal,
) -> list[list[Suggestion]]:
    """Return the `k` best items of each row of scores, best first.

    Args:
        vocabulary: Names the items.
        blocks: Logits over temperatures.
        k: Length of each list.
        seen: Item indices to mark as seen, for each row.
        divisors: Those temperatures, float32 (n_rows,).
        removal: What is left out.
    """
    top, log_sums = top_and_log_sums(blocks, len(seen), k, removal)
    probability = (top.scores - log_sums[:, None]).exp()
    counts = vocabulary.counts[top.items.cpu().numpy() - 1]
    logits = top.scores * torch.from_numpy(divisors).to(top.scores.device)[:, None]
    columns = (top.items, logits, probability, counts)
    rows = zip(*(values.tolist() for values in columns), seen, strict=True)
    return [_suggestions(vocabulary, *row) for row in rows]


def _suggestions(
    vocabulary: Vocabulary,
    items: list[int],
    scores: list[float],
    probabilities: list[float],
    counts: list[int],
    seen: np.ndarray,
) -> list[Suggestion]:
    marked = set(seen.tolist())
    found = zip(items, scores, probabilities, counts, strict=True)
    return [
        Suggestion(
            item_idx=idx,
            item_id=vocabulary.item_ids[idx - 1],
            title=vocabulary.titles[idx - 1],
            score=score,
            probability=probability,
            rank=rank,
            count=count,
            is_seen=idx in marked,
        )
        # What was left out stands last.
        for rank, (idx, score, probability, count) in enumerate(found)
        if score > -math.inf
    ]
