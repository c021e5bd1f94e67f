from __future__ import annotations

from pathlib import Path

import pytest

from bert4rec.json_files import write_json
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run
from bert4rec.ui.run_choice import run_labels
from bert4rec.view.run_table import RunRow, newest_judged, run_frame, run_row
from tests.factories import ring_dataset, saved_dataset, small_settings


def made_run(workspace: Path) -> Run:
    dataset = saved_dataset(workspace, ring_dataset())
    return create_run(workspace, dataset, Policy(settings=small_settings()), name="made")


def test_without_runs_there_is_no_table_and_no_judged_run() -> None:
    assert run_frame([]).empty
    assert newest_judged([]) is None


def test_the_newest_run_with_test_figures_is_named_and_not_the_best() -> None:
    rows = [RunRow("c", "c", "running"), RunRow("b", "b", "finished", test=0.1)]
    rows.append(RunRow("a", "a", "finished", test=0.9))
    assert newest_judged(rows) is rows[1]


def test_name_and_figures_come_first_as_a_phone_shows_few_columns() -> None:
    shown = list(run_frame([RunRow("a", "a", "finished")]))
    assert shown[:4] == ["Run", "Best", "On test", "State"]


def test_a_row_without_figures_is_still_a_row() -> None:
    frame = run_frame([RunRow("a", "a", "unreadable")])
    assert frame["State"].tolist() == ["? Unreadable"]
    assert frame["Best"].isna().all()


def test_what_moves_while_a_run_goes_on_is_not_in_its_row() -> None:
    rows = [RunRow("a", "a", each, best=0.1, trained_s=9.0) for each in ("running", "paused")]
    frame = run_frame(rows)
    for column in ("Best", "Time"):
        assert frame[column].isna().tolist() == [True, False]


@pytest.mark.parametrize("name", ["config.json", "status.json"])
@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"format_version": 1}'])
def test_a_damaged_run_is_a_row_that_says_why(tmp_path: Path, name: str, text: str) -> None:
    run = made_run(tmp_path)
    (run.folder / name).write_text(text)
    row = run_row(run)
    assert row.state == "unreadable"
    assert row.problem is not None


def test_a_row_has_the_dropout_that_trains_and_not_the_default_that_stands_beside_it(
    tmp_path: Path,
) -> None:
    dataset = saved_dataset(tmp_path, ring_dataset())
    settings = small_settings(dropout_rate=0.1, attn_dropout_prob=0.3)
    shown = run_row(create_run(tmp_path, dataset, Policy(settings=settings))).settings
    assert (shown["hidden_dropout_prob"], shown["attn_dropout_prob"]) == (0.1, 0.3)


@pytest.mark.parametrize(
    ("attention", "model"), [("bidirectional", "BERT4Rec"), ("causal", "SASRec")]
)
def test_a_run_is_listed_with_the_name_of_its_model(
    tmp_path: Path, attention: str, model: str
) -> None:
    dataset = saved_dataset(tmp_path, ring_dataset())
    run = create_run(tmp_path, dataset, Policy(settings=small_settings(attention=attention)))
    row = run_row(run)
    assert run_frame([row])["Model"].tolist() == [model]
    assert model in run_labels({run.id: run})[run.id] or model == "BERT4Rec"
    # A run of the time before there was a choice.
    assert RunRow("a", "a", "finished", settings={"seed": 3}).model == "BERT4Rec"


def test_runs_of_one_name_are_told_apart_by_their_moment_and_others_need_none(
    tmp_path: Path,
) -> None:
    dataset = saved_dataset(tmp_path, ring_dataset())
    policy = Policy(settings=small_settings())
    names = ("mine", "mine", "other")
    runs = [create_run(tmp_path, dataset, policy, name=name) for name in names]
    one, two, other = run_labels({run.id: run for run in runs}).values()
    assert one.startswith("mine · ")
    assert " UTC" in one
    assert one != two
    assert other == "other"


def test_a_run_that_goes_on_has_no_test_figure_of_its_earlier_part(tmp_path: Path) -> None:
    run = made_run(tmp_path)
    write_json(run.folder / "summary.json", {"test": {"ndcg@10": 0.4}})
    assert run_row(run).test is None
    run.set_status(state="finished")
    assert run_row(run).test == pytest.approx(0.4)
