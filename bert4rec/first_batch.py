"""The first batch of a training as the network sees it, in titles instead of numbers."""

from __future__ import annotations

from dataclasses import dataclass

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import split_dataset
from bert4rec.data.vocabulary import PAD_IDX, Vocabulary
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.parts import Part
from bert4rec.workshop import batches_of, choice_for, loss_for


@dataclass(frozen=True)
class Place:
    """One place of a window: the item there, and whether the network has to guess it."""

    title: str
    is_asked: bool


@dataclass(frozen=True)
class Row:
    """One window of a batch, without its padding.

    Args:
        places: Oldest item first.
        sees_future: Whether a place is asked from past and future, or from what stands before it.
    """

    places: tuple[Place, ...]
    sees_future: bool


@dataclass(frozen=True)
class FirstBatch:
    """Some rows of the batch that the first step trains on.

    Args:
        rows: Some windows of each kind.
        n_sequences: Rows of the whole batch.
        n_asked: Items asked for in the whole batch.
        n_next: Rows of the whole batch whose places are asked from what stands before them.
    """

    rows: tuple[Row, ...]
    n_sequences: int
    n_asked: int
    n_next: int


def first_batch(
    dataset: SequenceDataset, settings: Hyperparameters, *, n_rows: int = 3
) -> FirstBatch:
    """Return rows of the first step's batch, exactly as a run would draw them.

    Args:
        dataset: What the run would train on.
        settings: Its settings.
        n_rows: Rows of each kind at most; those with the longest windows.

    Raises:
        DatasetError: the dataset cannot be split for training.
        DeviceError: the device is not there.
    """
    choice = choice_for(dataset, settings)
    split = split_dataset(dataset, settings)
    loss_type, _ = loss_for(dataset, settings, split)
    batches = batches_of(dataset, split.train, settings, choice, loss_type)
    parts = batches.parts(batches.order(0), 0, 0)
    drawn = [row for part in parts for row in _rows(part, dataset.vocabulary)]
    cloze = [row for row in drawn if row.sees_future]
    asked_next = [row for row in drawn if not row.sees_future]
    return FirstBatch(
        tuple(cloze[:n_rows] + asked_next[:n_rows]),
        n_sequences=len(drawn),
        n_asked=sum(int((part.targets != PAD_IDX).sum()) for part in parts),
        n_next=len(asked_next),
    )


def _rows(part: Part, vocabulary: Vocabulary) -> list[Row]:
    n_wide = part.places_bm.shape[1]
    asked = {}
    for flat, target in zip(part.target_places.tolist(), part.targets.tolist(), strict=True):
        if target == PAD_IDX:
            continue
        row, column = divmod(flat, n_wide)
        asked[row, int(part.places_bm[row, column])] = target
    return [
        Row(
            tuple(
                Place(vocabulary.title(asked.get((row, at), item)), is_asked=(row, at) in asked)
                for at, item in enumerate(items)
                if item != PAD_IDX
            ),
            sees_future,
        )
        for row, (items, sees_future) in enumerate(
            zip(part.items_bl.tolist(), part.rows_see_future(), strict=True)
        )
    ]
