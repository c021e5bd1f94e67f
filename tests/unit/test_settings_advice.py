from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import split_dataset
from bert4rec.objective import choose_loss
from bert4rec.presets import PRESETS
from bert4rec.setting_checks import fitting_widths, parse_settings
from bert4rec.settings_advice import Advice, DataFigures, SplitFigures, advise
from bert4rec.workshop import loss_for
from tests.factories import random_dataset, timed_dataset

# Of a hundred histories 95 have 40 items and 5 have 300.
LENGTHS = [40] * 95 + [300] * 5


def advice_on(dataset: SequenceDataset, **given: Any) -> dict[str, Advice]:
    settings = parse_settings(given)
    split = SplitFigures.of(dataset, settings)
    found = advise(settings, given, DataFigures.of(dataset), split)
    assert len({advice.name for advice in found}) == len(found), "one word a setting"
    return {advice.name: advice for advice in found}


def mended(dataset: SequenceDataset, advice: Advice, **given: Any) -> dict[str, Advice]:
    return advice_on(dataset, **(given | advice.changes))


@pytest.fixture(scope="module")
def dataset() -> SequenceDataset:
    return random_dataset(LENGTHS, n_items=50)


@pytest.mark.parametrize("lengths", [[1], [3, 3, 3], LENGTHS, list(range(1, 60))])
def test_shares_and_windows_are_those_of_the_lengths(lengths: list[int]) -> None:
    data, found = DataFigures.of(random_dataset(lengths)), np.array(lengths)
    for length in (0, 1, 2, 39, 40, 41, 299, 300, 5_000):
        assert data.share_longer(length) == pytest.approx(np.mean(found > length))
    for share in (0.1, 0.5, 0.95, 1.0):
        window = data.window_for(share)
        assert np.mean(found <= window) >= share - 1e-9
        assert window == 0 or np.mean(found <= window - 1) < share
    assert data.longest == max(lengths)


def test_a_window_far_longer_than_most_histories_is_told_with_one_that_holds_them(
    dataset: SequenceDataset,
) -> None:
    advice = advice_on(dataset, max_seq_length=200)["max_seq_length"]
    assert advice.message.startswith("only 5.0% of the histories are longer than 200")
    assert "a window of 40 holds 95% of all whole" in advice.message
    assert advice.changes == {"max_seq_length": 40}
    assert not advice.is_error
    assert "max_seq_length" not in mended(dataset, advice, max_seq_length=200)


def test_a_window_that_misses_a_few_histories_does_not_hold_them_all() -> None:
    data = random_dataset([10] * 999 + [300])
    advice = advice_on(data, max_seq_length=200)["max_seq_length"]
    assert "a window of 10 holds 99.9% of all whole" in advice.message


def test_a_window_longer_than_every_history_is_cut_to_the_longest(
    dataset: SequenceDataset,
) -> None:
    advice = advice_on(dataset, max_seq_length=500)["max_seq_length"]
    assert "no history is longer than 300" in advice.message
    assert advice.changes == {"max_seq_length": 300}


def test_a_window_that_cuts_many_histories_is_told_with_what_then_happens(
    dataset: SequenceDataset,
) -> None:
    advice = advice_on(dataset, max_seq_length=20)["max_seq_length"]
    assert advice.message.startswith("100% of the histories are longer than 20")
    assert "the newest 20" in advice.message
    assert advice.changes == {}
    assert "max_seq_length" not in advice_on(dataset, max_seq_length=50)


def test_a_batch_larger_than_all_users_is_told_with_a_smaller_one(
    dataset: SequenceDataset,
) -> None:
    advice = advice_on(dataset, batch_size=256)["batch_size"]
    assert "only 100 sequences train" in advice.message
    # Six at a time would make sixteen steps; of so few nobody is helped.
    assert advice.changes == {"batch_size": 8}
    assert "batch_size" not in mended(dataset, advice, batch_size=256)


@pytest.mark.parametrize(("n_users", "batch_size"), [(60, 8), (9, 8), (400, 16), (3000, 128)])
def test_a_smaller_batch_makes_about_sixteen_steps_but_holds_eight_sequences(
    n_users: int, batch_size: int
) -> None:
    found = advice_on(random_dataset([5] * n_users), batch_size=4096)
    assert found["batch_size"].changes == {"batch_size": batch_size}


def test_of_so_few_sequences_that_one_batch_holds_them_the_steps_are_counted() -> None:
    found = advice_on(random_dataset([5] * 8), batch_size=64)
    assert "batch_size" not in found
    assert "n_epochs" in found


def test_few_steps_in_all_are_counted(dataset: SequenceDataset) -> None:
    assert "has 14 steps" in advice_on(dataset, batch_size=50, n_epochs=7)["n_epochs"].message
    assert "n_epochs" not in advice_on(dataset, batch_size=10, n_epochs=50)


def test_a_warm_up_longer_than_the_run_is_shortened(dataset: SequenceDataset) -> None:
    given = {"batch_size": 10, "n_epochs": 60, "warmup_steps": 600}
    advice = advice_on(dataset, **given)["warmup_steps"]
    assert "has 600 steps" in advice.message
    assert "warmup_steps" not in mended(dataset, advice, **given)


def test_more_negatives_than_other_items_are_too_many(dataset: SequenceDataset) -> None:
    given = {"loss_type": "BPR", "negative_samples_count": 200}
    advice = advice_on(dataset, **given)["negative_samples_count"]
    assert "only 49 other items" in advice.message
    assert advice.changes == {"negative_samples_count": 49}
    assert "negative_samples_count" not in mended(dataset, advice, **given)


