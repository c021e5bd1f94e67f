from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bert4rec.data.dataset import SequenceDataset


@pytest.fixture
def dataset(workspace: Path) -> SequenceDataset:
    """Sixty histories of five to nineteen out of thirty items, in the workspace as `made-1`."""
    chance = np.random.default_rng(0)
    histories = [chance.integers(1, 31, size=size) for size in chance.integers(5, 20, size=60)]
    made = SequenceDataset.from_sequences(histories, n_items=30, name="made")
    return made.save(workspace / "datasets" / "made-1")
