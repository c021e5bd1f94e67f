from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from bert4rec.baselines.transitions import Transitions
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Segments, leave_one_out
from bert4rec.evaluation import Judgement, choose_seen, judge, judge_among, slices, summarise
from bert4rec.histories import Histories
from bert4rec.pipeline import fit_baselines
from bert4rec.training_part import TrainingPart
from tests.factories import random_dataset, ring_dataset, small_settings


class Fixed:
    """Score the same for everyone, and count how often it was asked."""

    def __init__(self, scores: list[float]) -> None:
        self.row = torch.tensor(scores)
        self.n_asked = 0

    def scores(self, histories: Histories) -> torch.Tensor:
        self.n_asked += 1
        return self.row.repeat(len(histories), 1)


FALLING = Fixed([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])


def test_seen_items_leave_the_ranking() -> None:
    dataset = SequenceDataset.from_sequences([[1, 3, 2], [4, 5, 6]])
    judgement = judge(FALLING, dataset, leave_one_out(dataset).test, remove_seen=True)
    # Item 2 is second, but 1 was seen; item 6 is last behind 1, 2 and 3.
    assert judgement.ranks.tolist() == [0, 3]
    assert judgement.top[0, :4].tolist() == [2, 4, 5, 6]


def test_what_was_removed_is_in_no_list_and_is_no_hit() -> None:
    # Of six items the first user has met five, one of them the target.
    dataset = SequenceDataset.from_sequences([[1, 2, 3, 4, 5, 1], [4, 5, 6]], n_items=6)
    judgement = judge(FALLING, dataset, leave_one_out(dataset).test, remove_seen=True)
    assert judgement.top.tolist() == [[6, 0, 0, 0, 0, 0], [1, 2, 3, 6, 0, 0]]
    assert judgement.metrics()["hr@20"] == 0.5
    assert judgement.ranks[1] == 3


def test_intervals_of_a_summary_are_by_user() -> None:
    users = np.repeat(np.arange(100), 20)
    rows = Segments(users, np.zeros(2000, int), np.full(2000, 30))
    # Half of the users are always found, the others never: there are a hundred cases, not 2,000.
    ranks = np.where(users % 2, 50, 0)
    judgement = Judgement(rows, np.ones(2000, int), ranks, np.ones((2000, 1), int))
    low, high = summarise(judgement, np.ones(60, int))["intervals"]["hr@10"]
    error = 1.96 * math.sqrt(0.25 / 100)
    assert (low, high) == pytest.approx((0.5 - error, 0.5 + error), abs=0.02)


def test_seen_items_stay_in_the_ranking_on_request() -> None:
    dataset = SequenceDataset.from_sequences([[1, 3, 2], [4, 5, 4]], n_items=6)
    judgement = judge(FALLING, dataset, leave_one_out(dataset).test, remove_seen=False)
    assert judgement.ranks.tolist() == [1, 3]


def test_a_rare_repeat_does_not_change_how_a_dataset_is_judged() -> None:
    once = [list(range(1, 60)) for _ in range(4)]
    removes, reason = choose_seen(training_of([*once, [1, 2, 1, 2, 3]]), "auto")
    assert removes
    assert reason == "0.4% of the interactions in training meet an item again"
    often = training_of([[1, 2, 1, 2, 3]] * 4)
    assert choose_seen(often, "auto")[0] is False
    assert choose_seen(training_of(once), "auto") == (True, "no item is met twice in training")
    assert choose_seen(often, "remove") == (True, "asked for by name")
    assert choose_seen(often, "keep")[0] is False


def test_repeats_among_what_is_held_out_have_no_say_in_what_is_ranked() -> None:
    # Nobody meets an item twice before the last two items, and everybody does with them.
    removes, reason = choose_seen(training_of([[1, 2, 3, 1, 2]] * 4), "auto")
    assert (removes, reason) == (True, "no item is met twice in training")


def training_of(sequences: list[list[int]]) -> TrainingPart:
    return TrainingPart.of(SequenceDataset.from_sequences(sequences), small_settings())


def test_a_target_that_was_seen_counts_as_missed_when_seen_items_must_leave() -> None:
    dataset = SequenceDataset.from_sequences([[1, 2, 1]], n_items=40)
    rows = leave_one_out(dataset).test
    best_first = Fixed([40.0 - place for place in range(40)])
    assert judge(best_first, dataset, rows, remove_seen=False).metrics()["hr@1"] == 1
    forced = judge(best_first, dataset, rows, remove_seen=True)
    assert forced.ranks.tolist() == [39]
    assert forced.metrics()["hr@20"] == 0


