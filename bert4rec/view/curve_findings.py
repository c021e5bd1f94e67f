"""What a run's curves show, in one sentence each, and their newest lines as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bert4rec.baselines.titles import YARDSTICKS
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.runs.curves import Curves, Row
from bert4rec.view.curve_charts import best_row, guessing_loss
from bert4rec.view.run_figures import seen_words
from bert4rec.words import metric_name, metric_text, number, percent, size

MAX_TABLE_ROWS = 200
# Events of a run that came to its end.
ENDS = ("finished", "stopped")
LAST_COUNT = "so the last weights count"
TRANSITIONS_NOTE = "Transitions suggests what most often came directly after the last item."


def metric_finding(curves: Curves, metric: str, chosen_by: str | None = None) -> str:
    """Return what the metric's curve shows, in one sentence.

    Args:
        curves: The run's curves.
        metric: The metric of the curve.
        chosen_by: The metric that tells the best epoch; the same by default.
    """
    best = best_row(curves)
    if best is None:
        # What failed or was cut off came to nothing yet.
        has_ended = bool(curves.notes) and curves.notes[-1].get("event") in ENDS
        return "Nothing has been validated" + (f", {LAST_COUNT}." if has_ended else ".")
    value, name = best["metrics"][metric], metric_name(metric)
    text = f"Best {name} {metric_text(value)} at epoch {best['epoch']}"
    if chosen_by is not None and chosen_by != metric:
        by = metric_name(chosen_by)
        text = f"{name} {metric_text(value)} at epoch {best['epoch']}, the best by {by}"
    rivals = {
        YARDSTICKS[key].lower(): found[metric]
        for key, found in curves.baselines.items()
        if key in YARDSTICKS and metric in found
    }
    if not rivals:
        return text + "."
    rival = max(rivals, key=lambda key: rivals[key])
    return f"{text}, {_compared(value, rivals[rival])} {rival} ({metric_text(rivals[rival])})."


def metric_words(
    curves: Curves, metric: str, settings: Hyperparameters, *, is_live: bool
) -> tuple[str, str]:
    """Return what the metric's curve shows, and what else is to be known of its chart."""
    seen = seen_words(curves.started)
    notes = [_marks_note(metric_name(settings.valid_metric), is_live)] if curves.bests else []
    notes += [TRANSITIONS_NOTE] if "transitions" in curves.baselines else []
    notes += [f"Ranked among the whole catalogue{seen}."] if seen else []
    finding = metric_finding(curves, metric, settings.valid_metric)
    if not curves.bests and not settings.eval_step:
        finding = f"Nothing is validated, {LAST_COUNT}."
    elif is_live and not curves.bests:
        first = min(settings.eval_step, settings.n_epochs)
        finding = f"The first validation follows epoch {first:,}."
    return finding, " ".join(notes)


def _marks_note(chosen_by: str, is_live: bool) -> str:
    large = "best so far" if is_live else "best"
    return f"Each diamond was a new best by {chosen_by}, the large one is the {large}."


def _compared(value: float, other: float) -> str:
    if other <= 0:
        return "above" if value > 0 else "level with"
    gain = value / other - 1
    if abs(gain) < 0.005:
        return "level with"
    return f"{percent(abs(gain))} {'above' if gain > 0 else 'below'}"


def loss_finding(curves: Curves) -> str:
    """Return what the loss curve shows, in one sentence."""
    line = curves.line("loss")
    if line.first is None or line.last is None:
        return "No training step yet."
    first, last = line.first, line.last
    text = (
        f"Training loss begins at {number(first.value, 3)}"
        if first == last
        else f"Training loss went from {number(first.value, 3)} to {number(last.value, 3)}"
    )
    guess = guessing_loss(curves)
    return text + (
        "." if guess is None else f"; guessing, all items alike, costs {number(guess, 3)}."
    )


def speed(curves: Curves) -> float | None:
    """Return the sequences per second of the latest steps: their median, as single ones jump."""
    given = (row.get("sequences_per_s") for row in curves.train)
    rates = sorted(rate for rate in given if rate is not None)
    return rates[len(rates) // 2] if rates else None


def small_finding(curves: Curves, name: str, whole_speed: float | None = None) -> str:
    """Return where one of the small charts stands now, in a few words.

    Args:
        curves: The run's curves.
        name: The chart.
        whole_speed: Sequences per second over the whole run, told once it has ended.
    """
    last = curves.train[-1] if curves.train else {}
    if name == "memory":
        told = {"process": last.get("memory_bytes"), "device": last.get("device_memory_bytes")}
        return ", ".join(f"{size(held)} of the {whose}" for whose, held in told.items() if held)
    if name == "speed" and whole_speed is not None:
        return f"{number(whole_speed)}, the median of the whole run"
    if name == "speed":
        rate = speed(curves)
        if rate is None:
            return "Not told of the latest steps"
        return f"{number(rate)}, the median of the latest steps"
    value = last.get(name)
    if value is None:
        return "Not finite in the latest steps"
    return f"{value:.3g}" + (", before clipping" if name == "grad_norm" else ", of the last step")


def valid_table(curves: Curves) -> pd.DataFrame:
    """Return the newest validations as a table, newest first."""
    table = [
        {"Epoch": row["epoch"], "New best": row["is_best"]}
        | {metric_name(key): value for key, value in row["metrics"].items()}
        for row in _newest(curves.valid)
    ]
    return pd.DataFrame(table)


def train_table(curves: Curves) -> pd.DataFrame:
    """Return the newest training losses as a table, newest first."""
    names = {"epoch": "Epoch", "step": "Step", "loss": "Loss"}
    return pd.DataFrame([_named(row, names) for row in _newest(curves.train)])


def small_table(curves: Curves) -> pd.DataFrame:
    """Return what else the newest lines of training tell, as `train_table`."""
    names = {
        "epoch": "Epoch",
        "step": "Step",
        "learning_rate": "Learning rate",
        "grad_norm": "Gradient norm",
        "sequences_per_s": "Sequences/s",
    }
    table = [_named(row, names) | _memory(row) for row in _newest(curves.train)]
    # What is not drawn is no column either.
    return pd.DataFrame(table).dropna(axis="columns", how="all")


def _newest(rows: Sequence[Row]) -> Sequence[Row]:
    return rows[: -MAX_TABLE_ROWS - 1 : -1]


def _named(row: Row, names: Mapping[str, str]) -> Row:
    found = {label: row.get(key) for key, label in names.items()}
    if "epoch" in names:
        # A part of an epoch is told with as many digits in every table.
        found[names["epoch"]] = round(float(row["epoch"]), 2)
    return found


def _memory(row: Row) -> dict[str, str | None]:
    names = {"memory_bytes": "Memory of the process", "device_memory_bytes": "Memory of the device"}
    held = _named(row, names)
    return {label: size(n_bytes) if n_bytes else None for label, n_bytes in held.items()}
