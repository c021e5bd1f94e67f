from __future__ import annotations

from bert4rec.hyperparameters import parse_settings
from bert4rec.runs.curves import Curves
from bert4rec.ui.run_figures import curves_table, seen_words, settings_table


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


def test_the_table_of_curves_has_each_line_in_the_order_of_steps() -> None:
    curves = Curves(
        train=[{"epoch": 1.0, "step": 2, "loss": 3.0}, {"epoch": 2.0, "step": 4, "loss": 2.0}],
        valid=[{"epoch": 1, "step": 2, "metrics": {"ndcg@10": 0.5}}],
    )
    table = curves_table(curves)
    assert table["step"].tolist() == [2, 2, 4]
    assert table["valid_ndcg@10"].notna().tolist() == [False, True, False]
    assert table["loss"].isna().tolist() == [False, True, False]


def test_without_curves_the_table_has_its_columns_and_no_line() -> None:
    assert curves_table(Curves()).empty
    assert "loss" in curves_table(Curves()).columns
