from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bert4rec import run_memory
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.samples import prepare_sample
from bert4rec.errors import DeviceError
from bert4rec.estimate import size_of
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.presets import PRESETS
from bert4rec.run_memory import FIT_SHARE, smaller_batches
from bert4rec.setting_checks import parse_settings


@pytest.fixture(scope="module")
def dataset() -> SequenceDataset:
    rng = np.random.default_rng(0)
    return SequenceDataset.from_sequences(
        [rng.integers(1, 101, size=size) for size in rng.integers(20, 60, size=600)], n_items=100
    )


def settings_of(**changes: Any) -> Hyperparameters:
    # One history is judged at a time, so that steps alone take memory.
    usual = {"batch_size": 256, "inner_size": 4096, "eval_batch_size": 1}
    return Hyperparameters(**({"n_threads": 1} | usual | changes))


def bytes_of(dataset: SequenceDataset, **changes: Any) -> int:
    return size_of(dataset, settings_of(**changes)).memory_bytes


@pytest.mark.parametrize("wanted", [128, 64, 16, 2, 1])
def test_after_a_want_of_memory_the_largest_batch_that_fits_is_offered(
    dataset: SequenceDataset, wanted: int
) -> None:
    free = int(bytes_of(dataset, batch_size=wanted) / FIT_SHARE) + 1
    assert smaller_batches(dataset, settings_of(), free) == {"batch_size": wanted}


def test_a_batch_of_which_the_estimate_says_that_it_fits_is_halved_as_it_did_not(
    dataset: SequenceDataset,
) -> None:
    assert smaller_batches(dataset, settings_of(), 10**12) == {"batch_size": 128}
    assert smaller_batches(dataset, settings_of(batch_size=100), 10**12) == {"batch_size": 50}


def test_a_batch_between_two_powers_becomes_the_lower_one(dataset: SequenceDataset) -> None:
    free = int(bytes_of(dataset, batch_size=64) / FIT_SHARE) + 1
    assert smaller_batches(dataset, settings_of(batch_size=100), free) == {"batch_size": 64}


def test_no_batch_is_offered_where_none_would_do(dataset: SequenceDataset) -> None:
    assert smaller_batches(dataset, settings_of(), 1000) == {}
    assert smaller_batches(dataset, settings_of(batch_size=1), 10**12) == {}


def test_fewer_are_judged_at_once_before_a_step_gets_smaller(dataset: SequenceDataset) -> None:
    # 600 users are judged; the inner values of a step are as many as those of 256 of them.
    asked = {"batch_size": 8, "inner_size": 64, "hidden_size": 512, "max_seq_length": 60}
    own = settings_of(eval_batch_size=1024, **asked)
    for wanted in (512, 128, 64):
        free = int(bytes_of(dataset, eval_batch_size=wanted, **asked) / FIT_SHARE) + 1
        assert smaller_batches(dataset, own, free) == {"eval_batch_size": wanted}


def test_both_batches_go_down_where_one_alone_does_not_do_it(dataset: SequenceDataset) -> None:
    asked = {"batch_size": 64, "inner_size": 1024, "hidden_size": 256}
    own = settings_of(eval_batch_size=1024, **asked)
    smaller = asked | {"batch_size": 16}
    free = int(bytes_of(dataset, eval_batch_size=64, **smaller) / FIT_SHARE) + 1
    assert smaller_batches(dataset, own, free) == {"batch_size": 16, "eval_batch_size": 64}
    # Judging becomes slow only where a step of one is too much with fast judging.
    smaller |= {"batch_size": 1}
    free = int(bytes_of(dataset, eval_batch_size=4, **smaller) / FIT_SHARE) + 1
    found = smaller_batches(dataset, own, free)
    assert found["eval_batch_size"] < 64
    assert bytes_of(dataset, **asked | found) <= FIT_SHARE * free


def test_what_judging_takes_counts_the_users_that_threads_really_judge_at_once(
    dataset: SequenceDataset,
) -> None:
    asked = {"batch_size": 1, "inner_size": 64, "hidden_size": 512, "max_seq_length": 60}

    def judged(eval_batch_size: int) -> int:
        return bytes_of(dataset, eval_batch_size=eval_batch_size, n_threads=2, **asked)

    # 600 users: two times 300 by threads that may take 400 each, four times 150 where 299 may be.
    assert judged(1024) == judged(400) == judged(300)
    assert judged(299) == judged(150)
    assert judged(300) - judged(299) > 10_000_000
    own = settings_of(eval_batch_size=1024, **asked | {"batch_size": 8, "n_threads": 2})
    # Half of what a thread has, for half of what it may have would change nothing.
    assert smaller_batches(dataset, own, 10**12) == {"eval_batch_size": 150}