def test_what_a_loss_does_not_use_is_said_only_where_it_was_given(
    dataset: SequenceDataset,
) -> None:
    assert (
        "every item" in advice_on(dataset, negative_sampling="uniform")["negative_sampling"].message
    )
    assert not {"negative_samples_count", "negative_sampling"} & advice_on(dataset).keys()
    assert "ema_decay" in advice_on(dataset, loss_type="gBCE", ema_decay=0.9)
    assert "ema_decay" not in advice_on(dataset, loss_type="gBCE")


def test_a_sampled_loss_says_what_weight_decay_leaves_alone(dataset: SequenceDataset) -> None:
    told = advice_on(dataset, loss_type="gBCE", weight_decay=0.1)["weight_decay"]
    assert told.message == (
        "leaves the vectors of the items alone, as a step of gBCE touches few items"
    )
    assert "weight_decay" not in advice_on(dataset, loss_type="CE", weight_decay=0.1)
    assert "weight_decay" not in advice_on(dataset, loss_type="gBCE")


def test_advice_is_on_the_loss_that_the_run_will_have() -> None:
    # Windows of 500 would be too many scores for CE; those of histories with 12 items are not.
    short = random_dataset([12] * 300, n_items=60_000)
    given: dict[str, Any] = {"max_seq_length": 500, "ema_decay": 0.9, "negative_samples_count": 8}
    settings = parse_settings(given)
    assert loss_for(short, settings, split_dataset(short, settings))[0] == "CE"
    assert choose_loss(settings, 60_000)[0] == "sampled_CE"
    found = advice_on(short, **given)
    assert "CE compares with every item" in found["negative_samples_count"].message
    assert "ema_decay" not in found


def test_patience_without_validation_waits_for_nothing(dataset: SequenceDataset) -> None:
    found = advice_on(dataset, eval_step=0, early_stopping_step=3)
    assert "not used" in found["early_stopping_step"].message
    assert "last weights" in found["eval_step"].message
    again = mended(dataset, found["eval_step"], eval_step=0, early_stopping_step=3)
    assert not {"eval_step", "early_stopping_step"} & again.keys()


def test_patience_that_outlasts_the_run_is_counted_in_epochs(dataset: SequenceDataset) -> None:
    found = advice_on(dataset, n_epochs=20, eval_step=5, early_stopping_step=4)
    assert "take 20 epochs" in found["early_stopping_step"].message
    assert (
        "only the last of 20" in advice_on(dataset, n_epochs=20, eval_step=50)["eval_step"].message
    )


@pytest.mark.parametrize(
    ("name", "value"), [("sample_ratio", 0.5), ("held_out_items", 2), ("held_out_share", 0.2)]
)
def test_a_setting_without_the_one_it_needs_has_no_effect(
    dataset: SequenceDataset, name: str, value: float
) -> None:
    advice = advice_on(dataset, **{name: value})[name]
    assert "has no effect unless" in advice.message
    timed = timed_dataset(LENGTHS)
    assert name not in mended(timed, advice, **{name: value})


@pytest.mark.parametrize(
    ("lengths", "given", "name", "words"),
    [
        ([2, 2, 1], {}, "split_strategy", "no history"),
        ([1, 9], {"sample_strategy": "user_based", "sample_ratio": 0.01}, "sample_ratio", "user"),
        ([9, 9], {"split_strategy": "global_time"}, "split_strategy", "no times"),
    ],
)
def test_a_split_that_leaves_nobody_is_an_error_of_the_setting_that_makes_it(
    lengths: list[int], given: dict[str, Any], name: str, words: str
) -> None:
    # Chance picks who of two trains; one choice of seed leaves the user of one item.
    seeds = range(10) if "sample_ratio" in given else [42]
    found = [advice_on(random_dataset(lengths), **given, sample_seed=seed) for seed in seeds]
    errors = [each for each in found if name in each and each[name].is_error]
    assert errors
    assert words in errors[0][name].message
    assert len(errors[0]) == 1


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_on_a_log_of_its_size_needs_no_advice(preset: str) -> None:
    lengths = [48] * 1_600 + [70] * 340 + [120] * 60
    assert advice_on(random_dataset(lengths, n_items=400), **PRESETS[preset].values) == {}


def test_widths_that_fit_are_the_nearest_ones() -> None:
    assert fitting_widths(64, 3) == [63, 66]
    assert fitting_widths(64, 4) == [64]
    assert fitting_widths(2, 3) == [3]


def test_settings_of_masks_are_told_to_be_of_no_use_to_a_causal_model(
    dataset: SequenceDataset,
) -> None:
    given = {"attention": "causal", "mask_rate": 0.3, "next_item_rate": 0.2}
    found = advice_on(dataset, **given)
    for name in ("mask_rate", "next_item_rate"):
        assert found[name].message == "not used, as SASRec hides no item"
    assert "mask_rate" not in advice_on(dataset, mask_rate=0.3)
    assert "mask_rate" not in advice_on(dataset, attention="causal")


def test_a_split_in_time_that_leaves_hardly_anybody_is_told_with_one_that_asks_all() -> None:
    dataset = timed_dataset([8] * 60, n_moments=10**6)
    found = advice_on(dataset, split_strategy="global_time", held_out_share=0.01)
    advice = found["split_strategy"]
    assert "figures of so few say nothing" in advice.message
    assert "split_strategy" not in mended(dataset, advice, held_out_share=0.01)


def test_a_learning_rate_that_hardly_learns_is_told(dataset: SequenceDataset) -> None:
    advice = advice_on(dataset, learning_rate=50.0)["learning_rate"]
    assert "0.0001 to 0.01 is usual" in advice.message
    assert "learning_rate" not in mended(dataset, advice, learning_rate=50.0)
    assert all(
        "learning_rate" not in advice_on(dataset, **preset.values) for preset in PRESETS.values()
    )
