from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from bert4rec.view.inspect_charts import (
    GAIN_LINES,
    GAIN_TITLE,
    attention_chart,
    bins_chart,
    contexts_chart,
    gains_chart,
)
from bert4rec.view.vega import Chart

ENDS = {"low": [0.1, 0.2], "high": [0.3, 0.4]}
ATTENTION = pd.DataFrame(
    {"item": ["2 · b", "1 · a"] * 2, "head": ["1.1", "1.1", "mean", "mean"], "share": [0.5] * 4}
)
CONTEXTS = pd.DataFrame({"context": ["Past only", "Both sides"], "ndcg": [0.2, 0.3], **ENDS})
GAINS = pd.DataFrame({"group": ["b", "a"], "places": [3, 4], "gain": [0.2, 0.3], **ENDS})
BINS = pd.DataFrame(
    {"context": ["Past only"] * 2, "probability": [20.0, 40.0], "share": [30.0, 50.0], "n": [9, 9]}
    | {"low": [20.0, 30.0], "high": [40.0, 60.0]}
)
CHARTS = {
    "attention": attention_chart(ATTENTION),
    "contexts": contexts_chart(CONTEXTS),
    "gains": gains_chart(GAINS),
    "bins": bins_chart(BINS),
}


def fields_of(part: Any) -> set[str]:
    """Return the fields that a description reads from the chart's own table."""
    if isinstance(part, list):
        return set().union(*map(fields_of, part))
    if not isinstance(part, dict) or "data" in part:
        return set()
    own = {part["field"]} if "field" in part else set()
    return own.union(*map(fields_of, part.values()))


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_a_chart_reads_all_columns_of_its_table_and_no_others(chart: Chart) -> None:
    assert fields_of(chart.spec) == set(chart.points)


def test_names_stand_in_the_order_of_the_table() -> None:
    encoding = CHARTS["attention"].spec["encoding"]
    assert encoding["x"]["sort"] == ["1.1", "mean"]
    assert encoding["y"]["sort"] is None


def test_both_axes_of_probabilities_reach_as_far_as_the_diagonal() -> None:
    spec = CHARTS["bins"].spec
    assert spec["layer"][0]["data"]["values"] == [{"at": 0}, {"at": 60.0}]
    scales = [
        layer["encoding"][axis]["scale"]["domain"] for layer in spec["layer"] for axis in "xy"
    ]
    assert scales == [[0, 60.0]] * 6


def test_probabilities_of_nearly_nothing_are_drawn_up_to_one_percent() -> None:
    small = BINS.assign(**dict.fromkeys(["probability", "share", "low", "high"], 0.01))
    assert bins_chart(small).spec["layer"][0]["data"]["values"][1] == {"at": 1.0}


def test_the_axis_of_gains_has_room_beside_a_table() -> None:
    assert " ".join(GAIN_LINES) == GAIN_TITLE
    ends = CHARTS["gains"].spec["layer"][1]["encoding"]["x"]
    # In 180 pixels, which that leaves it, lie a line of so many letters and so many labels.
    assert max(map(len, ends["title"])) <= 25
    assert ends["axis"]["tickCount"] <= 3
