"""The benchmark of training beside other systems: its data file, its order and its table."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers.task import Histories, Stopwatch, Task
from benchmarks.train import NARROW, OUR_TASKS, OURS, PEERS, Plan, rows_of, write_histories

PLAN = Plan.of({"BENCH_USERS": "20", "BENCH_THREADS": "1", "BENCH_REPEATS": "2"})


def measured(sequences_per_s: float, **others: Any) -> dict[str, Any]:
    figures = {"sequences_per_s": sequences_per_s, "users_per_s": 100.0, "peak_bytes": 2e9}
    return figures | {"cpu_share": 1.0, "n_sequences": 512, "version": "1.0"} | others


def test_the_data_file_holds_the_histories_that_were_written(tmp_path: Path) -> None:
    path = write_histories(tmp_path, "A", PLAN)
    histories = Histories.load(path)
    histories.save(tmp_path / "again.npz")
    again = Histories.load(tmp_path / "again.npz")
    np.testing.assert_array_equal(histories.items, again.items)
    np.testing.assert_array_equal(histories.offsets, again.offsets)
    assert histories.n_users == 20
    assert all(len(items) > PLAN.task("A", OURS).window for items in histories.sequences())


def test_users_and_times_tell_every_item_its_place() -> None:
    histories = Histories(np.array([5, 6, 7], np.int32), np.array([0, 2, 3]))
    assert histories.users.tolist() == [0, 0, 1]
    assert histories.times.tolist() == [0, 1, 0]
    assert [items.tolist() for items in histories.sequences()] == [[5, 6], [7]]


def test_a_task_survives_the_command_line() -> None:
    task = PLAN.task("B", "RecBole")
    assert Task(**json.loads(task.as_text())) == task
    assert asdict(task)["next_item_rate"] is None


def test_ours_is_measured_before_each_other_system() -> None:
    turns = [system for shape, system in PLAN.turns() if shape == "A"]
    assert turns[::2] == [OURS] * len(turns[::2])
    others = set(PLAN.systems) - {OURS}
    assert set(turns[1::2]) == others
    assert len(turns) == 2 * 2 * len(others)


@pytest.mark.parametrize("fast", ["amx_bf16", None])
def test_bfloat16_is_measured_where_it_is_fast(
    fast: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.train.bfloat16_instructions", lambda: fast)
    plan = Plan.of({})
    narrow = {name for name in (*OUR_TASKS, *PEERS) if NARROW in name}
    assert set(plan.systems) & narrow == (narrow if fast else set())
    for name in plan.systems:
        assert plan.task("A", name).precision == (NARROW if name in narrow else "float32")


def test_a_system_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(SystemExit, match="'other'"):
        Plan.of({"BENCH_SYSTEMS": "ours,other"})
    assert Plan.of({"BENCH_SYSTEMS": "ours, hugging_face"}).systems == (OURS, "Hugging Face")


def test_ratios_are_those_of_the_medians() -> None:
    plan = Plan.of({"BENCH_SYSTEMS": "ours,recbole", "BENCH_SHAPES": "A"})
    runs = {
        ("A", OURS): [measured(900.0), measured(1000.0), measured(5000.0)],
        ("A", "RecBole"): [measured(200.0, peak_bytes=8e9, users_per_s=50.0)],
    }
    ours, theirs = rows_of(plan, runs, {})
    assert ours["train seq/s"] == 1000
    assert ours["train seq/s, ours/theirs"] == 1.0
    assert theirs["train seq/s, ours/theirs"] == 5.0
    assert theirs["eval users/s, ours/theirs"] == 2.0
    assert theirs["peak MB, ours/theirs"] == 0.25
    assert (theirs["peak MB"], theirs["runs"], ours["runs"]) == (8000, 1, 3)


def test_a_system_without_figures_stays_in_the_table_with_the_reason() -> None:
    plan = Plan.of({"BENCH_SYSTEMS": "ours,replay", "BENCH_SHAPES": "A"})
    failures = {("A", "RePlay"): "not installed: no matching distribution"}
    ours, theirs = rows_of(plan, {("A", OURS): [measured(900.0)]}, failures)
    assert list(ours) == list(theirs)
    assert theirs["train seq/s"] == theirs["train seq/s, ours/theirs"] == "-"
    assert theirs["note"].startswith("not installed")


def test_the_stopwatch_leaves_the_warm_up_out_and_ends_after_its_steps() -> None:
    stopwatch = Stopwatch(PLAN.task("A", "RecBole"))
    n_steps = len(list(stopwatch.over([range(256)] * 100)))
    assert n_steps == 4 + 24
    assert stopwatch.n_sequences == 24 * 256
