"""RecTools' metrics of some scores, for `benchmarks.metrics`; runs in RecTools' environment."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pandas as pd
from rectools.metrics import (
    MRR,
    NDCG,
    AvgRecPopularity,
    CatalogCoverage,
    HitRate,
    IntraListDiversity,
    MeanInvUserFreq,
    PairwiseHammingDistanceCalculator,
    calc_metrics,
)

CUT_OFFS = (1, 5, 10, 20)


def main() -> None:
    with np.load(sys.argv[1]) as arrays:
        case = dict(arrays)
    found = accuracy(case)
    if case["list_length"]:
        found |= list_metrics(case)
    print(json.dumps(found))


def accuracy(case: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the metrics of where the held-out items stand."""
    held_out = pd.DataFrame(
        {"user_id": np.arange(len(case["targets"])), "item_id": case["targets"]}
    )
    if held_out.empty:
        # There is nothing that RecTools could be asked about.
        return {f"{name}@{k}": 0.0 for name in ("hr", "ndcg", "mrr") for k in CUT_OFFS}
    metrics: dict[str, Any] = {}
    for k in CUT_OFFS:
        metrics |= {f"hr@{k}": HitRate(k), f"mrr@{k}": MRR(k)}
        # With one held-out item the best sum that can be reached is 1.
        metrics[f"ndcg@{k}"] = NDCG(k, divide_by_achievable=True)
    lists = ranked(case, max(CUT_OFFS), with_held_out_last=True)
    return calc_metrics(metrics, reco=lists, interactions=held_out)


def list_metrics(case: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the metrics of what lists are like."""
    k, n_items = int(case["list_length"]), case["scores"].shape[1]
    lists = ranked(case, k, with_held_out_last=False)
    met = pd.DataFrame({"user_id": case["met_rows"], "item_id": case["met_items"]})
    features = pd.DataFrame({"category": case["categories"]}, index=np.arange(1, n_items + 1))
    metrics = {
        "coverage": CatalogCoverage(k, normalize=True),
        "novelty": MeanInvUserFreq(k),
        "diversity": IntraListDiversity(k, PairwiseHammingDistanceCalculator(features)),
        "popularity": AvgRecPopularity(k),
    }
    found = calc_metrics(
        metrics, reco=lists, prev_interactions=met, catalog=np.arange(1, n_items + 1)
    )
    # From the share of users who met an item to its share of all interactions.
    found["novelty"] += float(np.log2(len(met) / met["user_id"].nunique()))
    return found


def ranked(case: dict[str, np.ndarray], k: int, *, with_held_out_last: bool) -> pd.DataFrame:
    """Return the k best items of each row that were not met, equal ones by their index."""
    n_rows, n_items = case["scores"].shape
    frame = pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(n_rows), n_items),
            "item_id": np.tile(np.arange(1, n_items + 1), n_rows),
            "score": case["scores"].ravel(),
        }
    )
    is_held_out = case["targets"][frame["user_id"]] == frame["item_id"]
    frame["is_last"] = is_held_out if with_held_out_last else False
    met = pd.MultiIndex.from_arrays([case["met_rows"], case["met_items"]])
    frame = frame[~pd.MultiIndex.from_frame(frame[["user_id", "item_id"]]).isin(met)]
    frame = frame.sort_values(
        ["user_id", "score", "is_last", "item_id"], ascending=[True, False, True, True]
    )
    frame["rank"] = frame.groupby("user_id").cumcount() + 1
    return frame.loc[frame["rank"] <= k, ["user_id", "item_id", "rank"]]


if __name__ == "__main__":
    main()
