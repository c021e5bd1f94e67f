from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from bert4rec.stages import Stage, rising, within


def test_a_stage_tells_what_is_done_and_which_share_of_the_whole() -> None:
    told: list[tuple[str, float]] = []
    stage = Stage(lambda *step: told.append(step), "judging", 2000, 0.5, 0.75)
    stage.add(1000)
    stage.add(1000)
    assert told == [("judging", 0.625), ("judging", 0.75)]


def test_work_within_other_work_tells_its_share_of_the_whole() -> None:
    told: list[tuple[str, float]] = []
    part = within(lambda *step: told.append(step), 0.5, 0.75)
    part("first", 0.0)
    part("last", 1.0)
    assert told == [("first", 0.5), ("last", 0.75)]


def test_what_threads_do_side_by_side_is_counted_once() -> None:
    told: list[float] = []
    stage = Stage(lambda doing, share: told.append(share), "judging", 400)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(stage.add, [1] * 400))
    assert told == [(at + 1) / 400 for at in range(400)]


def test_a_stage_without_rows_is_told_as_begun() -> None:
    told: list[tuple[str, float]] = []
    Stage(lambda *step: told.append(step), "judging", 0).tell(0)
    assert told == [("judging", 0.0)]


def test_work_that_is_begun_again_does_not_fall_back() -> None:
    told: list[tuple[str, float]] = []
    watch = rising(lambda *step: told.append(step))
    for step in (("first", 0.5), ("again", 0.0), ("again", 0.75)):
        watch(*step)
    assert told == [("first", 0.5), ("again", 0.5), ("again", 0.75)]
