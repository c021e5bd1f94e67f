from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from bert4rec.runs.curves import Curves
from bert4rec.spreadsheets import csv_text
from bert4rec.view.curve_charts import DASHES, MAX_LOSS_POINTS, loss_overlay, metric_overlay
from bert4rec.view.run_comparison import (
    MAX_COMPARED,
    common_metric,
    compared_ids,
    compared_labels,
    comparison_finding,
    comparison_table,
    curve_table,
    final_difference,
    final_metrics,
    judged_alike,
    loss_comparison,
    narrow_intervals,
    settings_differences,
)
from bert4rec.view.run_table import RunRow
from tests.factories import small_settings


def row(run_id: str, *, name: str = "same", data: str = "f1", **changes: Any) -> RunRow:
    settings = small_settings(**changes).in_effect()
    return RunRow(run_id, name, "finished", "ndcg@10", fingerprint=data, settings=settings)


def curves(scores: list[float], n_steps: int = 4) -> Curves:
    best = max(scores, default=0.0)
    return Curves(
        train=[{"epoch": n / 4, "step": n, "loss": 4 - n / n_steps} for n in range(1, n_steps + 1)],
        valid=[
            {"epoch": n, "step": n, "metrics": {"ndcg@10": score}, "is_best": score == best}
            for n, score in enumerate(scores, start=1)
        ],
    )


def test_an_address_names_each_run_once_and_no_more_than_fit() -> None:
    assert compared_ids("") == compared_ids(" ,, ") == []
    assert compared_ids("a,b,a") == ["a", "b"]
    assert len(compared_ids(",".join("abcdefgh"))) == MAX_COMPARED


def test_only_the_settings_that_differ_are_named() -> None:
    rows = [row("a", seed=1), row("b", seed=2, learning_rate=0.01)]
    found = settings_differences(rows, {"a": "A", "b": "B"}).set_index("Setting")
    assert sorted(found.index) == ["Learning rate", "Seed"]
    assert list(found.loc["Learning rate"]) == ["0.003", "0.01"]


def test_a_dropout_differs_where_it_follows_in_one_run_and_was_given_in_another() -> None:
    rows = [row("a", dropout_rate=0.1), row("b", dropout_rate=0.1, hidden_dropout_prob=0.2)]
    found = settings_differences(rows, {"a": "A", "b": "B"}).set_index("Setting")
    assert list(found.index) == ["Hidden dropout"]
    assert list(found.loc["Hidden dropout"]) == ["0.1", "0.2"]


def test_dropouts_that_only_follow_the_rate_are_not_named_beside_it() -> None:
    rows = [row("a", dropout_rate=0.1), row("b", dropout_rate=0.3)]
    found = settings_differences(rows, {"a": "A", "b": "B"}).set_index("Setting")
    assert list(found.index) == ["Dropout rate"]


def test_what_a_model_does_not_use_differs_from_any_value() -> None:
    rows = [row("a", mask_rate=0.4), row("b", attention="causal", mask_rate=0.4)]
    found = settings_differences(rows, {"a": "A", "b": "B"}).set_index("Setting")
    assert list(found.loc["Mask rate"]) == ["0.4", "not used"]
    rows = [
        row(each, attention="causal", mask_rate=rate) for each, rate in (("a", 0.4), ("b", 0.2))
    ]
    assert settings_differences(rows, {"a": "A", "b": "B"}).empty


def test_runs_with_the_same_settings_differ_in_nothing() -> None:
    assert settings_differences([row("a"), row("b")], {"a": "A", "b": "B"}).empty


def test_other_data_and_a_setting_of_a_newer_version_are_differences() -> None:
    old = row("a", data="f2")
    settings = {name: value for name, value in old.settings.items() if name != "seed"}
    rows = [RunRow("a", "x", "finished", fingerprint="f2", settings=settings), row("b")]
    found = settings_differences(rows, {"a": "A", "b": "B"}).set_index("Setting")
    assert set(found.index) == {"Data", "Seed"}
    assert found.loc["Seed", "A"] == "–"


def test_runs_of_one_name_are_told_apart() -> None:
    labels = compared_labels([row("a"), row("b"), row("c", name="other")])
    assert len(set(labels.values())) == 3
    assert labels["c"] == "other"
    early = [
        replace(row(key), created_at=f"2026-11-2{day}T08:00:00+00:00") for key, day in ("a1", "b2")
    ]
    assert compared_labels(early)["a"].startswith("21 Nov 2026, 08:00 UTC · ")


def test_final_metrics_come_with_intervals_where_they_are_known() -> None:
    part = {"metrics": {"ndcg@10": 0.25, "hr@10": 0.5}, "intervals": {"ndcg@10": [0.2, 0.3]}}
    whole = {"test": {}, "report": {"test": {"bert4rec": part}}}
    bare = {"test": {"ndcg@10": 0.1}, "report": 3}
    found = final_metrics({"A": whole, "B": bare, "C": None}).set_index("Metric")
    assert list(found.loc["NDCG@10"]) == ["0.2500 (0.2000 to 0.3000)", "0.1000", "–"]
    assert found.loc["HR@10", "A"] == "0.5000"


