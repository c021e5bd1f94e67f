"""Questions that arrive together are answered together, in one thread, within limits.

The size of a question is its rows: histories whose vectors or next items are asked for, and gaps.
While the network is busy with some questions, others come in; they wait and go through it as one
batch. Nobody waits for company: a question that comes alone is answered at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bert4rec.errors import Bert4RecError
from bert4rec.threads import thread_pool

# Rows of a batch; more would let the first of them wait for long.
MAX_ROWS = 256
# Rows that wait. What comes then is turned away, so that an answer is never minutes old.
MAX_WAITING = 4_096
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class BusyError(Bert4RecError):
    """More questions than can be answered in time, or the service is about to end."""


@dataclass(eq=False)
class _Question(Generic[Asked, Answer]):
    asked: Asked
    n_rows: int
    answer: asyncio.Future[Answer]


class Gatherer(Generic[Asked, Answer]):
    """Collects questions and has them answered batch after batch.

    Args:
        answer: Answers some questions, in their order; called by one thread.
        max_rows: Rows of a batch, unless one question has more.
        max_waiting: Rows that may wait.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Asked]], Sequence[Answer]],
        *,
        max_rows: int = MAX_ROWS,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._answer, self._max_rows, self._max_waiting = answer, max_rows, max_waiting
        self._waiting: deque[_Question[Asked, Answer]] = deque()
        self._n_waiting = 0
        self._has_come = asyncio.Event()
        self._is_ending = False

    async def ask(self, asked: Asked, n_rows: int) -> Answer:
        """Return the answer to a question.

        Args:
            asked: The question, sound: an error in it would be one of its whole batch. Whoever
                cancels waiting for its answer takes it back.
            n_rows: Its size.

        Raises:
            BusyError: too many wait, or the service is about to end.
        """
        if self._is_ending or self._n_waiting + n_rows > self._max_waiting:
            raise BusyError("the service is busy", fix="Ask again in a moment.")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        question = _Question(asked, n_rows, answer)
        self._waiting.append(question)
        self._n_waiting += n_rows
        self._has_come.set()
        try:
            return await answer
        except asyncio.CancelledError:
            # Whoever has gone is not computed for, unless that has begun, and makes room.
            if question in self._waiting:
                self._waiting.remove(question)
                self._n_waiting -= n_rows
            raise

    async def run(self) -> None:
        """Answer what is asked, until `end` was called and nobody waits any more."""
        # The thread has no threads of its own: a batch is parted among those of the scorer.
        with thread_pool(1, "answers") as pool:
            loop = asyncio.get_running_loop()
            while self._waiting or not self._is_ending:
                await self._has_come.wait()
                self._has_come.clear()
                while batch := self._next_batch():
                    questions = [question.asked for question in batch]
                    answers = loop.run_in_executor(pool, self._answer, questions)
                    await asyncio.wait([answers])
                    _deliver(batch, answers)

    def end(self) -> None:
        """Take no more questions; those that wait are still answered."""
        self._is_ending = True
        self._has_come.set()

    def _next_batch(self) -> list[_Question[Asked, Answer]]:
        batch: list[_Question[Asked, Answer]] = []
        n_rows = 0
        while self._waiting and (not batch or n_rows + self._waiting[0].n_rows <= self._max_rows):
            question = self._waiting.popleft()
            self._n_waiting -= question.n_rows
            batch.append(question)
            n_rows += question.n_rows
        return batch


def _deliver(
    batch: Sequence[_Question[Asked, Answer]], answers: asyncio.Future[Sequence[Answer]]
) -> None:
    """Hand each its answer or, where the batch failed, its error."""
    error = answers.exception()
    for place, question in enumerate(batch):
        if question.answer.done():
            continue
        if error is not None:
            question.answer.set_exception(error)
        else:
            question.answer.set_result(answers.result()[place])
