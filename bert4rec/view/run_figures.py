"""What a page says about a run: progress, time left, final figures; no Streamlit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bert4rec.baselines.titles import NETWORK, PROBABILITIES, TITLES, YARDSTICKS
from bert4rec.hyperparameters import USUAL_MODEL, Hyperparameters
from bert4rec.metrics import FEW_HITS, is_too_narrow, told_apart
from bert4rec.runs.curves import Curves
from bert4rec.runs.status import Status
from bert4rec.view.forms import INHERITED_FROM, form_fields
from bert4rec.view.setting_words import setting_text, value_text
from bert4rec.words import counted, duration, metric_name, metric_text, number, percent, ranged

# The rate of the last lines tells more about what is left than that of the whole run.
N_RECENT_LINES = 60
VERDICTS = {
    "ahead": "clearly above",
    "behind": "clearly below",
    "level": "not clearly different from",
}
FINER = "Evaluate compares models user by user, which shows smaller differences."
FINAL_METRICS = ("ndcg@10", "hr@10", "mrr@10", "hr@1", "hr@20")


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Args:
        epoch: Epoch under way, from 1; the last one once it is done.
        n_epochs: Epochs asked for.
        step: Steps done.
        n_steps: Steps asked for.
        share: Part that is done, 0 to 1.
        left_s: Seconds that all epochs would still take, or None while that is unknown.
    """

    epoch: int
    n_epochs: int
    step: int
    n_steps: int
    share: float
    left_s: float | None

    @property
    def text(self) -> str:
        """Where the run is, in words."""
        return f"Epoch {number(self.epoch)} of {number(self.n_epochs)}, step {number(self.step)}"

    @property
    def text_with_rest(self) -> str:
        """The same with the time that is left, a guess by the latest pace and no bound."""
        if self.left_s is None:
            return self.text
        return f"{self.text}, about {duration(self.left_s)} left for all epochs"


def progress_of(status: Status, curves: Curves) -> Progress:
    """Read the progress from what is newer, the status or the journal."""
    last = curves.train[-1] if curves.train else {}
    step = max(status.step, int(last.get("step", 0)))
    epochs_done = max(float(status.epoch), float(last.get("epoch", 0.0)))
    n_steps = status.n_steps or int(curves.started.get("n_steps_per_epoch", 0)) * status.n_epochs
    return Progress(
        epoch=min(int(epochs_done) + 1, status.n_epochs),
        n_epochs=status.n_epochs,
        step=step,
        n_steps=n_steps,
        share=min(1.0, step / n_steps) if n_steps else 0.0,
        left_s=_left_s(curves, n_steps),
    )


def _left_s(curves: Curves, n_steps: int) -> float | None:
    recent = curves.train[-N_RECENT_LINES:]
    if len(recent) < 2:
        return None
    n_done = recent[-1]["step"] - recent[0]["step"]
    passed_s = recent[-1]["elapsed_s"] - recent[0]["elapsed_s"]
    return max(0, n_steps - recent[-1]["step"]) * passed_s / n_done if n_done else None


def judged_so_far(line: Mapping[str, Any] | None, model: str) -> str:
    """Return in brackets how far a judgement has come; nothing where no line tells it.

    Args:
        line: See `Curves.judging`.
        model: What the run's network is called.
    """
    if line is None:
        return ""
    if line["part"] == PROBABILITIES:
        return f" (calibrating probabilities: {percent(line['n_done'] / line['n_rows'])})"
    who = TITLES.get(line["scorer"], model)
    return f" ({who}: {line['n_done']:,} of {line['n_rows']:,} held-out items)"


def memory_bytes(curves: Curves) -> int | None:
    """Return the memory of the newest line: the GPU's where there is one, else the process's."""
    if not curves.train:
        return None
    last = curves.train[-1]
    return int(last.get("device_memory_bytes") or last.get("memory_bytes") or 0) or None


def queue_text(position: int | None) -> str:
    """Return the place in the queue in words."""
    if position is None:
        return "Waiting for the process that will run it."
    ahead = position - 1
    waits = "what is training now, a run or a trial of a search" + (
        f", and {counted(ahead, 'other run')} before it" if ahead > 0 else ""
    )
    return f"Number {position} in the queue: it starts by itself after {waits}."


