from __future__ import annotations

import os
from pathlib import Path

import pytest

from bert4rec.data.collection import rename_dataset
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.label import note_run, rename_run, tag_run
from bert4rec.runs.registry import create_run
from bert4rec.ui.run_list import (
    MAX_SPARKS,
    ListedRun,
    RunFilter,
    RunList,
    data_labels,
    list_frame,
    shared_words,
)
from bert4rec.view.run_table import RunRow
from tests.factories import ring_dataset, saved_dataset, small_settings


def made_run(workspace: Path, name: str = "made", state: str = "finished") -> Run:
    dataset = saved_dataset(workspace, ring_dataset())
    run = create_run(workspace, dataset, Policy(settings=small_settings(seed=3)), name=name)
    run.set_status(state=state)
    return run


def validated(run: Run, scores: list[float]) -> None:
    for epoch, score in enumerate(scores, start=1):
        run.journal.append({"event": "train", "epoch": epoch, "step": epoch, "loss": 1.0})
        found = {"event": "valid", "epoch": epoch, "step": epoch, "is_best": True}
        run.journal.append(found | {"metrics": {"ndcg@10": score}})


def test_an_empty_workspace_has_an_empty_list(workspace: Path) -> None:
    assert RunList(workspace).read() == []
    assert RunList(workspace).rows() == []
    assert list_frame([]).empty


def test_a_run_is_listed_with_label_curve_seed_and_size(workspace: Path) -> None:
    run = made_run(workspace)
    validated(run, [0.1, 0.3])
    rename_run(run.folder, "new")
    note_run(run.folder, "noted")
    tag_run(run.folder, ["good"])
    (listed,) = RunList(workspace).read()
    assert (listed.row.name, listed.row.note, listed.row.tags) == ("new", "noted", ("good",))
    assert listed.scores == (0.1, 0.3)
    assert listed.n_bytes > 100
    (cells,) = list_frame([listed]).to_dict("records")
    # On a phone the first columns are all that is seen.
    assert list(cells)[:3] == ["Run", "Best", "On test"]
    assert (cells["State"], cells["Seed"], cells["Tags"]) == ("✓ Finished", 3, ["good"])


def test_a_list_that_was_read_calls_its_data_anew_after_a_dataset_is_renamed(
    workspace: Path,
) -> None:
    run, found = made_run(workspace), RunList(workspace)
    found.read()
    rename_dataset(workspace, run.config()["dataset"]["folder"], "better")
    assert [row.data for row in found.rows()] == ["better"]
    assert [listed.row.data for listed in found.read()] == ["better"]


def test_a_long_curve_is_thinned_and_keeps_its_last_point(workspace: Path) -> None:
    validated(made_run(workspace), [step / 1000 for step in range(500)])
    (listed,) = RunList(workspace).read()
    assert len(listed.scores) <= MAX_SPARKS
    assert listed.scores[-1] == pytest.approx(0.499)


def test_a_resumed_run_forgets_the_validations_that_come_again(workspace: Path) -> None:
    run = made_run(workspace)
    validated(run, [0.1, 0.2, 0.3])
    run.journal.append({"event": "continued", "step": 1})
    (listed,) = RunList(workspace).read()
    assert listed.scores == (0.1,)


def test_an_ended_run_is_read_once_until_one_of_its_files_changes(workspace: Path) -> None:
    run, runs = made_run(workspace), RunList(workspace)
    (first,) = runs.read()
    assert runs.read()[0] is first
    tag_run(run.folder, ["good"])
    assert runs.read()[0].row.tags == ("good",)
    run.folder.rename(run.folder.with_name("20200101T000000-moved"))
    assert [row.run_id for row in runs.rows()] == ["20200101T000000-moved"]