def test_whose_intervals_are_too_narrow_is_told_by_label() -> None:
    part = {
        "n_rows": 100,
        "metrics": {"ndcg@10": 0.01, "hr@10": 0.02},
        "intervals": {"ndcg@10": [0.0, 0.03]},
    }
    both = (part, part | {"interval_method": 2})
    old, new = ({"report": {"test": {"bert4rec": one}}} for one in both)
    assert "The intervals of A are of an earlier" in narrow_intervals({"A": old, "B": new})
    assert narrow_intervals({"B": new, "C": None, "D": {"report": 3}}) == ""


def whole(value: float, room: float = 0.01, n_rows: int = 100) -> dict[str, Any]:
    interval = {"ndcg@10": [value - room, value + room]}
    part = {"n_rows": n_rows, "metrics": {"ndcg@10": value}, "intervals": interval}
    return {"report": {"test": {"bert4rec": part}}}


def test_whether_two_runs_differ_on_the_test_items_is_told_from_their_intervals() -> None:
    rows = [row("a"), row("b"), row("c")]
    near = {"A": whole(0.2, 0.03), "B": whole(0.25, 0.03), "C": whole(0.1)}
    assert "B is not clearly different from A." in final_difference(rows, near)
    far = {"A": whole(0.2), "B": whole(0.25)}
    assert final_difference(rows[:2], far).startswith("By NDCG@10, B is clearly above A.")
    assert "B is clearly above A." in final_difference(rows, far | {"C": None})
    few = {label: whole(value, n_rows=20) for label, value in (("A", 0.2), ("B", 0.25))}
    assert "B is not clearly different from A." in final_difference(rows[:2], few)
    # One alone, of another metric, damaged, without a number: it might be the best.
    damaged = {"report": 3}, {"report": {"test": {"bert4rec": {}}}}, whole(math.nan)
    assert not any(final_difference(rows, far | {"C": other}) for other in damaged)
    assert not final_difference(rows[:2], {"A": whole(0.2), "B": None})
    others = [RunRow(run_id, run_id, "finished", "hr@10", fingerprint="f1") for run_id in "ab"]
    assert not final_difference(others, far)


def test_runs_that_were_judged_on_different_items_are_not_compared() -> None:
    rows, one = [row("a"), row("b")], whole(0.2) | {"split": {"strategy": "leave_one_out"}}
    for changed in ({"split": {"strategy": "global_time"}}, {"removes_seen": True}):
        found = final_difference(rows, {"A": one, "B": one | changed})
        assert "different test items" in found
    elsewhere = [replace(row("a"), test=0.2), replace(row("b", data="f2"), test=0.2)]
    assert "different test items" in final_difference(elsewhere, {"A": one, "B": one})


def test_runs_are_compared_by_the_metric_that_chose_their_epochs_if_it_is_one() -> None:
    other = RunRow("b", "b", "finished", "hr@5")
    assert common_metric([other, other]) == "hr@5"
    assert common_metric([other, row("a")]) == "ndcg@10"


def test_the_finding_names_the_best_first() -> None:
    found = {"A": curves([0.1, 0.2]), "B": curves([0.3, 0.25]), "C": curves([])}
    finding = comparison_finding(found, "ndcg@10")
    assert finding == "Best NDCG@10: B (0.3000, epoch 1), A (0.2000, epoch 2)."
    assert comparison_finding({"C": curves([])}, "ndcg@10").startswith("None of them")
    told = loss_comparison({"A": curves([])})
    assert (
        told == "Last training loss as measured: A (3.000). The lines and their table are smoothed."
    )
    assert loss_comparison({"A": Curves()}).startswith("None of them")


def test_runs_that_are_validated_on_different_items_are_not_ranked() -> None:
    found = {"A": curves([0.1, 0.2]), "B": curves([0.3, 0.25]), "C": curves([])}
    finding = comparison_finding(found, "ndcg@10", are_alike=False)
    assert finding.startswith("Best NDCG@10 of each: A (0.2000, epoch 2), B (0.3000, epoch 1).")
    assert "different validation items, so their figures cannot be compared" in finding
    # Nothing is beside one alone.
    del found["B"]
    assert "compared" not in comparison_finding(found, "ndcg@10", are_alike=False)


def test_runs_are_judged_alike_on_one_dataset_that_is_split_alike() -> None:
    one, other = whole(0.2), whole(0.2) | {"split": {"strategy": "global_time"}}
    assert judged_alike([row("a"), row("b")], {"A": one, "B": None})
    assert not judged_alike([row("a"), row("b")], {"A": one, "B": other})
    assert not judged_alike([row("a"), row("b", data="f2")], {"A": None, "B": None})


