from __future__ import annotations

from typing import Any

from bert4rec.search.plan import SearchPlan
from bert4rec.search.space import parse_space
from bert4rec.search.trials import Trial
from bert4rec.ui.search.importance_charts import (
    importance_chart,
    importance_finding,
    importance_table,
    slice_charts,
    slice_finding,
)
from bert4rec.ui.search.search_charts import (
    BEST,
    FINISHED,
    MAX_CURVES,
    MAX_POINTS,
    PRUNED,
    RUNNING,
    best_chart,
    best_finding,
    curves_chart,
    curves_finding,
    drawn_curves,
)
from bert4rec.ui.search.trial_table import best_first, settings_words, trials_table


def trial(number: int, state: str, score: float | None, n_epochs: int = 3, **values: Any) -> Trial:
    curve = tuple((epoch, (score or 0) * epoch / n_epochs) for epoch in range(1, n_epochs + 1))
    reason = "behind the others" if state == "pruned" else ""
    return Trial(number, state, values, score, curve if score else (), 2.0, reason)


TRIALS = [
    trial(0, "finished", 0.2, mask_rate=0.1, schedule="linear"),
    trial(1, "pruned", 0.1, 1, mask_rate=0.3, schedule="cosine"),
    trial(2, "failed", None, mask_rate=0.2, schedule="cosine"),
    trial(3, "finished", 0.3, mask_rate=0.2, schedule="linear"),
    trial(4, "interrupted", 0.9, mask_rate=0.5, schedule="linear"),
    trial(5, "running", 0.05, 1, mask_rate=0.5, schedule="linear"),
]
PLAN = SearchPlan(space=parse_space({"mask_rate": "0.1..0.5", "schedule": "linear,cosine"}))


def test_the_best_so_far_is_a_line_and_each_trial_a_point_of_its_own_shape() -> None:
    chart = best_chart(TRIALS, "ndcg@10")
    by_series = {name: list(rows["trial"]) for name, rows in chart.points.groupby("series")}
    assert by_series == {BEST: [1, 4], FINISHED: [1, 4], PRUNED: [2], RUNNING: [6]}
    shapes = chart.spec["layer"][1]["encoding"]["shape"]["scale"]["range"]
    assert len(set(shapes)) == len(shapes)
    assert best_finding(TRIALS, "ndcg@10") == (
        "Best NDCG@10 0.3000 by trial 4, 50% above the first one."
    )
    assert best_finding([], "ndcg@10") == "No trial has finished yet."
    assert best_finding([TRIALS[0], trial(1, "finished", 0.1)], "ndcg@10") == (
        "Best NDCG@10 0.2000 by trial 1; 1 trial finished since, none better."
    )


def test_a_pruned_curve_is_dashed_and_ends_in_a_mark() -> None:
    chart = curves_chart(TRIALS, "ndcg@10")
    assert set(chart.points["series"]) == {BEST, FINISHED, PRUNED, RUNNING}
    dashes = chart.spec["layer"][0]["encoding"]["strokeDash"]["scale"]["range"]
    assert dashes[2] not in (dashes[0], dashes[1])
    assert PRUNED in chart.spec["layer"][1]["transform"][0]["filter"]
    ends = chart.points[chart.points["is_end"]]
    assert list(ends["trial"]) == [1, 2, 4, 6]
    assert "1 of them pruned" in curves_finding(TRIALS)
    assert curves_chart([], "ndcg@10").points.empty
    # Without a pruned trial its layer stays out.
    assert len(curves_chart(TRIALS[:1], "ndcg@10").spec["layer"]) == 1


def test_of_many_trials_the_newest_and_the_best_are_drawn_with_few_points() -> None:
    many = [trial(n, "finished", 0.1 + (n == 3), 500) for n in range(200)]
    drawn = drawn_curves(many)
    assert len(drawn) == MAX_CURVES
    assert drawn[0].number == 3
    assert drawn[-1].number == 199
    chart = curves_chart(many, "ndcg@10")
    assert len(chart.points) <= MAX_POINTS + MAX_CURVES
    assert chart.points["is_end"].sum() == MAX_CURVES
    assert "the newest 60 and the best are drawn" in curves_finding(many)


def test_scores_stand_against_numbers_by_size_and_against_words_in_their_order() -> None:
    charts = slice_charts(TRIALS, PLAN, list(PLAN.space))
    assert list(charts) == ["mask_rate", "schedule"]
    assert list(charts["mask_rate"].points["x"]) == [0.1, 0.3, 0.2]
    assert charts["mask_rate"].spec["encoding"]["x"]["type"] == "quantitative"
    assert charts["schedule"].spec["encoding"]["x"]["sort"] == ["linear", "cosine"]
    assert set(charts["schedule"].points["series"]) == {FINISHED, PRUNED}
    assert slice_finding(TRIALS, "mask_rate") == "Mask rate: the best trial has 0.2."
    assert "no trial" in slice_finding([], "mask_rate")


