"""The network as an ONNX file for other runtimes, kept only if it answers as the library does.

Inputs are `items`, int64 (batch, length): indices of `vocabulary.json`, row n of which is n + 1,
padded with 0 on the left, N + 1 where an item is asked for; and `places`, int64 (batch, asked), the
positions asked for. To ask for the next item, put N + 1 after the history and ask for that place.

A network that sees only the past knows no gaps from training, and counts places from the end of a
window: it is asked as the library asks it, for the last place of windows of two and more, before
which nothing is N + 1.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from bert4rec.errors import FormatError
from bert4rec.extras import missing_extra, pip_install
from bert4rec.files import swapped_in, writing_explained
from bert4rec.recommender import Recommender

Answer = Literal["scores", "hidden"]
FORMAT_VERSION = 1
OPSET = 18
# A protobuf holds no more.
MAX_BYTES = 2**31 - 2**20
# What float32 in another order of sums differs by, of values of this size.
TOLERANCE = 1e-4
N_RANDOM = 64


@dataclass(frozen=True)
class OnnxReport:
    """How the file compares with the library.

    Args:
        answer: What the file answers.
        largest_difference: Between two answers, absolute.
        tolerance: What was allowed: `TOLERANCE` of the largest answer, or of 1 if that is more.
        n_sequences: Sequences that were asked about.
    """

    answer: Answer
    largest_difference: float
    tolerance: float
    n_sequences: int


class _Asked(nn.Module):
    """The network with what is to be answered."""

    def __init__(self, network: nn.Module, answer: Answer) -> None:
        super().__init__()
        self.network, self.answer = network, answer

    def forward(self, items: Tensor, places: Tensor) -> Tensor:
        """Return scores (B, M, N) or hidden states (B, M, D)."""
        hidden: Tensor = self.network(items, places)
        return self.network.scores(hidden) if self.answer == "scores" else hidden  # type: ignore[operator]


def export_onnx(
    model: Recommender, path: str | Path, *, answer: Answer | None = None
) -> OnnxReport:
    """Write the network as ONNX and compare it with the library before it is put in place.

    Args:
        model: The network.
        path: The file.
        answer: `scores` of all items at each place, or `hidden` states, float32; a score is the
            product of a hidden state and an item's vector. None for what the run's policy asks
            for: hidden states for an embedding policy, else scores.

    Returns:
        The largest difference over random and edge sequences.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        FormatError: the network does not fit one file, or the file answers differently or not
            at all; nothing is left then.
        UnwritableError: the file cannot be written.
    """
    _check_packages()
    answer = answer or _asked_for(model)
    network, path = model.scorer.network, Path(path)
    n_bytes = sum(4 * weight.numel() for weight in network.parameters())
    if n_bytes > MAX_BYTES:
        raise FormatError(
            f"the network takes {n_bytes:,} bytes; an ONNX file holds {MAX_BYTES:,}",
            fix="Use a bundle, or a smaller hidden_size.",
        )
    with writing_explained(path.parent), swapped_in(path) as temporary:
        _write(model, temporary, answer)
        with _runtime_errors_explained():
            return _compared(model, temporary, answer)


def _asked_for(model: Recommender) -> Answer:
    return "hidden" if model.run is not None and model.run.policy().serves_vectors else "scores"


def _check_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise missing_extra("an ONNX file", str(error.name or "onnx"), "onnx") from error


def _write(model: Recommender, path: Path, answer: Answer) -> None:
    import onnx

    network = model.scorer.network
    weight = next(network.parameters())
    # Sizes of two and more, so that none is taken for a constant.
    items = torch.ones((2, 3), dtype=torch.int64, device=weight.device)
    places = torch.tensor([[1, 2], [1, 2]], device=weight.device)
    batch, length, asked = (torch.export.Dim(name) for name in ("batch", "length", "asked"))
    with _exporter_silenced(), _exporter_errors_explained():
        program = torch.onnx.export(
            _Asked(network, answer).eval(),
            (items, places),
            input_names=["items", "places"],
            output_names=[answer],
            dynamic_shapes={"items": {0: batch, 1: length}, "places": {0: batch, 1: asked}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
            external_data=False,
        )
        if program is None:
            raise torch.onnx.OnnxExporterError("no program")
    made = program.model_proto
    for key, value in _facts(model, answer).items():
        entry = made.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(made)
    path.write_bytes(made.SerializeToString())


def _facts(model: Recommender, answer: Answer) -> dict[str, str]:
    facts: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "run": "" if model.run is None else model.run.id,
        "answer": answer,
        "n_items": len(model.vocabulary),
        "pad": 0,
        "mask": model.vocabulary.mask_idx,
        "max_seq_length": model.settings.max_seq_length,
    }
    return {f"bert4rec.{key}": json.dumps(value) for key, value in facts.items()}


@contextmanager
def _exporter_silenced() -> Iterator[None]:
    """Keep from the user what torch's exporter says to those who develop it."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [one.level for one in loggers]
    with warnings.catch_warnings():
        # Its own copies of trees, by a class that torch is about to remove.
        warnings.filterwarnings(
            "ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning
        )
        # Inputs that share an axis are what is meant.
        warnings.filterwarnings("ignore", r"# The axis name: \w+ will not be used", UserWarning)
        for one in loggers:
            one.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for one, level in zip(loggers, levels, strict=True):
                one.setLevel(level)


