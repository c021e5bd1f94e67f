"""Questions as the network understands them, and a batch of them answered together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from bert4rec.recommender import Recommender
from bert4rec.suggestions import Suggestion

Histories = Sequence[np.ndarray]


@dataclass(frozen=True, eq=False)
class Next:
    """What comes next after histories of item indices."""

    histories: Histories
    k: int
    remove_seen: bool | None


@dataclass(frozen=True, eq=False)
class Fill:
    """What fits into the gaps of sequences of item indices, each with a gap."""

    histories: Histories
    k: int
    remove_seen: bool | None


@dataclass(frozen=True, eq=False)
class Vectors:
    """The vectors of histories of item indices."""

    histories: Histories


Question = Next | Fill | Vectors


def encode_history(model: Recommender, items: Iterable[str | None]) -> np.ndarray:
    """Return items as indices, None as MASK.

    Raises:
        UnknownIdError: one is not in the catalogue, or is a title that several items have. What an
            unknown one might have been is not looked for: a service is asked by anybody.
    """
    vocabulary = model.vocabulary
    found = [
        vocabulary.mask_idx if item is None else vocabulary.idx(item, suggests=False)
        for item in items
    ]
    return np.array(found, dtype=np.int64)


def past_of(model: Recommender, user: str) -> np.ndarray:
    """Return a user's history as indices.

    Raises:
        UnknownIdError: there is no such user.
    """
    return np.asarray(model.dataset.history(model.dataset.user_idx(user)), dtype=np.int64)


def answer_together(model: Recommender, questions: Sequence[Question]) -> list[list[Any]]:
    """Answer questions, those of a kind by one pass of the network.

    Returns:
        For each question an answer for each of its histories, as the library gives it: a list of
        suggestions, a list of them for each gap, or a vector.
    """
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place, question in enumerate(questions):
        groups[_kind(question)].append(place)
    answers: list[list[Any]] = [[] for _ in questions]
    for places in groups.values():
        for place, found in zip(places, _group(model, [questions[p] for p in places]), strict=True):
            answers[place] = found
    return answers


def _kind(question: Question) -> tuple[Any, ...]:
    more = () if isinstance(question, Vectors) else (question.remove_seen,)
    return (type(question).__name__, *more)


def _group(model: Recommender, questions: Sequence[Question]) -> list[list[Any]]:
    histories = [history for question in questions for history in question.histories]
    first = questions[0]
    found: Iterator[Any]
    if isinstance(first, Vectors):
        found = iter(model.vectors_of(histories))
        return [list(islice(found, len(question.histories))) for question in questions]
    # The shorter list of another question is the beginning of the longer one.
    k = max(question.k for question in questions if not isinstance(question, Vectors))
    if isinstance(first, Next):
        found = iter(model.recommend_encoded(histories, k, remove_seen=first.remove_seen))
    else:
        found = iter(model.fill_encoded(histories, k, remove_seen=first.remove_seen))
    return [
        [_cut(one, question) for one in islice(found, len(question.histories))]
        for question in questions
    ]


def _cut(found: list[Any], question: Question) -> list[Any]:
    if isinstance(question, Next):
        return found[: question.k]
    if isinstance(question, Fill):
        return [suggestions[: question.k] for suggestions in found]
    return found


def as_suggested(found: Sequence[Suggestion]) -> list[dict[str, Any]]:
    """Return suggestions as plain data."""
    return [
        {
            "id": one.item_id,
            "title": one.title,
            "score": one.score,
            "probability": one.probability,
            "seen": one.is_seen,
        }
        for one in found
    ]
