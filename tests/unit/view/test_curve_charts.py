from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from bert4rec.runs.curves import Curves
from bert4rec.runs.status import Status
from bert4rec.view import curve_charts, curve_findings, run_figures
from bert4rec.view.curve_charts import (
    MARKS,
    MAX_MARKS,
    MAX_TOLD,
    loss_chart,
    loss_overlay,
    metric_chart,
    metric_overlay,
)
from bert4rec.view.curve_layers import event_layer
from bert4rec.view.vega import Chart, joining, legend_of, told_names
from tests.curves import METRIC, curves_of
from tests.factories import small_settings


def line_of(points: pd.DataFrame, series: str) -> pd.DataFrame:
    """Return what is drawn as a line, without marks and what lies faintly behind it."""
    return points[(points["series"] == series) & (points["mark"] == "")]


def test_however_long_the_run_both_charts_draw_fewer_than_2000_points() -> None:
    curves = curves_of(3000)
    metric, loss = metric_chart(curves, METRIC).points, loss_chart(curves, 0.6).points
    assert len(metric) + len(loss) < 2000
    assert line_of(metric, "BERT4Rec")["epoch"].iloc[-1] == 3000
    raw = loss[loss["mark"] == "raw"]
    assert (raw["value"].iloc[0], raw["value"].iloc[-1]) == (6.0, curves.train[-1]["loss"])


def test_however_long_the_run_the_pointer_finds_few_points_the_newest_and_the_best_among_them() -> (
    None
):
    curves = curves_of(3000)
    for row in curves.valid[1234:]:
        row["is_best"] = False
    metric, loss = metric_chart(curves, METRIC).points, loss_chart(curves, 0.6).points
    for points, line in ((metric, "BERT4Rec"), (loss, "Loss")):
        drawn = line_of(points, line)
        told = drawn[drawn["is_told"]]
        assert MAX_TOLD / 2 < len(told) <= MAX_TOLD + 3
        assert told["epoch"].iloc[-1] == drawn["epoch"].iloc[-1]
    assert 1234 in set(metric.loc[metric["is_told"], "epoch"])
    short = line_of(loss_chart(curves_of(5), 0.6).points, "Loss")
    assert short["is_told"].all()
    assert not loss.loc[loss["mark"] == "raw", "is_told"].any()


def test_before_the_first_validation_a_live_run_says_when_it_comes() -> None:
    def words(curves: Curves, *, is_live: bool, **settings: Any) -> tuple[str, str]:
        return curve_findings.metric_words(
            curves, METRIC, small_settings(n_epochs=20, **settings), is_live=is_live
        )

    begun = Curves(started={"removes_seen": True})
    finding, note = words(begun, is_live=True, eval_step=5)
    assert finding == "The first validation follows epoch 5."
    assert note == "Ranked among the whole catalogue, seen items removed."
    assert words(begun, is_live=True, eval_step=50)[0].endswith("epoch 20.")
    never = "Nothing is validated, so the last weights count."
    assert {words(begun, is_live=live, eval_step=0)[0] for live in (True, False)} == {never}
    assert "diamond" in words(curves_of(2), is_live=True)[1]


@pytest.mark.parametrize(
    ("end", "finding"),
    [
        ("finished", "Nothing has been validated, so the last weights count."),
        ("stopped", "Nothing has been validated, so the last weights count."),
        ("failed", "Nothing has been validated."),
    ],
)
def test_the_weights_of_a_run_that_came_to_no_end_do_not_count(end: str, finding: str) -> None:
    curves = Curves(notes=[{"event": end}])
    assert curve_findings.metric_finding(curves, METRIC) == finding


@pytest.mark.parametrize("smoothing", [0.0, 0.6])
def test_the_only_point_of_a_line_is_drawn_as_one(smoothing: float) -> None:
    def alone(curves: Curves) -> list[str]:
        chart = loss_chart(curves, smoothing)
        has_layer = any("is_alone" in str(layer) for layer in chart.spec["layer"])
        assert has_layer == chart.points["is_alone"].any()
        return list(chart.points.loc[chart.points["is_alone"], "series"])

    assert alone(curves_of(1, n_lines=1)) == ["Loss"]
    assert alone(curves_of(1, n_lines=2)) == []
    # The first validation is the best, which has a mark of its own.
    assert not metric_chart(curves_of(1), METRIC).points["is_alone"].any()


