"""A sequence that a visitor looks at and changes: pure functions, no Streamlit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import numpy as np

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import SettingsError

# Longer ones are cut to their newest items: no window of a model is longer by far.
MAX_ITEMS = 400
# Of items that stand before these.
MAX_NUMBER = 10**9
# Near misses are looked for among all items, which takes a while for each.
MAX_PROBLEMS = 5


@dataclass(frozen=True)
class Slot:
    """One place of a draft.

    Args:
        item_idx: 1..N.
        origin: Position in the pinned original, None for an item that was put in.
        is_hidden: Whether the model has to predict it.
    """

    item_idx: int
    origin: int | None = None
    is_hidden: bool = False


@dataclass(frozen=True)
class Draft:
    """A sequence with hidden places, beside the original that it was made from.

    Every change returns a new draft; hidden places and origins move with their items. A place that
    is not there changes nothing.

    Args:
        slots: The places.
        original: The items that they were made from.
        user: Whose history that is; nothing for none.
        first: How many items of that history stand before these, and are not looked at.
    """

    slots: tuple[Slot, ...]
    original: tuple[int, ...]
    user: str = ""
    first: int = 0

    def __post_init__(self) -> None:
        """Check the number of items.

        Raises:
            SettingsError: there are too many.
        """
        if len(self) > MAX_ITEMS:
            raise SettingsError(
                [f"the sequence has {len(self):,} items, more than {MAX_ITEMS}"],
                fix="Take others out first.",
            )

    @classmethod
    def of(cls, items: Iterable[int], user: str = "", hidden: Iterable[int] = ()) -> Draft:
        """Start from the newest of these items, which become the original."""
        whole = tuple(int(item) for item in items)
        newest = whole[-MAX_ITEMS:]
        slots = tuple(Slot(item, at) for at, item in enumerate(newest))
        first = len(whole) - len(newest) if user else 0
        return cls(slots, newest, user, first).hiding(hidden)

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def items(self) -> np.ndarray:
        """Item indices, oldest first, int64 (n,)."""
        return np.array([slot.item_idx for slot in self.slots], dtype=np.int64)

    @property
    def hidden(self) -> list[int]:
        """The hidden positions, in order."""
        return [at for at, slot in enumerate(self.slots) if slot.is_hidden]

    def number(self, position: int) -> int:
        """Return what a place is called: its number in the whole history, from 1."""
        return self.first + position + 1

    @property
    def is_edited(self) -> bool:
        """Whether the sequence differs from its original; hiding is no edit."""
        return tuple(slot.item_idx for slot in self.slots) != self.original

    def start_in(self, history: np.ndarray) -> int | None:
        """Return where the original starts in its user's whole history, None if it is not there."""
        n = len(self.original)
        for start in range(len(history) - n, -1, -1):
            if np.array_equal(history[start : start + n], self.original):
                return start
        return None

    def middle(self, window: int) -> int:
        """Return the middle position of those that a model with this window sees."""
        start = max(0, len(self) - window)
        return start + (len(self) - start) // 2

    def n_shown(self, position: int, context: str, window: int, *, sees_future: bool = True) -> int:
        """Return how many places a context shows to the prediction at a position.

        Args:
            position: The hidden place.
            context: past, future or both.
            window: Places that the model sees.
            sees_future: Whether it sees what comes after a place; else its window ends there.
        """
        if not sees_future:
            return min(window - 1, sum(not slot.is_hidden for slot in self.slots[:position]))
        first = position if context == "future" else max(0, len(self) - window)
        end = position if context == "past" else len(self)
        return sum(not slot.is_hidden for slot in self.slots[first:end])

    def hiding(self, positions: Iterable[int]) -> Draft:
        """Hide these positions and no others; those that do not exist are passed over."""
        chosen = set(positions)
        slots = (replace(slot, is_hidden=at in chosen) for at, slot in enumerate(self.slots))
        return replace(self, slots=tuple(slots))

    def toggled(self, position: int) -> Draft:
        """Hide a shown place or show a hidden one."""
        return self.hiding(set(self.hidden) ^ {position})

    def without(self, position: int) -> Draft:
        """Take an item out; the last one stays."""
        if len(self) == 1:
            return self
        return replace(self, slots=self.slots[:position] + self.slots[position + 1 :])

    def inserted(self, position: int, item_idx: int) -> Draft:
        """Put an item before a position; at the length of the sequence it becomes the last."""
        slots = (*self.slots[:position], Slot(item_idx), *self.slots[position:])
        return replace(self, slots=slots)

    def replaced(self, position: int, item_idx: int) -> Draft:
        """Put an item in another's place; it is hidden if the other was."""
        if position >= len(self):
            return self
        slot = Slot(item_idx, is_hidden=self.slots[position].is_hidden)
        return replace(self, slots=(*self.slots[:position], slot, *self.slots[position + 1 :]))

    def moved(self, position: int, to: int) -> Draft:
        """Move an item to another position; it stops at either end."""
        if position >= len(self):
            return self
        slots = list(self.slots)
        slot = slots.pop(position)
        slots.insert(min(max(to, 0), len(slots)), slot)
        return replace(self, slots=tuple(slots))

    def restored(self) -> Draft:
        """Go back to the original; what was hidden of it stays hidden."""
        origins = [slot.origin for slot in self.slots if slot.is_hidden]
        hidden = [origin for origin in origins if origin is not None]
        return replace(Draft.of(self.original, self.user, hidden), first=self.first)

    def link(self) -> dict[str, str]:
        """Return the parameters of an address that shows this draft again."""
        link = {"mask": ".".join(str(self.number(at)) for at in self.hidden)}
        if self.user:
            link["user"] = self.user
        if self.is_edited or not self.user:
            # What else stands in an address is told by the history.
            link["first"] = str(self.first or "")
            link["items"] = ".".join(str(slot.item_idx) for slot in self.slots)
        if self.is_edited and not self.user:
            link["from"] = ".".join(map(str, self.original))
        return {name: value for name, value in link.items() if value}

    @classmethod
    def from_link(cls, link: dict[str, str], original: Sequence[int] | None, n_items: int) -> Draft:
        """Build the draft that an address names.

        Args:
            link: `items`, `mask`, `user`, `first`, and `from`, what the items were before they
                were edited; each optional.
            original: The user's history, None without a user.
            n_items: Size of the catalogue.

        Raises:
            SettingsError: the address names neither items nor a user, or is malformed.
        """
        shown = link_numbers(link.get("items", ""), 1, n_items)
        before = link_numbers(link.get("from", ""), 1, n_items) or shown
        first = link_numbers(link.get("first", ""), 0, MAX_NUMBER) or [0]
        if max(len(shown), len(before)) > MAX_ITEMS or len(first) > 1:
            raise misfit()
        pinned = [int(item) for item in original] if original is not None else before
        if not pinned:
            raise SettingsError(["the address names no sequence"], fix="Choose a user.")
        draft = cls.of(pinned, link.get("user", ""))
        if shown and tuple(shown) != draft.original:
            draft = replace(draft, slots=_aligned(draft.original, shown), first=first[0])
        hidden = link_numbers(link.get("mask", ""), 1, draft.first + MAX_ITEMS)
        return draft.hiding(number - draft.number(0) for number in hidden)


