"""Whether the checkpoints of a run that comes from elsewhere fit its settings and its catalogue.

No tensor is loaded: headers are held against the network that the settings describe.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from bert4rec.errors import FormatError
from bert4rec.model import Network
from bert4rec.runs.checkpoints import NO_TENSORS, load_checkpoint, saved_position
from bert4rec.runs.documents import read_sound, unsound
from bert4rec.runs.folder import Run
from bert4rec.sasrec import new_network

SUMS = ("loss_sum", "norm_sum")
WEIGHTS, MOMENTS = ("network.", "trained."), ("optimizer.", "item_optimizer.")
SAME_RUN = "Take all files from the same run."


def check_checkpoint(run: Run, name: str, kind: str, n_items: int | None) -> None:
    """Hold the header of a checkpoint against the network of the settings.

    Args:
        run: The run.
        name: Name of the file.
        kind: best or last.
        n_items: Items that the run says that it trained on; None where it does not say.

    Raises:
        FormatError: the checkpoint is damaged, or belongs to other settings or another catalogue.
    """
    path = run.checkpoint(kind)
    _, plain = read_sound(name, lambda: load_checkpoint(path, prefix=NO_TENSORS))
    read_sound(name, lambda: saved_position(plain, path))
    shapes = read_sound(name, lambda: _header(path))
    items = shapes.get("network.items.weight", ())
    if len(items) != 2 or items[0] < 3:
        raise unsound(name, "it holds no vectors of items")
    if n_items not in (None, items[0] - 2):
        raise unsound(
            name,
            f"it holds vectors of {items[0] - 2:,} items, but its run trained on {n_items:,}",
            SAME_RUN,
        )
    with torch.device("meta"):
        network = new_network(items[0] - 2, run.hyperparameters())
    prefixes = WEIGHTS if kind == "last" else WEIGHTS[:1]
    for prefix in prefixes:
        _check_fit(network, shapes, prefix, name)
    others = {key: shape for key, shape in shapes.items() if not key.startswith(prefixes)}
    known = {(), *(tuple(weight.shape) for weight in network.parameters())}
    if (kind == "best" and others) or not _are_moments(others, known):
        raise unsound(name, "it holds tensors that a run does not write")


def _check_fit(
    network: Network, shapes: Mapping[str, tuple[int, ...]], prefix: str, name: str
) -> None:
    """Load weights of those shapes, but without numbers, into a network without numbers."""
    found = {key: shape for key, shape in shapes.items() if key.startswith(prefix)}
    # Only a run that averages its weights keeps those that it trains as well.
    if not found and prefix != WEIGHTS[0]:
        return
    weights = {
        key.removeprefix(prefix): torch.empty(shape, device="meta") for key, shape in found.items()
    }
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise unsound(
            name,
            "its weights do not fit the network of the settings",
            SAME_RUN,
        ) from error


def _header(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a checkpoint's tensors, by name.

    Raises:
        FormatError: the file is damaged, or a tensor is not of 32-bit floats, of which all are.
    """
    try:
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            strange = [name for name, one in slices.items() if not _is_float(name, one.get_dtype())]
            shapes = {name: tuple(one.get_shape()) for name, one in slices.items()}
    except SafetensorError as error:
        raise FormatError(f"it cannot be read: {error}") from error
    if strange:
        raise FormatError(f"the numbers of {strange[0][:80]} are not 32-bit floats")
    return shapes


def _is_float(name: str, dtype: str) -> bool:
    # SparseAdam counts its steps in a whole number.
    return dtype == "F32" or (dtype == "I64" and name.endswith(".step"))


def _are_moments(shapes: Mapping[str, tuple[int, ...]], known: set[tuple[int, ...]]) -> bool:
    """Whether tensors are what an optimizer keeps for weights, and sums over steps."""
    return all(
        (name in SUMS and not shape) or (name.startswith(MOMENTS) and shape in known)
        for name, shape in shapes.items()
    )