def test_an_axis_on_which_all_is_one_begins_at_zero() -> None:
    def domains(chart: Chart) -> tuple[list[float] | None, list[float] | None]:
        axes = chart.spec["encoding"]
        return axes["x"]["scale"].get("domain"), axes["y"]["scale"].get("domain")

    once = curves_of(4)
    del once.valid[:-1]
    # Vega tells an axis without length in six decimals.
    assert domains(metric_overlay({"one": once, "two": once}, METRIC)) == ([0, 4], None)
    once.valid[0]["metrics"][METRIC] = 0.0
    assert domains(metric_overlay({"one": once, "two": once}, METRIC)) == ([0, 4], [0, 1])
    assert domains(loss_chart(curves_of(1, n_lines=1, loss_type="BCE"))) == ([0, 1], [0, 6])
    assert domains(loss_chart(curves_of(1, n_lines=1, loss_type="BCE"), is_log=True)) == (
        [0, 1],
        [3, 12],
    )
    assert domains(metric_overlay({"one": curves_of(2)}, METRIC)) == (None, None)


def test_the_pointer_finds_what_stands_out_of_a_long_line() -> None:
    curves = curves_of(300)
    curves.train[4321]["loss"] = 50.0
    points = loss_chart(curves).points
    told = points[points["is_told"]]
    assert told["value"].max() == 50.0
    assert told["value"].min() == line_of(points, "Loss")["value"].min()


def test_the_best_validation_is_drawn_also_when_points_are_thinned_out() -> None:
    curves = curves_of(1500)
    for row in curves.valid[1233:]:
        row["is_best"] = False
    points = metric_chart(curves, METRIC).points
    assert list(points.loc[points["is_best"], "epoch"]) == [1233]
    assert line_of(points, "BERT4Rec")["epoch"].is_monotonic_increasing


def test_the_description_of_a_chart_stays_the_same_while_a_run_goes_on() -> None:
    short, long = curves_of(2), curves_of(50)
    assert metric_chart(short, METRIC).spec == metric_chart(long, METRIC).spec
    assert loss_chart(short).spec == loss_chart(long).spec


def test_smoothing_draws_the_average_and_leaves_the_loss_as_measured_behind_it() -> None:
    curves = curves_of(2)
    plain, smooth = loss_chart(curves).points, loss_chart(curves, 0.5).points
    measured = [row["loss"] for row in curves.train]
    assert list(line_of(plain, "Loss")["value"]) == measured
    assert list(smooth.loc[smooth["mark"] == "raw", "value"]) == measured
    average = line_of(smooth, "Loss")["value"]
    assert average.iloc[0] == measured[0]
    # Weights 1/3 and 2/3: what came before counts half of what came now.
    assert average.iloc[1] == pytest.approx(measured[0] / 3 + 2 * measured[1] / 3)
    (raw,) = (layer for layer in loss_chart(curves, 0.5).spec["layer"] if "'raw'" in str(layer))
    assert raw["mark"]["opacity"] < 0.5


def test_a_log_scale_leaves_out_what_it_cannot_show() -> None:
    curves = curves_of(1)
    curves.train[3]["loss"] = 0.0
    chart = loss_chart(curves, is_log=True)
    assert chart.spec["encoding"]["y"]["scale"]["type"] == "log"
    assert len(line_of(chart.points, "Loss")) == 19
    assert "type" not in loss_chart(curves).spec["encoding"]["y"]["scale"]


def test_every_new_best_is_marked_and_the_last_one_apart() -> None:
    points = metric_chart(curves_of(5), METRIC).points
    assert list(points.loc[points["mark"] == "new best", "epoch"]) == [1, 2, 3, 4]
    assert list(points.loc[points["is_best"], "epoch"]) == [5]


def test_what_happened_to_a_run_stands_at_its_step_with_a_shape_of_its_own() -> None:
    curves = curves_of(5)
    curves.notes = [
        {"event": "paused", "step": 10},
        {"event": "resumed", "step": 10},
        {"event": "continued", "step": 40},
        {"event": "paused", "step": 60},
        {"event": "finished", "step": 100},
    ]
    curves.checkpoint = {"event": "checkpoint", "step": 80}
    chart = loss_chart(curves)
    found = chart.points[chart.points["mark"] == "event"]
    # A pause that has ended is one mark, not two in one place.
    assert dict(zip(found["series"], found["epoch"], strict=True)) == {
        "Pause and resume": 0.5,
        "Restart": 2,
        "Pause": 3,
        "Last checkpoint": 4,
    }
    (layer,) = (layer for layer in chart.spec["layer"] if "shape" in layer.get("encoding", {}))
    scale = layer["encoding"]["shape"]["scale"]
    assert len(set(scale["range"])) == len(scale["domain"]) == 4
    assert "value" in layer["encoding"]["color"]


