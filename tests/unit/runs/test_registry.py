from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import LabelError, NotFoundError, UnwritableError
from bert4rec.moments import utc_now
from bert4rec.policy import Policy
from bert4rec.runs import registry
from bert4rec.runs.folder import Run, open_run
from bert4rec.runs.label import MAX_NAME
from bert4rec.runs.registry import create_run, find_run, free_run_name, list_runs, taken_names
from tests.factories import random_dataset, saved_dataset, small_settings

POLICY = Policy("scoring_policy", small_settings())


@pytest.fixture
def dataset(workspace: Path) -> SequenceDataset:
    return saved_dataset(workspace, random_dataset([5, 6]))


def made(workspace: Path, dataset: SequenceDataset, *names: str | None) -> list[Run]:
    return [create_run(workspace, dataset, POLICY, name=name) for name in names]


def test_runs_made_in_one_second_have_folders_of_their_own(
    workspace: Path, dataset: SequenceDataset
) -> None:
    runs = made(workspace, dataset, *["same"] * 5)
    assert len({run.id for run in runs}) == 5
    assert {run.name for run in runs} == {"same"}


def test_a_name_never_becomes_a_path(workspace: Path, dataset: SequenceDataset) -> None:
    (run,) = made(workspace, dataset, "../../Größe & Maß\x00")
    assert run.folder.parent == workspace / "runs"
    assert run.name == "../../Größe & Maß\x00"
    (unnamed,) = made(workspace, dataset, None)
    assert unnamed.name == dataset.name
    (odd,) = made(workspace, dataset, "???")
    assert odd.id.endswith("-run")


def test_a_run_is_made_under_the_names_that_it_could_be_given_later(
    workspace: Path, dataset: SequenceDataset
) -> None:
    (run,) = made(workspace, dataset, " two\nlines ")
    assert run.name == "two lines"
    for name in ("", "  ", "n" * (MAX_NAME + 1)):
        with pytest.raises(LabelError, match="1 to 80 signs"):
            create_run(workspace, dataset, POLICY, name=name)
    assert list_runs(workspace) == [run]


def test_a_free_name_is_cut_only_where_it_has_to_be(
    workspace: Path, dataset: SequenceDataset
) -> None:
    wanted = "n" * MAX_NAME
    assert free_run_name(workspace, wanted) == wanted
    for number in (1, 2, 3):
        (run,) = made(workspace, dataset, free_run_name(workspace, wanted))
        assert run.name == (wanted if number == 1 else f"{wanted[:-2]} {number}")
    # As a dataset of the longest name and a preset make it.
    assert free_run_name(workspace, f"{wanted} quick") == f"{wanted[:-2]} 4"


def test_runs_are_listed_newest_first_and_half_made_ones_not_at_all(
    workspace: Path, dataset: SequenceDataset
) -> None:
    assert list_runs(workspace) == []
    runs = made(workspace, dataset, "a", "b", "c")
    for number, run in enumerate(runs):
        run.folder.rename(workspace / "runs" / f"2024010{number}T000000-x")
    (workspace / "runs" / "20250101T000000-half").mkdir()
    (workspace / "runs" / ".hidden").mkdir()
    assert [run.name for run in list_runs(workspace)] == ["c", "b", "a"]


KILLED = """
import os, signal, sys
from pathlib import Path
from bert4rec.data.collection import find_dataset
from bert4rec.policy import Policy
from bert4rec.runs.registry import create_run
from tests.factories import small_settings

def fill(run):
    run.log("half of what it begins with")
    os.kill(os.getpid(), signal.SIGKILL)

workspace = Path(sys.argv[1])
policy = Policy("scoring_policy", small_settings())
create_run(workspace, find_dataset(workspace, sys.argv[2]), policy, fill=fill)
"""


def test_what_a_process_left_that_was_killed_while_it_made_a_run_goes_with_the_next(
    workspace: Path, dataset: SequenceDataset
) -> None:
    words = [sys.executable, "-c", KILLED, str(workspace), dataset.name]
    subprocess.run(words, check=False)
    (left,) = (workspace / "runs").glob("*.tmp")
    assert (left / "log.txt").exists()
    assert list_runs(workspace) == []
    (run,) = made(workspace, dataset, "next")
    assert list((workspace / "runs").iterdir()) == [run.folder]


def test_a_run_is_found_by_path_id_name_or_as_the_last(
    workspace: Path, dataset: SequenceDataset
) -> None:
    first, second = made(workspace, dataset, "first", "second")
    first.folder.rename(workspace / "runs" / "20200101T000000-first")
    first = Run(workspace / "runs" / "20200101T000000-first")
    assert find_run(workspace, str(first.folder)) == first
    assert find_run(workspace, first.id) == first
    assert find_run(workspace, "first") == first
    assert find_run(workspace, "last") == second
    with pytest.raises(NotFoundError, match=f"Runs here: {second.id}"):
        find_run(workspace, "third")
    with pytest.raises(NotFoundError, match=r"here: none\. Another workspace may"):
        find_run(workspace / "empty", "last")


