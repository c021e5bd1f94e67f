from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from bert4rec.runs.folder import Run

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

# A slow machine is no failure, and a build server tries the same examples every time.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")


def skip_unless_ci(reason: str) -> None:
    """Skip on a person's machine, fail where a silent skip would hide an untested part."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real logs, which lies beside the repository and is not part of it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        skip_unless_ci(f"no real data: {folder} is missing")
    return folder


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The installed Chromium, for `playwright.chromium.launch(executable_path=...)`."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        skip_unless_ci(f"no browser: none of {', '.join(CHROMIUM_NAMES)} is on the PATH")
    return str(found)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace, also for what is started from the test."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    monkeypatch.setenv("BERT4REC_WORKSPACE", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run on the ring world, trained once for all tests, which only read it."""
    from bert4rec.pipeline import train
    from tests.factories import ring_dataset, small_settings

    settings = small_settings(n_epochs=8, n_layers=2, n_heads=2)
    return train(ring_dataset(), settings, workspace=tmp_path_factory.mktemp("tiny"), name="tiny")