def test_many_pauses_leave_room_for_the_curve() -> None:
    curves = curves_of(30)
    curves.notes = [{"event": "paused", "step": step} for step in range(500)]
    points = loss_chart(curves).points
    assert (points["mark"] == "event").sum() == MAX_MARKS
    assert len({shape for _, shape in MARKS.values()}) == len(MARKS)


def test_a_layer_without_points_is_left_out() -> None:
    def shapes(spec: dict[str, Any]) -> list[str]:
        layers = [part for layer in spec["layer"] for part in layer.get("layer", [layer])]
        return [layer["mark"].get("shape", "") for layer in layers]

    curves = curves_of(2)
    assert "diamond" in shapes(metric_chart(curves, METRIC).spec)
    assert "diamond" not in shapes(loss_chart(curves).spec)
    curves.valid.clear()
    assert "diamond" not in shapes(metric_chart(curves, METRIC).spec)


def test_the_margins_are_named_one_by_one_as_the_page_writes_into_them() -> None:
    first, second = (loss_chart(curves_of(1)).spec["padding"] for _ in range(2))
    first["bottom"] = 99
    assert second["bottom"] < 99


def test_baselines_are_flat_lines_as_long_as_the_curve() -> None:
    points = metric_chart(curves_of(3), METRIC).points
    level = points[points["series"] == "Popularity"]
    assert list(level["epoch"]) == [0, 3]
    assert list(level["value"]) == [0.02, 0.02]


def test_every_line_has_its_own_dashes_and_no_colour_of_its_own() -> None:
    spec = metric_chart(curves_of(3), METRIC).spec
    dashes = spec["layer"][0]["encoding"]["strokeDash"]["scale"]
    assert len(dashes["domain"]) == len(dashes["range"]) == 3
    assert "range" not in spec["encoding"]["color"]["scale"]


def test_the_last_checkpoint_stands_above_the_pause_of_the_same_step() -> None:
    saved, paused = event_layer({"Pause", "Last checkpoint"})["layer"]
    assert saved["mark"]["yOffset"] < paused["mark"]["yOffset"] < 0
    # A layer without points stays out.
    (alone,) = event_layer({"Pause"})["layer"]
    assert alone == paused


def test_charts_of_a_run_that_has_not_begun_are_empty() -> None:
    assert metric_chart(Curves(), METRIC).points.empty
    assert loss_chart(Curves()).points.empty
    assert "Nothing has been validated" in curve_findings.metric_finding(Curves(), METRIC)
    assert curve_findings.loss_finding(Curves()) == "No training step yet."
    assert curve_findings.valid_table(Curves()).empty


def test_the_finding_compares_the_best_validation_with_the_strongest_baseline() -> None:
    text = curve_findings.metric_finding(curves_of(3), METRIC)
    assert text == "Best NDCG@10 0.0300 at epoch 3, 50% above popularity (0.0200)."


def test_a_loss_of_one_line_went_nowhere_yet() -> None:
    finding = curve_findings.loss_finding(curves_of(1, n_lines=1))
    assert finding.startswith("Training loss begins at ")


def test_an_ended_run_tells_one_speed_for_the_whole_of_it() -> None:
    live = curve_findings.small_finding(curves_of(2), "speed")
    ended = curve_findings.small_finding(curves_of(2), "speed", 707.4)
    assert live == "100, the median of the latest steps"
    assert ended == "707, the median of the whole run"


def test_another_metric_is_told_at_the_epoch_that_the_runs_own_chose() -> None:
    curves = curves_of(3)
    assert curve_charts.told_metrics(curves, METRIC)[0] == METRIC
    finding = curve_findings.metric_finding(curves, METRIC, "hr@10")
    assert finding.startswith("NDCG@10 0.0300 at epoch 3, the best by HR@10, 50% above")


def test_a_metric_that_one_validation_lacks_has_a_curve_of_the_others() -> None:
    curves = curves_of(3)
    for row in (curves.valid[0], curves.valid[2]):
        row["metrics"] = row["metrics"] | {"hr@10": 0.05}
    points = metric_chart(curves, "hr@10").points
    assert list(points.loc[points["mark"] == "", "epoch"]) == [1, 3]


def test_the_finding_says_when_a_baseline_is_better() -> None:
    assert "50% below popularity" in curve_findings.metric_finding(curves_of(1), METRIC)


def test_only_cross_entropy_is_compared_with_guessing() -> None:
    assert curve_charts.guessing_loss(curves_of(1)) == pytest.approx(math.log(400))
    assert curve_charts.guessing_loss(curves_of(1, loss_type="BPR")) is None


def test_tables_show_the_newest_line_first() -> None:
    curves = curves_of(3)
    assert list(curve_findings.valid_table(curves)["Epoch"]) == [3, 2, 1]
    assert curve_findings.train_table(curves)["Step"].iloc[0] == 60


