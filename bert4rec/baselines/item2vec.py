"""Items as words: those that stand near each other in histories get vectors alike."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from bert4rec.baselines.training_rows import TrainingRows
from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.extras import load_extra
from bert4rec.histories import Histories

N_DIMENSIONS = 64
WINDOW = 5
N_NEGATIVES = 5
# A small log needs more passes until vectors have moved far enough (Caselles-Dupré et al. 2018).
MIN_EPOCHS, MAX_EPOCHS = 10, 100
MIN_ITEMS_READ = 3_000_000
# gensim reads no more than this of a sentence and says nothing of the rest.
MAX_SENTENCE = 10_000


class Item2Vec:
    """Score items by the mean cosine with the newest items of a history, a window of them.

    An item that stands beside no other in training has the cosine 0 with all.

    Args:
        items_nd: Vectors of items 1..N, of length 1 or 0, float32 (N, D).

    Source: Barkan & Koenigstein 2016; the next item is asked for by the window before it.
    """

    def __init__(self, items_nd: Tensor) -> None:
        self.items_nd = items_nd

    @classmethod
    def fit(cls, train: TrainingRows) -> Item2Vec:
        """Train skip-grams with negative samples, in one thread, so that a seed gives the same.

        Raises:
            MissingExtraError: gensim is not installed.
        """
        word2vec = load_extra("gensim.models.word2vec", "baselines")
        vectors = np.zeros((train.n_items, N_DIMENSIONS), dtype=np.float32)
        words = list(map(str, train.histories.items.tolist()))
        # An item alone has nothing to learn from and would keep the vector it was drawn.
        sentences = [
            words[at : min(at + MAX_SENTENCE, end)]
            for start, end in pairwise(train.histories.offsets.tolist())
            for at in range(start, end, MAX_SENTENCE)
            if end - start > 1
        ]
        if not sentences:
            return cls(torch.from_numpy(vectors))
        model = word2vec.Word2Vec(
            sentences,
            sg=1,
            vector_size=N_DIMENSIONS,
            window=WINDOW,
            negative=N_NEGATIVES,
            epochs=n_epochs(len(words)),
            min_count=1,
            seed=train.seed,
            workers=1,
            callbacks=[_Epochs(train.tell, n_epochs(len(words)))],
        )
        rows = np.array([int(word) - 1 for word in model.wv.index_to_key])
        vectors[rows] = model.wv.get_normed_vectors()
        return cls(torch.from_numpy(vectors))

    def item_vectors(self) -> Tensor:
        """Return the vectors of items 1..N, float32 (N, D)."""
        return self.items_nd

    def vectors(self, histories: Histories) -> Tensor:
        """Return the mean vector of each history's window, zeros for an empty one, (n_rows, D)."""
        newest = torch.from_numpy(histories.windows(WINDOW))
        is_real = newest != PAD_IDX
        found = self.items_nd[(newest - 1).clamp(min=0)] * is_real[:, :, None]
        return found.sum(dim=1) / is_real.sum(dim=1, keepdim=True).clamp(min=1)

    def scores(self, histories: Histories) -> Tensor:
        """Return the mean cosines, float32 (n_rows, N)."""
        return self.vectors(histories) @ self.items_nd.T


class _Epochs:
    """Tells which share of the epochs is done, as gensim calls it back.

    Args:
        tell: Told that share.
        n_epochs: All of them.
    """

    def __init__(self, tell: Callable[[float], None], n_epochs: int) -> None:
        self.tell, self.n_epochs, self.n_done = tell, n_epochs, 0

    def on_epoch_end(self, model: object) -> None:
        """Count one epoch."""
        self.n_done += 1
        self.tell(self.n_done / self.n_epochs)

    def on_epoch_begin(self, model: object) -> None:
        """Do nothing: what is done is told."""

    on_train_begin = on_train_end = on_epoch_begin


def n_epochs(n_items_read: int) -> int:
    """Return how often a log of so many interactions is read.

    Example:
        >>> n_epochs(1_000_000), n_epochs(60_000), n_epochs(50)
        (10, 50, 100)
    """
    wanted = -(-MIN_ITEMS_READ // max(n_items_read, 1))
    return min(MAX_EPOCHS, max(MIN_EPOCHS, wanted))
