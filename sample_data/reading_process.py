"""Reading: series read volume by volume, with detours to other books of the same author."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from book_titles import BOOK_NOUNS, book_titles, series_names
from numpy.typing import NDArray
from process import Floats, Sample, draw_sequences, draw_times, mixture
from titles import person_names

SEED = 20_240_202
N_READERS, SHORTEST, LONGEST = 2_400, 12, 36
GENRES = tuple(BOOK_NOUNS)
GENRE_WEIGHTS = (0.18, 0.15, 0.15, 0.14, 0.11, 0.11, 0.09, 0.07)
# One author a series; each author also has single books.
VOLUMES = (3, 5, 4, 6, 3, 5, 4, 4)
AUTHOR_WEIGHTS = (0.22, 0.18, 0.15, 0.12, 0.1, 0.09, 0.08, 0.06)
SINGLE_WEIGHTS = (0.65, 0.35)
# How readers come to an author: volume one, volume two, or a single book.
FIRST_VOLUME, SECOND_VOLUME, SINGLE = 0.65, 0.15, 0.2
CONTINUE, DETOUR, RETURN, SKIP_A_VOLUME = 0.4, 0.22, 0.75, 0.2
# Weight of one book read against all that was known of the reader's taste before.
TASTE_PER_BOOK = 0.15


@dataclass(frozen=True)
class Shelf:
    """The books as arrays over items; the volume of a single book is -1, of a series from 0."""

    genre: NDArray[np.int64]
    author: NDArray[np.int64]
    volume: NDArray[np.int64]
    weight: Floats


@dataclass(frozen=True)
class ReadingState:
    """Where a reader stands: the last book, the series left for a detour, taste, books read."""

    last: int
    paused: int
    taste: Floats
    is_open: NDArray[np.bool_]


class ReadingProcess:
    """The exact rule by which a reader goes on.

    Taste is a Pólya urn over genres, which is a Dirichlet-distributed taste with the unknown taste
    integrated out: no hidden state remains.
    """

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        in_genre = shelf.genre[None, :] == np.arange(len(GENRES))[:, None]
        self.opening = in_genre * shelf.weight
        self.opening /= self.opening.sum(axis=1, keepdims=True)
        same_author = shelf.author[:, None] == shelf.author[None, :]
        is_single = shelf.volume < 0
        step = np.where(is_single[:, None] | is_single, 0, shelf.volume - shelf.volume[:, None])
        self.following = same_author * (
            (step == 1) * (1 - SKIP_A_VOLUME) + (step == 2) * SKIP_A_VOLUME
        )
        self.detour = same_author * ~is_single[:, None] * is_single * shelf.weight

    def start(self) -> ReadingState:
        """Return the state of somebody who has read nothing."""
        is_open = np.ones(len(self.shelf.genre), dtype=bool)
        return ReadingState(-1, -1, np.array(GENRE_WEIGHTS), is_open)

    def probabilities(self, state: ReadingState) -> Floats:
        """Return the chance of every book to come next."""
        anything = (state.taste / state.taste.sum()) @ self.opening
        if state.paused >= 0:
            parts = [(RETURN, self.following[state.paused]), (1 - RETURN, anything)]
        elif state.last >= 0 and self._goes_on(state.last, state.is_open):
            parts = [
                (CONTINUE, self.following[state.last]),
                (DETOUR, self.detour[state.last]),
                (1 - CONTINUE - DETOUR, anything),
            ]
        else:
            parts = [(1.0, anything)]
        return mixture(parts, state.is_open)

    def advance(self, state: ReadingState, item: int) -> ReadingState:
        """Return the state after `item` has been read."""
        is_open, taste = state.is_open.copy(), state.taste.copy()
        is_open[item] = False
        taste[self.shelf.genre[item]] += TASTE_PER_BOOK
        is_detour = (
            state.last >= 0
            and self.detour[state.last, item] > 0
            and self._goes_on(state.last, is_open)
        )
        return ReadingState(item, state.last if is_detour else -1, taste, is_open)

    def _goes_on(self, book: int, is_open: NDArray[np.bool_]) -> bool:
        return bool((self.following[book] * is_open).any())


def shelf(rng: np.random.Generator) -> Shelf:
    """Build the books in shuffled order, so that an item's id says nothing about it."""
    rows = []
    for genre in range(len(GENRES)):
        for nth, (n_volumes, popular) in enumerate(zip(VOLUMES, AUTHOR_WEIGHTS, strict=True)):
            author = genre * len(VOLUMES) + nth
            for volume in range(n_volumes):
                first = (FIRST_VOLUME, SECOND_VOLUME)[volume] if volume < 2 else 0.0
                rows.append((genre, author, volume, popular * first))
            rows += [(genre, author, -1, popular * SINGLE * weight) for weight in SINGLE_WEIGHTS]
    table = np.array([rows[i] for i in rng.permutation(len(rows))])
    whole = table[:, :3].astype(np.int64)
    return Shelf(whole[:, 0], whole[:, 1], whole[:, 2], table[:, 3])


def describe(books: Shelf, rng: np.random.Generator) -> list[dict[str, object]]:
    """Give every book its title, author, genre and place in its series."""
    n_authors = len(GENRES) * len(VOLUMES)
    authors = person_names(n_authors, rng)
    names = series_names([GENRES[i // len(VOLUMES)] for i in range(n_authors)], rng)
    titles = book_titles([GENRES[genre] for genre in books.genre], rng)
    items: list[dict[str, object]] = []
    for i, title in enumerate(titles):
        author, volume = int(books.author[i]), int(books.volume[i])
        items.append(
            {
                "item_id": f"b{i + 1:03d}",
                "title": title,
                "author": authors[author],
                "genre": GENRES[books.genre[i]],
                "series": names[author] if volume >= 0 else "",
                "series_number": volume + 1 if volume >= 0 else "",
            }
        )
    return items


def reading() -> Sample:
    """Simulate the reading sample."""
    books = shelf(np.random.default_rng([SEED, 0]))
    process = ReadingProcess(books)
    rng = np.random.default_rng([SEED, 1])
    sequences = draw_sequences(process, N_READERS, SHORTEST, LONGEST, rng)
    times = draw_times(sequences, 2 * 86_400, 24 * 86_400, rng)
    items = describe(books, np.random.default_rng([SEED, 2]))
    return Sample("reading", SEED, items, process, sequences, times, "r")
