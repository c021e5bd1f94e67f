"""What the metrics say, in sentences for people who do not know them."""

from __future__ import annotations

from bert4rec.words import metric_name

# Titles and what they mean, each understood after those before it.
METRIC_WORDS = {
    "hr@10": (
        "Hit rate",
        "How often the item that really came next is among the ten that are suggested.",
    ),
    "ndcg@10": (
        "Rank-weighted hit rate",
        "The same, but a hit counts more the higher it stands: 1 in first place, 0.63 in second,"
        " 0.29 in tenth.",
    ),
    "mrr@10": (
        "Reciprocal rank",
        "A hit in first place counts 1, in second 1/2, in tenth 1/10.",
    ),
}
CUT_OFF_WORDS = "The number after @ is how many suggestions count."


def metrics_help() -> str:
    """Return what the ranking metrics mean, a paragraph each, as Markdown."""
    told = (f"**{metric_name(key)}** {words}" for key, (_, words) in METRIC_WORDS.items())
    return "\n\n".join([*told, CUT_OFF_WORDS])