@pytest.mark.parametrize(("batch_size", "n_threads"), [(7, 1), (40, 3), (7, 2)])
def test_batches_and_threads_change_nothing(batch_size: int, n_threads: int) -> None:
    dataset = random_dataset([5] * 100, n_items=20)
    split = leave_one_out(dataset)
    scorer = Transitions.fit(Histories.at(dataset, split.train), 20)
    whole = judge(scorer, dataset, split.test, remove_seen=True)
    told: list[int] = []
    parts = judge(
        scorer,
        dataset,
        split.test,
        batch_size=batch_size,
        remove_seen=True,
        n_threads=n_threads,
        tell=told.append,
    )
    assert len(told) > 1
    assert told == sorted(set(told))
    assert told[-1] == 100
    assert np.array_equal(whole.ranks, parts.ranks)
    assert np.array_equal(whole.top, parts.top)
    ranked = judge(scorer, dataset, split.test, remove_seen=True, list_length=0)
    assert np.array_equal(whole.ranks, ranked.ranks)
    assert ranked.top.shape == (100, 0)


class Summed(Fixed):
    """Score by products of small whole numbers, so that many items tie, or give the vectors."""

    def __init__(self, n_items: int) -> None:
        super().__init__([])
        chance = torch.Generator().manual_seed(0)
        self.items = torch.randint(-1, 2, (n_items, 4), generator=chance).float()

    def item_vectors(self) -> torch.Tensor:
        return self.items

    def vectors(self, histories: Histories) -> torch.Tensor:
        return self.items[histories.last_items() - 1]

    def scores(self, histories: Histories) -> torch.Tensor:
        self.n_asked += 1
        return self.vectors(histories) @ self.items.T


class SummedRows:
    """The same without the vectors."""

    def __init__(self, n_items: int) -> None:
        self.scores = Summed(n_items).scores


