"""Maps of the same items that can be looked at one after the other, or side by side.

Each map starts from the points of the one before it, and is turned and shifted onto it, so that
what moves between two of them moved in the vectors: docs/decisions/0022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import DatasetError
from bert4rec.loaded_model import load_model
from bert4rec.maps.neighbours import neighbour_recall
from bert4rec.maps.progress import Progress
from bert4rec.maps.projection import MIN_UMAP_ITEMS, MapSettings, project_umap
from bert4rec.runs.checkpoints import NO_TENSORS, load_checkpoint, saved_position
from bert4rec.runs.folder import Run
from bert4rec.runs.snapshots import MAX_ITEMS, load_snapshot, snapshot_epochs, spread_rows


@dataclass(frozen=True, eq=False)
class AlignedMaps:
    """Maps of the same items in several states.

    Args:
        names: Of the states.
        points: float32 (n_maps, n, n_components).
        item_idx: The item behind each point, 1..N, int64 (n,).
        recall: Of each map, the share of an item's ten nearest that it keeps.
    """

    names: tuple[str, ...]
    points: np.ndarray
    item_idx: np.ndarray
    recall: tuple[float, ...]


def aligned_maps(
    states: Sequence[tuple[str, np.ndarray]],
    item_idx: np.ndarray,
    settings: MapSettings,
    progress: Progress | None = None,
) -> AlignedMaps:
    """Lay out the same items in several states so that the maps can be compared by eye.

    Args:
        states: Name and vectors, (n, D), of each; D may differ.
        item_idx: The item behind each row, 1..N, (n,).
        settings: Of UMAP.
        progress: Told how far it is; may call it off.

    Raises:
        DatasetError: there are fewer than four items.
        Cancelled: it was called off.
    """
    progress = progress or Progress()
    maps: list[np.ndarray] = []
    recall = []
    for at, (name, vectors) in enumerate(states):
        progress.tell(f"laying out {name}", at / len(states))
        points = project_umap(
            vectors,
            settings.n_components,
            n_neighbors=settings.n_neighbors,
            min_dist=settings.min_dist,
            seed=settings.seed,
            begin=maps[-1] if maps else None,
            progress=_Part(progress, f"laying out {name}", at, len(states)),
        )
        maps.append(turned_onto(maps[-1], points) if maps else points - points.mean(axis=0))
        recall.append(neighbour_recall(vectors, points))
    names = tuple(name for name, _ in states)
    return AlignedMaps(names, np.stack(maps), item_idx, tuple(recall))


class _Part(Progress):
    """The progress of one map as a part of that of all."""

    def __init__(self, whole: Progress, stage: str, at: int, n: int) -> None:
        super().__init__()
        self._whole, self._stage, self._at, self._n = whole, stage, at, n

    def tell(self, stage: str, share: float) -> None:
        """Say where the whole work is."""
        del stage
        self._whole.tell(self._stage, (self._at + share) / self._n)


def turned_onto(base: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Shift, turn and mirror points so that they lie as near as can be to those of a base.

    Distances between the points stay as they are.

    Args:
        base: (n, 2 or 3).
        points: The same items, (n, 2 or 3).

    Source: orthogonal Procrustes, Schönemann 1966.
    """
    centre = base.mean(axis=0)
    own, other = points - points.mean(axis=0), base - centre
    left, _, right = np.linalg.svd(own.T @ other)
    return np.asarray(own @ (left @ right) + centre, dtype=np.float32)


def film_epochs(run: Run) -> list[int]:
    """Return the epochs that a film of a run shows: those with a snapshot, and the best one."""
    best = _best_epoch(run)
    return sorted({*snapshot_epochs(run), *([best] if best else [])})


def _best_epoch(run: Run) -> int:
    path = run.checkpoint("best")
    position = saved_position(load_checkpoint(path, prefix=NO_TENSORS)[1], path)
    return position.best_epoch or position.epoch


def film(run: Run, settings: MapSettings, progress: Progress | None = None) -> AlignedMaps:
    """Return a map of the items at each epoch of which the run keeps a snapshot.

    Larger catalogues are shown by the sample that is in the snapshots.

    Args:
        run: The run.
        settings: Of UMAP.
        progress: Told how far it is; may call it off.

    Raises:
        DatasetError: there are fewer than two epochs to show, or fewer than four items.
        NotFoundError, FormatError: the run's files are missing or damaged.
        Cancelled: it was called off.
    """
    epochs = film_epochs(run)
    if len(epochs) < 2:
        raise DatasetError(
            f"run {run.name!r} keeps item vectors of fewer than two epochs",
            fix="Train it again, for two epochs or more, without pruning.",
        )
    kept = set(snapshot_epochs(run))
    item_idx, _ = load_snapshot(run, min(kept))
    vectors = load_model(run, device="cpu").item_embeddings()[item_idx - 1]
    states = [
        (f"epoch {epoch}", load_snapshot(run, epoch)[1] if epoch in kept else vectors)
        for epoch in epochs
    ]
    return aligned_maps(states, item_idx, settings, progress)


def pair_of_maps(
    run: Run, other: Run, settings: MapSettings, progress: Progress | None = None
) -> AlignedMaps:
    """Return maps of two runs over the items that both know, aligned.

    Items are those of the first run; of more than `MAX_ITEMS` a sample is shown.

    Args:
        run: The run whose map comes first.
        other: The run whose map is laid onto it.
        settings: Of UMAP.
        progress: Told how far it is; may call it off.

    Raises:
        DatasetError: they have fewer than four items in common, or ids in common that are items
            of other titles.
        NotFoundError, FormatError: a run's files are missing or damaged.
        Cancelled: it was called off.
    """
    first, second = load_model(run, device="cpu"), load_model(other, device="cpu")
    common, there = items_of_both(first.vocabulary, second.vocabulary)
    states = [
        (run.name, first.item_embeddings()[common]),
        (other.name, second.item_embeddings()[there]),
    ]
    return aligned_maps(states, common + 1, settings, progress)


def items_of_both(one: Vocabulary, other: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
    """Return where the items that two catalogues share stand in each, at most `MAX_ITEMS`.

    Raises:
        DatasetError: they are too few for a map, or items of other titles.
    """
    ids = one.item_ids
    common = np.array([at for at, item_id in enumerate(ids) if item_id in other], dtype=int)
    if len(common) < MIN_UMAP_ITEMS:
        raise DatasetError(
            f"they have {len(common)} items in common, and maps of two models need"
            f" {MIN_UMAP_ITEMS}",
            fix="Lay it beside a run on the same data.",
        )
    common = common[spread_rows(len(common), MAX_ITEMS)]
    there = np.array([other.idx(ids[at]) - 1 for at in common], dtype=int)
    if _are_others(one, common, other, there):
        raise DatasetError(
            "they know other items by the same ids: most titles differ",
            fix="Lay it beside a run on the same data.",
        )
    return common, there


def _are_others(one: Vocabulary, rows: np.ndarray, other: Vocabulary, there: np.ndarray) -> bool:
    """Whether most items of the same ids have titles in both catalogues, and other ones."""
    differ = 0
    for row, at in zip(rows, there, strict=True):
        mine, its = one.titles[row], other.titles[at]
        # An id in place of a title says nothing.
        differ += mine != its and one.item_ids[row] not in (mine, its)
    return 2 * differ > len(rows)
