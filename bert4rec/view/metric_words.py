"""What the metrics say, in sentences for people who do not know them."""

from __future__ import annotations

METRIC_HELP = {
    "hr@10": "How often the item that really came next is among the ten that are suggested.",
    "ndcg@10": (
        "As HR@10, but a hit counts more the higher it stands: 1 in first place, 0.63 in second, "
        "0.29 in tenth."
    ),
    "mrr@10": "As HR@10, but a hit in first place counts 1, in second 1/2, in tenth 1/10.",
}
