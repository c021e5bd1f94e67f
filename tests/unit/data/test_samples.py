from __future__ import annotations

from pathlib import Path

import pytest

from bert4rec.data.checks import check_dataset
from bert4rec.data.prepare import prepare
from bert4rec.data.samples import SAMPLES, prepare_sample
from bert4rec.errors import NotFoundError


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_whole_and_says_that_it_is_simulated(name: str, workspace: Path):
    sample = SAMPLES[name]
    dataset = prepare_sample(name, workspace)
    assert dataset.manifest["simulated"] is True
    assert dataset.n_users == sample.ceiling["n_sequences"]
    assert dataset.n_items == sample.ceiling["n_items"]
    assert dataset.n_interactions == sample.ceiling["n_interactions"]
    assert dataset.vocabulary.titles != dataset.vocabulary.item_ids
    assert f"{dataset.n_users:,}" in sample.description
    assert check_dataset(dataset) == ()


def test_an_unknown_sample_names_the_known_ones(workspace: Path):
    with pytest.raises(NotFoundError, match="The samples are playlists, reading, courses"):
        prepare_sample("films", workspace)


def test_a_sample_prepared_as_if_it_were_real_does_not_take_its_mark_away(workspace: Path):
    sample = SAMPLES["reading"]
    files = (sample.folder / "interactions.csv", sample.folder / "items.csv")
    as_real = prepare(files[0], items=files[1], name="reading", workspace=workspace)
    assert not as_real.manifest["simulated"]
    assert prepare_sample("reading", workspace).manifest["simulated"]
    again = prepare(files[0], items=files[1], name="reading", workspace=workspace)
    assert not again.manifest["simulated"]
