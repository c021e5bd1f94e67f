from __future__ import annotations

import numpy as np
import pytest

from bert4rec.maps.projection import EmbeddingMap
from bert4rec.ui.embeddings.map_quality import lost_words


@pytest.mark.parametrize(
    ("recall", "told"),
    [(1.0, "hardly one lies"), (0.9, "about one lies"), (0.04, "about 10 lie")],
)
def test_how_many_neighbours_a_map_parts_is_said_in_words_that_fit(
    recall: float, told: str
) -> None:
    found = EmbeddingMap("pca", np.zeros((6, 2), np.float32), np.arange(1, 7), 1.0, recall, 6)
    assert lost_words(found) == f"Of ten true neighbours, {told} elsewhere on this map"