@contextmanager
def _exporter_errors_explained() -> Iterator[None]:
    """Turn an error of the exporter, or of an onnxscript that does not fit torch, into ours.

    Raises:
        FormatError: the block gets no ONNX program.
    """
    try:
        yield
    except (torch.onnx.OnnxExporterError, ImportError) as error:
        raise FormatError(
            f"torch {torch.__version__} wrote no ONNX program",
            fix="Update both torch, 2.11 or later, and onnxscript: "
            f"{pip_install('onnx', '--upgrade')}.",
        ) from error


@contextmanager
def _runtime_errors_explained() -> Iterator[None]:
    """Turn an error of the runtime into ours; its errors have no base of their own.

    Raises:
        FormatError: the block's file cannot be loaded or asked.
    """
    from onnxruntime.capi import onnxruntime_pybind11_state as kinds

    try:
        yield
    except (
        kinds.Fail,
        kinds.InvalidArgument,
        kinds.InvalidGraph,
        kinds.InvalidProtobuf,
        kinds.NotImplemented,
        kinds.RuntimeException,
    ) as error:
        raise FormatError(
            f"onnxruntime cannot use the ONNX file: {error}",
            fix="Update torch, onnxscript and onnxruntime; the file was not kept.",
        ) from error


def _compared(model: Recommender, path: Path, answer: Answer) -> OnnxReport:
    """Ask file and library about the same sequences.

    Raises:
        FormatError: an answer differs by more than the tolerance, or is no number.
    """
    import onnxruntime

    network = model.scorer.network
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = model.scorer.choice.n_threads
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    largest, size, n_sequences = 0.0, 1.0, 0
    asked = questions(
        len(model.vocabulary), model.settings.max_seq_length, sees_future=network.sees_future
    )
    for items, places in asked:
        found = session.run([answer], {"items": items, "places": places})[0]
        expected = _plain_answer(model, items, places, answer)
        size = max(size, float(np.abs(expected).max()))
        differs = float(np.abs(found - expected).max())
        # NaN is no difference that could be the largest.
        largest = max(largest, differs if np.isfinite(differs) else np.inf)
        n_sequences += len(items)
    if not largest <= TOLERANCE * size:
        raise FormatError(
            f"the ONNX file answers otherwise than the library, by up to {largest:.1e},"
            f" with {TOLERANCE * size:.1e} allowed",
            fix="Update torch, onnxscript and onnxruntime; the file was not kept.",
        )
    return OnnxReport(answer, largest, TOLERANCE * size, n_sequences)


@torch.inference_mode()
def _plain_answer(
    model: Recommender, items: np.ndarray, places: np.ndarray, answer: Answer
) -> np.ndarray:
    # In float32, whatever precision the model is asked in: the file computes in float32.
    network = model.scorer.network
    device = next(network.parameters()).device
    hidden = network(torch.from_numpy(items).to(device), torch.from_numpy(places).to(device))
    found: Tensor = network.scores(hidden) if answer == "scores" else hidden
    return np.asarray(found.float().cpu().numpy())


def questions(
    n_items: int, window: int, *, sees_future: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield windows and places to compare at: edges first, then by chance.

    One item, the full window, one item over and over, padding before short ones, a window without
    an item; and for a network that sees the future a single MASK, a window that is MASK throughout,
    several places at once.

    Args:
        n_items: Size N of the catalogue.
        window: Length of the network's window, 2 or more.
        sees_future: Whether the network does.
    """
    mask, chance = n_items + 1, np.random.default_rng(0)
    full = chance.integers(1, n_items + 1, (1, window))
    asked_last = np.concatenate([full[:, 1:], [[mask]]], axis=1)
    last = np.array([[window - 1]])
    yield np.array([[1, mask]]), np.array([[1]])
    yield np.array([[n_items, mask]]), np.array([[1]])
    yield asked_last, last
    yield np.where(np.arange(window) < window - 1, 1, mask)[None], last
    padded = np.zeros((2, window), dtype=np.int64)
    padded[:, -1], padded[1, -2] = mask, 1
    yield padded, np.repeat(last, 2, axis=0)
    if sees_future:
        yield np.array([[mask]]), np.array([[0]])
        yield np.full((1, window), mask), np.array([[0, window - 1]])
        padded[1, -2:] = mask, n_items
        yield padded[1:], last - 1
    yield _drawn(chance, n_items, window, n_asked=min(3, window) if sees_future else 1)


def _drawn(
    chance: np.random.Generator, n_items: int, window: int, *, n_asked: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw windows of all lengths; where one place is asked for, it is the last."""
    items = chance.integers(1, n_items + 1, (N_RANDOM, window))
    lengths = chance.integers(1, window + 1, N_RANDOM)
    items[np.arange(window) < (window - lengths)[:, None]] = 0
    if n_asked == 1:
        places = np.full((N_RANDOM, 1), window - 1)
    else:
        places = np.stack([chance.permutation(window)[:n_asked] for _ in range(N_RANDOM)])
    # What is asked lies among the items, not in the padding before them.
    places = np.maximum(places, (window - lengths)[:, None])
    np.put_along_axis(items, places, n_items + 1, axis=1)
    return items, places
