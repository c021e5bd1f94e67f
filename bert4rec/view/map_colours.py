"""What colours the points of a map: groups with a legend, or numbers on a scale; no Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from bert4rec.data.item_groups import (
    KNOWN_COLUMNS,
    category_columns,
    group_name,
    group_places,
    item_groups,
    places_by_size,
)
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.view.group_colours import N_COLOURS, OTHER_COLOURS, GroupLook, Theme, group_look
from bert4rec.words import caption_of, counted, unique_labels

# From few to many, told apart under colour blindness; neither end is lost on its theme's ground.
SCALES: dict[Theme, list[tuple[float, str]]] = {
    "light": [(0.0, "#00204C"), (0.5, "#7C7B78"), (1.0, "#E3B100")],
    "dark": [(0.0, "#4C83D6"), (0.5, "#A3A29D"), (1.0, "#FFE945")],
}
OTHER = "Other"
OURS = POPULARITY, LOSS, CLUSTER = "Popularity", "Loss", "Cluster"
# Said of a column of the item table that is called like one of these.
AS_COLUMN = " (column)"
# A scale ends where so many of a hundred values lie beyond, so that one odd value leaves it whole.
BEYOND_PERCENT = 1.0
N_TICKS = 4
# A column of fewer different numbers is taken for one of groups.
LEAST_NUMBERS = 13
# One with so many different texts, as a share of its cells, is one of ids.
LEAST_IDS = 0.9
# And one of so few other texts, as a share of all cells, for one of numbers all the same.
MOST_ODD = 0.01


# The answer reads whole columns of the item table, and is asked for many times a page.
_ids: WeakKeyDictionary[Vocabulary, list[str]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Group:
    """Points of one colour, drawn as one trace.

    Args:
        name: In the legend.
        rows: Rows of the map.
        look: Of its points.
        is_named: Whether its points have the name in common, which may stand beside them.
    """

    name: str
    rows: np.ndarray
    look: GroupLook
    is_named: bool = False


@dataclass(frozen=True, eq=False)
class Scale:
    """Numbers that colour points.

    Args:
        title: What they are.
        values: One a row of the map, NaN where it is not known, float64 (n,).
        is_log: Whether equal ratios look alike, and not equal differences.
    """

    title: str
    values: np.ndarray
    is_log: bool = False


@dataclass(frozen=True, eq=False)
class Colouring:
    """The traces that a map's points are drawn as.

    Args:
        groups: One trace each, in this order.
        scale: Colours the first group, if there is one.
        theme: Chooses the colours of the scale.
    """

    groups: Sequence[Group]
    scale: Scale | None = None
    theme: Theme = "light"

    @property
    def has_legend(self) -> bool:
        """Whether the groups have to be named; a bar names what is on a scale."""
        return len(self.groups) > 1 or self.scale is None

    def marker(self, at: int) -> dict[str, Any]:
        """Return what plotly is told of the look of one group's points."""
        group = self.groups[at]
        if self.scale is None or at > 0:
            return {"color": group.look.colour, "symbol": group.look.shape}
        return scale_marker(self.scale, group.rows, self.theme)


def colours_of(vocabulary: Vocabulary) -> dict[str, str]:
    """Return what a map can be coloured by, each with a label that no other has.

    Columns that group items come first, others last; those of ids are left out, which would colour
    a few points at random. A column that is called like what is ours is told apart by its label,
    and where it has the very name by its key as well.
    """
    groups = category_columns(vocabulary)
    ours = {*KNOWN_COLUMNS, *groups, *_id_columns(vocabulary)}
    others = [str(name) for name in vocabulary.table if name not in ours]
    options = [*map(_option, groups), *((ours, ours) for ours in OURS), *map(_option, others)]
    return unique_labels(dict(options))


def _id_columns(vocabulary: Vocabulary) -> list[str]:
    """Return the columns that name each item by itself, or nearly: ids, addresses, descriptions."""
    if vocabulary not in _ids:
        names = set(map(str, vocabulary.table)) - {*KNOWN_COLUMNS}
        _ids[vocabulary] = [name for name in names if _is_id(vocabulary, name)]
    return _ids[vocabulary]


def _is_id(vocabulary: Vocabulary, column: str) -> bool:
    least = LEAST_IDS * int(vocabulary.table[column].notna().sum())
    # The cells first: what they are taken for takes longer.
    if vocabulary.table[column].astype(str).nunique() < least:
        return False
    if numbers_of(vocabulary, column) is not None:
        return False
    return bool(item_groups(vocabulary, column).nunique() >= least)


def _option(column: str) -> tuple[str, str]:
    """Return key and label of a column, neither of them one of ours."""
    return _apart(column), _apart(caption_of(column))


def _apart(name: str) -> str:
    return name + AS_COLUMN if name in OURS else name


