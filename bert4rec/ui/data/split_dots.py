"""Items of a split as dots that can be told apart, in a chart of any width."""

from __future__ import annotations

from typing import Any

import numpy as np

from bert4rec.data.split_picture import TEST, VALID, SplitPicture

# From this width on a chart is a wide one.
ROOMY_PX = 600
# A dot of this size needs so much of its row; in a narrow chart over time they are smaller.
DOT_SIZE, DOT_PX, SMALL_DOT, LEAST_DOT = 70, 10, 30, 6
# For more dots in a row there may be no room.
N_ON_A_PHONE = 15
# Of what comes before the items that are held out at least so many are drawn, however narrow.
N_BEFORE = 4


def dots_of(picture: SplitPicture, *, over_time: bool) -> dict[str, Any]:
    """Return the mark of an item, and which are drawn: from the end as many as do not overlap."""
    mark: dict[str, Any] = {"type": "point", "filled": True, "opacity": 1}
    if over_time:
        return {"mark": mark | {"size": {"expr": by_room(f"{DOT_SIZE}", f"{SMALL_DOT}")}}}
    held_out = picture.n_later[np.isin(picture.part, (VALID, TEST))]
    least = int(held_out.max(initial=0)) + 1 + N_BEFORE
    n = f"max({least}, floor(width / {DOT_PX}))"
    size = f"min({DOT_SIZE}, {DOT_SIZE} * pow(width / {DOT_PX} / {n}, 2))"
    return {
        "transform": [{"filter": f"datum.x > -{n}"}],
        "mark": mark | {"size": {"expr": f"max({LEAST_DOT}, {size})"}},
    }


def by_room(roomy: str, narrow: str) -> str:
    """Return an expression that is one thing in a wide chart and another in a narrow one."""
    # The width of the lines, which is never so much, has it looked at again.
    return f"(max(containerSize()[0], min(width, 0)) < {ROOMY_PX} ? {narrow} : {roomy})"
