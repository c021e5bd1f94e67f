"""Checkpoints: tensors and plain data in one safetensors file, swapped in atomically."""

from __future__ import annotations

import errno
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from bert4rec.errors import FormatError, NotFoundError
from bert4rec.events import Position
from bert4rec.files import swapped_in
from bert4rec.json_files import check_format

FORMAT_VERSION = 1
# Nothing in this workspace can mend it.
MEND = (
    "Put a copy of the file in its place. Without one, train a run with the same settings: "
    "Clone to the form, on the Runs page."
)
# As a prefix: reads the plain data alone.
NO_TENSORS = "no tensor is called so"


def save_checkpoint(path: Path, tensors: dict[str, Tensor], plain: dict[str, Any]) -> None:
    """Write tensors and plain data; a reader sees the old file or the new one, never a part.

    Raises:
        OSError: the file cannot be written.
    """
    document = json.dumps({"format_version": FORMAT_VERSION, "plain": plain})
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with swapped_in(path) as temporary:
        try:
            save_file(whole, temporary, metadata={"bert4rec": document})
        except SafetensorError as error:
            # So safetensors tells of what the system does not allow.
            found = re.search(r"os error (\d+)", str(error))
            number = int(found[1]) if found else errno.EIO
            raise OSError(number, os.strerror(number)) from error


def load_checkpoint(path: Path, *, prefix: str = "") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors whose names start with `prefix`, without it, and the plain data.

    Raises:
        NotFoundError: there is no such checkpoint.
        FormatError: the file is damaged or of another version.
    """
    if not path.is_file():
        raise NotFoundError(
            f"there is no checkpoint {path.stem!r} yet",
            where=str(path.parent.parent.name),
            fix="Wait for the first epoch to end, or train the run again.",
        )
    try:
        with safe_open(path, framework="pt") as file:
            document = json.loads((file.metadata() or {}).get("bert4rec", "{}"))
            check_format(document, FORMAT_VERSION, path)
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            tensors = {name.removeprefix(prefix): file.get_tensor(name) for name in names}
    except FormatError:
        raise
    except (SafetensorError, ValueError, RecursionError) as error:
        raise FormatError(
            f"the checkpoint cannot be read: {error}", where=str(path), fix=MEND
        ) from error
    if not isinstance(document.get("plain"), dict):
        raise FormatError("the checkpoint is damaged", where=str(path), fix=MEND)
    return tensors, document["plain"]


def saved_position(plain: Mapping[str, Any], path: Path) -> Position:
    """Return where a training was when its checkpoint was written.

    Args:
        plain: The plain data of the checkpoint.
        path: The checkpoint, to be named.

    Raises:
        FormatError: that is no position.
    """
    values: dict[str, Any] = {key: plain.get(key) for key in asdict(Position())}
    score = values.pop("best_score")
    counts = [values[key] for key in values if key != "trained_s"]
    is_whole = (
        all(type(count) is int and count >= 0 for count in counts)
        and all(_is_finite(value) for value in (values["trained_s"], score or 0.0))
        and values["trained_s"] >= 0
    )
    if not is_whole:
        raise FormatError("the position in the checkpoint is damaged", where=str(path))
    return Position(**values, best_score=score)


def saved_metrics(plain: Mapping[str, Any]) -> dict[str, float] | None:
    """Return what a validation found of the weights of a checkpoint, where that was kept with them.

    Args:
        plain: The plain data of the checkpoint.
    """
    metrics = plain.get("metrics")
    if not isinstance(metrics, dict) or not all(map(_is_finite, metrics.values())):
        return None
    return metrics


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


@contextmanager
def misfits_explained(where: str) -> Iterator[None]:
    """Turn what torch says of a state that does not fit into one line that says what to do.

    Args:
        where: The run whose state is put into a network or trainer.

    Raises:
        FormatError: the block was given a state of other shapes or names.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise FormatError(
            "the checkpoint does not fit the network of the run's dataset and settings",
            where=where,
            fix="Put back the dataset and the settings that the run was trained with.",
        ) from error
