"""Named starting points for the settings, each with what it is for and what it was seen to reach.

The form and docs/hyperparameters.md show the figures from here; each names the file that has them
with how they came about, which the form keeps to itself: its visitors have no such files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEMO, LOG = "benchmarks/results/demo.json", "docs/LOG.md"
# What a new form or search starts from.
FIRST_PRESET = "balanced"
# No figure is from another machine than this one, but where `data` names it.
MACHINE = "2 cores of an AMD EPYC without a GPU, torch 2.13, float32"


@dataclass(frozen=True)
class Measured:
    """What runs of a preset came to, ranked among the whole catalogue.

    Args:
        data: The dataset, and the machine where it is not `MACHINE`.
        metrics: What each of the runs reached, by name.
        how: Seeds, threads, and what differs from the preset.
        source: The file that has the figures.
        seconds: What one of them took, or None where that was not measured.
    """

    data: str
    metrics: Mapping[str, tuple[float, ...]]
    how: str
    source: str
    seconds: float | None = None

    @property
    def text(self) -> str:
        """All of it in one line."""
        metrics = ", ".join(f"{name} {_mean(of)}" for name, of in self.metrics.items())
        cost = "" if self.seconds is None else f", in {self.seconds:,.0f} s"
        return f"{self.data}: {metrics}{cost} ({self.how})"

    @property
    def short(self) -> str:
        """The first metric and the cost, for where there is little room."""
        name, reached = next(iter(self.metrics.items()))
        cost = "" if self.seconds is None else f" in {self.seconds:,.0f} s"
        return f"{self.data} {name} {sum(reached) / len(reached):.3f}{cost}"


def _mean(values: tuple[float, ...]) -> str:
    mean = f"{sum(values) / len(values):.3f}"
    return mean if len(values) == 1 else f"{mean} (mean of {len(values)})"


@dataclass(frozen=True)
class Preset:
    """A named starting point.

    Args:
        title: What people call it.
        description: What it is for.
        values: The settings that differ from the defaults.
        measured: What it was seen to reach; empty while it was not measured.
    """

    title: str
    description: str
    values: Mapping[str, Any]
    measured: tuple[Measured, ...] = ()


def run_name(dataset: str, preset: str) -> str:
    """Return what a run with the settings of a preset is called while it has no name of its own.

    Example:
        >>> run_name("ml-100k", "quick"), run_name("ml-100k", "sasrec")
        ('ml-100k quick look', 'ml-100k SASRec')
    """
    title = PRESETS[preset].title
    return f"{dataset} {title.lower() if title == title.capitalize() else title}"


BALANCED: Mapping[str, Any] = {
    "batch_size": 64,
    "learning_rate": 2e-3,
    "dropout_rate": 0.1,
    "initializer_range": 0.1,
    "max_seq_length": 100,
    "eval_step": 5,
    "early_stopping_step": 6,
}
PRESETS: Mapping[str, Preset] = {
    "quick": Preset(
        "Quick look",
        "Few epochs, a short window: shows within a minute or so on a small log whether the data "
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
        (
            Measured(
                "sample playlists",
                {"test NDCG@10": (0.418,), "middle item NDCG@10": (0.727,)},
                "seed 42, both cores, preparing and judging included",
                DEMO,
                41.7,
            ),
            Measured(
                "sample reading",
                {"test NDCG@10": (0.432,), "middle item NDCG@10": (0.659,)},
                "seed 42, both cores, preparing and judging included",
                DEMO,
                42.4,
            ),
            Measured(
                "sample courses",
                {"test NDCG@10": (0.551,), "middle item NDCG@10": (0.863,)},
                "seed 42, both cores, preparing and judging included",
                DEMO,
                39.8,
            ),
            Measured("ML-1M", {"test NDCG@10": (0.1581,)}, "seed 42, one thread", LOG, 149),
        ),
    ),
    "balanced": Preset(
        "Balanced",
        "A good model of a log of up to a million interactions, within minutes to an hour.",
        BALANCED,
        (
            Measured(
                "ML-1M",
                {"test NDCG@10": (0.1883, 0.1843, 0.1855), "HR@10": (0.3238, 0.319, 0.3192)},
                "seeds 42, 43 and 44; the time is that of seed 42 with both cores",
                LOG,
                1177,
            ),
            Measured(
                "ML-1M on an NVIDIA H100",
                {"test NDCG@10": (0.188, 0.1852, 0.1877), "HR@10": (0.3219, 0.3151, 0.3268)},
                "seeds 42, 43 and 44, bfloat16; the time is that of seed 44",
                LOG,
                21,
            ),
            Measured(
                "ML-100K",
                {"test NDCG@10": (0.0963, 0.099, 0.1043), "HR@10": (0.1898, 0.1962, 0.2047)},
                "seeds 42, 43 and 44, about four minutes of one thread each",
                LOG,
            ),
        ),
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
        (
            Measured(
                "ML-1M, 80 of its 120 epochs",
                {"test NDCG@10": (0.1874,), "HR@10": (0.3205,)},
                "seed 42, 37 s an epoch on one thread; not yet run to its end",
                LOG,
            ),
        ),
    ),
    "sasrec": Preset(
        "SASRec",
        "The strongest next-item model of the same size, to hold against Balanced: it sees "
        "the past alone, so it fills no gaps.",
        {"attention": "causal", **BALANCED},
        (
            Measured(
                "ML-1M on an NVIDIA H100",
                {"test NDCG@10": (0.1898, 0.1866), "HR@10": (0.3275, 0.3215)},
                "seeds 42 and 43, bfloat16; the time is that of seed 43",
                LOG,
                23,
            ),
            Measured(
                "ML-1M on an Intel Xeon, 39 of its 100 epochs",
                {"test NDCG@10": (0.1853,), "HR@10": (0.3205,)},
                "seed 42, one thread, another run beside it",
                LOG,
                1320,
            ),
        ),
    ),
}
