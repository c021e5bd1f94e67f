from __future__ import annotations

import numpy as np
import pytest

from bert4rec.maps.projection import EmbeddingMap
from bert4rec.ui.embeddings.map_quality import lost_words


@pytest.mark.parametrize(
    ("recall", "many"),
    [(0.12, "about 9"), (0.049, "nearly all"), (0.97, "hardly any"), (0.5, "about 5")],
)
def test_a_few_neighbours_that_are_kept_or_lost_are_not_rounded_away(
    recall: float, many: str
) -> None:
    found = EmbeddingMap("pca", np.zeros((3, 2)), np.arange(1, 4), 0.9, recall, 3)
    assert lost_words(found) == f"Of ten true neighbours, {many} lie elsewhere on this map"
