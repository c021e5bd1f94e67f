from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bert4rec.device import choose_device
from bert4rec.errors import SettingsError, UnknownIdError
from bert4rec.events import Event, Validated
from bert4rec.explain import predict_masked
from bert4rec.held_out.future_report import future_report
from bert4rec.histories import Histories
from bert4rec.loaded_model import load_model
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.suggestions import Suggestion
from bert4rec.threads import LEAST_ROWS
from bert4rec.trainer import Trainer
from bert4rec.workshop import Workshop
from tests.divided import alike, keep
from tests.factories import copied, random_dataset, ring_dataset, small_network, small_settings
from tests.waiting import LIMIT_S

SEQUENCES = [["3", "4", "5"], [], ["29", "30", "1", "2"], ["7"], [str(n) for n in range(1, 20)]]


@pytest.fixture(scope="module")
def recommender(tiny_run: Run) -> Recommender:
    return load_model(tiny_run)


def rounded(suggestions: list[Suggestion]) -> list[dict[str, Any]]:
    """Suggestions as plain data, equal where only the batch they were computed in differs."""
    return [
        asdict(s) | {"score": round(s.score, 3), "probability": round(s.probability, 4)}
        for s in suggestions
    ]


def test_recommending_to_one_equals_recommending_to_many(recommender: Recommender) -> None:
    together = recommender.recommend_many(SEQUENCES, k=5)
    assert len(together) == len(SEQUENCES)
    for sequence, suggestions in zip(SEQUENCES, together, strict=True):
        assert rounded(recommender.recommend(sequence, k=5)) == rounded(suggestions)


