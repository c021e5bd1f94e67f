from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import spmatrix

from bert4rec import extras
from bert4rec.baselines import ease
from bert4rec.baselines.catalogue import BASELINES, QUICK, find_baselines
from bert4rec.baselines.ease import REGULARIZATION, Ease, too_large
from bert4rec.baselines.factors import CONFIDENCE, Factors
from bert4rec.baselines.item2vec import WINDOW, Item2Vec, _Reading
from bert4rec.baselines.neighbours import ItemNeighbours
from bert4rec.baselines.recent import fit_recent, is_late
from bert4rec.baselines.training_rows import TrainingRows, met_items
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import leave_one_out
from bert4rec.errors import MissingExtraError, SettingsError
from bert4rec.evaluation import judge
from bert4rec.histories import Histories
from tests.factories import random_dataset, ring_dataset, timed_dataset
from tests.waiting import wait_until

SEQUENCES = [[1, 2, 1, 2, 3], [2, 3], [4, 1], [], [3, 3, 2], [1, 2, 3, 5]]
N_ITEMS = 6


def rows(seed: int = 0) -> TrainingRows:
    return TrainingRows(Histories.of(SEQUENCES), N_ITEMS, seed=seed)


def plain_met() -> np.ndarray:
    met = np.zeros((len(SEQUENCES), N_ITEMS))
    for user, sequence in enumerate(SEQUENCES):
        for item in sequence:
            met[user, item - 1] = 1
    return met


def test_training_rows_are_the_training_part_with_its_times() -> None:
    dataset = timed_dataset([6, 4, 9, 1])
    train = leave_one_out(dataset).train
    found = TrainingRows.of(dataset, train)
    assert found.times_s is not None
    assert dataset.times_s is not None
    items, times = [], []
    for start, end in zip(train.starts, train.ends, strict=True):
        items += dataset.items[start:end].tolist()
        times += dataset.times_s[start:end].tolist()
    assert found.histories.items.tolist() == items
    assert found.times_s.tolist() == times
    assert found.counts.tolist() == np.bincount(items, minlength=10)[1:].tolist()
    assert np.array_equal(rows().user_items.toarray(), plain_met())
    assert met_items(Histories.of([]), N_ITEMS).shape == (0, N_ITEMS)


def test_late_are_the_newest_of_all_with_times_and_of_each_without() -> None:
    histories = Histories.of([[1, 2, 3, 4, 5], [5, 4, 3, 2, 1]])
    times_s = np.array([1.0, 2, 3, 4, 50, 5, 6, 7, 8, 50])
    assert np.flatnonzero(is_late(TrainingRows(histories, 5, times_s))).tolist() == [4, 9]
    assert np.flatnonzero(is_late(TrainingRows(histories, 5))).tolist() == [4, 9]
    longer = Histories.of([list(range(1, 31)), [], [7]])
    assert np.flatnonzero(is_late(TrainingRows(longer, 30))).tolist() == [27, 28, 29, 30]
    assert not len(is_late(TrainingRows(Histories.of([[]]), 3)))


def test_popular_of_late_goes_by_late_counts_and_then_by_all() -> None:
    histories = Histories.of([[1, 2], [1, 3], [2, 3], [1, 4]])
    scores = fit_recent(TrainingRows(histories, 5)).scores(Histories.of([[2]]))[0]
    # Of late: item 2 once, 3 twice, 4 once; in all: 1 three times, 2 and 3 twice, 4 once.
    assert scores.argsort(descending=True, stable=True).tolist() == [2, 1, 3, 0, 4]


def test_popular_of_late_tells_large_counts_apart() -> None:
    early = [1] * 40_000 + [2] * 40_004 + [3] * 50_000 + [4] * 40_000
    items = np.array(early + [1, 2, 3, 4] * 5_000)
    times_s = np.repeat([0.0, 1.0], [len(early), 20_000])
    rows = TrainingRows(Histories(items, np.array([0, len(items)])), 5, times_s)
    assert fit_recent(rows).common.tolist() == [1, 2, 3, 1, 0]


def test_neighbours_add_up_the_cosines_of_who_met_both() -> None:
    met = plain_met()
    norms = np.maximum(np.sqrt(met.sum(axis=0)), 1e-12)
    cosines = (met.T @ met) / np.outer(norms, norms)
    scorer = ItemNeighbours.fit(rows())
    scores = scorer.scores(Histories.of([[2], [1, 4, 1], []])).numpy()
    assert scores == pytest.approx(
        np.stack([cosines[1], cosines[0] + cosines[3], np.zeros(N_ITEMS)]), abs=1e-5
    )


