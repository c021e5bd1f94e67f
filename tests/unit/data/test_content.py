from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bert4rec.data import content
from bert4rec.data.content import holds_the_same
from bert4rec.data.dataset import SequenceDataset, open_dataset
from bert4rec.data.vocabulary import Vocabulary
from tests.factories import ring_dataset, saved_dataset


def with_titles(dataset: SequenceDataset, titles: list[Any]) -> SequenceDataset:
    table = dataset.vocabulary.table.assign(title=pd.Series(titles, dtype=object))
    return replace(dataset, vocabulary=Vocabulary(table))


def test_tables_that_are_equal_are_compared_without_making_texts_of_them(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved_dataset(workspace, ring_dataset(n_items=6, n_users=20)).folder
    assert folder is not None

    def refuse(dataset: SequenceDataset) -> None:
        raise AssertionError

    monkeypatch.setattr(content, "_names", refuse)
    assert holds_the_same(open_dataset(folder), open_dataset(folder))


def test_texts_decide_where_cells_are_of_different_kinds() -> None:
    dataset = ring_dataset(n_items=3, n_users=20)
    ones, texts = with_titles(dataset, [1, 2, 3]), with_titles(dataset, ["1", "2", "3"])
    assert holds_the_same(ones, texts)
    assert not holds_the_same(ones, with_titles(dataset, [1.0, 2, 3]))
    assert not holds_the_same(ones, with_titles(dataset, [True, 2, 3]))
    assert not holds_the_same(texts, with_titles(dataset, ["1", "2", "4"]))
