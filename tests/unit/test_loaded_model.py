from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bert4rec.errors import FormatError, NotFoundError
from bert4rec.loaded_model import load_model
from bert4rec.runs.folder import Run
from tests.factories import random_dataset


def test_a_run_is_loaded_by_itself_or_by_its_path(tiny_run: Run) -> None:
    by_path = load_model(str(tiny_run.folder))
    assert by_path.recommend(["3", "4"]) == load_model(tiny_run).recommend(["3", "4"])
    assert by_path.run == tiny_run
    assert by_path.settings == tiny_run.hyperparameters()


def test_the_last_checkpoint_can_be_asked_for(tiny_run: Run) -> None:
    last = load_model(tiny_run, checkpoint="last")
    assert last.item_embeddings().shape == load_model(tiny_run).item_embeddings().shape


def test_what_is_no_run_and_a_checkpoint_that_is_not_there_are_told(
    tiny_run: Run, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError, match="no run"):
        load_model(tmp_path)
    with pytest.raises(NotFoundError, match="no checkpoint 'worst' yet"):
        load_model(tiny_run, checkpoint="worst")


def test_a_run_is_asked_in_the_precision_that_it_asks_for(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for asked, found in (("bfloat16", "bfloat16"), ("float32", "float32"), ("auto", "float32")):
        settings = tiny_run.hyperparameters().model_copy(update={"precision": asked})
        monkeypatch.setattr(type(tiny_run), "hyperparameters", lambda _, given=settings: given)
        assert load_model(tiny_run, device="cpu").scorer.choice.precision == found


def test_a_checkpoint_of_another_catalogue_is_told(tiny_run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    shutil.copytree(tiny_run.workspace, folder)
    run = Run(folder / "runs" / tiny_run.id)
    dataset = run.dataset()
    assert dataset.folder is not None
    other = random_dataset([4, 5], n_items=7)
    other.manifest["fingerprint"] = dataset.fingerprint
    other.save(dataset.folder)
    with pytest.raises(FormatError, match="does not fit"):
        load_model(run)