def test_ease_is_the_ridge_regression_of_each_item_on_the_others() -> None:
    met = plain_met()
    weights = Ease.fit(rows()).weights
    for item in range(N_ITEMS):
        others = np.delete(np.arange(N_ITEMS), item)
        gram = met[:, others].T @ met[:, others] + REGULARIZATION * np.eye(N_ITEMS - 1)
        wanted = np.linalg.solve(gram, met[:, others].T @ met[:, item])
        assert weights[others, item] == pytest.approx(wanted, abs=1e-6)
        assert weights[item, item] == 0
    scores = Ease.fit(rows()).scores(Histories.of([[2, 3, 3]])).numpy()
    assert scores[0] == pytest.approx(weights[1] + weights[2], abs=1e-6)


def test_ease_refuses_a_catalogue_whose_pairs_would_not_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not too_large(3_416)
    assert "1,000,000 items" in too_large(1_000_000)
    monkeypatch.setattr(ease, "MAX_BYTES", 100)
    with pytest.raises(SettingsError, match="fitted for up to 2 items"):
        Ease.fit(rows())
    assert "up to 2 items" in BASELINES["ease"].obstacle(N_ITEMS)


def test_ease_lets_go_of_the_sparse_products_before_it_inverts_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train, held, invert = rows(), [], torch.linalg.cholesky
    shape = (N_ITEMS, N_ITEMS)

    def watched(gram: torch.Tensor) -> torch.Tensor:
        alive = [one for one in gc.get_objects() if issubclass(type(one), spmatrix)]
        held.extend(one for one in alive if one.shape == shape and one is not train.user_items)
        return invert(gram)

    monkeypatch.setattr(torch.linalg, "cholesky", watched)
    Ease.fit(train)
    assert not held


def test_als_solves_for_a_history_as_for_a_user() -> None:
    dataset = random_dataset([12] * 50, n_items=30)
    train = TrainingRows.of(dataset, leave_one_out(dataset).train)
    scorer = Factors.fit(train)
    y = scorer.item_vectors().numpy().astype(float)
    met = np.unique([3, 7, 7, 9]) - 1
    # Hu et al. 2008, equation 4; where nothing was met, implicit has confidence 1 as they do.
    of_met = (CONFIDENCE - 1) * y[met].T @ y[met]
    gram = y.T @ y + of_met + scorer.model.regularization * np.eye(y.shape[1])
    wanted = np.linalg.solve(gram, CONFIDENCE * y[met].sum(axis=0))
    found = scorer.vectors(Histories.of([[3, 7, 7, 9]])).numpy()[0]
    assert y @ found == pytest.approx(y @ wanted, abs=1e-3)


def test_item2vec_asks_with_the_window_and_learns_who_stands_near() -> None:
    dataset = ring_dataset(n_items=30, n_users=300)
    train = TrainingRows.of(dataset, leave_one_out(dataset).train)
    scorer = Item2Vec.fit(train)
    vectors = scorer.item_vectors()
    asked = Histories.of([[1, 2, 3, 4, 5, 6, 7], [9]])
    wanted = torch.stack([vectors[7 - WINDOW : 7].mean(dim=0), vectors[8]])
    torch.testing.assert_close(scorer.vectors(asked), wanted)
    near = scorer.scores(Histories.of([[9]]))[0].topk(5).indices + 1
    assert set(near.tolist()) <= set(range(4, 15))


def test_item2vec_reads_all_of_a_long_history() -> None:
    n_items = 600
    # Frequent items are read in part; those of the first half fill 10,000 places all the same.
    items = [*[*range(1, 301)] * 60, *[*range(301, 601)] * 4]
    vectors = Item2Vec.fit(TrainingRows(Histories.of([items]), n_items)).item_vectors()
    beside = (vectors[:-1] * vectors[1:]).sum(dim=1)
    assert beside[310:590].mean() > 0.5


def test_item2vec_tells_nothing_of_an_item_that_stands_beside_no_other() -> None:
    train = TrainingRows(Histories.of([[1, 2, 3] * 5, [3, 2, 1] * 5, [4], [4]]), 5)
    scores = Item2Vec.fit(train).scores(Histories.of([[4], [1, 2]]))
    assert not scores[0].any()
    assert not scores[1, 3:].any()
    assert scores[1, :3].all()


def test_item2vec_of_nothing_that_stands_beside_another_tells_nothing() -> None:
    scorer = Item2Vec.fit(TrainingRows(Histories.of([[1], [2]]), 3))
    assert not scorer.scores(Histories.of([[1]])).any()


