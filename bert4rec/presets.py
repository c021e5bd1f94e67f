"""Named starting points for the settings, each with what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """A named starting point: only the settings that differ from the defaults."""

    title: str
    description: str
    values: Mapping[str, Any]


PRESETS: Mapping[str, Preset] = {
    "quick": Preset(
        "Quick look",
        "Small steps and few epochs: shows within a minute or so on a small log whether the data "
        "holds a pattern.",
        {
            "batch_size": 64,
            "n_epochs": 20,
            "learning_rate": 3e-3,
            "dropout_rate": 0.0,
            "initializer_range": 0.1,
            "eval_step": 5,
            "early_stopping_step": 3,
            "next_item_rate": 0.3,
        },
    ),
    "balanced": Preset(
        "Balanced",
        "A good model of a log of up to a million interactions, within minutes to an hour.",
        {
            "batch_size": 64,
            "learning_rate": 2e-3,
            "dropout_rate": 0.1,
            "initializer_range": 0.1,
            "max_seq_length": 100,
            "eval_step": 5,
            "early_stopping_step": 6,
        },
    ),
    "thorough": Preset(
        "Thorough",
        "A network twice as wide with more patience, for the final model.",
        {
            "batch_size": 64,
            "n_epochs": 120,
            "hidden_size": 128,
            "inner_size": 512,
            "learning_rate": 1.5e-3,
            "dropout_rate": 0.1,
            "initializer_range": 0.1,
            "max_seq_length": 100,
            "eval_step": 5,
            "early_stopping_step": 8,
        },
    ),
}
