"""Courses: learners choose a goal lesson and take what it requires first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from lesson_titles import TOPICS, lesson_titles
from numpy.typing import NDArray
from process import Floats, Sample, draw_sequences, draw_times

SEED = 20_240_303
N_LEARNERS, SHORTEST, LONGEST = 2_400, 12, 32
SUBJECTS = tuple(TOPICS)
LEVELS = ("foundation", "intermediate", "advanced", "elective")
PER_LEVEL = (4, 12, 16, 8)
FOUNDATION, INTERMEDIATE, GOAL, ELECTIVE = range(4)
STAY_IN_SUBJECT = 0.2
# Chance to take an elective of the goal's subject first, and which of the subject's electives.
TAKE_ELECTIVE = 0.3
ELECTIVE_WEIGHTS = (0.2, 0.17, 0.15, 0.13, 0.11, 0.1, 0.08, 0.06)
# Goals at the front of a subject's list are chosen more often: weight 1 / (place + this).
GOAL_FLATNESS = 4.0
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Curriculum:
    """The lessons as arrays over items.

    Attributes:
        subject: subject of each lesson.
        level: which of `LEVELS` each lesson has; the advanced ones are the goals.
        requires: [lesson, lesson], True where the second must come before the first.
        weight: how often a goal or an elective is chosen; 0 for other lessons.
    """

    subject: NDArray[np.int64]
    level: NDArray[np.int64]
    requires: Flags
    weight: Floats


@dataclass(frozen=True)
class CourseState:
    """What is known of a learner.

    Attributes:
        goals: the goals that the learner may have.
        goal_chance: the chance of each of them.
        steps: [goal, lesson] chances of the next lesson if that is the goal.
        is_open: True for lessons not yet taken.
    """

    goals: NDArray[np.int64]
    goal_chance: Floats
    steps: Floats
    is_open: Flags


class CourseProcess:
    """The exact rule by which a learner goes on.

    The goal is hidden until it is reached. Its distribution given the lessons so far is carried
    along, so that chances of the next lesson are exact.
    """

    def __init__(self, curriculum: Curriculum) -> None:
        self.curriculum = curriculum
        direct = curriculum.requires
        self.needed = direct | (direct.astype(np.int64) @ direct.astype(np.int64) > 0)
        same = curriculum.subject[:, None] == curriculum.subject[None, :]
        share = np.where(same, STAY_IN_SUBJECT, (1 - STAY_IN_SUBJECT) / (len(SUBJECTS) - 1))
        self.is_goal = curriculum.level == GOAL
        self.next_goal = share * self.is_goal * curriculum.weight
        self.electives = same * (curriculum.level == ELECTIVE) * curriculum.weight
        # The lessons that each lesson requires, at most two; itself where there are fewer.
        self.required = np.array([_two(i, np.flatnonzero(row)) for i, row in enumerate(direct)])

    def start(self) -> CourseState:
        """Return the state of a learner who has taken nothing."""
        chance = self.curriculum.weight * self.is_goal
        return self._state(np.flatnonzero(chance), chance, np.ones(len(chance), dtype=bool))

    def probabilities(self, state: CourseState) -> Floats:
        """Return the chance of every lesson to come next."""
        chances: Floats = state.goal_chance @ state.steps
        return chances

    def advance(self, state: CourseState, item: int) -> CourseState:
        """Return the state after `item` has been taken."""
        is_open = state.is_open.copy()
        is_open[item] = False
        if self.is_goal[item]:
            chance = self.next_goal[item] * is_open
        else:
            chance = np.zeros(len(is_open))
            chance[state.goals] = state.goal_chance * state.steps[:, item]
        return self._state(np.flatnonzero(chance), chance, is_open)

    def _state(self, goals: NDArray[np.int64], chance: Floats, is_open: Flags) -> CourseState:
        return CourseState(
            goals, chance[goals] / chance.sum(), self._steps(goals, is_open), is_open
        )

    def _steps(self, goals: NDArray[np.int64], is_open: Flags) -> Floats:
        is_missing = is_open[self.required]
        own = np.arange(len(is_open))[:, None]
        is_ready = ~(is_missing & (self.required != own)).any(axis=1)
        steps = (self.needed[goals] & (is_open & is_ready)).astype(np.float64)
        nothing_left = ~steps.any(axis=1)
        steps[nothing_left, goals[nothing_left]] = 1.0
        steps /= steps.sum(axis=1, keepdims=True)
        electives = self.electives[goals] * is_open
        mass = electives.sum(axis=1, keepdims=True)
        share = TAKE_ELECTIVE * (mass > 0)
        combined: Floats = (1 - share) * steps + share * electives / np.maximum(mass, 1e-12)
        return combined


def _two(lesson: int, required: NDArray[np.int64]) -> list[int]:
    return [*required.tolist(), lesson, lesson][:2]


def _rows(rng: np.random.Generator) -> list[tuple[int, int, float, list[int]]]:
    """List (subject, level, weight, numbers of the lessons required) of all lessons."""
    rows: list[tuple[int, int, float, list[int]]] = []
    n_foundations, n_intermediates, n_goals, _ = PER_LEVEL
    for subject in range(len(SUBJECTS)):
        first = len(rows)
        rows += [(subject, FOUNDATION, 0.0, []) for _ in range(n_foundations)]
        rows += [
            (subject, INTERMEDIATE, 0.0, [first + i % n_foundations])
            for i in range(n_intermediates)
        ]
        # Rounds of shuffled intermediates: each is required by two or three goals.
        n_rounds = -(-2 * n_goals // n_intermediates)
        order = np.concatenate([rng.permutation(n_intermediates) for _ in range(n_rounds)])
        for i in range(n_goals):
            pair = [first + n_foundations + int(j) for j in sorted(order[2 * i : 2 * i + 2])]
            rows.append((subject, GOAL, 1.0 / (i + GOAL_FLATNESS), pair))
        rows += [(subject, ELECTIVE, weight, []) for weight in ELECTIVE_WEIGHTS]
    return rows


def curriculum(rng: np.random.Generator) -> Curriculum:
    """Build the lessons in shuffled order, so that an item's id says nothing about it."""
    rows = _rows(rng)
    order = rng.permutation(len(rows))
    place = np.argsort(order)
    requires = np.zeros((len(rows), len(rows)), dtype=bool)
    for i, (_, _, _, required) in enumerate(rows):
        requires[place[i], place[required]] = True
    return Curriculum(
        subject=np.array([rows[i][0] for i in order]),
        level=np.array([rows[i][1] for i in order]),
        requires=requires,
        weight=np.array([rows[i][2] for i in order]),
    )


def describe(lessons: Curriculum) -> list[dict[str, object]]:
    """Give every lesson its title, subject, level and prerequisites."""
    subjects = [SUBJECTS[i] for i in lessons.subject]
    levels = [LEVELS[i] for i in lessons.level]
    titles = lesson_titles(subjects, levels, SEED)
    item_ids = [f"l{i + 1:03d}" for i in range(len(titles))]
    return [
        {
            "item_id": item_ids[i],
            "title": title,
            "subject": subjects[i],
            "level": levels[i],
            "prerequisites": ";".join(item_ids[j] for j in np.flatnonzero(lessons.requires[i])),
        }
        for i, title in enumerate(titles)
    ]


def courses() -> Sample:
    """Simulate the courses sample."""
    lessons = curriculum(np.random.default_rng([SEED, 0]))
    process = CourseProcess(lessons)
    rng = np.random.default_rng([SEED, 1])
    sequences = draw_sequences(process, N_LEARNERS, SHORTEST, LONGEST, rng)
    times = draw_times(sequences, 3_600, 5 * 86_400, rng)
    return Sample("courses", SEED, describe(lessons), process, sequences, times, "s")
