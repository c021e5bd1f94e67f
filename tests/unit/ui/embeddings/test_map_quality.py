from __future__ import annotations

import numpy as np
import pytest

from bert4rec.maps.projection import EmbeddingMap
from bert4rec.ui.embeddings.map_quality import lost_words


@pytest.mark.parametrize(
    ("recall", "told"),
    [
        (0.97, "hardly one lies"),
        (0.9, "about one lies"),
        (0.5, "about 5 lie"),
        (0.12, "about 9 lie"),
        (0.049, "nearly all lie"),
    ],
)
def test_how_many_neighbours_a_map_parts_is_said_in_words_that_fit(
    recall: float, told: str
) -> None:
    found = EmbeddingMap("pca", np.zeros((3, 2)), np.arange(1, 4), 0.9, recall, 3)
    assert lost_words(found) == f"Of ten true neighbours, {told} elsewhere on this map"
