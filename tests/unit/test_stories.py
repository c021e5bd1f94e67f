from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from bert4rec.composer.outline import OPEN
from bert4rec.composer.rules import bind_rules, broken_rules
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.samples import prepare_sample
from bert4rec.errors import NotFoundError
from bert4rec.stories import N_PLACES, STORIES, Story
from tests.factories import random_dataset


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SequenceDataset]:
    folder = tmp_path_factory.mktemp("samples")
    return {s.sample: prepare_sample(s.sample, Path(folder)) for s in STORIES.values()}


@pytest.mark.parametrize("story", STORIES.values(), ids=list(STORIES))
def test_tasks_are_parts_of_histories_and_keep_their_own_rules(
    story: Story, samples: dict[str, SequenceDataset]
) -> None:
    dataset = samples[story.sample]
    histories = {tuple(dataset.history(user).tolist()) for user in range(dataset.n_users)}
    texts = {",".join(map(str, history)) for history in histories}
    for task in islice(story.tasks(dataset), 30):
        whole = [task.hidden.get(at, item) for at, item in enumerate(task.outline.places)]
        assert len(whole) <= N_PLACES
        assert sorted(task.hidden) == task.outline.gaps
        assert OPEN not in whole
        assert any(",".join(map(str, whole)) in text for text in texts)
        rules = bind_rules(task.outline, dataset.vocabulary)
        assert not broken_rules(rules, task.outline.locked(0, whole[0]).items)
    assert set(story.columns) <= set(dataset.vocabulary.table.columns)


def test_a_series_goes_on_with_its_next_volume_and_lessons_in_gaps_are_required_later(
    samples: dict[str, SequenceDataset],
) -> None:
    table = samples["reading"].vocabulary.table
    for task in islice(STORIES["series"].tasks(samples["reading"]), 10):
        first = task.outline.gaps[0]
        before, hidden = task.outline.places[first - 1], task.hidden[first]
        assert table["series"][before - 1] == table["series"][hidden - 1]
        volume, next_volume = (float(table["series_number"][i - 1]) for i in (before, hidden))
        assert next_volume == volume + 1
    table = samples["courses"].vocabulary.table
    for task in islice(STORIES["course"].tasks(samples["courses"]), 10):
        for at, item in task.hidden.items():
            # The other one that is missing tells nothing.
            shown = [one for one in task.outline.places[at + 1 :] if one != OPEN]
            later = [str(table["prerequisites"][one - 1]).split(";") for one in shown]
            assert any(table["item_id"][item - 1] in required for required in later)


def test_examples_go_round_and_a_dataset_without_any_says_so(
    samples: dict[str, SequenceDataset],
) -> None:
    story = STORIES["playlist"]
    assert story.task(samples["playlists"], 1) == story.task(samples["playlists"], 1)
    assert story.task(samples["playlists"], 0) != story.task(samples["playlists"], 1)
    one = random_dataset([N_PLACES, 2])
    assert story.task(one, 0) == story.task(one, 5)
    with pytest.raises(NotFoundError, match="no history of made fits"):
        story.task(random_dataset([2, 3]), 0)
