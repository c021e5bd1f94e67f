from __future__ import annotations

from typing import Any

import pytest

from bert4rec.view.better_runs import better_run, is_above_baselines, poor_words


def summary(score: float, rival: float = 0.2, **asked: Any) -> dict[str, Any]:
    """A summary with intervals of a hundredth to either side, over 1,000 users."""

    def told(value: float) -> dict[str, Any]:
        ends = {"ndcg@10": [value - 0.01, value + 0.01]}
        return {"metrics": {"ndcg@10": value}, "intervals": ends, "n_rows": 1000, "n_users": 1000}

    return {"report": {"test": {"bert4rec": told(score), "transitions": told(rival)}}} | asked


def test_the_best_of_those_that_are_clearly_better_is_taken() -> None:
    others = {"a": summary(0.3), "b": summary(0.4), "c": summary(0.1)}
    assert better_run(summary(0.2), others) == "b"
    assert better_run(summary(0.405), others) == ""
    assert better_run(summary(0.2), {}) == ""


def test_runs_that_were_asked_for_other_items_are_not_compared() -> None:
    other = summary(0.4, split={"strategy": "last_k"})
    assert better_run(summary(0.2, split={"strategy": "leave_one_out"}), {"a": other}) == ""
    assert better_run(summary(0.2, split={"strategy": "last_k"}), {"a": other}) == "a"


def test_one_that_is_not_judged_gives_way_to_one_above_its_baselines_alone() -> None:
    assert better_run(None, {"a": summary(0.3), "b": summary(0.1)}) == "a"
    assert better_run(None, {"b": summary(0.1)}) == ""
    words = poor_words(None, ("the other", summary(0.3)))
    assert words == "It is not judged yet. Run the other is: NDCG@10 0.3000."


@pytest.mark.parametrize(
    ("score", "is_above"), [(0.3, True), (0.205, True), (0.2, False), (0.1, False)]
)
def test_a_run_is_poor_unless_it_is_above_its_strongest_baseline(
    score: float, is_above: bool
) -> None:
    assert is_above_baselines(summary(score)) is is_above
    words = poor_words(summary(score), None)
    assert (words == "") is is_above
    assert is_above or "transitions at 0.2000" in words


def test_what_does_better_is_told_with_both_scores() -> None:
    told = poor_words(summary(0.3), ("longer", summary(0.4)))
    assert told == (
        "Run longer does clearly better on the test: NDCG@10 0.4000, where this model has 0.3000."
    )
    told = poor_words(summary(0.1), ("longer", summary(0.4)))
    assert told.startswith("On the held-out test items NDCG@10 is 0.1000, clearly below")
    assert told.endswith(" Run longer does clearly better on the test: NDCG@10 0.4000.")


def test_a_damaged_report_says_nothing() -> None:
    assert not poor_words({"report": {"test": {}}}, None)
    assert better_run(summary(0.1), {"a": {"report": 3}}) == ""
