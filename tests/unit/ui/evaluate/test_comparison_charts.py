from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bert4rec.comparing.compare import compare
from bert4rec.comparing.comparison import Comparison
from bert4rec.runs.folder import Run
from bert4rec.ui.evaluate import comparison_charts as charts
from bert4rec.ui.evaluate.comparison_rows import (
    VERDICTS,
    list_finding,
    list_rows,
    score_finding,
    score_rows,
    sorted_lists,
)
from bert4rec.ui.evaluate.comparison_tables import file_table
from bert4rec.words import MINUS

METRIC = "ndcg@10"


@pytest.fixture(scope="module")
def made(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compare(
        tiny_run,
        ["popularity", "transitions", "ease"],
        workspace=tmp_path_factory.mktemp("charts"),
    )


def test_rows_are_ordered_by_score_and_hold_what_was_measured(made: Comparison) -> None:
    scores, differences = made.scores(), made.differences()
    rows = score_rows(scores, differences, made.entrants, made.reference, METRIC)
    assert rows["Score"].is_monotonic_decreasing
    assert rows.loc[made.reference, "Verdict"] == "Reference"
    gap = differences.set_index(["entrant", "metric"]).loc[("popularity", METRIC)]
    assert rows.loc["popularity", "Difference"] == gap["mean"]
    assert list(rows.loc["popularity", ["Its low", "Its high"]]) == [gap["low"], gap["high"]]
    assert rows.loc[made.reference, ["Difference", "Its low", "Its high"]].isna().all()
    # Its CSV holds plain numbers: no text has one with a sign.
    assert not any(MINUS in str(value) for value in rows.to_numpy().ravel())
    assert rows.loc["popularity", "Verdict"] == "Worse"
    n_better, n_worse, n_same = map(int, rows.loc["popularity", "Users"].split(" / "))
    assert n_better + n_worse + n_same == len(made.parts["test"].rows)
    finding = score_finding(rows, METRIC)
    assert finding.startswith(f"{rows.iloc[0]['Who']} has the highest NDCG@10")
    assert "worse" in finding
    assert f"Compared with {made.entrants[made.reference].title}" in finding


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        ([], "has the highest NDCG@10, 0.5000."),
        (["Worse"], "Compared with me, the other one is worse."),
        (["Worse"] * 3, "Compared with me, all 3 others are worse."),
        (["Better", "Worse"], "Compared with me, 1 of the 2 others is better and 1 is worse."),
        (
            ["Not told apart"] * 2,
            "Compared with me, none of the 2 others can be told apart from it.",
        ),
        (
            ["Better", "Worse", "Not told apart", "Not told apart"],
            "Compared with me, 1 of the 4 others is better, 1 is worse and 2 cannot be told apart.",
        ),
    ],
)
def test_how_many_are_better_is_told_in_plain_words(verdicts: list[str], told: str) -> None:
    rows = pd.DataFrame(
        {"Who": "me", "Score": 0.5, "Verdict": ["Reference", *verdicts]},
        index=range(len(verdicts) + 1),
    )
    assert score_finding(rows, METRIC).endswith(told)


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ((0.5, 0.4), "one has the highest NDCG@10, 0.5000, before two with 0.4000."),
        ((0.12104, 0.12101), "one has the highest NDCG@10, 0.12104, before two with 0.12101."),
        ((0.5, 0.5, 0.1), "one and two share the highest NDCG@10, 0.5000."),
        ((0.5, 0.5, 0.5), "one and 2 others share the highest NDCG@10, 0.5000."),
        ((0.0, 0.0, 0.0), "NDCG@10 is 0 for everybody."),
    ],
)
def test_nobody_leads_before_one_that_reached_as_much(scores: tuple[float, ...], told: str) -> None:
    names = ["one", "two", "three"][: len(scores)]
    rows = pd.DataFrame({"Who": names, "Score": scores, "Verdict": "Not told apart"})
    rows.loc[0, "Verdict"] = "Reference"
    assert score_finding(rows, METRIC).startswith(told)


def test_entrants_that_do_the_same_are_not_said_to_differ(made: Comparison) -> None:
    part = made.parts["test"]
    ranks = dict.fromkeys(part.ranks, part.ranks[made.reference])
    level = replace(made, parts={"test": replace(part, ranks=ranks)})
    forest = charts.forest_chart(level.differences(), level.entrants, METRIC)
    assert charts.forest_finding(forest, METRIC, "me") == "Nobody differs from me by NDCG@10."
    slices = level.slices()
    for by in slices["by"].unique():
        told = charts.slice_finding(slices, level.entrants, by, made.reference, "ease")
        assert told.endswith("and EASE reach the same NDCG@10 in every slice.")