@pytest.mark.parametrize("name", BASELINES)
def test_a_seed_repeats_a_fit_and_threads_change_nothing(name: str) -> None:
    dataset = random_dataset([12] * 80, n_items=40)
    train = TrainingRows.of(dataset, leave_one_out(dataset).train, seed=3)
    asked = Histories.of([[1, 2, 3], [7]])
    first = BASELINES[name].fit(train).scores(asked)
    again = BASELINES[name].fit(train).scores(asked)
    threads = BASELINES[name].fit(replace(train, n_threads=2)).scores(asked)
    assert torch.equal(first, again)
    torch.testing.assert_close(first, threads, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_says_what_it_is(name: str) -> None:
    one = BASELINES[name]
    assert one.name == name
    assert one.about.endswith(".")
    assert one.title
    assert one.source
    assert one.parameters
    assert one.kind in ("everyone", "order", "similarity")
    assert not one.obstacle(3_000)


def test_baselines_are_found_by_name_and_unknown_ones_named() -> None:
    assert [one.name for one in find_baselines(["als", "popularity", "als"])] == [
        "popularity",
        "als",
    ]
    assert set(QUICK) <= set(BASELINES)
    with pytest.raises(SettingsError, match=r"no baseline .sas.*item-knn"):
        find_baselines(["als", "sas"])


def test_a_missing_package_is_one_error_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    for name in ("item-knn", "als", "item2vec"):
        with pytest.raises(MissingExtraError, match=r"pip install 'bert4rec\[baselines\]'"):
            BASELINES[name].fit(rows())
    # What needs no extra is fitted all the same.
    BASELINES["ease"].fit(rows())


def test_an_order_is_found_by_transitions_and_not_by_what_is_blind_to_it() -> None:
    dataset = ring_dataset(n_items=30, n_users=240)
    split = leave_one_out(dataset)
    train = TrainingRows.of(dataset, split.train)
    hits = {
        name: judge(one.fit(train), dataset, split.test, remove_seen=True).metrics()["hr@1"]
        for name, one in BASELINES.items()
    }
    assert hits["transitions"] == 1
    assert hits["popularity"] < 0.2
    # The next item round a ring is as near as the one before the first.
    assert all(hits[name] < 0.9 for name in ("item-knn", "als", "ease"))
    assert all(hits[name] > 0.2 for name in ("item-knn", "ease"))


@pytest.mark.shared
def test_ease_gives_the_figures_of_the_documents_on_movielens(shared_data: Path) -> None:
    pairs = np.loadtxt(shared_data / "ml-1m" / "ml-1m.txt", dtype=np.int64)
    users, items = pairs[np.argsort(pairs[:, 0], kind="stable")].T
    sequences = np.split(items, np.flatnonzero(np.diff(users)) + 1)
    dataset = SequenceDataset.from_sequences(sequences, name="ml-1m")
    split = leave_one_out(dataset)
    scorer = Ease.fit(TrainingRows.of(dataset, split.train))
    found = judge(scorer, dataset, split.test, remove_seen=True, list_length=0).metrics()
    assert found["ndcg@10"] == pytest.approx(0.0530, abs=5e-4)
    assert found["hr@10"] == pytest.approx(0.1078, abs=5e-4)


@pytest.mark.parametrize("name", ["als", "item2vec"])
def test_a_fit_that_takes_long_tells_how_far_it_is_and_can_be_ended(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert4rec.stages.TELL_EVERY_S", 0.001)
    dataset = ring_dataset(n_users=60)
    told: list[float] = []
    train = TrainingRows.of(dataset, leave_one_out(dataset).train, tell=told.append)
    BASELINES[name].fit(train)
    assert len(set(told)) > 2
    assert told == sorted(told)
    assert told[-1] == 1

    def stop(share: float) -> None:
        raise InterruptedError(share)

    with pytest.raises(InterruptedError):
        BASELINES[name].fit(replace(train, tell=stop))


def test_neighbours_are_told_while_they_are_looked_for_in_one_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nearest = pytest.importorskip("implicit.nearest_neighbours").ItemItemRecommender
    told: list[float] = []
    fit = nearest.fit

    def slow(model: object, *given: object, **options: object) -> None:
        wait_until(lambda: len(told) > 2)
        fit(model, *given, **options)

    monkeypatch.setattr("bert4rec.stages.TELL_EVERY_S", 0.001)
    monkeypatch.setattr(nearest, "fit", slow)
    dataset = ring_dataset(n_users=60)
    train = TrainingRows.of(dataset, leave_one_out(dataset).train, tell=told.append)
    found = BASELINES["item-knn"].fit(train)
    assert set(told) == {0.0}
    monkeypatch.setattr(nearest, "fit", fit)
    again = BASELINES["item-knn"].fit(train)
    assert (found.similarity != again.similarity).nnz == 0


def test_a_reading_that_is_ended_has_no_more_sentences() -> None:
    reading = _Reading([["1", "2"]] * 4, n_epochs=2)
    assert sum(1 for _ in reading) == 4
    assert reading.share == 0
    learning = iter(reading)
    assert [next(learning), next(learning)] == [["1", "2"]] * 2
    assert reading.share == 0.25
    reading.end()
    assert list(learning) == []
    assert list(reading) == []