def test_the_time_left_follows_the_newest_lines() -> None:
    status = Status("running", epoch=1, n_epochs=10, step=40, n_steps=200)
    progress = run_figures.progress_of(status, curves_of(2))
    assert progress.left_s == pytest.approx(0.5 * 160)
    assert progress.share == pytest.approx(0.2)
    assert progress.text == "Epoch 3 of 10, step 40"


def test_the_epoch_under_way_never_exceeds_the_epochs_asked_for() -> None:
    status = Status("running", epoch=2, n_epochs=2, step=40, n_steps=40)
    progress = run_figures.progress_of(status, curves_of(2))
    assert (progress.epoch, progress.share, progress.left_s) == (2, 1.0, 0.0)


def test_nothing_is_known_of_a_run_before_its_first_line() -> None:
    progress = run_figures.progress_of(Status("running", n_epochs=5), Curves())
    assert progress.text_with_rest == progress.text
    # Slower than before, or with other work beside it, it takes longer than what was told.
    guessed = run_figures.Progress(2, 9, 30, 90, 0.3, 90.0)
    assert guessed.text_with_rest.endswith("step 30, about 1 min 30 s left for all epochs")
    assert (progress.share, progress.left_s) == (0.0, None)
    assert run_figures.memory_bytes(Curves()) is None


def test_the_queue_is_told_in_words() -> None:
    assert "Number 1 in the queue" in run_figures.queue_text(1)
    assert "1 other run before it" in run_figures.queue_text(2)
    assert "process" in run_figures.queue_text(None)


def summary_of(value: float, spread: float = 0.01) -> dict[str, Any]:
    metrics = dict.fromkeys(run_figures.FINAL_METRICS, value)
    intervals = {METRIC: (value - spread, value + spread)}
    return {"n_rows": 100, "metrics": metrics, "intervals": intervals}


@pytest.mark.parametrize(
    ("own", "words"),
    [(0.2, "clearly above popularity"), (0.105, "not clearly different"), (0.01, "clearly below")],
)
def test_the_final_finding_trusts_a_gap_only_when_the_intervals_are_apart(
    own: float, words: str
) -> None:
    report = {"bert4rec": summary_of(own), "popularity": summary_of(0.1)}
    found = run_figures.final_finding(report)
    assert words in found
    # Of the same users smaller differences can be told, and Evaluate may say the opposite.
    assert ("Evaluate compares models user by user" in found) is ("not clearly" in words)


def test_the_final_table_has_a_column_for_every_scorer_and_shows_the_interval() -> None:
    table = run_figures.final_table({"bert4rec": summary_of(0.2), "popularity": summary_of(0.1)})
    assert list(table.columns) == ["Metric", "BERT4Rec", "Popularity"]
    assert table["BERT4Rec"].iloc[0] == "0.2000 (0.1900 to 0.2100)"


def test_a_legend_is_set_in_as_many_columns_as_the_chart_is_wide_for() -> None:
    def columns(names: list[str]) -> str:
        spec = loss_overlay({name: Curves() for name in names}).spec
        return str(spec["encoding"]["color"]["legend"]["columns"]["expr"])

    # One line where all names fit into one, else columns of the widest.
    room = "min(width, containerSize()[0] - 72)"
    assert columns(["one", "two"]) == f"{room} >= 141.0 ? 2 : max(1, floor({room} / 70.5))"
    assert columns(["a" * 40, "b" * 4]).startswith(f"{room} >= 426.0 ? 2 :")


def test_a_legend_has_no_room_for_a_title_and_tells_whole_names() -> None:
    legend = legend_of(["one", "two"])
    assert (legend["title"], legend["titleFontSize"], legend["titlePadding"]) == (None, 0, 0)
    assert legend["encoding"]["labels"]["tooltip"] == {"value": {"signal": "datum.value"}}
    named = told_names("series")
    assert named["select"]["fields"] == ["series"]
    assert set(named["bind"]) == {"legend"}


def test_one_place_alone_says_how_the_names_of_a_legend_are_drawn() -> None:
    def saying(found: object) -> int:
        if isinstance(found, dict):
            legend = found.get("legend")
            said = isinstance(legend, dict) and "encoding" in legend
            return said + sum(map(saying, found.values()))
        return sum(map(saying, found)) if isinstance(found, list) else 0

    assert saying(metric_chart(curves_of(3), METRIC).spec) == 1
    assert saying(loss_chart(curves_of(3)).spec) == 1
    assert joining(None) is None
    assert joining(legend_of(["one"])) == {
        name: said for name, said in legend_of(["one"]).items() if name != "encoding"
    }