def test_more_sequences_than_one_batch_holds_are_all_answered(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = recommender.recommend_many(SEQUENCES, k=3)
    vectors = recommender.sequence_embeddings(SEQUENCES)
    monkeypatch.setattr("bert4rec.recommender.BATCH_ROWS", 2)
    parts = recommender.recommend_many(SEQUENCES, k=3)
    assert [rounded(part) for part in parts] == [rounded(part) for part in whole]
    assert recommender.sequence_embeddings(SEQUENCES) == pytest.approx(vectors, abs=1e-5)
    assert recommender.recommend_many([]) == []


def test_threads_that_share_the_sequences_change_nothing(recommender: Recommender) -> None:
    many = SEQUENCES * (4 * LEAST_ROWS // len(SEQUENCES))
    choices = [choose_device("cpu", "float32", n_threads) for n_threads in (1, 3)]
    alone, shared = (
        Recommender(recommender.scorer.network, recommender.dataset, recommender.settings, choice)
        for choice in choices
    )
    expected = [rounded(each) for each in alone.recommend_many(many, k=5)]
    assert [rounded(each) for each in shared.recommend_many(many, k=5)] == expected
    vectors = alone.sequence_embeddings(many)
    assert shared.sequence_embeddings(many) == pytest.approx(vectors, abs=1e-5)


def test_a_large_catalogue_is_answered_in_blocks_with_the_same_lists(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps = ["3", None, "5", None]
    recommended, filled = recommender.recommend_many(SEQUENCES, k=40), recommender.fill(gaps, k=7)
    for n_scores in (7, 60):
        monkeypatch.setattr("bert4rec.score_blocks.SCORE_BYTES", 4 * n_scores)
        parts = recommender.recommend_many(SEQUENCES, k=40)
        assert [rounded(part) for part in parts] == [rounded(part) for part in recommended]
        parts = recommender.fill(gaps, k=7)
        assert [rounded(part) for part in parts] == [rounded(part) for part in filled]


def test_a_list_is_ranked_by_score_without_seen_items(recommender: Recommender) -> None:
    suggestions = recommender.recommend(["3", "4", "5"], k=30)
    assert [s.rank for s in suggestions] == list(range(27))
    scores = [s.score for s in suggestions]
    assert scores == sorted(scores, reverse=True)
    assert {s.item_id for s in suggestions} == {str(n) for n in range(1, 31)} - {"3", "4", "5"}
    assert not any(s.is_seen for s in suggestions)


def test_seen_items_are_kept_and_marked_on_request(recommender: Recommender) -> None:
    suggestions = recommender.recommend(["3", "4", "5"], k=30, remove_seen=False)
    assert len(suggestions) == 30
    assert {s.item_id for s in suggestions if s.is_seen} == {"3", "4", "5"}
    assert sum(s.probability for s in suggestions) == pytest.approx(1, abs=1e-5)


def test_what_trained_is_counted_once_whatever_the_temperature(recommender: Recommender) -> None:
    assert recommender.with_temperatures(alike(2.0)).training is recommender.training


def test_seen_items_stay_by_default_where_histories_repeat_items() -> None:
    dataset = random_dataset([9] * 5, n_items=4)
    made = Recommender(small_network(4), dataset, small_settings(), choose_device("cpu"))
    assert made.training.repeat_share > 0.01
    assert len(made.recommend(["1", "2"])) == 4
    assert len(made.recommend(["1", "2"], remove_seen=True)) == 2
    assert len(made.fill(["1", None, "2"])[0]) == 4
    assert len(made.fill(["1", None, "2"], remove_seen=True)[0]) == 2


def test_a_suggestion_tells_all_about_its_item(recommender: Recommender) -> None:
    best = recommender.recommend(["3", "4", "5"])[0]
    vocabulary = recommender.vocabulary
    assert best.item_id == vocabulary.item_id(best.item_idx)
    assert best.title == vocabulary.title(best.item_idx)
    assert best.count == vocabulary.counts[best.item_idx - 1]


def test_scores_agree_with_recommendations(recommender: Recommender) -> None:
    suggestions = recommender.recommend(["3", "4", "5"], k=10)
    scores = recommender.score(["3", "4", "5"], [s.item_id for s in suggestions])
    assert scores.dtype == np.float32
    assert scores == pytest.approx([s.score for s in suggestions], abs=1e-4)
    assert recommender.score(["3"], []).shape == (0,)


def test_a_score_is_the_product_of_the_sequences_and_the_items_vectors(
    recommender: Recommender,
) -> None:
    items = recommender.item_embeddings()
    assert (items.shape, items.dtype) == ((30, 16), np.float32)
    vector = recommender.sequence_embeddings([["3", "4", "5"]])[0]
    scores = recommender.score(["3", "4", "5"], [str(n) for n in range(1, 31)])
    assert items @ vector == pytest.approx(scores, abs=1e-4)


def test_histories_in_one_array_have_the_vectors_of_histories_one_by_one(
    recommender: Recommender,
) -> None:
    sequences = [np.array(sequence) for sequence in ([3, 4], [], [5], [1, 2, 3] * 9)] * 20
    np.testing.assert_array_equal(
        recommender.vectors_of(Histories.of(sequences)), recommender.vectors_of(sequences)
    )


def test_a_users_vector_is_that_of_the_users_history(recommender: Recommender) -> None:
    dataset = recommender.dataset
    everyone = recommender.user_embeddings()
    assert (everyone.shape, everyone.dtype) == ((dataset.n_users, 16), np.float32)
    chosen = recommender.user_embeddings(["5", "2"])
    assert chosen == pytest.approx(everyone[[5, 2]], abs=1e-5)
    history = [str(idx) for idx in dataset.history(5)]
    assert recommender.sequence_embeddings([history])[0] == pytest.approx(chosen[0], abs=1e-5)
    assert recommender.user_embeddings([]).shape == (0, 16)
    with pytest.raises(UnknownIdError, match="user 'nobody'"):
        recommender.user_embeddings(["nobody"])


def test_vectors_that_were_handed_out_may_be_changed(recommender: Recommender) -> None:
    before = recommender.item_embeddings()
    recommender.item_embeddings()[:] = 0
    assert np.array_equal(recommender.item_embeddings(), before)


def test_each_gap_gets_a_list_in_order(recommender: Recommender) -> None:
    filled = recommender.fill(["3", None, "5", None], k=4, remove_seen=False)
    assert [len(suggestions) for suggestions in filled] == [4, 4]
    mask_idx = recommender.vocabulary.mask_idx
    scores = recommender.scores_at(np.array([3, mask_idx, 5, mask_idx]), [1, 3])
    for row, suggestions in zip(scores, filled, strict=True):
        assert [s.item_idx for s in suggestions] == (row.topk(4).indices + 1).tolist()


def test_a_gap_at_the_end_is_filled_with_what_comes_next(recommender: Recommender) -> None:
    (filled,) = recommender.fill(["3", "4", "5", None], k=30)
    following = recommender.recommend(["3", "4", "5"], k=30)
    assert rounded(filled) == rounded(following)


def test_what_stands_in_a_sequence_fills_its_gaps_only_where_it_was_judged_so_or_on_request(
    recommender: Recommender,
) -> None:
    items = ["3", None, "5", None]
    assert recommender.removes_seen
    for left, kept in zip(
        recommender.fill(items, k=30), recommender.fill(items, k=30, remove_seen=False), strict=True
    ):
        assert {one.item_id for one in kept if one.is_seen} == {"3", "5"}
        rest = [one for one in kept if not one.is_seen]
        # Probabilities are shares of the whole catalogue in both.
        assert [(one.item_id, one.probability) for one in left] == [
            (one.item_id, one.probability) for one in rest
        ]
        assert [one.rank for one in left] == list(range(28))


def test_a_gap_sees_both_sides(recommender: Recommender) -> None:
    lists = [
        [s.score for s in recommender.fill(items, k=5)[0]]
        for items in (["3", None, "5"], ["3", None, "20"], ["9", None, "5"])
    ]
    assert lists[0] != pytest.approx(lists[1], abs=1e-3)
    assert lists[0] != pytest.approx(lists[2], abs=1e-3)


def test_a_sequence_of_gaps_alone_can_be_filled(recommender: Recommender) -> None:
    assert [len(part) for part in recommender.fill([None, None], k=2)] == [2, 2]


def test_a_sequence_without_a_gap_or_with_one_out_of_sight_is_told(
    recommender: Recommender,
) -> None:
    with pytest.raises(SettingsError, match="no gap to fill"):
        recommender.fill(["3", "4"])
    long = [None, *[str(n) for n in range(1, 13)]]
    with pytest.raises(
        SettingsError, match="position 0, counted from 0, lies before the window of 12 items"
    ):
        recommender.fill(long)
    assert len(recommender.fill(long[:12])) == 1


@pytest.mark.parametrize("k", [0, -1])
def test_a_list_without_a_place_is_refused_by_the_name_of_its_setting(
    k: int, recommender: Recommender
) -> None:
    for ask in (
        lambda: recommender.recommend(["3"], k),
        lambda: recommender.recommend_many([], k),
        lambda: recommender.fill(["3", None], k),
    ):
        with pytest.raises(SettingsError, match=f"k is {k}"):
            ask()


def test_no_sequences_get_no_lists(recommender: Recommender) -> None:
    assert recommender.fill_encoded([]) == recommender.recommend_many([]) == []


def test_only_the_newest_items_of_a_long_sequence_count(recommender: Recommender) -> None:
    long = [str(n) for n in range(1, 31)]
    # One place of the window of twelve is that of the item to come.
    assert recommender.score(long, ["5"]) == pytest.approx(recommender.score(long[-11:], ["5"]))


def test_an_unknown_item_is_an_error_with_a_suggestion(recommender: Recommender) -> None:
    for ask in (
        lambda: recommender.recommend(["3", "300"]),
        lambda: recommender.fill(["300", None]),
        lambda: recommender.score(["3"], ["300"]),
    ):
        with pytest.raises(UnknownIdError, match=r"'300' is not in the catalogue.*Did you mean"):
            ask()


def test_a_text_is_no_list_of_items_even_where_its_letters_are_some(
    recommender: Recommender,
) -> None:
    asked: list[Callable[[], object]] = [
        lambda: recommender.recommend("345"),
        lambda: recommender.recommend_many(["345"]),
        lambda: recommender.fill("34"),
        lambda: recommender.score(["3"], "4"),
        lambda: recommender.sequence_embeddings(["3"]),
    ]
    for ask in asked:
        with pytest.raises(UnknownIdError, match="is a text, not a list of items"):
            ask()


def answers(model: Recommender) -> list[object]:
    """What a model says to every kind of question, for comparison to the last bit."""
    return [
        *(model.recommend(sequence) for sequence in SEQUENCES),
        model.recommend_many(SEQUENCES, k=7),
        model.fill(["3", None, "5", None]),
        model.score(["3", "4"], ["5", "9"]).tolist(),
        model.sequence_embeddings(SEQUENCES).tolist(),
    ]


def small_trainer(precision: str, listener: Callable[[Event], None] | None = None) -> Trainer:
    """A training with dropout that validates, which flips its network's mode, every two steps."""
    settings = small_settings(n_epochs=12, dropout_rate=0.3, precision=precision)
    return Workshop.open(ring_dataset(n_users=64), settings).trainer(listener)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_threads_get_the_answers_that_one_gets_while_another_network_trains(
    tiny_run: Run, precision: str
) -> None:
    loaded = load_model(tiny_run)
    choice = choose_device("cpu", precision, 1)
    shared = Recommender(loaded.scorer.network, loaded.dataset, loaded.settings, choice)
    alone = small_trainer(precision)
    alone.run()
    expected = answers(shared)
    found: list[list[object]] = []
    start, halfway = threading.Barrier(5), threading.Barrier(5)

    def listen(event: Event) -> None:
        if isinstance(event, Validated) and event.position.epoch == 6:
            halfway.wait(LIMIT_S)

    trainer = small_trainer(precision, listen)

    def ask() -> None:
        start.wait(LIMIT_S)
        found.append(answers(shared))
        halfway.wait(LIMIT_S)
        found.append(answers(shared))
        while training.is_alive():
            found.append(answers(shared))

    def train() -> None:
        start.wait(LIMIT_S)
        trainer.run()

    training = threading.Thread(target=train)
    threads = [training, *(threading.Thread(target=ask) for _ in range(4))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert not any(thread.is_alive() for thread in threads)
    assert len(found) >= 8
    assert all(answer == expected for answer in found)
    # Nor did the questions change the training.
    assert trainer.position.step == alone.position.step
    weights = trainer.network.state_dict()
    for name, value in alone.network.state_dict().items():
        assert torch.equal(weights[name], value), name


def test_asking_leaves_no_gradients_and_no_training_mode(recommender: Recommender) -> None:
    recommender.recommend(["3"])
    recommender.user_embeddings(["1"])
    future_report(recommender, n_users=5)
    assert not recommender.scorer.network.training
    assert all(p.grad is None for p in recommender.scorer.network.parameters())
    scores = recommender.scorer.scores(Histories.of([[3]]))
    assert not scores.requires_grad


def test_a_calibrated_model_differs_in_nothing_but_its_probabilities(
    tiny_run: Run, tmp_path: Path
) -> None:
    run = copied(tiny_run, tmp_path / "w")
    keep(run, alike(2.0))
    plain = load_model(run)
    calibrated = plain.calibrated()
    for ask in (
        lambda model: model.recommend(["3", "4"], 5),
        lambda model: model.fill(["3", None, "5", None], 5)[1],
        lambda model: model.fill([None, "5"], 5)[0],
        lambda model: predict_masked(model, np.array([3, 4, 5]), [1])[0].top,
    ):
        cold, warm = ask(plain), ask(calibrated)
        assert [one.item_id for one in warm] == [one.item_id for one in cold]
        assert [one.score for one in warm] == pytest.approx([one.score for one in cold], rel=1e-5)
        assert warm[0].probability < 0.95 * cold[0].probability
    np.testing.assert_array_equal(calibrated.user_embeddings(), plain.user_embeddings())
    np.testing.assert_array_equal(calibrated.score(["3"], ["4"]), plain.score(["3"], ["4"]))
    best = calibrated.recommend(["3"], 1)[0]
    assert best.score == pytest.approx(calibrated.score(["3"], [best.item_id])[0], rel=1e-5)


def test_a_run_that_looked_for_no_temperatures_keeps_its_own_probabilities(
    tiny_run: Run, tmp_path: Path
) -> None:
    run = copied(tiny_run, tmp_path / "w")
    keep(run, None)
    model = load_model(run)
    assert run.temperatures() is None
    assert model.calibrated() is model


def test_who_was_given_temperatures_knows_how_true_its_probabilities_are(tiny_run: Run) -> None:
    plain = load_model(tiny_run)
    parts = plain.scorer.network, plain.dataset, plain.settings, plain.scorer.choice
    for temperatures, is_calibrated in ((None, False), ({}, True), (alike(2.0), True)):
        made = Recommender(*parts, temperatures=temperatures)
        assert made.is_calibrated is is_calibrated
        assert made.scorer.temperatures == (temperatures or {})
        assert made.with_temperatures(alike(3.0)).is_calibrated
        assert not made.with_temperatures(None).is_calibrated
