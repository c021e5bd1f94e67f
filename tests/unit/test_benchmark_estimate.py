"""The benchmark of the estimate: what it measures and how it sums up."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.estimate import SETTINGS, estimate, run, summary
from bert4rec.setting_checks import parse_settings
from tests.factories import ring_dataset, saved_dataset, small_settings


def test_there_are_twelve_settings_that_can_be_named_in_a_list() -> None:
    assert len(SETTINGS) >= 12
    assert len({parse_settings(given) for given in SETTINGS.values()}) == len(SETTINGS)
    assert not any("," in name for name in SETTINGS)


def test_an_estimate_and_a_run_tell_of_the_same_things(workspace: Path) -> None:
    dataset = saved_dataset(workspace, ring_dataset())
    given = small_settings(n_epochs=2).given()
    told, found = estimate(dataset, given), run(dataset, given)
    assert told.keys() <= found.keys()
    assert found["epoch_s"] > 0
    assert found["memory_bytes"] >= 0
    assert found["cpu_share"] > 0


def test_errors_are_summed_up_whatever_their_sign() -> None:
    rows = [{"settings": "a", "time off by": by, "memory off by": -by} for by in (0.1, -0.4, 0.2)]
    middle, largest = summary(rows)
    assert (middle["time off by"], largest["time off by"]) == ("20%", "40%")
    assert (middle["memory off by"], largest["memory off by"]) == ("20%", "40%")
    assert [row["time off by"] for row in rows] == ["+10%", "-40%", "+20%"]


def test_a_setting_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.estimate import measure_estimates

    monkeypatch.setenv("BENCH_SETTINGS", "quick,slow")
    with pytest.raises(SystemExit, match="'slow'"):
        measure_estimates()
