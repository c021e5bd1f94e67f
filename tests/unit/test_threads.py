"""Rows that are shared out between threads."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bert4rec.score_blocks import Products
from bert4rec.threads import (
    LEAST_ROWS,
    STEPS_BEHIND,
    fair_slices,
    leave_if_abandoned,
    let_others_first,
    one_ahead,
    side_by_side,
)
from tests.waiting import LIMIT_S


@given(st.integers(0, 5_000), st.integers(1, 700), st.integers(1, 9))
def test_slices_make_up_the_rows_and_none_is_longer_or_much_shorter(
    n_rows: int, size: int, n_threads: int
) -> None:
    slices = fair_slices(n_rows, size, n_threads)
    assert np.array_equal(
        np.concatenate([np.arange(0), *(np.arange(n_rows)[s] for s in slices)]), np.arange(n_rows)
    )
    lengths = [rows.stop - rows.start for rows in slices]
    assert all(length <= size for length in lengths)
    assert max(lengths, default=0) - min(lengths, default=0) <= 1
    assert not any(length == 0 for length in lengths)


def test_each_thread_gets_as_many_slices_as_the_others() -> None:
    assert len(fair_slices(1_500, 1_024, 2)) == 2
    assert len(fair_slices(6_040, 1_024, 2)) == 6
    assert len(fair_slices(LEAST_ROWS, 1_024, 8)) == 1


def names_of(n_rows: int, n_threads: int) -> list[tuple[str, int]]:
    # Who waits for the other is a thread of its own.
    meeting = threading.Barrier(n_threads)

    def compute(rows: slice) -> tuple[str, int]:
        meeting.wait(timeout=LIMIT_S)
        return threading.current_thread().name, torch.get_num_threads()

    return side_by_side(compute, n_rows, n_rows, n_threads)


def test_slices_are_computed_at_once_by_threads_without_further_ones() -> None:
    found = names_of(3 * LEAST_ROWS, 3)
    assert len({name for name, _ in found}) == 3
    assert all(name.startswith("rows") and n_inner == 1 for name, n_inner in found)


def test_one_thread_is_the_calling_one() -> None:
    found = names_of(3 * LEAST_ROWS, 1)
    assert found == [(threading.current_thread().name, torch.get_num_threads())]


def test_answers_are_in_the_order_of_the_rows_and_an_error_is_raised() -> None:
    starts = side_by_side(lambda rows: rows.start, 100, 10, 3)
    assert len(starts) >= 10
    assert starts == sorted(starts)
    assert side_by_side(lambda rows: rows.start, 0, 10, 3) == []

    def fail(rows: slice) -> None:
        raise ValueError(rows)

    with pytest.raises(ValueError, match="slice"):
        side_by_side(fail, 100, 10, 3)


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells threads apart")
def test_work_in_the_background_and_what_it_starts_let_others_go_first() -> None:
    before = priority()
    with ThreadPoolExecutor(1, initializer=let_others_first) as background:
        found = background.submit(priority).result()
        with background.submit(ThreadPoolExecutor, 1).result() as helpers:
            of_helper = background.submit(lambda: helpers.submit(priority).result()).result()
    assert found == of_helper == min(before + STEPS_BEHIND, 19)
    assert priority() == before


def test_what_comes_next_is_made_meanwhile_and_its_error_comes_in_its_turn() -> None:
    second_begun = threading.Event()

    def made() -> Iterator[int]:
        yield 1
        second_begun.set()
        yield 2
        raise ZeroDivisionError

    coming = one_ahead(made())
    assert next(coming) == 1
    assert second_begun.wait(LIMIT_S)
    assert next(coming) == 2
    with pytest.raises(ZeroDivisionError):
        next(coming)
    assert list(one_ahead(iter([]))) == []


def test_a_slice_under_way_ends_where_another_one_failed() -> None:
    has_begun, read = threading.Event(), list[int]()
    # A quadrillion items without memory of their own: nobody waits until they are read.
    products = Products(torch.ones(1, 2), torch.ones(1, 2).expand(10**15, 2))

    def compute(rows: slice) -> None:
        if not rows.start:
            has_begun.wait(LIMIT_S)
            raise KeyboardInterrupt
        for start, _ in products:
            read.append(start)
            has_begun.set()

    with pytest.raises(KeyboardInterrupt):
        side_by_side(compute, 2 * LEAST_ROWS, LEAST_ROWS, n_threads=2)
    assert read


def test_what_is_computed_by_one_thread_is_never_abandoned() -> None:
    with pytest.raises(KeyboardInterrupt):
        side_by_side(lambda rows: interrupt(), 64, 64, n_threads=1)
    leave_if_abandoned()


def interrupt() -> None:
    raise KeyboardInterrupt
