from __future__ import annotations

import math
from pathlib import Path

import pytest

from bert4rec import container, device
from bert4rec.container import free_bytes, n_cores

GIB = 2**30


def groups(folder: Path, **files: str) -> Path:
    """Write a folder of control groups; two underscores stand for a folder, one for a point."""
    for name, text in files.items():
        path = folder.joinpath(*name.split("__"))
        path = path.with_name(path.name.replace("_", ".", 1))
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def test_a_limit_of_memory_leaves_what_is_not_taken_and_what_is_kept_of_files(
    tmp_path: Path,
) -> None:
    made = groups(
        tmp_path,
        memory_max=f"{4 * GIB}\n",
        memory_current=f"{3 * GIB}\n",
        memory_stat=f"anon 17\ninactive_file {GIB}\nactive_file 5\n",
    )
    assert free_bytes(made) == 2 * GIB


def test_a_limit_of_the_older_version_is_read_too(tmp_path: Path) -> None:
    made = groups(
        tmp_path,
        memory__memory_limit_in_bytes=f"{4 * GIB}\n",
        memory__memory_usage_in_bytes=f"{3 * GIB}\n",
        memory__memory_stat="inactive_file 9\ntotal_inactive_file 7\n",
        cpu__cpu_cfs_quota_us="150000\n",
        cpu__cpu_cfs_period_us="100000\n",
    )
    assert free_bytes(made) == GIB + 7
    assert n_cores(made) == 2


def test_more_than_the_limit_leaves_nothing(tmp_path: Path) -> None:
    assert free_bytes(groups(tmp_path, memory_max="5", memory_current="9")) == 0


@pytest.mark.parametrize(
    ("quota", "expected"), [("50000 100000", 1), ("400000 100000", 4), ("max 100000", math.inf)]
)
def test_a_quota_is_a_number_of_cores_rounded_up(
    quota: str, expected: float, tmp_path: Path
) -> None:
    assert n_cores(groups(tmp_path, cpu_max=quota)) == expected


def test_without_limits_there_are_none(tmp_path: Path) -> None:
    assert (free_bytes(tmp_path), n_cores(tmp_path)) == (math.inf, math.inf)
    open_ = groups(
        tmp_path,
        memory_max="max\n",
        memory_current="7\n",
        cpu__cpu_cfs_quota_us="-1\n",
        cpu__cpu_cfs_period_us="100000\n",
    )
    assert (free_bytes(open_), n_cores(open_)) == (math.inf, math.inf)


def test_memory_and_cores_are_at_most_those_of_the_container(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(container, "free_bytes", lambda: 1000)
    monkeypatch.setattr(container, "n_cores", lambda: 1)
    assert device.free_memory_bytes("cpu") == 1000
    assert device.n_usable_cores() == 1