def test_the_forest_has_a_mark_for_everybody_but_the_reference(made: Comparison) -> None:
    chart = charts.forest_chart(made.differences(), made.entrants, METRIC)
    assert len(chart.points) == len(made.entrants) - 1
    assert chart.points["mean"].is_monotonic_decreasing
    assert (chart.points["low"] <= chart.points["mean"]).all()
    assert set(chart.points["verdict"]) <= set(VERDICTS)
    told = charts.forest_finding(chart, METRIC, "tiny")
    assert chart.points.iloc[0]["who"] in told
    assert "adjusted p" in told


def fields(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("field"), str):
            yield value["field"]
        for inner in value.values():
            yield from fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner)


def test_charts_name_only_columns_that_they_have(made: Comparison) -> None:
    slices = made.slices()
    by = slices["by"].iloc[0]
    for chart in (
        charts.forest_chart(made.differences(), made.entrants, METRIC),
        charts.slice_chart(slices, made.entrants, by, list(made.entrants)),
    ):
        assert set(fields(chart.spec)) <= set(chart.points.columns)


def test_a_slice_chart_shows_whom_it_is_asked_for(made: Comparison) -> None:
    slices = made.slices()
    for by in slices["by"].unique():
        chart = charts.slice_chart(slices, made.entrants, by, ["ease", "popularity"])
        assert set(chart.points["who"]) == {"EASE", "Popularity"}
        # The count of questions is a line of its own below the name.
        ends = [label.split("\n")[1] for label in chart.points["slice"]]
        assert ends == [f"({n:,})" for n in chart.points["n"]]
        table = charts.slice_rows(slices, made.entrants, by, ["ease", "popularity"])
        assert list(table.columns) == ["Slice", "Test cases", "EASE", "Popularity"]
        assert len(table) == len(chart.points) / 2
        told = charts.slice_finding(slices, made.entrants, by, made.reference, "popularity")
        assert made.entrants[made.reference].title in told
        assert "is best at" in charts.slice_finding(slices, made.entrants, by, "ease", "ease")
    assert "no slice" in charts.slice_finding(slices, made.entrants, "hair", "ease", "popularity")


def slices_of(**cases: tuple[int, float, float, float]) -> pd.DataFrame:
    """Slices of EASE: by name how many cases, NDCG@10 and the ends of its interval."""
    columns = ["by", "slice", "entrant", "n_rows", "ndcg@10", "low", "high"]
    rows = [("kind", name, "ease", *figures) for name, figures in cases.items()]
    return pd.DataFrame(rows, columns=columns)


def test_slices_of_few_cases_set_no_scale_and_an_arrow_says_that_they_go_on(
    made: Comparison,
) -> None:
    large = {"many": (900, 0.06, 0.05, 0.07), "some": (80, 0.04, 0.02, 0.062)}
    slices = slices_of(**large, three=(3, 0.33, -0.1, 0.98), one=(2, 0.03, 0.0, 0.08))
    chart = charts.slice_chart(slices, made.entrants, "kind", ["ease"])
    scale = chart.spec["layer"][0]["encoding"]["y"]["scale"]
    assert scale == {"domain": [0.0, 0.08], "nice": False}
    assert charts.has_arrows(chart.points)
    assert chart.points["is_beyond"].tolist() == [False, False, True, False]
    assert chart.spec["layer"][-1]["transform"] == [{"filter": "datum.is_beyond"}]
    # The pointer tells all of them as they are.
    assert chart.points.loc[2, ["low", "value", "high"]].tolist() == [-0.1, 0.33, 0.98]
    for layer in chart.spec["layer"][:-1]:
        assert layer["mark"]["clip"]


@pytest.mark.parametrize(
    "slices",
    [
        slices_of(many=(900, 0.06, 0.05, 0.07), few=(9, 0.05, 0.02, 0.08)),
        slices_of(three=(3, 0.33, 0.0, 0.98), four=(4, 0.03, 0.0, 0.1)),
    ],
)
def test_all_slices_set_the_scale_where_few_cases_press_none_or_all_are_few(
    slices: pd.DataFrame, made: Comparison
) -> None:
    chart = charts.slice_chart(slices, made.entrants, "kind", ["ease"])
    assert chart.spec["layer"][0]["encoding"]["y"]["scale"] == {"zero": True}
    assert not charts.has_arrows(chart.points)
    assert len(chart.spec["layer"]) == 2


def test_names_of_slices_stand_on_the_slant_where_the_chart_is_too_narrow_for_them(
    made: Comparison,
) -> None:
    slices = made.slices()
    for by in slices["by"].unique():
        axis = charts.slice_chart(slices, made.entrants, by, ["ease"]).spec["encoding"]["x"]["axis"]
        n = (slices["by"] == by).sum() // len(made.entrants)
        assert axis["labelAngle"] == {"expr": f"width < {charts.SLICE_PX * n} ? -45 : 0"}


