"""Train and explore sequential recommendations with BERT4Rec.

Public names are loaded on first use, so that `import bert4rec` costs nothing.
"""

from __future__ import annotations

import os

# As of typing, which takes longer to load than all that a command needs to hear of Ctrl+C.
TYPE_CHECKING = False

# Read by OpenMP when torch is first imported, so it can be set nowhere later. Threads that spin
# while they wait made training several times slower on two busy cores: docs/decisions/0006.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from typing import Any

    from bert4rec.bulk.scoring import score_pairs
    from bert4rec.bulk.vectors import Wanted, write_vectors
    from bert4rec.bundle.reading import load
    from bert4rec.bundle.writing import export_bundle
    from bert4rec.comparing.compare import compare
    from bert4rec.comparing.comparison import Comparison
    from bert4rec.composer.decoding import compose
    from bert4rec.composer.outline import Dials, Limit, Order, Outline, Rules
    from bert4rec.data.dataset import SequenceDataset, open_dataset
    from bert4rec.data.log import preview_log, read_log
    from bert4rec.data.prepare import PrepareSettings, prepare
    from bert4rec.errors import Bert4RecError
    from bert4rec.hyperparameters import Hyperparameters
    from bert4rec.pipeline import evaluate, extend, resume, train
    from bert4rec.policy import Policy, dump_policy, load_policy
    from bert4rec.presets import PRESETS
    from bert4rec.recommender import Recommender
    from bert4rec.vector_search import nearest

__version__ = "0.1.0"

_HOMES = {
    "Bert4RecError": "errors",
    "Comparison": "comparing.comparison",
    "Dials": "composer.outline",
    "Hyperparameters": "hyperparameters",
    "Limit": "composer.outline",
    "Order": "composer.outline",
    "Outline": "composer.outline",
    "PRESETS": "presets",
    "Policy": "policy",
    "PrepareSettings": "data.prepare",
    "Recommender": "recommender",
    "Rules": "composer.outline",
    "SequenceDataset": "data.dataset",
    "Wanted": "bulk.vectors",
    "compare": "comparing.compare",
    "compose": "composer.decoding",
    "dump_policy": "policy",
    "evaluate": "pipeline",
    "export_bundle": "bundle.writing",
    "extend": "pipeline",
    "load": "bundle.reading",
    "load_policy": "policy",
    "nearest": "vector_search",
    "open_dataset": "data.dataset",
    "prepare": "data.prepare",
    "preview_log": "data.log",
    "read_log": "data.log",
    "resume": "pipeline",
    "score_pairs": "bulk.scoring",
    "train": "pipeline",
    "write_vectors": "bulk.vectors",
}

__all__ = [
    "PRESETS",
    "Bert4RecError",
    "Comparison",
    "Dials",
    "Hyperparameters",
    "Limit",
    "Order",
    "Outline",
    "Policy",
    "PrepareSettings",
    "Recommender",
    "Rules",
    "SequenceDataset",
    "Wanted",
    "__version__",
    "compare",
    "compose",
    "dump_policy",
    "evaluate",
    "export_bundle",
    "extend",
    "load",
    "load_policy",
    "nearest",
    "open_dataset",
    "prepare",
    "preview_log",
    "read_log",
    "resume",
    "score_pairs",
    "train",
    "write_vectors",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bert4rec' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"bert4rec.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
