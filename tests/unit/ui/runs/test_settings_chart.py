from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bert4rec.errors import FormatError
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.ui.runs.settings_chart import (
    AXIS_COLORS,
    MAX_AXES,
    axes_figure,
    comparable_rows,
    left_out_words,
    results_table,
    settings_figure,
    settings_finding,
    titles_of_numbers,
    varied_settings,
)
from bert4rec.view.run_table import RunRow
from tests.factories import small_settings


def row(name: str, best: float | None, metric: str = "ndcg@10", **changes: Any) -> RunRow:
    settings = small_settings(**changes).in_effect()
    return RunRow(name, name, "finished", metric, best=best, settings=settings)


ROWS = [
    row("a", 0.1, learning_rate=0.0001, schedule="linear", seed=1),
    row("b", 0.4, learning_rate=0.01, hidden_size=32, seed=2),
    row("c", 0.2, learning_rate=0.001, hidden_size=32, seed=3),
]


def test_only_runs_judged_by_the_metric_of_most_are_drawn_together() -> None:
    other = row("d", 0.9, metric="hr@5")
    unread = RunRow("e", "e", "unreadable")
    assert comparable_rows([*ROWS, other, unread, row("f", None)]) == ROWS
    assert comparable_rows([unread]) == []


def test_ended_runs_that_are_not_drawn_are_counted_by_reason() -> None:
    assert left_out_words(ROWS) == ""
    other, unread = (
        row("d", 0.9, metric="hr@5"),
        RunRow("e", "e", "unreadable", problem=FormatError("damaged")),
    )
    live = replace(ROWS[0], state="running")
    told = left_out_words([*ROWS, other, unread, row("f", None), row("g", None), live])
    assert told == (
        "Left out: 2 runs not validated, 1 run judged by another metric or on other items."
    )


def test_epochs_are_those_asked_for_at_most() -> None:
    rows = [row("a", 0.1, n_epochs=3), row("b", 0.2, n_epochs=400)]
    assert "Epochs at most" in results_table(rows)
    assert titles_of_numbers(rows) == ["Epochs at most"]
    assert "(epochs at most 400)" in settings_finding(rows)


def test_what_still_trains_is_not_held_against_what_has_ended() -> None:
    live = [replace(ROWS[1], run_id=state, state=state) for state in ACTIVE_STATES]
    assert comparable_rows([*ROWS, *live]) == ROWS
    assert comparable_rows([*ROWS, replace(ROWS[0], state="interrupted")])[-1] not in ROWS


def test_only_runs_judged_on_the_same_items_are_drawn_together() -> None:
    otherwise: list[dict[str, Any]] = [
        {"split_strategy": "global_time"},
        {"split_strategy": "last_k", "held_out_items": 2},
        {"sample_strategy": "user_based"},
        {"seen_items": "keep"},
    ]
    others = [row("d", 0.9, **changes) for changes in otherwise]
    assert comparable_rows([*others, *ROWS]) == ROWS
    # What does nothing with this split, and what only decides when a run ends.
    same = row("e", 0.3, held_out_items=3, held_out_share=0.2, sample_ratio=0.5, eval_step=2)
    assert comparable_rows([*ROWS, same]) == [*ROWS, same]
    shares = [row(f"{share}", 0.3, **otherwise[0], held_out_share=share) for share in (0.1, 0.2)]
    assert comparable_rows([*shares, shares[1]]) == [shares[1]] * 2


def test_an_axis_is_a_setting_that_varies_and_never_the_seed() -> None:
    assert sorted(varied_settings(ROWS)) == ["hidden_size", "learning_rate", "schedule"]
    changes: dict[str, Any] = {
        "batch_size": 8,
        "n_epochs": 9,
        "hidden_size": 32,
        "inner_size": 8,
        "n_heads": 1,
    }
    changes |= {"n_layers": 3, "max_seq_length": 9, "mask_rate": 0.3}
    many = [row("a", 0.1), row("b", 0.2, **changes)]
    assert sorted(varied_settings(many)) == sorted(changes)
    (lines,) = settings_figure(many, "light").data
    assert len(lines.dimensions) == MAX_AXES + 1
    assert len(results_table(many).columns) == len(changes) + 2
    assert "and 1 more, in the table)." in settings_finding(many)


