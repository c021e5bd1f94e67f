from __future__ import annotations

from bert4rec.setting_checks import parse_settings
from bert4rec.view.run_figures import (
    judged_so_far,
    narrow_words,
    origins_table,
    seen_words,
    settings_table,
)


def test_what_became_of_seen_items_is_told_with_its_reason() -> None:
    removed = {"removes_seen": True, "seen_reason": "asked for by name"}
    assert seen_words(removed) == ", seen items removed (asked for by name)"
    assert seen_words({"removes_seen": False}) == ", seen items kept"


def test_of_an_old_run_nothing_is_said_about_seen_items() -> None:
    assert seen_words({}) == ""


def test_intervals_of_an_earlier_way_are_told_where_they_are_clearly_too_narrow() -> None:
    few = {"n_rows": 100, "metrics": {"hr@10": 0.09}, "intervals": {"hr@10": [0.04, 0.15]}}
    newer, many = few | {"interval_method": 2}, few | {"metrics": {"hr@10": 0.1}}
    bare = {"n_rows": 100, "metrics": {"hr@10": 0.0}}
    said = narrow_words({"Old": few, "New": newer, "Many": many, "Bare": bare})
    assert said.startswith("The intervals of Old are of an earlier version, and too narrow where")
    assert narrow_words({"New": newer, "Many": many}) == ""


def test_settings_that_differ_from_their_defaults_come_first() -> None:
    # The default given by name is no difference.
    table = settings_table(parse_settings({"seed": 9, "n_epochs": 100, "dropout_rate": 0.1}))
    dropouts = {"Dropout rate", "Hidden dropout", "Attention dropout"}
    assert set(table["Setting"][table["Differs"]]) == {"Seed"} | dropouts
    assert table["Differs"].tolist() == sorted(table["Differs"], reverse=True)
    assert table.set_index("Setting").loc["Seed", ["Value", "Default"]].tolist() == ["9", "42"]


def test_a_dropout_is_shown_as_it_trains_and_with_where_it_came_from() -> None:
    settings = parse_settings({"dropout_rate": 0.1, "attn_dropout_prob": 0.3})
    table = settings_table(settings).set_index("Setting")
    assert table.loc["Hidden dropout", ["Value", "Default"]].tolist() == ["0.1", "0.2"]
    origins = origins_table(settings).set_index("Setting")
    assert origins.loc["Hidden dropout"].tolist() == ["0.1", "follows Dropout rate"]
    assert origins.loc["Attention dropout"].tolist() == ["0.3", "given"]
    assert origins.loc["Seed"].tolist() == ["42", "default"]
    by_default = origins_table(parse_settings({})).set_index("Setting")
    assert by_default.loc["Hidden dropout"].tolist() == ["0.2", "default"]


def test_a_setting_that_does_nothing_is_said_to_be_not_used_and_is_no_difference() -> None:
    table = settings_table(parse_settings({"attention": "causal", "mask_rate": 0.4}))
    assert set(table["Setting"][table["Differs"]]) == {"Attention"}
    assert table.set_index("Setting").loc["Mask rate", "Value"] == "not used"


def test_how_far_a_judgement_has_come_is_told_by_whom_it_judges() -> None:
    line = {"scorer": "bert4rec", "part": "test", "n_done": 1024, "n_rows": 240_000}
    assert judged_so_far(line, "SASRec") == " (SASRec: 1,024 of 240,000 held-out items)"
    line |= {"scorer": "transitions"}
    assert judged_so_far(line, "SASRec") == " (Transitions: 1,024 of 240,000 held-out items)"
    assert judged_so_far(None, "SASRec") == ""
    line = {"scorer": "bert4rec", "part": "probabilities", "n_done": 42, "n_rows": 100}
    assert judged_so_far(line, "SASRec") == " (calibrating probabilities: 42%)"
