"""Whether a run is a poor one to show, and which of others does better; no Streamlit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bert4rec.baselines.titles import NETWORK
from bert4rec.data.split_record import ask_alike
from bert4rec.metrics import told_apart
from bert4rec.view.run_comparison import judged
from bert4rec.view.run_figures import final_finding
from bert4rec.words import metric_name, metric_text

METRIC = "ndcg@10"


def better_run(own: Mapping[str, Any] | None, others: Mapping[str, Mapping[str, Any]]) -> str:
    """Return which of some runs does clearly better than one on the same items; empty for none.

    Args:
        own: Its summary, None while it has none.
        others: The summaries of other runs of the same dataset, by key.

    Returns:
        The key of the best of them. Beside a run that is not judged yet it is the best one that
        reaches more than its baselines.
    """
    here = judged(own, METRIC) if own else None
    found: dict[str, float] = {}
    for key, summary in others.items():
        there = judged(summary, METRIC)
        if there is None:
            continue
        if here is None or own is None:
            is_better = not own and is_above_baselines(summary)
        else:
            is_alike = ask_alike([own, summary])
            is_better = is_alike and told_apart(there, here, METRIC) == "ahead"
        if is_better:
            found[key] = there["metrics"][METRIC]
    return max(found, key=lambda key: found[key], default="")


def is_above_baselines(summary: Mapping[str, Any]) -> bool:
    """Whether a run reaches more than all baselines that it was judged beside.

    Clearly more is not asked for: intervals of the same users may meet where no chance is in it.
    """
    own = judged(summary, METRIC)
    if own is None:
        return False
    rivals = [one for name, one in summary["report"]["test"].items() if name != NETWORK]
    return all(own["metrics"][METRIC] > rival["metrics"][METRIC] for rival in rivals)


def poor_words(own: Mapping[str, Any] | None, better: tuple[str, Mapping[str, Any]] | None) -> str:
    """Return why another run had better be shown, in a sentence or two; nothing where none need be.

    Args:
        own: The summary of the run that is shown, None while it has none.
        better: Name and summary of the one that does better, None where there is none.
    """
    here = judged(own, METRIC) if own else None
    told = []
    if own is not None and here is not None and not is_above_baselines(own):
        told.append(final_finding(own["report"]["test"]))
    if better is not None:
        name, summary = better
        there = judged(summary, METRIC)
        score = metric_text(there["metrics"][METRIC]) if there else "–"
        if here is None:
            told.append(f"It is not judged yet. Run {name} is: {metric_name(METRIC)} {score}.")
        else:
            own_score = metric_text(here["metrics"][METRIC])
            told.append(
                f"Run {name} does clearly better on the test: {metric_name(METRIC)} {score}"
                + ("." if told else f", where this model has {own_score}.")
            )
    return " ".join(told)
