"""The colours of groups of items, the same on maps, cards and reports; no Streamlit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Theme = Literal["light", "dark"]
Shape = Literal["circle", "diamond"]
# As many in both, so that a switch of the theme renames no group. Twelve cannot all be told apart
# under colour blindness: the first and the second half can, and differ in shape.
PALETTES: dict[Theme, tuple[str, ...]] = {
    "light": (
        *("#0072B2", "#EE6677", "#882255", "#999933", "#332288", "#117733"),
        *("#C2500A", "#0A9C9C", "#AF3FD0", "#6B4423", "#7A8CF0", "#000000"),
    ),
    "dark": (
        *("#56B4E9", "#E69F00", "#EE6677", "#785EF0", "#DDCC77", "#CC3311"),
        *("#1FA04B", "#EA7BF4", "#C8EE60", "#2F78D8", "#C79A76", "#20E0B0"),
    ),
}
OTHER_COLOURS: dict[Theme, str] = {"light": "#A9B2BC", "dark": "#5B6672"}
N_COLOURS = len(PALETTES["light"])
N_CIRCLES = 6
SIGNS: dict[Shape, str] = {"circle": "●", "diamond": "◆"}


@dataclass(frozen=True)
class GroupLook:
    """How the items of a group are marked.

    Args:
        colour: Of their points.
        shape: See `colour`.
    """

    colour: str
    shape: Shape = "circle"

    @property
    def sign(self) -> str:
        """The shape as a letter."""
        return SIGNS[self.shape]


def group_look(place: int, theme: Theme) -> GroupLook:
    """Return how a group is marked.

    Args:
        place: Its place by size among the groups of its column, 0 the largest.
        theme: Chooses the palette.
    """
    if place >= N_COLOURS:
        return GroupLook(OTHER_COLOURS[theme])
    return GroupLook(PALETTES[theme][place], shape_at(place))


def shape_at(place: int) -> Shape:
    """Return the shape of the points of the group at a place by size."""
    return "diamond" if N_CIRCLES <= place < N_COLOURS else "circle"