def test_where_the_estimate_fits_what_takes_more_by_it_is_halved(dataset: SequenceDataset) -> None:
    asked = {"batch_size": 8, "inner_size": 64, "hidden_size": 512, "max_seq_length": 60}
    own = settings_of(eval_batch_size=1024, **asked)
    # 600 are judged at once, however many it may be.
    assert smaller_batches(dataset, own, 10**12) == {"eval_batch_size": 300}
    own = settings_of(eval_batch_size=1024, **asked | {"batch_size": 1})
    assert smaller_batches(dataset, own, 10**12) == {"eval_batch_size": 300}


def test_what_is_free_is_asked_of_the_device(
    dataset: SequenceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = int(bytes_of(dataset, batch_size=32) / FIT_SHARE) + 1
    monkeypatch.setattr(run_memory, "free_memory_bytes", lambda device: free)
    assert smaller_batches(dataset, settings_of()) == {"batch_size": 32}
    with pytest.raises(DeviceError):
        smaller_batches(dataset, settings_of(device="cuda:97"))


def inner_bytes(dataset: SequenceDataset, **changes: Any) -> float:
    """What one more inner value of each token takes, where tensors are large."""
    few, many = (bytes_of(dataset, inner_size=n, **changes) for n in (60_000, 61_000))
    # Without the weights, of which a training on one thread has five copies, and without what is
    # left of the one window that is judged.
    n_layers, read = changes.get("n_layers", 2), run_memory.READ_INNER * changes["max_seq_length"]
    return (many - few) / 1000 - 5 * 4 * n_layers * (2 * 64 + 1) - 4 * read


def test_the_last_layer_reads_no_items_and_each_other_keeps_two_inner_values_a_token(
    dataset: SequenceDataset,
) -> None:
    asked: dict[str, Any] = {"batch_size": 32, "max_seq_length": 20, "next_item_rate": 0.0}
    # All histories fill their window: 640 tokens, of which 128 are asked for.
    one, two, three = (inner_bytes(dataset, n_layers=n, **asked) for n in (1, 2, 3))
    assert two - one == three - two == pytest.approx(4 * 2 * 640, rel=1e-3)
    causal = [inner_bytes(dataset, n_layers=n, attention="causal", **asked) for n in (1, 2)]
    assert causal == pytest.approx([4 * 3 * 640, 4 * 5 * 640], rel=1e-3)


def test_judging_reads_many_tokens_at_once_however_small_a_step_is(
    dataset: SequenceDataset,
) -> None:
    small = {"batch_size": 1, "inner_size": 60_000}
    one, many = (bytes_of(dataset, eval_batch_size=n, **small) for n in (1, 1024))
    n_steps = 4 * 2 * 60_000 * 4096
    assert many - one == pytest.approx(n_steps, rel=0.1)


# What a training on the bundled playlists held at its peak, in MB; torch 2.13, float32.
MEASURED = (
    (78, {**PRESETS["quick"].values, "n_threads": 1}),
    (119, {}),
    (80, {"n_threads": 1}),
    (113, {"max_seq_length": 200, "batch_size": 32}),
    (135, {"max_seq_length": 200, "batch_size": 128}),
    (200, {"batch_size": 1024}),
    (52, {"hidden_size": 16, "inner_size": 64, "n_threads": 1}),
    (200, {"hidden_size": 128, "inner_size": 512}),
    (360, {"hidden_size": 256, "inner_size": 1024, "max_seq_length": 200, "batch_size": 64}),
    (312, {"hidden_size": 256, "inner_size": 256}),
    (208, {"inner_size": 1024}),
    (140, {"loss_type": "gBCE", "negative_samples_count": 128}),
)


@pytest.fixture(scope="module")
def playlists(tmp_path_factory: pytest.TempPathFactory) -> SequenceDataset:
    return prepare_sample("playlists", tmp_path_factory.mktemp("playlists"))


@pytest.mark.parametrize(("measured_mb", "changes"), MEASURED)
def test_the_estimate_is_near_what_trainings_held_and_hardly_below(
    playlists: SequenceDataset, measured_mb: int, changes: dict[str, Any]
) -> None:
    usual = {"n_threads": 2, "precision": "float32", "device": "cpu"}
    settings = parse_settings(PRESETS["balanced"].values | usual | changes)
    told = size_of(playlists, settings).memory_bytes / 1e6
    assert 0.9 * measured_mb < told < 1.25 * measured_mb


@pytest.mark.parametrize("kind", ["cpu", "cuda", "mps"])
def test_every_kind_of_device_has_its_figures(kind: str) -> None:
    assert kind in run_memory.JUDGING_BYTES
    assert kind in run_memory.WINDOW_COPIES
