from __future__ import annotations

from bert4rec.setting_checks import parse_settings
from bert4rec.ui.run_figures import seen_words, settings_table


def test_what_became_of_seen_items_is_told_with_its_reason() -> None:
    removed = {"removes_seen": True, "seen_reason": "asked for by name"}
    assert seen_words(removed) == ", seen items removed (asked for by name)"
    assert seen_words({"removes_seen": False}) == ", seen items kept"


def test_of_an_old_run_nothing_is_said_about_seen_items() -> None:
    assert seen_words({}) == ""


def test_settings_that_differ_from_their_defaults_come_first() -> None:
    # The default given by name is no difference.
    table = settings_table(parse_settings({"seed": 9, "n_epochs": 100, "dropout_rate": 0.1}))
    assert set(table["Setting"][table["Differs"]]) == {"Seed", "Dropout rate"}
    assert table["Differs"].tolist() == sorted(table["Differs"], reverse=True)
    assert table.set_index("Setting").loc["Seed", ["Value", "Default"]].tolist() == ["9", "42"]


def test_a_setting_that_does_nothing_is_said_to_be_not_used_and_is_no_difference() -> None:
    table = settings_table(parse_settings({"attention": "causal", "mask_rate": 0.4}))
    assert set(table["Setting"][table["Differs"]]) == {"Attention"}
    assert table.set_index("Setting").loc["Mask rate", "Value"] == "not used"
