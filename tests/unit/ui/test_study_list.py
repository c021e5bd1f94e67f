from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import FormatError, RunError
from bert4rec.search.plan import Budget, SearchPlan, checked_plan
from bert4rec.search.space import parse_space
from bert4rec.search.studies import create_study, delete_study, list_studies
from bert4rec.search.study import Study, quiet
from bert4rec.search.trials import distributions
from bert4rec.ui import study_list as study_list_module
from bert4rec.ui.study_list import StudyList, studies_frame
from tests.factories import ring_dataset, saved_dataset, small_settings


@pytest.fixture
def dataset(workspace: Path) -> SequenceDataset:
    return saved_dataset(workspace, ring_dataset(n_items=12, n_users=30))


def new_study(workspace: Path, dataset: SequenceDataset, name: str) -> Study:
    plan = SearchPlan(small_settings(), parse_space({"mask_rate": "0.2,0.3"}), Budget(3))
    return create_study(workspace, dataset, checked_plan(plan), name=name)


def tell(study: Study, score: float) -> None:
    with quiet():
        study.optuna_study.tell(study.optuna_study.ask(distributions(study.plan())), score)


def test_a_study_is_read_again_only_after_a_change(
    workspace: Path, dataset: SequenceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = new_study(workspace, dataset, "one")
    reads: list[str] = []
    whole = study_list_module._read

    def counted(*given: object) -> object:
        reads.append("read")
        return whole(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(study_list_module, "_read", counted)
    found = StudyList(workspace)
    assert found.one("one") == found.one("one") == found.all()[0]
    assert len(reads) == 1
    tell(study, 0.5)
    read = found.one("one")
    assert read is not None
    assert len(reads) == 2
    assert (read.n_counted, read.best is not None and read.best.score) == (1, 0.5)
    assert read.status.state == "stopped"
    assert read.figures_key[2] == 1


def test_figures_of_a_deleted_study_are_not_those_of_a_new_one_of_its_name(
    workspace: Path, dataset: SequenceDataset
) -> None:
    keys = set()
    for _ in range(3):
        # Its file gets the number of the one before it.
        new_study(workspace, dataset, "one").close()
        found = StudyList(workspace)
        read = found.one("one")
        assert read is not None
        keys.add(read.figures_key)
        found.study("one").close()
        delete_study(workspace, "one")
    assert len(keys) == 3


def test_one_that_is_gone_or_another_one_of_its_name_is_noticed(
    workspace: Path, dataset: SequenceDataset
) -> None:
    tell(new_study(workspace, dataset, "one"), 0.5)
    found = StudyList(workspace)
    assert found.all()[0].n_counted == 1
    delete_study(workspace, "one")
    assert found.one("one") is None
    assert found.all() == []
    new_study(workspace, dataset, "one")
    assert found.all()[0].n_counted == 0


def test_what_cannot_be_read_hides_no_other_and_a_lock_that_opens_is_noticed(
    workspace: Path, dataset: SequenceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_list_module, "LOOK_S", 0.05)
    new_study(workspace, dataset, "good").close()
    held = new_study(workspace, dataset, "held")
    held.close()
    (workspace / "studies" / "broken.db").write_bytes(b"none")
    lock = sqlite3.connect(held.path, isolation_level=None)
    lock.execute("begin exclusive")
    found = StudyList(workspace)
    problems = {read.name: type(read.problem) for read in found.all()}
    assert problems == {"good": type(None), "held": RunError, "broken": FormatError}
    lock.close()
    assert {read.name for read in found.all() if read.problem} == {"broken"}
    table = studies_frame(found.all(), workspace)
    assert dict(zip(table["Search"], table["State"], strict=True)) == {
        "good": "■ Stopped",
        "held": "■ Stopped",
        "broken": "? Unreadable",
    }


def test_a_study_is_never_seen_half_made(
    workspace: Path, dataset: SequenceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[Path]] = []
    monkeypatch.setattr(
        "bert4rec.search.studies.plain_plan",
        lambda plan: seen.append(list_studies(workspace)) or {"trials": 1},
    )
    study = new_study(workspace, dataset, "one")
    assert seen == [[]]
    assert list((workspace / "studies").iterdir()) == [study.path]
    with pytest.raises(RunError, match="already"):
        new_study(workspace, dataset, "one")
    assert list((workspace / "studies").iterdir()) == [study.path]
