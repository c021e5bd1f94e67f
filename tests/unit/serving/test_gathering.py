from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from bert4rec.serving.gathering import BusyError, Gatherer
from tests.loops import in_a_loop


async def started(gatherer: Gatherer[Any, Any]) -> AsyncIterator[None]:
    task = asyncio.create_task(gatherer.run())
    yield
    gatherer.end()
    await task


def test_questions_that_arrive_together_go_through_together() -> None:
    batches: list[list[int]] = []

    def double(asked: Sequence[int]) -> list[int]:
        batches.append(list(asked))
        return [2 * one for one in asked]

    async def many() -> list[int]:
        gatherer: Gatherer[int, int] = Gatherer(double, max_rows=4)
        async for _ in started(gatherer):
            answers = await asyncio.gather(*(gatherer.ask(one, 1) for one in range(10)))
            found = list(answers)
        with pytest.raises(BusyError):
            await gatherer.ask(1, 1)
        return found

    assert in_a_loop(many()) == [2 * one for one in range(10)]
    assert batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_too_many_questions_are_turned_away_and_those_who_left_are_not_answered() -> None:
    asked_for: list[int] = []

    def note(asked: Sequence[int]) -> list[int]:
        asked_for.extend(asked)
        return list(asked)

    async def ask() -> None:
        gatherer: Gatherer[int, int] = Gatherer(note, max_waiting=3)
        waiting = [asyncio.create_task(gatherer.ask(one, 1)) for one in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="busy"):
            await gatherer.ask(9, 1)
        waiting[1].cancel()
        await asyncio.sleep(0)
        # Whoever left has made room.
        waiting[1] = asyncio.create_task(gatherer.ask(3, 1))
        async for _ in started(gatherer):
            assert await asyncio.gather(*waiting) == [0, 3, 2]

    in_a_loop(ask())
    assert asked_for == [0, 2, 3]


def test_a_batch_that_fails_fails_those_in_it_alone() -> None:
    def fail(asked: Sequence[int]) -> list[int]:
        if 13 in asked:
            raise ValueError("unlucky")
        return list(asked)

    async def ask() -> None:
        gatherer: Gatherer[int, int] = Gatherer(fail)
        async for _ in started(gatherer):
            with pytest.raises(ValueError, match="unlucky"):
                await gatherer.ask(13, 1)
            assert await gatherer.ask(1, 1) == 1

    in_a_loop(ask())
