"""Threads that compute side by side, each one a part of its own (decisions 0006, 0011)."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from typing import TypeVar, cast

import torch

Found = TypeVar("Found")
END = object()

# Fewer rows are not worth a thread of their own.
LEAST_ROWS = 32
# As `nice` counts it: on one core beside a thread that draws a page, a tenth of its time.
STEPS_BEHIND = 10


def let_others_first() -> None:
    """Put this thread, and those that it starts from now on, behind others where cores are short.

    Work in the background goes on at full speed where nobody else wants its cores (decision 0027).
    Only Linux tells the threads of a process apart; elsewhere nothing changes.
    """
    if sys.platform == "linux":
        # The first thread of a process has its number.
        behind = os.getpriority(os.PRIO_PROCESS, os.getpid()) + STEPS_BEHIND
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), behind)


def thread_pool(n_threads: int, name: str) -> ThreadPoolExecutor:
    """Return threads that compute side by side, each without further threads of its own.

    Threads inside each operation meet at its end, hundreds of times a step, and either spin there
    or sleep and wake; both are dear where an operation takes a millisecond.
    """
    return ThreadPoolExecutor(n_threads, name, initializer=torch.set_num_threads, initargs=(1,))


def one_ahead(made: Iterator[Found]) -> Iterator[Found]:
    """Yield what an iterator makes, while a thread of its own makes the next one."""
    with ThreadPoolExecutor(1, "ahead") as pool:
        coming = pool.submit(next, made, END)
        while (found := coming.result()) is not END:
            coming = pool.submit(next, made, END)
            yield cast(Found, found)


class AbandonedError(Exception):
    """Nobody waits any more for what this thread computes."""


# Of each thread that computes slices: tells it that another one has failed or was interrupted.
_WORK = threading.local()


def leave_if_abandoned() -> None:
    """End what this thread computes, where nobody waits for it any more.

    For the inside of a slice that takes seconds: pressing Ctrl+C ends the thread that waits, which
    then waits for the threads that it started.

    Raises:
        AbandonedError: so it is.
    """
    abandoned: threading.Event | None = getattr(_WORK, "abandoned", None)
    if abandoned is not None and abandoned.is_set():
        raise AbandonedError


def side_by_side(
    compute: Callable[[slice], Found], n_rows: int, size: int, n_threads: int
) -> list[Found]:
    """Return what is computed of slices of rows, in their order.

    Args:
        compute: Is given each slice of the rows once, by any of the threads.
        n_rows: Rows in all.
        size: Rows of a slice at most.
        n_threads: Threads that compute at once.
    """
    slices = fair_slices(n_rows, size, n_threads)
    if min(n_threads, len(slices)) < 2:
        return [compute(rows) for rows in slices]
    abandoned = threading.Event()

    def work(rows: slice) -> Found:
        _WORK.abandoned = abandoned
        return compute(rows)

    with thread_pool(min(n_threads, len(slices)), "rows") as pool:
        try:
            return list(pool.map(work, slices))
        except BaseException:
            abandoned.set()
            raise


def fair_slices(n_rows: int, size: int, n_threads: int) -> list[slice]:
    """Return slices of up to `size` rows that make up `n_rows`, as many for each thread.

    Args:
        n_rows: Rows in all.
        size: Rows in a slice at most, at least 1.
        n_threads: Threads that compute the slices; few rows are for fewer of them.
    """
    n_threads = max(1, min(n_threads, n_rows // LEAST_ROWS))
    n_slices = min(n_rows, n_threads * -(-n_rows // (size * n_threads)))
    cuts = [n_rows * cut // max(n_slices, 1) for cut in range(n_slices + 1)]
    return [slice(*pair) for pair in pairwise(cuts)]