def test_whole_numbers_stand_on_an_axis_of_whole_numbers() -> None:
    plan = SearchPlan(space=parse_space({"n_layers": "1..3", "mask_rate": "0.1..0.3"}))
    tried = [trial(0, "finished", 0.2, n_layers=2, mask_rate=0.2)]
    axes = {
        name: chart.spec["encoding"]["x"]["axis"]
        for name, chart in slice_charts(tried, plan, list(plan.space)).items()
    }
    assert axes["n_layers"]["tickMinStep"] == 1
    assert "tickMinStep" not in axes["mask_rate"]


def test_a_rate_stands_on_an_axis_with_ticks_around_all_that_was_tried() -> None:
    plan = SearchPlan(space=parse_space({"learning_rate": "log:1e-4..1e-2"}))
    rates = [trial(0, "finished", 0.2, learning_rate=0.00107)]
    rates.append(trial(1, "finished", 0.3, learning_rate=0.003))
    encoding = slice_charts(rates, plan, ["learning_rate"])["learning_rate"].spec["encoding"]
    assert encoding["x"]["axis"]["values"] == [0.001, 0.002, 0.005]
    assert encoding["x"]["scale"]["domain"] == [0.001, 0.005]
    # One word for all points tells nothing.
    assert encoding["color"]["legend"] is encoding["shape"]["legend"] is None


def test_importance_is_told_in_order_or_not_at_all() -> None:
    shares = {"mask_rate": 0.7, "schedule": 0.3}
    assert importance_finding(shares) == "Mask rate (70%) matters most, then schedule (30%)."
    assert importance_table(shares).to_numpy().tolist() == [
        ["Mask rate", "70%"],
        ["Schedule", "30%"],
    ]
    assert list(importance_chart(shares).points["setting"]) == [
        "Mask rate, 70%",
        "Schedule, 30%",
    ]
    assert "do not differ" in importance_finding({"mask_rate": 0.0})


def test_the_table_has_every_trial_best_first_with_numbers_that_sort() -> None:
    table = trials_table(TRIALS, list(PLAN.space), "ndcg@10")
    # What was interrupted or failed has no result, whatever it had come to.
    assert list(table["Trial"]) == [4, 1, 2, 6, 5, 3]
    assert table["Mask rate"].dtype == float
    assert table["Why it ended"][2] == "behind the others"
    assert list(table["State"])[3:5] == ["► Running", "▲ Interrupted"]
    assert settings_words({"learning_rate": 0.00123456}) == "Learning rate 0.00123"


def test_why_trials_ended_is_a_column_only_where_one_says_so() -> None:
    told = trials_table([TRIALS[0], TRIALS[3]], list(PLAN.space), "ndcg@10")
    assert "Why it ended" not in told
    assert list(told["Trial"]) == [4, 1]


def test_a_trial_without_a_score_stands_below_those_with_one() -> None:
    scores = (None, 0.1, 0.0, 0.1)
    trials = [trial(number, "finished", score) for number, score in enumerate(scores)]
    assert [one.number for one in best_first(trials)] == [1, 3, 2, 0]


def test_a_legend_names_only_what_trials_came_to() -> None:
    finished = [TRIALS[0], TRIALS[3]]
    curves = curves_chart(finished, "ndcg@10").spec["encoding"]["color"]["legend"]
    assert curves["values"] == [BEST, FINISHED]
    # The title tells what the line is, and one word for all points would tell nothing.
    best = best_chart(finished, "ndcg@10").spec
    assert best["encoding"]["color"]["legend"] is None
    points = best_chart(TRIALS, "ndcg@10").spec["layer"][1]["encoding"]["shape"]
    assert points["legend"]["values"] == [FINISHED, PRUNED, RUNNING]
    lines = curves_chart(TRIALS, "ndcg@10").spec["layer"][0]["encoding"]["strokeDash"]
    assert lines["legend"]["values"] == [BEST, FINISHED, PRUNED, RUNNING]
    spec = slice_charts(TRIALS, PLAN, list(PLAN.space))["mask_rate"].spec
    assert spec["encoding"]["shape"]["legend"]["values"] == [FINISHED, PRUNED]
    # Colours stay those of the whole, whatever is there.
    assert spec["encoding"]["color"]["scale"] == best["encoding"]["color"]["scale"]


def test_a_trial_that_was_judged_once_is_a_point() -> None:
    once = [trial(0, "finished", 0.2, 1), trial(1, "finished", 0.1, 1)]
    chart = curves_chart(once, "ndcg@10")
    assert "is_alone" in chart.spec["layer"][-1]["transform"][0]["filter"]
    assert chart.points["is_alone"].all()
    # As bright as the points of the chart beside it.
    assert chart.spec["layer"][-1]["mark"]["opacity"] >= 0.9
    # In the legend as well.
    legends = [
        curves_chart(trials, "ndcg@10").spec["encoding"]["color"]["legend"]
        for trials in (once, TRIALS)
    ]
    assert [legend.get("symbolType") for legend in legends] == [None, "stroke"]


def test_a_single_score_stands_on_an_axis_from_zero() -> None:
    def has_zero(*trials: Trial) -> bool:
        return bool(best_chart(trials, "ndcg@10").spec["encoding"]["y"]["scale"]["zero"])

    assert has_zero(trial(0, "finished", 0.4))
    assert not has_zero(trial(0, "finished", 0.4), trial(1, "finished", 0.5))
