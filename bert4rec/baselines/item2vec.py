"""Items as words: those that stand near each other in histories get vectors alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from bert4rec.baselines.training_rows import TrainingRows
from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.extras import load_extra
from bert4rec.histories import Histories
from bert4rec.stages import told_meanwhile

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
        reading = _Reading(sentences, n_epochs(len(words)))
        learn = partial(
            word2vec.Word2Vec,
            reading,
            sg=1,
            vector_size=N_DIMENSIONS,
            window=WINDOW,
            negative=N_NEGATIVES,
            epochs=reading.n_epochs,
            min_count=1,
            seed=train.seed,
            workers=1,
        )
        model = told_meanwhile(learn, lambda: train.tell(reading.share), reading.end)
        train.tell(1.0)
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


class _Reading:
    """Sentences that are read once for their words and then once an epoch, and how far that is.

    Once it is ended, there are none any more, and whoever reads on is soon done.

    Args:
        sentences: All of them.
        n_epochs: How often they are learned from.
    """

    def __init__(self, sentences: Sequence[Sequence[str]], n_epochs: int) -> None:
        self.sentences, self.n_epochs = sentences, n_epochs
        self.n_read = 0
        self.is_ended = False

    def __iter__(self) -> Iterator[Sequence[str]]:
        for sentence in self.sentences:
            if self.is_ended:
                return
            self.n_read += 1
            yield sentence

    def end(self) -> None:
        """Have no more sentences read."""
        self.is_ended = True

    @property
    def share(self) -> float:
        """Which share of the epochs is read."""
        n_learned = self.n_read - len(self.sentences)
        return max(n_learned, 0) / (len(self.sentences) * self.n_epochs)


def n_epochs(n_items_read: int) -> int:
    """Return how often a log of so many interactions is read.

    Example:
        >>> n_epochs(1_000_000), n_epochs(60_000), n_epochs(50)
        (10, 50, 100)
    """
    wanted = -(-MIN_ITEMS_READ // max(n_items_read, 1))
    return min(MAX_EPOCHS, max(MIN_EPOCHS, wanted))
