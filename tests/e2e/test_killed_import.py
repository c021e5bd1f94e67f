"""An import that is killed at any moment leaves no half dataset, and the next one cleans up."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from bert4rec.data.collection import damaged_datasets, delete_dataset, list_datasets
from bert4rec.data.dataset import open_dataset

N_ROWS = 2_000_000
N_KILLS = 6


def write_log(path: Path) -> None:
    """Rows in no order, so that there is something to sort."""
    chance = np.random.default_rng(5)
    users, items = (chance.integers(n, size=N_ROWS) for n in (20_000, 5_000))
    times = 1_600_000_000 + chance.permutation(N_ROWS)
    rows = np.stack([users, items, times], axis=1)
    with path.open("wb") as file:
        file.write(b"user_id,item_id,timestamp\n")
        for block in np.array_split(rows, 20):
            file.write("".join(f"{u},{i},{t}\n" for u, i, t in block.tolist()).encode())


def traces(workspace: Path) -> set[Path]:
    return set(workspace.glob("*/.*"))


def start(log: Path, workspace: Path) -> subprocess.Popen[bytes]:
    command = [str(Path(sys.executable).with_name("bert4rec")), "prepare", str(log)]
    return subprocess.Popen(
        [*command, "--workspace", str(workspace)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for_first_trace(
    process: subprocess.Popen[bytes], workspace: Path, left_behind: set[Path]
) -> None:
    """Wait until the import has begun to write below the workspace, beside what others left."""
    while not traces(workspace) - left_behind:
        try:
            process.wait(timeout=0.01)
        except subprocess.TimeoutExpired:
            continue
        return


def seconds_of_an_import(log: Path, workspace: Path) -> float:
    """Import a log whole, and return how long it wrote."""
    process = start(log, workspace)
    wait_for_first_trace(process, workspace, set())
    begun = time.monotonic()
    assert process.wait() == 0
    return time.monotonic() - begun


def is_empty(folder: Path) -> bool:
    return not folder.exists() or not any(folder.iterdir())


@pytest.mark.slow
def test_an_import_killed_at_any_moment_leaves_no_half_dataset(tmp_path: Path) -> None:
    log, workspace = tmp_path / "log.csv", tmp_path / "killed"
    write_log(log)
    took_s = seconds_of_an_import(log, tmp_path / "whole")
    (whole,) = list_datasets(tmp_path / "whole")
    moments = np.random.default_rng(11).permutation(np.linspace(0.0, 0.98, N_KILLS)) * took_s
    n_left_behind = 0
    for moment_s in moments:
        left_behind = traces(workspace)
        process = start(log, workspace)
        wait_for_first_trace(process, workspace, left_behind)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=moment_s)
        process.kill()
        process.wait()
        assert damaged_datasets(workspace) == []
        for manifest in list_datasets(workspace):
            open_dataset(workspace / "datasets" / manifest["folder"])
            assert manifest["counts"] == whole["counts"]
            # What is there is not imported again, so that the kills to come would meet nothing.
            delete_dataset(workspace, manifest["folder"])
        n_left_behind += bool(traces(workspace))
    assert n_left_behind, "no import was killed on the way"

    assert start(log, workspace).wait() == 0
    (made,) = list_datasets(workspace)
    assert made["fingerprint"] == whole["fingerprint"]
    assert made["counts"] == whole["counts"]
    assert [path.name for path in (workspace / "datasets").iterdir()] == [made["folder"]]
    assert is_empty(workspace / "tmp")
