"""Items that stand beside the true one where a table of the first paper is to be read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bert4rec.comparing.plan import Plan
from bert4rec.data.split import Segments

N_SAMPLED = 100
# Rows between two looks at whether a stop was asked for.
TELL_EVERY = 50
# Sums over the whole catalogue in another order differ by less than this share of them.
ROUNDING = 1e-11
# Of less, in shares of everything, differences of such sums tell too little.
LEAST_LEFT = 1e-3


class Drawing:
    """Draws different items by weight, some of which are not to be had, for one row after another.

    What comes out is what `numpy.random.Generator.choice` gives without replacement, number for
    number, as its draws and its way of going on after doubles are kept. That sums up the whole
    catalogue for each row, and again for its doubles; here one sum is made for all rows and what a
    row must not have is taken out of it.

    Args:
        weights: Weight of each item, above 0, (N,).

    Cost: a search for each draw among N sums, and one among what the row must not have.
    """

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights
        self.sums = np.cumsum(weights)

    def places(self, drawn: np.ndarray, gone: np.ndarray, barred: np.ndarray) -> np.ndarray:
        """Return where numbers from 0 to 1 fall among the weights that are left, counted from 0.

        Args:
            drawn: The numbers, (n,).
            gone: Places that are not to be had: ascending, each once.
            barred: Those of them that were none to be had from the beginning.
        """
        weights = self.weights[gone]
        cut = np.concatenate([[0.0], np.cumsum(weights)])
        left = self.sums[-1] - cut[-1]
        if left > LEAST_LEFT * self.sums[-1]:
            # Where each gap would lie, had those before it been closed.
            gaps = self.sums[gone] - cut[1:]
            at = drawn * left
            at = at + cut[np.searchsorted(gaps, at, "right")]
            found = np.searchsorted(self.sums, at, "right")
            found = np.minimum(found, len(self.sums) - 1)
            below = np.where(found > 0, self.sums[found - 1], 0.0)
            room = np.minimum(at - below, self.sums[found] - at)
            if (room > ROUNDING * self.sums[-1]).all():
                return np.asarray(found)
        return self._plain_places(drawn, gone, barred)

    def _plain_places(self, drawn: np.ndarray, gone: np.ndarray, barred: np.ndarray) -> np.ndarray:
        """Return the same, with every rounding as `choice` makes it."""
        shares = self.shares(barred)
        shares[gone] = 0
        sums = np.cumsum(shares)
        sums /= sums[-1]
        return np.asarray(np.searchsorted(sums, drawn, "right"))

    def shares(self, barred: np.ndarray) -> np.ndarray:
        """Return the weights as shares of those that are to be had, 0 of the others, (N,)."""
        shares = self.weights.copy()
        shares[barred] = 0
        shares /= shares.sum()
        return shares

    def draw(self, rng: np.random.Generator, n: int, barred: np.ndarray) -> np.ndarray:
        """Draw `n` different places, none of the barred ones, int64 (n,).

        Args:
            rng: Chance.
            n: How many; so many must be there.
            barred: Places that are not to be had: ascending, each once.
        """
        found, gone = np.empty(0, dtype=np.int64), barred
        while True:
            new = self.places(rng.random(n - len(found)), gone, barred)
            _, first = np.unique(new, return_index=True)
            found = np.concatenate([found, new[np.sort(first)]])
            if len(found) == n:
                return found
            gone = np.union1d(barred, found)


def sampled_items(
    rows: Segments, plan: Plan, counts: np.ndarray, tell: Callable[[int], None]
) -> np.ndarray:
    """Draw 100 items for each row by popularity, none that the user ever met, int64 (n, 100).

    A small catalogue is drawn from with repeats; a user who met everything gets any items.

    Args:
        rows: The judged histories.
        plan: What is compared.
        counts: How often each item occurs in training, (N,).
        tell: Told now and then of how many rows are done.

    Source: Sun et al. 2019, section 4.2. Its figures are inconsistent with those of the whole
    catalogue (Krichene & Rendle 2020) and only serve to read that paper's table.
    """
    dataset, rng = plan.dataset, np.random.default_rng(plan.seed)
    drawing = Drawing(counts + 1e-9)
    drawn = np.empty((len(rows), N_SAMPLED), dtype=np.int64)
    for row, user_idx in enumerate(rows.user_idx):
        if row % TELL_EVERY == 0:
            tell(row)
        met = np.unique(dataset.history(int(user_idx))).astype(np.int64) - 1
        if len(met) == len(counts):
            met = met[:0]
        if len(counts) - len(met) >= N_SAMPLED:
            drawn[row] = 1 + drawing.draw(rng, N_SAMPLED, met)
        else:
            drawn[row] = 1 + rng.choice(len(counts), N_SAMPLED, p=drawing.shares(met))
    return drawn
