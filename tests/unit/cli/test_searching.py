from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from bert4rec.cli import main
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
