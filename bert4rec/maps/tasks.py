"""What the background can be asked to make of runs, and the file that each becomes.

A file is named after all that it depends on, the checkpoint included: after further training it is
made again, and those of older checkpoints are removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from bert4rec.files import swapped_in
from bert4rec.loaded_model import load_model
from bert4rec.maps.film import AlignedMaps, film, film_epochs, pair_of_maps
from bert4rec.maps.progress import Progress
from bert4rec.maps.projection import (
    MAX_FITTED,
    EmbeddingMap,
    MapSettings,
    judged_map,
    project_umap,
)
from bert4rec.runs.folder import Run

FORMAT_VERSION = 1
Arrays = Mapping[str, np.ndarray]


class Task(Protocol):
    """Something that is made in the background and kept as a file."""

    @property
    def path(self) -> Path:
        """The file, named after all that it depends on."""
        ...

    def make(self, progress: Progress) -> None:
        """Make it and write the file."""
        ...

    def read(self) -> object | None:
        """Return what was made; None where it is missing or damaged."""
        ...


@dataclass(frozen=True)
class UmapTask:
    """A UMAP map of a run's items."""

    run: Run
    settings: MapSettings

    @property
    def path(self) -> Path:
        """The file of the map."""
        return _path(self.run, "umap", [asdict(self.settings), MAX_FITTED])

    def make(self, progress: Progress) -> None:
        """Lay out the items of the best checkpoint."""
        path = self.path
        progress.tell("loading the model", 0.0)
        recommender = load_model(self.run, device="cpu")
        if self.path != path:
            # A run that trains has a newer checkpoint, whose map has another name.
            return
        vectors = recommender.item_embeddings()
        points = project_umap(vectors, **asdict(self.settings), progress=progress)
        progress.tell("judging the map", 0.95)
        n_fitted = min(len(vectors), MAX_FITTED)
        found = judged_map("umap", vectors, points, np.arange(1, len(vectors) + 1), n_fitted)
        facts = {"trustworthiness": found.trustworthiness, "recall": found.recall}
        _write(path, {"points": points}, facts | {"n_fitted": n_fitted})
        _remove_older(self.run, "umap")

    def read(self) -> EmbeddingMap | None:
        """Return the map; a missing or damaged one is None, for it can be made again."""
        if (kept := _read(self.path, ("points",))) is None:
            return None
        arrays, facts = kept
        item_idx = np.arange(1, len(arrays["points"]) + 1)
        return EmbeddingMap("umap", arrays["points"], item_idx, **facts)


@dataclass(frozen=True)
class FilmTask:
    """The maps of a run's items at each epoch that it kept."""

    run: Run
    settings: MapSettings

    @property
    def path(self) -> Path:
        """The file of the film."""
        return _path(self.run, "film", [asdict(self.settings), film_epochs(self.run)])

    def make(self, progress: Progress) -> None:
        """Lay out one epoch after the other."""
        path = self.path
        _write_aligned(path, film(self.run, self.settings, progress))
        _remove_older(self.run, "film")

    def read(self) -> AlignedMaps | None:
        """Return the film; a missing or damaged one is None."""
        return _read_aligned(self.path)


@dataclass(frozen=True)
class PairTask:
    """The maps of two runs over the items that both know."""

    run: Run
    other: Run
    settings: MapSettings

    @property
    def path(self) -> Path:
        """The file of both maps, in the folder of the first run."""
        return _path(self.run, self._kind, asdict(self.settings), of=self.other)

    @property
    def _kind(self) -> str:
        """What all pairs of these runs are called as long as the first has this checkpoint."""
        return f"pair-{self.run.checkpoint_ns('best')}-{_key(self.other.id)}"

    def make(self, progress: Progress) -> None:
        """Lay out one run's items, then the other's."""
        path = self.path
        _write_aligned(path, pair_of_maps(self.run, self.other, self.settings, progress))
        _remove_older(self.run, "pair")
        _remove_older(self.run, self._kind, of=self.other)

    def read(self) -> AlignedMaps | None:
        """Return both maps; a missing or damaged file is None."""
        return _read_aligned(self.path)


def _path(run: Run, kind: str, depends_on: Any, *, of: Run | None = None) -> Path:
    """Name a file: kind, moment of the checkpoint, and a hash of all else that it depends on."""
    return run.artifacts / f"{_newest(kind, of or run)}{_key(depends_on)}.safetensors"


def _newest(kind: str, run: Run) -> str:
    """Return how all names begin of what was made of a run's checkpoint as it is now."""
    return f"{kind}-{run.checkpoint_ns('best')}-"


def _key(depends_on: Any) -> str:
    return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:12]


def _remove_older(run: Run, kind: str, *, of: Run | None = None) -> None:
    """Remove what was made of older checkpoints, which nobody can ask for any more.

    Args:
        run: In whose folder.
        kind: How the names of all that may go begin.
        of: Whose checkpoints, where they are another run's.
    """
    newest = _newest(kind, of or run)
    for path in run.artifacts.glob(f"{kind}-*"):
        if not path.name.startswith(newest):
            path.unlink(missing_ok=True)


def _write(path: Path, arrays: Arrays, facts: Mapping[str, Any]) -> None:
    document = json.dumps({"format_version": FORMAT_VERSION, "facts": dict(facts)})
    whole = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    with swapped_in(path) as temporary:
        save_file(whole, temporary, metadata={"bert4rec": document})


def _read(path: Path, names: tuple[str, ...]) -> tuple[dict[str, np.ndarray], Any] | None:
    """Return arrays and facts; None for a file that is missing, damaged or of another version."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="np") as file:
            document = json.loads(file.metadata()["bert4rec"])
            arrays = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None
    is_ours = document.get("format_version") == FORMAT_VERSION
    return (arrays, document["facts"]) if is_ours else None


def _write_aligned(path: Path, maps: AlignedMaps) -> None:
    facts = {"names": list(maps.names), "recall": list(maps.recall)}
    _write(path, {"points": maps.points, "item_idx": maps.item_idx}, facts)


def _read_aligned(path: Path) -> AlignedMaps | None:
    if (kept := _read(path, ("points", "item_idx"))) is None:
        return None
    arrays, facts = kept
    names, recall = tuple(facts["names"]), tuple(facts["recall"])
    return AlignedMaps(names, arrays["points"], arrays["item_idx"], recall)
