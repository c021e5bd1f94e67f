from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bert4rec import sweep
from bert4rec.cli import main, searching
from bert4rec.policy_settings import MAX_SEED
from bert4rec.search.plan import MAX_TRIALS, Budget, SearchPlan
from bert4rec.search.space import Choices
from bert4rec.search.trials import Trial
from tests.factories import ring_dataset, saved_dataset, small_settings


def test_what_a_search_leaves_empty_is_told_as_it_is_typed(workspace: Path) -> None:
    dataset = saved_dataset(workspace, ring_dataset(n_items=12, n_users=60))
    settings = small_settings(n_epochs=1, n_threads=1).given()
    fixed = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    words = [*fixed, "--set", "max_minutes=none", "--vary", "loss_type=none,CE", "--trials", "1"]
    place = ["--workspace", str(workspace)]
    found = CliRunner().invoke(main, ["sweep", dataset.name, *words, *place])
    assert found.exit_code == 0, found.output
    assert "loss_type=none" in found.stderr
    assert "--set max_minutes=none" in found.stdout
    assert "--set loss_type=none" in found.stdout
    assert "None" not in found.output


def test_a_search_says_how_far_a_validation_has_come(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "JUDGED_EVERY_S", 0.0)
    dataset = saved_dataset(workspace, ring_dataset(n_items=12, n_users=60))
    settings = small_settings(n_epochs=1, n_threads=1, eval_batch_size=20).given()
    fixed = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    words = [*fixed, "--trials", "1", "--workspace", str(workspace)]
    found = CliRunner().invoke(main, ["sweep", dataset.name, *words])
    assert found.exit_code == 0, found.output
    assert "judging trial 1, validation: 20 of 60 held-out items" in found.stderr


def test_a_search_that_has_tried_all_there_is_says_so(workspace: Path) -> None:
    dataset = saved_dataset(workspace, ring_dataset(n_items=12, n_users=60))
    settings = small_settings(n_epochs=1, n_threads=1).given()
    fixed = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    words = [*fixed, "--vary", "n_layers=1,2", "--workspace", str(workspace)]
    found = CliRunner().invoke(main, ["sweep", dataset.name, *words])
    assert found.exit_code == 0, found.output
    assert "2 of 2: trial 2" in found.stderr
    assert "Every point of the space has been tried." in found.stdout


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--trials", str(MAX_TRIALS + 1)),
        ("--seed", str(MAX_SEED + 1)),
        ("--minutes", "nan"),
        ("--vary", "learning_rate"),
        ("--set", "n_epochs"),
    ],
)
def test_what_is_typed_wrongly_is_told_with_its_own_option(
    option: str, value: str, workspace: Path
) -> None:
    found = CliRunner().invoke(
        main, ["sweep", "ring", option, value, "--workspace", str(workspace)]
    )
    assert found.exit_code == 2
    assert option in found.stderr


def test_the_limits_of_the_options_are_those_of_a_plan() -> None:
    assert (searching.MAX_TRIALS, searching.MAX_SEED) == (MAX_TRIALS, MAX_SEED)


def test_a_file_in_the_place_of_the_studies_is_named(workspace: Path) -> None:
    dataset = saved_dataset(workspace, ring_dataset(n_items=12, n_users=60))
    (workspace / "studies").write_text("in the way")
    found = CliRunner().invoke(main, ["sweep", dataset.name, "--workspace", str(workspace)])
    assert found.exit_code == 1
    assert f"the folder {workspace / 'studies'} cannot be written" in found.stderr


def test_a_trial_that_was_put_back_does_not_count_among_those_that_are_done() -> None:
    plan = SearchPlan(small_settings(), {"hidden_size": Choices((8, 16))}, Budget(n_trials=1))
    trials = [
        Trial(0, "interrupted", {"hidden_size": 8}, None, (), 1.0, "its process is gone"),
        Trial(1, "finished", {"hidden_size": 8}, 0.5, ((1, 0.5),), 2.0, ""),
    ]
    assert searching._trial_line(trials[0], trials[:1], plan).startswith("0 of 1: trial 1 inter")
    assert searching._trial_line(trials[1], trials, plan).startswith("1 of 1: trial 2 finished")
