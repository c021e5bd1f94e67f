"""Three tasks on the bundled samples, for people who see the product for the first time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from bert4rec.composer.columns import find_orders
from bert4rec.composer.outline import OPEN, Outline, Rules
from bert4rec.composer.rules import bind_rules, broken_rules
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.item_cells import texts_of
from bert4rec.errors import NotFoundError

# Histories are looked at in an order of their own, so that a story does not begin with user 1.
ORDER_SEED = 5
# Places of a story at most, so that it fits a screen as large cards.
N_PLACES = 9


@dataclass(frozen=True)
class Task:
    """A history with gaps.

    Args:
        outline: What is there and what is open.
        hidden: What stood at the gaps, by position.
    """

    outline: Outline
    hidden: dict[int, int]


@dataclass(frozen=True)
class Story:
    """A kind of task on one sample.

    Args:
        name: Short name, for links.
        sample: The bundled sample that it plays on.
        title: What the person in it wants.
        text: What is shown, in plain words.
        noun: What an item is called.
        columns: What of the item table says most about an item here.
        tasks: Yields its tasks, always in the same order.
    """

    name: str
    sample: str
    title: str
    text: str
    noun: str
    columns: tuple[str, ...]
    tasks: Callable[[SequenceDataset], Iterator[Task]]

    def task(self, dataset: SequenceDataset, n: int) -> Task:
        """Return task number `n` of those that the dataset holds, from the start again at its end.

        Raises:
            NotFoundError: no history of the dataset fits the story.
        """
        found = list(islice(self.tasks(dataset), n + 1))
        if not found:
            raise NotFoundError(
                f"no history of {dataset.name} fits this story", fix="Choose another one."
            )
        return found[n % len(found)]


def _histories(dataset: SequenceDataset) -> Iterator[list[int]]:
    for user in np.random.default_rng(ORDER_SEED).permutation(dataset.n_users):
        yield dataset.history(int(user)).astype(int).tolist()


def _task(items: list[int], open_places: list[int]) -> Task:
    """Return the part of a history around its gaps."""
    end = min(len(items), max(max(open_places) + 2, N_PLACES))
    start = max(0, end - N_PLACES)
    hidden = {place - start: items[place] for place in open_places}
    places = [OPEN if at in hidden else item for at, item in enumerate(items[start:end])]
    return Task(Outline(tuple(places)), hidden)


def _in_order(dataset: SequenceDataset, tasks: Iterator[Task]) -> Iterator[Task]:
    """Yield the tasks whose history keeps the orders that the item table tells, as rules."""
    rules = Rules(orders=tuple(find_orders(dataset.vocabulary)))
    bound = bind_rules(Outline((), rules), dataset.vocabulary)
    for task in tasks:
        whole = [task.hidden.get(at, item) for at, item in enumerate(task.outline.places)]
        if not broken_rules(bound, np.array(whole, dtype=np.int64)):
            yield Task(Outline(task.outline.places, rules), task.hidden)


def _playlists(dataset: SequenceDataset) -> Iterator[Task]:
    """A playlist with its last track set and two missing on the way to it."""
    for items in _histories(dataset):
        if len(items) >= N_PLACES:
            last = len(items) - 1
            # Without a rule: albums are often, not always, played in order.
            yield _task(items, [last - 3, last - 1])


def _series(dataset: SequenceDataset) -> Iterator[Task]:
    """A reader who is in the middle of a series: its next volume and one more book are open."""
    numbers = texts_of(dataset.vocabulary, "series_number")
    volumes = [("", 0.0)] + [
        (series, float(number or 0))
        for series, number in zip(texts_of(dataset.vocabulary, "series"), numbers, strict=True)
    ]

    def tasks() -> Iterator[Task]:
        for items in _histories(dataset):
            for at in range(N_PLACES - 2, len(items) - 1):
                series, number = volumes[items[at - 1]]
                if series and volumes[items[at]] == (series, number + 1):
                    yield _task(items[: at + 2], [at, at + 1])
                    break

    return _in_order(dataset, tasks())


def _courses(dataset: SequenceDataset) -> Iterator[Task]:
    """A learner's lessons of which two are missing that later ones there require."""
    vocabulary = dataset.vocabulary
    required = [set(), *(set(text.split(";")) for text in texts_of(vocabulary, "prerequisites"))]

    def tasks() -> Iterator[Task]:
        for items in _histories(dataset):
            part = items[:N_PLACES]
            required_by = [
                [
                    later
                    for later in range(at + 1, len(part))
                    if vocabulary.item_id(item) in required[part[later]]
                ]
                for at, item in enumerate(part)
            ]
            needed = [at for at, found in enumerate(required_by) if found]
            if len(part) == N_PLACES and len(needed) >= 3:
                last = needed[-1]
                # What only the other missing lesson builds on could not be told from the rest.
                first = next((at for at in needed[:-1] if required_by[at] != [last]), None)
                if first is not None:
                    yield _task(part, [first, last])

    return _in_order(dataset, tasks())


STORIES = {
    story.name: story
    for story in (
        Story(
            "playlist",
            "playlists",
            "Finish my playlist",
            "The start is there, and it has to end with the last track. Two tracks are missing on"
            " the way: they should lead from one mood to the next.",
            "track",
            ("artist", "mood"),
            _playlists,
        ),
        Story(
            "series",
            "reading",
            "What comes next in the series",
            "This reader is in the middle of a series. Which book comes next, and which one after"
            " that? Volumes stay in their order.",
            "book",
            ("author", "series"),
            _series,
        ),
        Story(
            "course",
            "courses",
            "Repair this course",
            "Two lessons got lost. Later lessons build on them, so what comes after the gap tells"
            " what must have been there.",
            "lesson",
            ("subject", "level"),
            _courses,
        ),
    )
}