def test_a_run_is_a_line_across_numbers_magnitudes_and_words() -> None:
    (lines,) = settings_figure(ROWS, "light").data
    axes = {axis.label: axis for axis in lines.dimensions}
    np.testing.assert_allclose(axes["Learning rate"]["values"], [-4, -2, -3])
    assert list(axes["Learning rate"].ticktext) == ["0.0001", "0.001", "0.01"]
    assert list(axes["Hidden size"]["values"]) == [16, 32, 32]
    assert list(axes["Schedule"].ticktext) == ["constant", "linear"]
    assert list(axes["Best NDCG@10"]["values"]) == [0.1, 0.4, 0.2]


def axis_of(name: str, values: list[Any]) -> Any:
    settings = [{name: value} for value in values]
    figure = axes_figure([name], settings, [0.1] * len(values), "Best", "light")
    return figure.data[0].dimensions[0]


def test_a_number_that_was_computed_is_the_place_of_the_one_that_was_written() -> None:
    axis = axis_of("next_item_rate", [0.3, 0.1 * 3, 0.6, 0.0])
    assert list(axis.ticktext) == ["0", "0.3", "0.6"]
    assert list(axis.tickvals) == [0, 0.3, 0.6]


def test_labels_of_an_axis_are_short_and_apart() -> None:
    close = axis_of("learning_rate", [0.00110227, 0.00110228, 0.0005, 0.03])
    assert list(close.ticktext) == ["0.0005", "0.0011", "0.03"]
    many = axis_of("learning_rate", [0.001 + 0.0001 * step for step in range(9)])
    assert list(many.ticktext) == ["0.001", "0.0014", "0.0018"]
    assert list(axis_of("batch_size", list(range(32, 41))).ticktext) == ["32", "36", "40"]


@pytest.mark.parametrize(
    ("scores", "shown"),
    [([0.1, 0.3], "0.1000"), ([0.15901, 0.15931], "0.15901"), ([0.2, 0.2], "0.2000")],
)
def test_scores_that_lie_close_together_are_told_apart(scores: list[float], shown: str) -> None:
    figure = axes_figure(["n_layers"], [{"n_layers": n} for n in (1, 2)], scores, "Best", "light")
    assert figure.data[0].dimensions[-1].ticktext[0] == shown


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_axis_has_a_line_that_the_theme_does_not_swallow(theme: str) -> None:
    figure = settings_figure(ROWS, theme)
    (lines,), axes = figure.data, figure.layout.shapes
    assert [axis.x0 for axis in axes] == [0, 1 / 3, 2 / 3, 1]
    assert all((axis.x0, axis.y0, axis.y1) == (axis.x1, 0, 1) for axis in axes)
    assert len(axes) == len(lines.dimensions)
    assert {axis.line.color for axis in axes} == {AXIS_COLORS[theme]}


def test_a_setting_that_is_unset_in_some_runs_is_a_word() -> None:
    rows = [row("a", 0.1, dropout_rate=0.1), row("b", 0.2, dropout_rate=None)]
    (lines,) = settings_figure(rows, "dark").data
    axis = next(axis for axis in lines.dimensions if axis.label == "Dropout rate")
    assert list(axis.ticktext) == ["0.1", "unset"]


def test_dropouts_have_an_axis_only_where_they_do_not_just_follow_the_rate() -> None:
    rows = [row("a", 0.1, dropout_rate=0.1), row("b", 0.2, dropout_rate=0.3)]
    assert varied_settings(rows) == ["dropout_rate"]
    rows.append(row("c", 0.2, dropout_rate=0.1, hidden_dropout_prob=0.3))
    assert varied_settings(rows) == ["dropout_rate", "hidden_dropout_prob"]


def test_the_finding_and_the_table_name_the_best_run_first() -> None:
    finding = settings_finding(ROWS)
    assert finding.startswith("Best of 3: b with NDCG@10 0.400")
    assert "hidden size 32" in finding
    assert results_table(ROWS)["Run"].tolist() == ["b", "c", "a"]
