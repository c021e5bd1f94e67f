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
    is_hidden: bool


@dataclass(frozen=True)
class FirstBatch:
    """Some rows of the batch that the first step trains on.

    Args:
        rows: Windows without their padding, oldest item first.
        n_sequences: Rows of the whole batch.
        n_hidden: Items hidden in the whole batch.
        width: Places of the longest window, to which the others are padded on the left.
    """

    rows: tuple[tuple[Place, ...], ...]
    n_sequences: int
    n_hidden: int
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
    hidden_items = iter(batch.targets.tolist())
    n_wide = batch.places_bm.shape[1]
    true_items = {}
    for flat in batch.target_places.tolist():
        row, column = divmod(flat, n_wide)
        true_items[row, int(batch.places_bm[row, column])] = next(hidden_items)
    titles = dataset.vocabulary.title
    rows = tuple(
        tuple(
            Place(titles(true_items.get((row, at), item)), is_hidden=(row, at) in true_items)
            for at, item in enumerate(shown[row].tolist())
            if item != PAD_IDX
        )
        for row in range(min(n_rows, len(shown)))
    )
    return FirstBatch(rows, len(shown), len(batch.targets), shown.shape[1])