def colouring(
    colour: str,
    vocabulary: Vocabulary,
    item_idx: np.ndarray,
    theme: Theme,
    *,
    losses: np.ndarray | None = None,
    clusters: Sequence[str] = (),
) -> Colouring:
    """Return how a map's points are coloured.

    Args:
        colour: One of `colours_of`.
        vocabulary: Names and counts the items.
        item_idx: The item behind each point, 1..N, (n,).
        theme: Chooses the palette.
        losses: Of every item, NaN where it is not known, (N,); for `LOSS`.
        clusters: The name of each item's cluster, N of them; for `CLUSTER`.
    """
    rows = item_idx - 1
    if colour == CLUSTER:
        names = [clusters[row] for row in rows]
        return Colouring(group_rows(names, places_by_size(clusters), theme))
    if colour == POPULARITY:
        counts = np.maximum(vocabulary.counts[rows], 1).astype(np.float64)
        return by_scale(Scale("Interactions", counts, is_log=True), theme)
    if colour == LOSS:
        assert losses is not None
        return by_scale(Scale("Loss", losses[rows]), theme)
    name = colour.removesuffix(AS_COLUMN)
    column = name if name in OURS else colour
    values = numbers_of(vocabulary, column)
    if values is not None:
        return by_scale(Scale(column, values[rows]), theme)
    groups = item_groups(vocabulary, column).iloc[rows].tolist()
    return Colouring(group_rows(groups, group_places(vocabulary, column), theme))


def numbers_of(vocabulary: Vocabulary, column: str) -> np.ndarray | None:
    """Return a column's numbers, NaN where there is none, float64 (N,); None if it has others.

    A few odd cells make no column of texts. Few different numbers are names of groups.
    """
    cells = vocabulary.table[column]
    cells = cells.where(cells.astype(str).str.strip() != "")
    numbers = pd.to_numeric(cells, errors="coerce")
    n_odd = int((numbers.isna() & cells.notna()).sum())
    if n_odd > MOST_ODD * len(cells) or numbers.nunique() < LEAST_NUMBERS:
        return None
    return numbers.to_numpy(dtype=np.float64)


def group_rows(values: Sequence[str], places: Mapping[str, int], theme: Theme) -> list[Group]:
    """Split rows by value: the largest groups get a colour each, the others are grey together.

    Args:
        values: One a row.
        places: The place of every group by size, be it in these rows or not.
        theme: Chooses the palette.
    """
    at = np.array([places[group_name(value)] for value in values], dtype=np.int64)
    groups = [
        Group(name, np.flatnonzero(at == place), group_look(place, theme), is_named=True)
        for name, place in places.items()
        if place < N_COLOURS
    ]
    name = f"{OTHER} ({counted(len(places) - N_COLOURS, 'group')})"
    groups.append(Group(name, np.flatnonzero(at >= N_COLOURS), group_look(N_COLOURS, theme)))
    return [group for group in groups if len(group.rows)]


def by_scale(scale: Scale, theme: Theme) -> Colouring:
    """Colour rows by number; those without one are grey together."""
    is_known = np.isfinite(scale.values)
    groups = [Group(scale.title, np.flatnonzero(is_known), GroupLook(""))]
    if not is_known.all():
        unknown = GroupLook(OTHER_COLOURS[theme])
        groups.append(Group("Not known", np.flatnonzero(~is_known), unknown))
    return Colouring(groups, scale, theme)


def scale_marker(scale: Scale, rows: np.ndarray, theme: Theme) -> dict[str, Any]:
    """Return colours and a bar for rows whose numbers are known."""
    numbers = scale.values[rows]
    if not len(numbers):
        return {}
    spread = (0, 100) if scale.is_log else (BEYOND_PERCENT, 100 - BEYOND_PERCENT)
    # Ends that occur: those of whole numbers are whole.
    low, high = _places(np.percentile(numbers, spread, method="nearest"), scale)
    ticks = np.linspace(low, high, N_TICKS)
    shown = 10**ticks if scale.is_log else ticks
    if is_whole := _are_whole(numbers):
        shown = np.round(shown)
    shown = np.unique(shown)
    return {
        "color": np.round(_places(numbers, scale), 3),
        "cmin": low,
        "cmax": high,
        "colorscale": SCALES[theme],
        "colorbar": {
            "title": {"text": scale.title, "side": "right"},
            "len": 0.85,
            "tickvals": _places(shown, scale),
            "ticktext": _tick_texts(shown, is_whole=is_whole),
            "thickness": 12,
        },
    }


def _places(numbers: np.ndarray, scale: Scale) -> np.ndarray:
    return np.log10(numbers) if scale.is_log else numbers


def _are_whole(values: np.ndarray) -> bool:
    return bool((values == np.round(values)).all())


def _tick_texts(values: np.ndarray, *, is_whole: bool) -> list[str]:
    if not is_whole:
        return [f"{value:,.3g}" for value in values]
    # Years would look odd with a comma.
    comma = "," if values.max() >= 10_000 or values.min() < 1000 else ""
    return [f"{round(value):{comma}}" for value in values]