@pytest.mark.parametrize("remove_seen", [True, False])
@pytest.mark.parametrize("n_scores", [1, 100, 1500])
def test_the_memory_that_may_be_used_changes_nothing(
    n_scores: int, remove_seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = random_dataset([5, 7] * 20, n_items=37)
    rows = leave_one_out(dataset).test
    whole = judge(SummedRows(37), dataset, rows, remove_seen=remove_seen)
    monkeypatch.setattr("bert4rec.score_blocks.SCORE_BYTES", 4 * n_scores)
    vectors = Summed(37)
    for scorer in (vectors, SummedRows(37)):
        parts = judge(scorer, dataset, rows, batch_size=17, remove_seen=remove_seen)
        assert np.array_equal(whole.ranks, parts.ranks)
        assert np.array_equal(whole.top, parts.top)
    assert vectors.n_asked == 0


@pytest.mark.parametrize("remove_seen", [True, False])
def test_baselines_are_judged_alike_however_long_their_rows_are(
    remove_seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = random_dataset([5, 7] * 20, n_items=37)
    split = leave_one_out(dataset)
    for scorer in fit_baselines(dataset, split).values():
        whole = judge(scorer, dataset, split.test, remove_seen=remove_seen)
        with monkeypatch.context() as patch:
            patch.setattr("bert4rec.score_blocks.SCORE_BYTES", 4)
            patch.setattr(type(scorer), "scores", lambda *_: pytest.fail("whole rows are made"))
            parts = judge(scorer, dataset, split.test, batch_size=17, remove_seen=remove_seen)
        assert np.array_equal(whole.ranks, parts.ranks)
        assert np.array_equal(whole.top, parts.top)


@pytest.mark.parametrize("remove_seen", [True, False])
@pytest.mark.parametrize("n_scores", [1, 100, 10_000])
def test_ranks_among_chosen_items_are_those_of_their_scores_which_are_made_once(
    n_scores: int, remove_seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = random_dataset([5, 7] * 20, n_items=37)
    split = leave_one_out(dataset)
    among = np.random.default_rng(0).integers(1, 38, (len(split.test), 6))
    histories = Histories.at(dataset, split.test)
    monkeypatch.setattr("bert4rec.score_blocks.SCORE_BYTES", 4 * n_scores)
    scorers = [*fit_baselines(dataset, split).values(), SummedRows(37), Summed(37)]
    for scorer in scorers:
        scores = scorer.scores(histories).numpy()
        chosen = np.take_along_axis(scores, among - 1, axis=1)
        true = np.take_along_axis(scores, dataset.items[split.test.ends, None] - 1, axis=1)
        asked = {"batch_size": 17, "remove_seen": remove_seen, "n_threads": 2}
        plain = judge(scorer, dataset, split.test, **asked)
        found = judge_among(scorer, dataset, split.test, among, **asked)
        assert np.array_equal(found.among_ranks, (chosen >= true).sum(axis=1))
        assert np.array_equal(found.ranks, plain.ranks)
        assert np.array_equal(found.top, plain.top)
        assert plain.among_ranks is None


def test_rows_are_scored_once_for_all_their_ranks() -> None:
    dataset = random_dataset([5, 7] * 20, n_items=37)
    rows, scorer = leave_one_out(dataset).test, SummedRows(37)
    summed = scorer.scores.__self__
    judge_among(scorer, dataset, rows, np.ones((len(rows), 3), dtype=np.int64), remove_seen=True)
    assert summed.n_asked == 1


def test_no_rows_are_judged_as_nothing() -> None:
    dataset = random_dataset([5] * 9)
    judgement = judge(FALLING, dataset, leave_one_out(dataset).unseen, remove_seen=True)
    assert judgement.ranks.shape == (0,)
    summary = summarise(judgement, np.ones(9, dtype=np.int64))
    assert summary["n_rows"] == 0
    assert summary["slices"] == []


def test_the_network_never_sees_the_item_that_it_is_judged_on() -> None:
    """Change every held-out item: what the scorer is shown must stay the same."""
    dataset = random_dataset([6] * 12, n_items=9)
    shown: list[list[int]] = []

    class Spy(Fixed):
        def scores(self, histories: Histories) -> torch.Tensor:
            shown.append(histories.items.tolist())
            return super().scores(histories)

    split = leave_one_out(dataset)
    judge(Spy([0.0] * 9), dataset, split.test, remove_seen=True)
    changed = dataset.items.copy()
    changed[split.test.ends] = changed[split.test.ends] % 9 + 1
    other = SequenceDataset(changed, dataset.offsets, dataset.vocabulary, dataset.users)
    judge(Spy([0.0] * 9), other, split.test, remove_seen=True)
    assert shown[0] == shown[1]


def test_a_summary_holds_what_the_formulas_give() -> None:
    dataset = ring_dataset(n_users=60)
    split = leave_one_out(dataset)
    scorer = fit_baselines(dataset, split)["transitions"]
    judgement = judge(scorer, dataset, split.test, remove_seen=True)
    summary = summarise(judgement, TrainingPart(dataset, split.train).counts)
    assert summary["n_rows"] == 60
    assert summary["n_users"] == len(np.unique(judgement.rows.user_idx))
    assert summary["metrics"]["hr@1"] == 1
    assert summary["intervals"]["ndcg@10"] == (pytest.approx(1 - 3 / 60), 1)
    assert 0 < summary["lists"]["coverage@10"] <= 1
    by = {kind: [s for s in summary["slices"] if s["by"] == kind] for kind in _kinds(summary)}
    assert len(by) == 2
    for entries in by.values():
        assert sum(entry["n_rows"] for entry in entries) == 60


def _kinds(summary: dict[str, list[dict[str, str]]]) -> set[str]:
    return {entry["by"] for entry in summary["slices"]}


def test_slices_split_rows_by_length_and_by_popularity() -> None:
    dataset = random_dataset([6, 13, 31], n_items=20)
    rows = leave_one_out(dataset).test
    judgement = Judgement(rows, np.array([1, 2, 20]), np.array([0, 50, 0]), np.empty((3, 10), int))
    counts = np.arange(20, 0, -1)
    found = {
        entry["slice"]: (entry["n_rows"], entry["hr@10"]) for entry in slices(judgement, counts)
    }
    assert found == {
        "0 to 9 items": (1, 1.0),
        "10 to 24 items": (1, 0.0),
        "25 to 49 items": (1, 1.0),
        "top 10 %": (2, 0.5),
        "rest": (1, 1.0),
    }


@pytest.mark.shared
def test_the_yardsticks_give_the_published_figures_on_movielens(shared_data: Path) -> None:
    pairs = np.loadtxt(shared_data / "ml-1m" / "ml-1m.txt", dtype=np.int64)
    order = np.argsort(pairs[:, 0], kind="stable")
    users, items = pairs[order].T
    sequences = np.split(items, np.flatnonzero(np.diff(users)) + 1)
    dataset = SequenceDataset.from_sequences(sequences, name="ml-1m")
    split = leave_one_out(dataset)
    assert (dataset.n_users, dataset.n_items, dataset.n_interactions) == (6040, 3416, 999_611)
    found = {
        name: judge(scorer, dataset, split.test, remove_seen=True).metrics()
        for name, scorer in fit_baselines(dataset, split).items()
    }
    assert found["popularity"]["ndcg@10"] == pytest.approx(0.0180, abs=5e-4)
    assert found["popularity"]["hr@10"] == pytest.approx(0.0369, abs=5e-4)
    assert found["transitions"]["ndcg@10"] == pytest.approx(0.1259, abs=5e-4)
    assert found["transitions"]["hr@10"] == pytest.approx(0.2142, abs=5e-4)
