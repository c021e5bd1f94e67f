"""Places of histories with a past and a future, by what a run knows of the item that stands there.

What counts as held out is told from the split alone: a place that lies before the end of a user's
training part was trained on, as cloze training hides every item sooner or later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bert4rec.contexts import cut_context, window_around
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import split_dataset
from bert4rec.errors import SettingsError
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.metrics import LEAST_USERS

# The most honest first: one with fewer than `LEAST_USERS` users is passed over for the next, and
# what was trained on is asked about only where nothing else is there.
PARTS = ("unseen_users", "test", "validation", "trained")
# As many items as the window holds, all of them from before the place.
LONG_PAST = "long_past"


@dataclass(frozen=True, eq=False)
class Places:
    """Positions in users' whole histories, each with an item before and one after it.

    Args:
        dataset: Whose histories.
        part: One of `PARTS`, or `middle` or `any`.
        user_idx: The user of each place, int64 (n,).
        positions: Position in that user's history, from 0, int64 (n,).
        has_more_users: Whether others have such places, who were not drawn.
    """

    dataset: SequenceDataset
    part: str
    user_idx: np.ndarray
    positions: np.ndarray
    has_more_users: bool = False

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def n_users(self) -> int:
        """Number of different users."""
        return len(np.unique(self.user_idx))

    @property
    def targets(self) -> np.ndarray:
        """Return the items that stand at the places, 1..N, int64 (n,)."""
        at = self.dataset.offsets[self.user_idx] + self.positions
        return np.asarray(self.dataset.items[at], dtype=np.int64)

    def take(self, rows: slice | np.ndarray) -> Places:
        """Return the chosen places."""
        return replace(self, user_idx=self.user_idx[rows], positions=self.positions[rows])

    def around(self, length: int, *, sees_future: bool = True) -> list[slice]:
        """Return the window around each place in its history; see `contexts.window_around`."""
        pairs = zip(self.positions, self.dataset.lengths[self.user_idx], strict=True)
        return [
            window_around(np.ones(size, dtype=bool), int(position), length, sees_future=sees_future)
            for position, size in pairs
        ]

    def starts(self, length: int) -> np.ndarray:
        """Return where the window around each place starts in its history, int64 (n,)."""
        return np.array([around.start for around in self.around(length)], dtype=np.int64)

    def has_long_past(self, length: int) -> np.ndarray:
        """Return which places have as many items before them as a window shows, bool (n,)."""
        return np.asarray(self.positions >= length - 1)

    def windows(self, length: int, *, sees_future: bool = True) -> list[np.ndarray]:
        """Return the items around each place, the one there included, int64 each."""
        return [
            self.dataset.history(int(user))[around].astype(np.int64)
            for user, around in zip(
                self.user_idx, self.around(length, sees_future=sees_future), strict=True
            )
        ]

    def shown(
        self, context: str, length: int, *, sees_future: bool = True
    ) -> list[tuple[np.ndarray, int]]:
        """Return what a context shows of each place's history, with the MASK in it.

        Past, future and both are cut from one window around the place, so that they differ in
        nothing else. `long_past` fills the window with what lies before the place, as the past
        of a network does that sees nothing else.

        Args:
            context: past, future, both or long_past.
            length: Items in a window.
            sees_future: Whether the network that is shown it reads what comes after a place.

        Returns:
            Items int64 and the position of the place among them, for each place.
        """
        found = []
        arounds = self.around(length, sees_future=sees_future and context != LONG_PAST)
        for user, position, around in zip(self.user_idx, self.positions, arounds, strict=True):
            window = self.dataset.history(int(user))[around].astype(np.int64)
            place = int(position) - around.start
            window[place] = self.dataset.vocabulary.mask_idx
            found.append(cut_context(window, place, context))
        return found


def held_out_places(
    dataset: SequenceDataset,
    settings: Hyperparameters,
    part: str | None = None,
    *,
    n_users: int = 1000,
    n_places: int = 3,
    seed: int = 0,
) -> Places:
    """Draw places that a run with these settings was not trained on, wherever there are some.

    - `unseen_users`: any place of users of whom nothing was trained on.
    - `test`: test items that have a later test item as their future.
    - `validation`: the items between training and test; leave-one-out has no other held-out item
      with a future.
    - `trained`: items that were trained on, with a future that was.

    Args:
        dataset: The histories.
        settings: Decide the split.
        part: One of `PARTS`; None takes the first with enough users, else the one with most.
        n_users: Users drawn at most.
        n_places: Places drawn of a user at most.
        seed: Chance behind both.

    Raises:
        SettingsError: the part is not known, or holds no place.
    """
    if part is not None and part not in PARTS:
        raise SettingsError([f"there is no part {part!r}"], fix=f"Use {', '.join(PARTS)}.")
    ranges = place_ranges(dataset, settings)
    chosen = part or _first_large(ranges)
    first, end = ranges[chosen]
    users = np.flatnonzero(end > first)
    if not len(users):
        raise _no_place(dataset, settings, chosen)
    chance = np.random.default_rng(seed)
    has_more_users = len(users) > n_users
    if has_more_users:
        users = np.sort(chance.choice(users, n_users, replace=False))
    drawn = [
        np.sort(chance.permutation(np.arange(first[user], end[user]))[:n_places]) for user in users
    ]
    return Places(
        dataset,
        chosen,
        np.repeat(users, [len(positions) for positions in drawn]),
        np.concatenate(drawn),
        has_more_users,
    )


def _no_place(dataset: SequenceDataset, settings: Hyperparameters, part: str) -> SettingsError:
    if part == "unseen_users" and (settings.sample_strategy is None or settings.sample_ratio == 1):
        return SettingsError(
            [f"every user of {dataset.name} was trained on: none is of the part {part!r}"],
            fix="Ask for another part, or train with sample_strategy: user_based and a"
            " sample_ratio below 1.",
        )
    return SettingsError(
        [f"no history of {dataset.name} has a place of the part {part!r} with a future"],
        fix="Ask for another part, or use a log with longer histories.",
    )


def place_ranges(
    dataset: SequenceDataset, settings: Hyperparameters
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return by part the first position of each user that belongs to it and one past the last.

    Both int64 (n_users,); where they are not in order the user has no place in that part.
    """
    split = split_dataset(dataset, settings)
    lengths = dataset.lengths
    n_trained = np.zeros(dataset.n_users, dtype=np.int64)
    n_trained[split.train.user_idx] = split.train.lengths
    first_test = lengths.copy()
    np.minimum.at(
        first_test, split.test.user_idx, split.test.ends - dataset.offsets[split.test.user_idx]
    )
    # Also who begins after a cut in time: nothing of theirs was trained on either.
    is_unseen = n_trained == 0
    # The last item has no future.
    last = lengths - 1
    nothing = np.zeros_like(lengths)
    of_trained = np.where(is_unseen, 0, last)
    return {
        "unseen_users": (nothing + 1, np.where(is_unseen, last, 0)),
        "test": (np.maximum(first_test, 1), of_trained),
        "validation": (np.maximum(n_trained, 1), np.minimum(first_test, of_trained)),
        "trained": (nothing + 1, np.minimum(n_trained - 1, last)),
    }


def _first_large(ranges: dict[str, tuple[np.ndarray, np.ndarray]]) -> str:
    n_users = {part: int((end > first).sum()) for part, (first, end) in ranges.items()}
    held_out = PARTS[:-1]
    large = [part for part in held_out if n_users[part] >= LEAST_USERS]
    most = max(held_out, key=lambda part: n_users[part])
    if large:
        return large[0]
    return most if n_users[most] else PARTS[-1]


def middle_places(dataset: SequenceDataset, length: int, users: np.ndarray | None = None) -> Places:
    """Return the middle item of each user's newest `length` items, whatever was trained on.

    Args:
        dataset: The histories; those of fewer than three items have no middle.
        length: Items in a window.
        users: Dense indices; None means every user.
    """
    users = np.arange(dataset.n_users) if users is None else users
    users = users[dataset.lengths[users] >= 3]
    sizes = dataset.lengths[users]
    inside = np.minimum(sizes, length)
    return Places(dataset, "middle", users, sizes - inside + inside // 2)
