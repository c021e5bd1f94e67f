"""The first batch of a training as the network sees it, in titles instead of numbers."""

from __future__ import annotations

from dataclasses import dataclass

from bert4rec.batches import TrainingBatches
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.device import choose_for
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.pipeline import split_for


@dataclass(frozen=True)
class Place:
    """One place of a window: the item there, and whether the network has to guess it."""

    title: str
    is_asked: bool


@dataclass(frozen=True)
class FirstBatch:
    """Some rows of the batch that the first step trains on.

    Args:
        rows: The first windows without their padding, oldest item first.
        sees_future: Whether a place is asked from past and future, or from what stands before it.
        n_sequences: Rows of the whole batch.
        n_asked: Items asked for in the whole batch.
        width: Places of the longest window, to which the others are padded on the left.
    """

    rows: tuple[tuple[Place, ...], ...]
    sees_future: bool
    n_sequences: int
    n_asked: int
    width: int


def first_batch(
    dataset: SequenceDataset, settings: Hyperparameters, *, n_rows: int = 5
) -> FirstBatch:
    """Return the first rows of the first step's batch, exactly as a run would draw them.

    Raises:
        DatasetError: the dataset cannot be split for training.
        DeviceError: the device is not there.
    """
    choice = choose_for(settings)
    split = split_for(dataset, settings)
    mask_idx = dataset.vocabulary.mask_idx
    batches = TrainingBatches(dataset.items, split.train, mask_idx, settings, choice.device)
    batch = batches.batch(batches.order(0), 0, 0)
    shown = batch.items_bl.cpu()
    asked_items = iter(batch.targets.tolist())
    n_wide = batch.places_bm.shape[1]
    asked = {}
    for flat in batch.target_places.tolist():
        row, column = divmod(flat, n_wide)
        asked[row, int(batch.places_bm[row, column])] = next(asked_items)
    title = dataset.vocabulary.title
    rows = tuple(
        tuple(
            Place(title(asked.get((row, at), item)), is_asked=(row, at) in asked)
            for at, item in enumerate(shown[row].tolist())
            if item != PAD_IDX
        )
        for row in range(min(n_rows, len(shown)))
    )
    return FirstBatch(rows, batch.sees_future, len(shown), len(batch.targets), shown.shape[1])