def test_each_run_counts_with_its_best_value_of_the_metric_that_is_shown() -> None:
    # Chosen by another metric, the epoch that is used is an earlier one.
    other = curves([0.14, 0.19])
    other.valid[0]["is_best"], other.valid[1]["is_best"] = True, False
    finding = comparison_finding({"A": curves([0.15, 0.16]), "B": other}, "ndcg@10")
    assert finding == "Best NDCG@10: B (0.1900, epoch 2), A (0.1600, epoch 2)."


def test_each_run_is_a_line_with_dashes_of_its_own_and_its_best_marked() -> None:
    found = {label: curves([0.1, 0.2, 0.15]) for label in "ABCDE"}
    chart = metric_overlay(found, "ndcg@10")
    assert list(chart.points["series"].unique()) == list("ABCDE")
    assert chart.points["is_best"].sum() == len(found)
    dashes = chart.spec["layer"][0]["encoding"]["strokeDash"]["scale"]["range"]
    assert len({tuple(dash) for dash in dashes}) == len(DASHES) == MAX_COMPARED


@pytest.mark.parametrize("n_runs", [2, 5])
def test_long_curves_are_thinned_together(n_runs: int) -> None:
    found = {str(number): curves([], n_steps=3_000) for number in range(n_runs)}
    assert len(loss_overlay(found).points) <= MAX_LOSS_POINTS


def test_the_loss_of_several_runs_is_drawn_as_its_average() -> None:
    noisy = curves([], n_steps=40)
    for row in noisy.train:
        row["loss"] = 4.0 + (-1) ** row["step"]
    drawn = loss_overlay({"A": noisy, "B": noisy}).points
    assert set(drawn["mark"]) == {""}
    late = drawn[drawn["epoch"] > drawn["epoch"].max() / 2]["value"]
    assert late.between(3.7, 4.3).all()


def test_compared_curves_are_a_table_with_the_newest_epoch_first() -> None:
    both = {"Epoch": curves([0.1, 0.3, 0.2]), "A": curves([0.2], n_steps=6)}
    scores = curve_table(metric_overlay(both, "ndcg@10"))
    assert scores.index.name == "Epoch"
    assert list(scores.index) == [3, 2, 1]
    assert list(scores) == ["Epoch", "A"]
    assert list(scores["Epoch"]) == [0.2, 0.3, 0.1]
    assert list(scores["A"].isna()) == [True, True, False]
    losses, drawn = curve_table(loss_overlay(both)), loss_overlay(both).points
    assert list(losses.index) == [2, 1]
    assert losses.loc[2, "A"] == drawn.loc[drawn["series"] == "A", "value"].iloc[-1]


def read_back(*given: Any) -> pd.DataFrame:
    text = csv_text(comparison_table(*given))
    return pd.read_csv(io.StringIO(text)).set_index("run_id")


def test_a_comparison_as_csv_has_every_figure_in_full_and_the_settings_that_differ() -> None:
    rows = [
        replace(row("a", name="=one", learning_rate=0.003), best=1 / 3, epoch=3, trained_s=1.25),
        replace(row("b", attention="causal", learning_rate=0.01), best=None, state="running"),
    ]
    metrics = {"ndcg@10": 0.23618010334227538, "hr@1": 1 / 7}
    told = {"metrics": metrics, "intervals": {"ndcg@10": [0.2, 2 / 7]}, "n_rows": 3000}
    ended = {"best_epoch": 2, "report": {"test": {"bert4rec": told}}}
    found = read_back(rows, {"a": ended, "b": None})
    one, other = found.loc["a"], found.loc["b"]
    assert one["run"] == "'=one"
    assert one["test_ndcg@10"] == metrics["ndcg@10"]
    assert one["test_hr@1"] == 1 / 7
    assert (one["test_ndcg@10_low"], one["test_ndcg@10_high"]) == (0.2, 2 / 7)
    assert (one["valid_ndcg@10"], one["best_epoch"], one["n_test"]) == (1 / 3, 2, 3000)
    assert (one["trained_s"], one["n_epochs_done"], one["data_fingerprint"]) == (1.25, 3, "f1")
    # What is only known of one is empty of the other, and a setting that it does not use as well.
    assert other[["best_epoch", "valid_ndcg@10", "test_ndcg@10", "mask_rate"]].isna().all()
    assert list(found["learning_rate"]) == [0.003, 0.01]
    assert one["mask_rate"] == small_settings().mask_rate
    assert "n_layers" not in found


def test_a_comparison_as_csv_takes_summaries_without_a_report_and_damaged_ones() -> None:
    rows = [row(each) for each in "abc"]
    cut = {"report": {"test": {"bert4rec": {"metrics": {"hr@1": 0.1}, "intervals": {"hr@1": 3}}}}}
    plain = {"test": {"hr@1": 0.5}}
    found = read_back(rows, {"a": plain, "b": plain | cut, "c": plain | {"report": []}})
    assert list(found["test_hr@1"]) == [0.5, 0.5, 0.5]
    assert "test_hr@1_low" not in found