def test_of_many_runs_the_newest_are_named_and_the_others_counted(
    workspace: Path, dataset: SequenceDataset
) -> None:
    runs = made(workspace, dataset, *(f"run {number}" for number in range(7)))
    newest = ", ".join(run.id for run in reversed(runs[2:]))
    with pytest.raises(NotFoundError, match=f"Runs here: {newest} and 2 more\\."):
        find_run(workspace, "nope")


def test_a_name_means_the_newest_run_so_called(workspace: Path, dataset: SequenceDataset) -> None:
    old, new = made(workspace, dataset, "same", "same")
    old.folder.rename(workspace / "runs" / "20200101T000000-same")
    assert find_run(workspace, "same") == new


@pytest.mark.parametrize("damage", ["[]", "{", '{"format_version": 99}', '{"format_version": 1}'])
def test_a_damaged_run_hides_no_other(
    workspace: Path, dataset: SequenceDataset, damage: str
) -> None:
    whole, damaged = made(workspace, dataset, "whole", "zzz")
    (damaged.folder / "config.json").write_text(damage)
    assert find_run(workspace, whole.id) == whole
    assert find_run(workspace, "whole") == whole
    assert find_run(workspace, damaged.id) == damaged
    with pytest.raises(NotFoundError, match="no run 'zzz'"):
        find_run(workspace, "zzz")


def test_a_run_that_is_deleted_while_another_is_looked_for_is_passed_over(
    workspace: Path, dataset: SequenceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, gone = made(workspace, dataset, "whole", "zzz")
    shutil.rmtree(gone.folder)
    monkeypatch.setattr(registry, "list_runs", lambda _: [gone, whole])
    assert find_run(workspace, "whole") == whole


@pytest.mark.parametrize("name", ["x" * 300, "a/" + "x" * 300, "a\x00b"])
def test_a_name_that_no_folder_can_have_is_not_there(workspace: Path, name: str) -> None:
    with pytest.raises(NotFoundError, match="there is no run"):
        find_run(workspace, name)
    with pytest.raises(NotFoundError, match="there is no run"):
        open_run(workspace / "runs" / name)


@pytest.mark.parametrize("text", ["model.zip", "pairs.csv", "below/nothing", "~/nothing"])
def test_a_path_at_which_nothing_lies_is_told_as_one(workspace: Path, text: str) -> None:
    with pytest.raises(NotFoundError, match=f"no run, file or folder '{text}'.*Check the path"):
        find_run(workspace, text)


def test_a_path_at_which_no_run_lies_is_told_as_such(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("user_id,item_id\n")
    with pytest.raises(NotFoundError, match="what lies at that path is none"):
        find_run(workspace, str(tmp_path / "pairs.csv"))


def test_the_last_of_many_runs_of_one_second_is_the_one_made_last(
    workspace: Path, dataset: SequenceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = utc_now()
    monkeypatch.setattr(registry, "utc_now", lambda: moment)
    runs = made(workspace, dataset, *["same"] * 12)
    assert list_runs(workspace) == runs[::-1]
    assert find_run(workspace, "last") == find_run(workspace, "same") == runs[-1]


def test_runs_of_one_second_are_listed_by_their_moment_and_not_by_their_names(
    workspace: Path, dataset: SequenceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = utc_now().replace(microsecond=0)
    runs = []
    for name, ms in (("b", 1), ("c", 20), ("a", 300)):
        moment = second + timedelta(milliseconds=ms)
        monkeypatch.setattr(registry, "utc_now", lambda moment=moment: moment)
        runs += made(workspace, dataset, name)
    assert list_runs(workspace) == runs[::-1]
    assert find_run(workspace, "last") == runs[-1]


def test_a_workspace_that_cannot_be_written_is_named(
    workspace: Path, dataset: SequenceDataset
) -> None:
    (workspace / "file").write_text("in the way")
    with pytest.raises(UnwritableError, match="cannot be written") as caught:
        create_run(workspace / "file" / "there", dataset, POLICY)
    assert str(workspace / "file" / "there") in str(caught.value)


def test_a_full_disk_is_told_when_a_run_is_made(
    workspace: Path, dataset: SequenceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(registry, "write_json", no_space)
    with pytest.raises(UnwritableError, match="No space left"):
        create_run(workspace, dataset, POLICY)
    assert list_runs(workspace) == []


def test_the_names_that_are_taken_are_those_that_can_be_read(
    workspace: Path, dataset: SequenceDataset
) -> None:
    first, _ = made(workspace, dataset, "one", "two")
    (first.folder / "config.json").write_text("{")
    assert taken_names(workspace) == {"two"}
