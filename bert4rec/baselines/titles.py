"""What a person reads for a baseline's name; without what it takes to fit one."""

from __future__ import annotations

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
