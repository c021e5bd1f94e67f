"""Which points of a map lie inside an outline that was drawn on it."""

from __future__ import annotations

import numpy as np


def inside_polygon(points: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return whether each point lies inside a polygon, bool (n,): True is inside.

    Where the polygon crosses itself, a place counts that an odd number of its edges shut in.

    Args:
        points: (n, 2).
        x: First coordinates of the corners, (m,); the last is joined to the first.
        y: Second coordinates, (m,).

    Cost: one pass over the points for each edge.
    """
    is_inside = np.zeros(len(points), dtype=bool)
    across, up = points[:, 0], points[:, 1]
    for x0, y0, x1, y1 in zip(x, y, np.roll(x, -1), np.roll(y, -1), strict=True):
        if y0 == y1:
            continue
        is_level = (up >= min(y0, y1)) & (up < max(y0, y1))
        is_inside ^= is_level & (across < x0 + (up - y0) * (x1 - x0) / (y1 - y0))
    return is_inside


def inside_box(points: np.ndarray, x: tuple[float, float], y: tuple[float, float]) -> np.ndarray:
    """Return whether each point lies inside a box, its edges included, bool (n,)."""
    ends = np.sort(np.array([x, y]), axis=1)
    return np.asarray(((points >= ends[:, 0]) & (points <= ends[:, 1])).all(axis=1))