# An edit is made to the draft as it is by then: a click may come before the last one is drawn.
Edit = Callable[[Draft], Draft]


def link_numbers(text: str, lowest: int, highest: int) -> list[int]:
    """Return the whole numbers that an address holds, with points between them.

    Raises:
        SettingsError: something else stands there, or a number beyond the ends.
    """
    parts = [part for part in text.split(".") if part]
    wrong = [part for part in parts if not (part.isascii() and part.isdigit()) or len(part) > 9]
    if wrong or any(not lowest <= int(part) <= highest for part in parts):
        raise misfit()
    return [int(part) for part in parts]


def misfit() -> SettingsError:
    """Return what to raise for an address that cannot be followed here."""
    return SettingsError(
        ["the address holds a sequence that does not fit this catalogue"],
        fix="Ask for a new link, or choose a user.",
    )


def _aligned(original: Sequence[int], shown: Sequence[int]) -> tuple[Slot, ...]:
    """Guess which item of the original each shown one is: in order first, then anywhere."""
    origins: list[int | None] = [None] * len(shown)
    matcher = SequenceMatcher(None, list(original), list(shown), autojunk=False)
    for start, start_shown, size in matcher.get_matching_blocks():
        origins[start_shown : start_shown + size] = range(start, start + size)
    free = [at for at in range(len(original)) if at not in set(origins)]
    for place, item in enumerate(shown):
        if origins[place] is None:
            found = next((at for at in free if original[at] == item), None)
            if found is not None:
                free.remove(found)
                origins[place] = found
    return tuple(Slot(item, origin) for item, origin in zip(shown, origins, strict=True))