# What the reference gains more than its rival in a slice, and the interval of that.
WORSE, WORST, BETTER, UNCLEAR = (
    (-0.02, -0.03, -0.01),
    (-0.03, -0.04, -0.02),
    (0.01, 0.005, 0.015),
    (0.06, -0.1, 0.4),
)


@pytest.mark.parametrize(
    ("gaps", "told"),
    [
        (
            {"few": WORSE, "some": BETTER, "many": UNCLEAR},
            "me is clearly ahead of Popularity in 1 of 3 slices, “some” (+0.0100), and behind it"
            " in 1, “few” (−0.0200); in the other it may be chance.",
        ),
        ({"some": BETTER}, "me is clearly ahead of Popularity in 1 of 1 slice, “some” (+0.0100)."),
        (
            {"few": WORSE, "some": WORST, "many": UNCLEAR, "most": UNCLEAR},
            "me is clearly behind Popularity in 2 of 4 slices, most at “some” (−0.0300); in the"
            " other 2 it may be chance.",
        ),
        (
            {"many": UNCLEAR},
            "In the only slice me is not clearly apart from Popularity: it may be chance.",
        ),
        (
            {"many": UNCLEAR, "most": UNCLEAR},
            "In none of the 2 slices me is clearly apart from Popularity: it may be chance.",
        ),
    ],
)
def test_only_slices_whose_difference_is_clear_of_chance_are_told(
    made: Comparison, gaps: dict[str, tuple[float, float, float]], told: str
) -> None:
    rows = [
        {"slice": name, "entrant": "popularity", "difference": -gap}
        | {"difference_low": -high, "difference_high": -low}
        for name, (gap, low, high) in gaps.items()
    ]
    rows += [{"slice": name, "entrant": made.reference} for name in gaps]
    slices = pd.DataFrame(rows).assign(by="length", **{METRIC: 0.1})
    me = {made.reference: replace(made.entrants[made.reference], title="me")}
    pair = made.reference, "popularity"
    assert charts.slice_finding(slices, made.entrants | me, "length", *pair) == told
    turned = charts.slice_finding(slices, made.entrants | me, "length", *pair[::-1])
    assert ("ahead of me" in turned) == ("behind" in told)
    assert ("apart from me" in turned) == ("apart from" in told)


def test_shown_at_first_are_reference_best_model_and_best_baselines(made: Comparison) -> None:
    shown = charts.shown_by_default(made.scores(), made.entrants, "popularity", METRIC)
    assert {made.reference, "popularity", "transitions"} <= set(shown)
    assert len(shown) <= charts.MAX_SHOWN


def test_list_rows_leave_out_what_nobody_has(made: Comparison) -> None:
    order = [*reversed(made.lists()["entrant"])]
    rows = list_rows(made.lists(), made.entrants, order)
    assert "miscalibration" not in rows
    assert rows["entrant"].tolist() == [made.entrants[key].title for key in order]
    assert np.isfinite(rows["diversity"].astype(float)).all()
    told = list_finding(made.lists(), made.entrants, made.reference)
    assert "of the catalogue" in told


def test_lists_are_sorted_with_the_best_first_whatever_is_better() -> None:
    table = pd.DataFrame(
        {
            "entrant": ["a", "b", "c", "d"],
            "coverage": [0.2, 0.3, 0.1, 0.3],
            "popular_share": [0.9, 0.1, 0.5, 0.1],
            "popularity_lift": [0.8, -0.5, 0.1, -0.1],
            "miscalibration": [1.0, None, 0.2, 0.4],
        }
    )
    told = {name: "".join(sorted_lists(table, str(name))["entrant"]) for name in table.columns[1:]}
    assert told == {
        "coverage": "bdac",
        "popular_share": "bdca",
        "popularity_lift": "cdba",
        "miscalibration": "cdab",
    }


def test_a_small_share_of_the_catalogue_is_not_told_as_nothing(made: Comparison) -> None:
    lists = made.lists().assign(coverage=0.0012, popularity_lift=0.0)
    assert list_finding(lists, made.entrants, "ease") == (
        "Items that EASE lists are as popular as those people met; its lists reach 0.1% of the"
        " catalogue."
    )


def test_a_file_of_a_comparison_tells_each_by_name_and_by_id(made: Comparison) -> None:
    titles = {key: entrant.title for key, entrant in made.entrants.items()}
    found = file_table(made.slices(), titles)
    assert list(found.columns[:5]) == ["by", "slice", "n_rows", "entrant", "key"]
    assert {titles[key] for key in found["key"]} == set(found["entrant"])
    assert made.reference in set(found["key"])
    assert list(made.slices()["ndcg@10"]) == list(found["ndcg@10"])
