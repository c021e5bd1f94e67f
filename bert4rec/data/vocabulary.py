"""The frozen map between raw item ids and dense item indices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bert4rec.data.near_names import near_names
from bert4rec.errors import UnknownIdError

if TYPE_CHECKING:
    import pandas as pd

PAD_IDX = 0
# Ids that are named of items with one title.
MAX_NAMED = 5


class Vocabulary:
    """Map raw item ids to dense indices 1..N and back; PAD is 0 and MASK is N + 1.

    Args:
        table: One row an item, in index order, with at least `item_id` (str), `count` (int, how
            often the item occurs) and `title` (str). Every other column is kept for display.
        token_lists: The columns whose cells are lists parted by spaces; of others a cell with
            spaces, such as `Science Fiction`, is one value.
    """

    def __init__(self, table: pd.DataFrame, token_lists: Iterable[str] = ()) -> None:
        self.table = table.reset_index(drop=True)
        self.token_lists = frozenset(token_lists)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def mask_idx(self) -> int:
        """Index of the MASK token, N + 1."""
        return len(self) + 1

    @cached_property
    def item_ids(self) -> list[str]:
        """Raw ids; the item with index i stands at i - 1."""
        return _texts(self.table["item_id"])

    @cached_property
    def titles(self) -> list[str]:
        """Titles; the item with index i stands at i - 1. The raw id stands in for a missing one."""
        return _texts(self.table["title"])

    @cached_property
    def counts(self) -> np.ndarray:
        """Return how often each item occurs, int64 of shape (N,)."""
        return self.table["count"].to_numpy(dtype=np.int64)

    @cached_property
    def _idx_of_id(self) -> dict[str, int]:
        return dict(zip(self.item_ids, range(1, len(self) + 1), strict=True))

    @cached_property
    def _idx_of_title(self) -> dict[str, int]:
        """The first item of each title; case is ignored."""
        folded = [title.casefold() for title in self.titles]
        return dict(zip(reversed(folded), range(len(self), 0, -1), strict=True))

    @cached_property
    def _later_of_title(self) -> dict[str, list[int]]:
        """The other items of each title that several have."""
        found: dict[str, list[int]] = defaultdict(list)
        if len(self._idx_of_title) < len(self):
            for idx, title in enumerate(self.titles, start=1):
                if self._idx_of_title[title.casefold()] != idx:
                    found[title.casefold()].append(idx)
        return dict(found)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._idx_of_id

    def find(self, item_id: str) -> int | None:
        """Return the dense index of a raw id, if it is known."""
        return self._idx_of_id.get(item_id)

    def named(self, item: str) -> list[int]:
        """Return the dense index of a raw id or, failing that, those of an exact title."""
        found, title = self.find(str(item)), str(item).casefold()
        if found is None and (found := self._idx_of_title.get(title)) is not None:
            return [found, *self._later_of_title.get(title, [])]
        return [] if found is None else [found]

    def idx(self, item: str, *, suggests: bool = True) -> int:
        """Return the dense index of a raw id or, failing that, of an exact title.

        Args:
            item: The id or title.
            suggests: Whether it is looked for what an unknown one might have been, which takes
                seconds for a large catalogue.

        Raises:
            UnknownIdError: neither is known, or several items have that title.
        """
        found = self.named(item)
        if len(found) > 1:
            raise UnknownIdError(self.shared_words(item), fix="Give the id of one.", item=item)
        if not found:
            raise UnknownIdError(
                f"item {item!r} is not in the catalogue of {len(self):,} items",
                fix=_suggestion(self.near_misses(str(item)) if suggests else []),
                item=item,
            )
        return found[0]

    def shared_words(self, title: str) -> str:
        """Return in words which items have one title."""
        found = self.named(title)
        ids = ", ".join(repr(self.item_id(idx)) for idx in found[:MAX_NAMED])
        more = f" and {len(found) - MAX_NAMED:,} more" * (len(found) > MAX_NAMED)
        return f"{title!r} is the title of {len(found):,} items, with the ids {ids}{more}"

    def encode(self, items: Sequence[str]) -> np.ndarray:
        """Return the dense indices of raw ids or titles, int64 of shape (len(items),).

        Raises:
            UnknownIdError: an item is not known, or these are one text, see `check_listed`.
        """
        check_listed(items)
        return np.array([self.idx(item) for item in items], dtype=np.int64)

    def item_id(self, item_idx: int) -> str:
        """Return the raw id of a dense index in 1..N."""
        return self.item_ids[item_idx - 1]

    def title(self, item_idx: int) -> str:
        """Return the title of a dense index in 1..N."""
        return self.titles[item_idx - 1]

    def near_misses(self, text: str) -> list[str]:
        """Return up to three ids or titles that look like `text`."""
        return near_names(text, [*self.item_ids, *self.titles])

    def search(self, text: str, limit: int = 50) -> list[int]:
        """Return indices of items whose id or title contains `text`, most frequent first.

        Case is ignored; an empty text matches every item.
        """
        needle = text.casefold()
        titles = self.table["title"].astype(str).str.casefold()
        ids = self.table["item_id"].astype(str).str.casefold()
        hits = np.flatnonzero(
            titles.str.contains(needle, regex=False) | ids.str.contains(needle, regex=False)
        )
        order = np.argsort(-self.counts[hits], kind="stable")
        return [int(idx) + 1 for idx in hits[order][:limit]]


def _texts(column: pd.Series) -> list[str]:
    """Return the cells of a column as texts.

    Cost: a series gives out one cell at a time, an array all at once, several times faster.
    """
    return [str(value) for value in column.to_numpy(dtype=object)]


def check_listed(items: Sequence[str | None]) -> None:
    """Refuse one text where a list of items is asked for: its letters may be items, too.

    Raises:
        UnknownIdError: it is one.
    """
    if isinstance(items, str):
        raise UnknownIdError(
            f"{items!r} is a text, not a list of items", fix=f"Write [{items!r}].", item=items
        )


def _suggestion(near: list[str]) -> str:
    if not near:
        return "Check the id, or look it up in the dataset's item table."
    return "Did you mean " + " or ".join(repr(name) for name in near) + "?"
