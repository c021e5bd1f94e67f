"""Laws of preparation, held against a plain twin that anyone can check by reading."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.prepare import PrepareSettings, prepare
from bert4rec.errors import DatasetError, LogError
from tests.factories import histories_of

Record = tuple[str, str, int]

records = st.lists(
    st.tuples(
        st.sampled_from(["u", "v", "w", "10", "9", "ü"]),
        st.sampled_from(["a", "b", "B", "2", "10", "é 1"]),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=60,
)
limits = st.builds(
    PrepareSettings,
    drop_duplicates=st.booleans(),
    min_sequence_length=st.integers(1, 4),
    max_sequence_length=st.none() | st.integers(2, 12),
    min_item_count=st.integers(1, 4),
)


def prepare_plainly(log: list[Record], wanted: PrepareSettings) -> dict[str, list[str]]:
    """Do what `prepare` does, slowly."""
    kept = list(dict.fromkeys(log)) if wanted.drop_duplicates else list(log)
    n_of_user = Counter(user for user, _, _ in kept)
    most = wanted.max_sequence_length or len(log)
    kept = [record for record in kept if n_of_user[record[0]] <= most]
    n_before = -1
    while n_before != len(kept):
        n_before = len(kept)
        n_of_user = Counter(user for user, _, _ in kept)
        kept = [record for record in kept if n_of_user[record[0]] >= wanted.min_sequence_length]
        n_of_item = Counter(item for _, item, _ in kept)
        kept = [record for record in kept if n_of_item[record[1]] >= wanted.min_item_count]
    histories: dict[str, list[str]] = {user: [] for user, _, _ in kept}
    for user, item, _ in sorted(kept, key=lambda record: record[2]):
        histories[user].append(item)
    return histories


def prepared(log: list[Record], wanted: PrepareSettings) -> SequenceDataset | None:
    """Return the dataset in memory, or None where too little is left."""
    frame = pd.DataFrame(log, columns=["user", "item", "time"])
    with tempfile.TemporaryDirectory() as folder:
        try:
            dataset = prepare(frame, workspace=Path(folder), settings=wanted)
        except (DatasetError, LogError):
            assert not list(Path(folder).glob("datasets/*"))
            return None
        return SequenceDataset(
            dataset.items.copy(),
            dataset.offsets.copy(),
            dataset.vocabulary,
            dataset.users,
            None if dataset.times_s is None else dataset.times_s.copy(),
            dataset.manifest,
        )


@given(log=records, wanted=limits)
@settings(max_examples=60)
def test_preparing_equals_its_plain_twin(log: list[Record], wanted: PrepareSettings):
    expected = prepare_plainly(log, wanted)
    dataset = prepared(log, wanted)
    if dataset is None:
        items = {item for history in expected.values() for item in history}
        assert len(expected) < 2 or len(items) < 2
        return
    found = histories_of(dataset)
    assert found == expected
    assert list(found) == list(expected), "users are not in the order of the log"


@given(log=records, wanted=limits)
@settings(max_examples=40)
def test_what_is_read_is_kept_or_accounted_for(log: list[Record], wanted: PrepareSettings):
    dataset = prepared(log, wanted)
    if dataset is None:
        return
    report = dataset.manifest["report"]
    dropped = report["rejected"] + report["duplicate"] + report["filtered"]
    assert report["read"] == len(log) == report["kept"] + dropped
    assert report["kept"] == dataset.n_interactions == len(dataset.items)
    assert dataset.lengths.min() >= wanted.min_sequence_length
    assert dataset.vocabulary.counts.min() >= wanted.min_item_count
    assert Counter(dataset.items.tolist()) == dict(enumerate(dataset.vocabulary.counts, start=1))
    assert dataset.times_s is not None
    for user in range(dataset.n_users):
        times_s = dataset.times_s[dataset.offsets[user] : dataset.offsets[user + 1]].tolist()
        assert times_s == sorted(times_s)