def test_an_active_run_is_read_each_time_as_its_process_may_be_gone(workspace: Path) -> None:
    run, runs = made_run(workspace, state="running"), RunList(workspace)
    assert runs.rows()[0].state == "running"
    path = run.folder / "status.json"
    found = path.stat()
    # Of the same size and moment: only the process tells.
    pid = str(os.getpid())
    path.write_text(path.read_text().replace(f'"pid": {pid}', f'"pid": {"9" * len(pid)}'))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert runs.rows()[0].state == "interrupted"


def test_an_unreadable_run_is_a_line_that_says_so(workspace: Path) -> None:
    run = made_run(workspace)
    (run.folder / "config.json").write_text("{")
    (cells,) = list_frame(RunList(workspace).read()).to_dict("records")
    assert (cells["State"], cells["Run"]) == ("? Unreadable", run.id)


def test_what_runs_share_is_told_once_and_what_differs_in_columns() -> None:
    def listed(metric: str, seed: int, *tags: str) -> ListedRun:
        settings = {"seed": seed, "attention": "causal" if tags else "bidirectional"}
        row = RunRow("a", "A", "finished", metric=metric, settings=settings, tags=tags)
        return ListedRun(row, (), 0)

    broken = ListedRun(RunRow("b", "B", "unreadable"), (), 0)
    same = [listed("hr@10", 3), broken, listed("hr@10", 3)]
    assert shared_words(same) == {
        "Model": "model BERT4Rec",
        "Metric": "metric HR@10",
        "Seed": "seed 3",
        "Tags": "",
    }
    assert shared_words([*same, listed("mrr@10", 4, "good")]) == {}
    assert shared_words([broken]) == {"Tags": ""}


@pytest.mark.parametrize("line", ['{"event":"valid"}', '{"event":"valid","metrics":3}', "{"])
def test_a_damaged_line_of_a_journal_costs_only_the_curve(workspace: Path, line: str) -> None:
    run = made_run(workspace)
    (run.folder / "metrics.jsonl").write_text(line + "\n")
    (listed,) = RunList(workspace).read()
    assert (listed.row.state, listed.scores) == ("finished", ())


ROW = RunRow(
    "20240101-a",
    "Wide net",
    "finished",
    data="ring",
    note="of MAY",
    tags=("good", "x"),
    fingerprint="f1",
)


@pytest.mark.parametrize(
    "wanted",
    [
        RunFilter(),
        RunFilter(text="wide may"),
        RunFilter(text="GOOD"),
        RunFilter(text="20240101"),
        RunFilter(states=("finished", "failed")),
        RunFilter(data=("f1",)),
        RunFilter(tags=("good", "x")),
    ],
)
def test_a_run_that_is_like_what_is_asked_for_is_taken(wanted: RunFilter) -> None:
    assert wanted.takes(ROW)


@pytest.mark.parametrize(
    "wanted",
    [
        RunFilter(text="wide june"),
        RunFilter(states=("failed",)),
        RunFilter(data=("ring",)),
        RunFilter(tags=("good", "bad")),
    ],
)
def test_a_run_that_is_not_like_it_is_left_out(wanted: RunFilter) -> None:
    assert not wanted.takes(ROW)


def test_datasets_of_one_name_are_told_apart_and_a_renamed_one_is_one() -> None:
    def row(data: str, fingerprint: str) -> RunRow:
        return RunRow("a", "A", "finished", data=data, fingerprint=fingerprint)

    rows = [row("new", "c" * 64), row("log", "a" * 64), row("log", "b" * 64), row("old", "c" * 64)]
    labels = data_labels([*rows, RunRow("b", "B", "unreadable")])
    assert list(labels.values()) == ["log (aaaaaaaa)", "log (bbbbbbbb)", "new"]
    assert list(labels) == ["a" * 64, "b" * 64, "c" * 64]


def test_a_run_without_tags_has_no_empty_list_in_its_cell() -> None:
    rows = (RunRow("a", "A", "finished"), RunRow("b", "B", "finished", tags=("good",)))
    assert list_frame([ListedRun(row) for row in rows])["Tags"].tolist() == [None, ["good"]]
