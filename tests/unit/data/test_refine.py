from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert4rec.data import dataset as dataset_module
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.prepare import PrepareSettings, prepare
from bert4rec.data.refine import refine, refined_settings
from bert4rec.data.samples import prepare_sample
from bert4rec.errors import DatasetError, LogError, SettingsError

Histories = dict[str, list[tuple[str, float]]]
LOOSE = PrepareSettings(min_sequence_length=1, drop_duplicates=False)


def log_of(n_users: int = 30) -> pd.DataFrame:
    """Return a log of uneven users and items, with ties and duplicates."""
    generator = np.random.default_rng(0)
    rows = [
        (f"u{user}", f"i{min(int(generator.geometric(0.15)), 40)}", 1.7e9 + 40 * (step // 2))
        for step in range(9)
        for user in range(n_users)
        if step <= user
    ]
    return pd.DataFrame([*rows, *rows[:5]], columns=["user", "item", "timestamp"])


def histories_of(dataset: SequenceDataset) -> Histories:
    """Return who met what and when, in order of the users."""
    times_s = dataset.times_s if dataset.times_s is not None else [0.0] * dataset.n_interactions
    ids = dataset.vocabulary.item_ids
    return {
        dataset.user_id(user): [
            (ids[dataset.items[row] - 1], float(times_s[row]))
            for row in range(dataset.offsets[user], dataset.offsets[user + 1])
        ]
        for user in range(dataset.n_users)
    }


@pytest.mark.parametrize(
    "stricter",
    [
        {"min_item_count": 4},
        {"min_sequence_length": 5},
        {"max_sequence_length": 6},
        {"drop_duplicates": True},
        {"drop_duplicates": True, "min_sequence_length": 3, "min_item_count": 4},
    ],
)
@pytest.mark.parametrize("n_rows", [7, 4_000_000])
def test_the_result_is_that_of_the_log_with_these_settings(
    stricter: dict[str, Any], n_rows: int, workspace: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dataset_module, "BLOCK_ROWS", n_rows)
    loose = prepare(log_of(), name="log", workspace=workspace, settings=LOOSE)
    wanted = LOOSE.model_copy(update=stricter)
    direct = prepare(log_of(), name="log", workspace=workspace, settings=wanted)
    refined = refine(loose, stricter, workspace=workspace)
    assert histories_of(refined) == histories_of(direct)
    users = list(histories_of(refined))
    assert users == [user for user in histories_of(loose) if user in set(users)]
    assert histories_of(refined) != histories_of(loose)
    assert refined.manifest["settings"] == wanted.model_dump()
    assert (refined.name, refined.manifest["rejects"]) == ("log", [])
    assert not list((workspace / "tmp").glob("*")), "the rebuilt log is left behind"


records = st.lists(
    st.tuples(st.sampled_from("uvw"), st.sampled_from("abcd"), st.integers(0, 3)),
    min_size=2,
    max_size=40,
)
limits = st.fixed_dictionaries(
    {
        "drop_duplicates": st.booleans(),
        "min_sequence_length": st.integers(1, 4),
        "min_item_count": st.integers(1, 4),
    }
)


@given(log=records, first=limits, then=limits)
@settings(max_examples=25)
def test_settings_in_turn_leave_what_the_strictest_leave(
    log: list[tuple[str, str, int]], first: dict[str, Any], then: dict[str, Any]
):
    strictest = {name: max(first[name], then[name]) for name in first}
    frame = pd.DataFrame(log, columns=["user", "item", "timestamp"])
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        try:
            direct = prepare(frame, workspace=home, settings=PrepareSettings(**strictest))
        except (DatasetError, LogError):
            return
        begun = prepare(frame, workspace=home, settings=PrepareSettings(**first))
        assert histories_of(refine(begun, strictest, workspace=home)) == histories_of(direct)


def test_titles_columns_and_the_mark_of_a_simulation_stay(workspace: Path):
    sample = prepare_sample("playlists", workspace)
    refined = refine(sample, {"min_sequence_length": 25}, workspace=workspace)
    assert refined.manifest["simulated"] is True
    assert refined.n_users < sample.n_users
    columns = [name for name in sample.vocabulary.table.columns if name != "count"]
    before = sample.vocabulary.table.set_index("item_id")
    after = refined.vocabulary.table.set_index("item_id")
    pd.testing.assert_frame_equal(
        after[columns[1:]], before.loc[after.index, columns[1:]], check_dtype=False
    )


def test_a_dataset_without_times_keeps_the_order_of_its_file(workspace: Path):
    log = log_of().drop(columns="timestamp")
    begun = prepare(log, name="log", workspace=workspace, settings=LOOSE)
    direct = prepare(
        log,
        name="log",
        workspace=workspace,
        settings=LOOSE.model_copy(update={"min_item_count": 3}),
    )
    refined = refine(begun, {"min_item_count": 3}, workspace=workspace)
    assert refined.times_s is None
    assert histories_of(refined) == histories_of(direct)


def test_a_smallest_value_holds_already(workspace: Path):
    log = log_of().assign(rating=[1 + row % 5 for row in range(len(log_of()))])
    settings = PrepareSettings(min_sequence_length=1, min_value=3)
    begun = prepare(log, name="log", workspace=workspace, settings=settings)
    refined = refine(begun, {"min_item_count": 2}, workspace=workspace)
    assert refined.manifest["settings"]["min_value"] is None
    assert refined.n_interactions <= begun.n_interactions


def test_what_cannot_be_done_is_told_in_words(workspace: Path):
    begun = prepare(log_of(), name="log", workspace=workspace, settings=LOOSE)
    with pytest.raises(DatasetError, match="the filters leave"):
        refine(begun, {"min_sequence_length": 1000}, workspace=workspace)
    with pytest.raises(SettingsError, match="min_length"):
        refined_settings(begun, {"min_length": 3})
    assert len(list((workspace / "datasets").iterdir())) == 1
    assert not list((workspace / "tmp").glob("*"))


def test_a_name_longer_than_any_may_be_today_is_shortened_for_what_is_made_of_it(
    workspace: Path,
) -> None:
    long = SequenceDataset.from_sequences([[1, 2, 3]] * 4, name="x" * 90)
    made = refine(long, {"min_sequence_length": 3}, workspace=workspace)
    assert made.name == "x" * 60
    nameless = SequenceDataset.from_sequences([[1, 2, 3]] * 4, name="  ")
    assert refine(nameless, {"min_sequence_length": 3}, workspace=workspace).name == "unnamed"


def test_it_tells_how_far_it_is_from_the_dataset_to_the_new_one(workspace: Path):
    log = pd.DataFrame({"user": list("aaaabbbb"), "item": list("xyzwxyzw")})
    made = prepare(log, name="log", workspace=workspace)
    told: list[tuple[str, float]] = []
    refine(made, {"min_item_count": 2}, workspace=workspace, watch=lambda *step: told.append(step))
    doings, shares = zip(*told, strict=True)
    assert doings[0] == "taking the interactions out of the dataset"
    assert doings[-1] == "writing the dataset"
    assert shares[0] == 0
    assert list(shares) == sorted(shares)
    assert 0.9 < shares[-1] < 1