def parse_items(text: str, vocabulary: Vocabulary) -> list[int]:
    """Read pasted ids or titles, separated by new lines or commas; titles may hold commas.

    Raises:
        SettingsError: items are unknown; each has a line with its near misses.
    """
    known = _known_names(vocabulary)
    found: list[int] = []
    unknown: list[list[str]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        items, not_found = _parse_line(line, known)
        found += items
        unknown += not_found
    if unknown:
        raise SettingsError(
            [line for names in unknown[:MAX_PROBLEMS] for line in _problems(names, vocabulary)],
            fix="Check the spelling, or give ids in place of titles.",
        )
    if not found:
        raise SettingsError(["there is no item yet"], fix="Put in ids or titles, one a line.")
    return found


def _known_names(vocabulary: Vocabulary) -> dict[str, int]:
    """Return what may be typed: ids, then titles as they are, then titles and ids in any case.

    Of several equal names the first item counts, and an exact id comes before all others.
    """
    numbered = list(enumerate(zip(vocabulary.item_ids, vocabulary.titles, strict=True), 1))
    known: dict[str, int] = {}
    for at, (item_id, _) in reversed(numbered):
        known[item_id.casefold()] = at
    for at, (_, title) in reversed(numbered):
        known[title.casefold()] = at
    for at, (_, title) in reversed(numbered):
        known[title] = at
    return known | {item_id: at for at, (item_id, _) in numbered}


def _parse_line(line: str, known: dict[str, int]) -> tuple[list[int], list[list[str]]]:
    """Take the longest run of comma-separated parts that names an item, again and again.

    Returns:
        The items, and runs of parts that name none.
    """
    parts = line.split(",")
    found: list[int] = []
    unknown: list[list[str]] = [[]]
    start = 0
    while start < len(parts):
        for end in range(len(parts), start, -1):
            name = ",".join(parts[start:end]).strip()
            idx = known.get(name, known.get(name.casefold()))
            if idx is not None:
                found.append(idx)
                unknown.append([])
                break
        else:
            end = start + 1
            unknown[-1] += filter(None, [parts[start].strip()])
        start = end
    return found, [names for names in unknown if names]


def _problems(names: list[str], vocabulary: Vocabulary) -> list[str]:
    """Return a line for each name, or one for all if they look like one title with commas."""
    whole = ", ".join(names)
    if len(names) > 1 and any("," in near for near in vocabulary.near_misses(whole)):
        return [_problem(whole, vocabulary)]
    return [_problem(name, vocabulary) for name in names[:MAX_PROBLEMS]]


def _problem(name: str, vocabulary: Vocabulary) -> str:
    near = " or ".join(repr(found) for found in vocabulary.near_misses(name))
    return f"{name!r} is not in the catalogue" + (f"; did you mean {near}?" if near else "")
