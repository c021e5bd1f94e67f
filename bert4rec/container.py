"""What a container leaves to the processes in it: memory and cores, as Linux tells them there.

The machine's own figures do not know of it: who takes more memory is killed, who takes more time on
the cores is made to wait. A folder of control groups is read as it is in either of their versions.
"""

from __future__ import annotations

import math
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")


def free_bytes(groups: Path = GROUPS) -> float:
    """Return how much memory the container has left; infinite where nothing limits it.

    Args:
        groups: Folder of the control groups.
    """
    return min(
        _left(groups, "memory.max", "memory.current", "inactive_file"),
        _left(
            groups / "memory",
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
    )


def _left(group: Path, most: str, taken: str, cached: str) -> float:
    limit, used = _numbers(group / most), _numbers(group / taken)
    if not limit or not used:
        return math.inf
    stat = dict(line.split(maxsplit=1) for line in _text(group / "memory.stat").splitlines())
    # What is only kept of files that were read gives way.
    return max(0.0, limit[0] - used[0] + float(stat.get(cached, 0)))


def n_cores(groups: Path = GROUPS) -> float:
    """Return how many cores the container may keep busy, rounded up; infinite without a limit.

    Args:
        groups: Folder of the control groups.
    """
    quota = _numbers(groups / "cpu.max")
    if not quota:
        cpu = groups / "cpu"
        quota = _numbers(cpu / "cpu.cfs_quota_us") + _numbers(cpu / "cpu.cfs_period_us")
    # Each version writes no limit in its own way: "max", which is no number, and -1.
    if len(quota) != 2 or min(quota) <= 0:
        return math.inf
    return math.ceil(quota[0] / quota[1])


def _numbers(path: Path) -> list[int]:
    """Return the numbers of a file; none where it is not there or says "max"."""
    words = _text(path).split()
    return [int(word) for word in words] if all(map(str.isdecimal, words)) else []


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except OSError:
        return ""