def final_table(report: dict[str, Any], model: str = USUAL_MODEL) -> pd.DataFrame:
    """Return the test metrics of the model and the baselines, intervals in brackets.

    Args:
        report: Name of the scorer to its summary, for one part of the split.
        model: What the run's model is called.
    """
    scorers = {NETWORK: model} | YARDSTICKS
    rows = []
    for metric in FINAL_METRICS:
        row = {"Metric": metric_name(metric)}
        for key, label in scorers.items():
            if key in report:
                row[label] = with_interval(report[key], metric)
        rows.append(row)
    return pd.DataFrame(rows)


def with_interval(summary: dict[str, Any], metric: str) -> str:
    """Return a metric of a scorer's summary, its interval in brackets where there is one."""
    value = summary["metrics"].get(metric)
    interval = summary.get("intervals", {}).get(metric)
    return ranged(value, *interval) if interval else metric_text(value)


def narrow_words(told: Mapping[str, Mapping[str, Any]]) -> str:
    """Return whose intervals are too narrow as they are of an earlier way; nothing where none is.

    Args:
        told: Summaries of scorers, by what they are called.
    """
    names = [name for name, one in told.items() if is_too_narrow(one)]
    if not names:
        return ""
    return (
        f"The intervals of {', '.join(names)} are of an earlier version, and too narrow where fewer"
        f" than {FEW_HITS} held-out items are found. Evaluate makes them anew."
    )


def settings_table(settings: Hyperparameters) -> pd.DataFrame:
    """Return a run's settings beside their defaults, those that differ first."""
    values = settings.in_effect()
    rows = [
        {
            "Setting": field.title,
            "Value": setting_text(name, values),
            "Default": value_text(field.default, name),
            "Differs": values[name] != field.default and name not in settings.unused,
        }
        for name, field in form_fields().items()
    ]
    return pd.DataFrame(rows).sort_values("Differs", ascending=False, kind="stable")


def origins_table(settings: Hyperparameters) -> pd.DataFrame:
    """Return a run's settings with where each came from, those that were given first."""
    values = settings.in_effect()
    rows = [
        {
            "Setting": field.title,
            "Value": setting_text(name, values),
            "From": _origin(name, settings),
        }
        for name, field in form_fields().items()
    ]
    return pd.DataFrame(rows).sort_values("From", ascending=False, kind="stable")


def _origin(name: str, settings: Hyperparameters) -> str:
    if name in settings.model_fields_set and name not in settings.unused:
        return "given"
    source = INHERITED_FROM.get(name)
    if source is None or getattr(settings, source) is None:
        return "default"
    return f"follows {form_fields()[source].title}"


def seen_words(facts: dict[str, Any]) -> str:
    """Return how items that a user had met before were ranked, and why; nothing for old runs.

    Args:
        facts: A summary, or the line that a run began with.
    """
    removes_seen = facts.get("removes_seen")
    if removes_seen is None:
        return ""
    reason = f" ({facts['seen_reason']})" if facts.get("seen_reason") else ""
    return f", seen items {'removed' if removes_seen else 'kept'}{reason}"


def final_finding(report: dict[str, Any]) -> str:
    """Return how the model compares with its strongest baseline on the test items."""
    metric, own = "ndcg@10", report[NETWORK]
    rivals = {key: part["metrics"][metric] for key, part in report.items() if key != NETWORK}
    name, value = metric_name(metric), own["metrics"][metric]
    text = f"On the held-out test items {name} is {metric_text(value)}"
    if not rivals:
        return text + "."
    rival = max(rivals, key=lambda key: rivals[key])
    label = TITLES.get(rival, rival).lower()
    stands = told_apart(own, report[rival], metric)
    # Intervals that overlap rule out no difference of the same users.
    more = f" {FINER}" if stands == "level" else ""
    return f"{text}, {VERDICTS[stands]} {label} at {metric_text(rivals[rival])}.{more}"
