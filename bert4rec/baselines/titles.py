"""Names of scorers: the network's in a report, and what a person reads for a baseline's.

Without what it takes to fit one.
"""

from __future__ import annotations

# What a run's own network is called among the scorers of a report.
NETWORK = "bert4rec"
# What of it is judged where no items are ranked, while its temperatures are looked for.
PROBABILITIES = "probabilities"
TITLES = {
    "popularity": "Popularity",
    "recent": "Recently popular",
    "transitions": "Transitions",
    "item-knn": "Item neighbours",
    "als": "Matrix factors (ALS)",
    "item2vec": "Item2Vec",
    "ease": "EASE",
}
# Those that every run is judged beside.
YARDSTICKS = {name: TITLES[name] for name in ("transitions", "popularity")}
