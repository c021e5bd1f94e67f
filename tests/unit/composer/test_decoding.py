from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from bert4rec.composer.decoding import MAX_ROUNDS, METHODS, Method, _Decoder, compose
from bert4rec.composer.outline import OPEN, Dials, Outline
from bert4rec.composer.taste import DIVERSITY_NATS, Taste
from bert4rec.composer.views import gap_scores
from bert4rec.device import choose_device
from bert4rec.errors import SettingsError
from bert4rec.loaded_model import load_model
from bert4rec.pipeline import train
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.sasrec import new_network
from tests.factories import (
    SHELF,
    bridge_dataset,
    ring_dataset,
    shelf_recommender,
    small_settings,
)


@pytest.fixture(scope="module")
def ring(tiny_run: Run) -> Recommender:
    return load_model(tiny_run, device="cpu")


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Recommender:
    """A model of the world in which a middle item is told by both of its sides alone."""
    changes = {"n_epochs": 60, "n_layers": 2, "mask_rate": 0.3, "dropout_rate": 0.0}
    settings = small_settings(learning_rate=1e-2, **changes)
    return load_model(
        train(bridge_dataset(), settings, workspace=tmp_path_factory.mktemp("bridge"))
    )


def test_gaps_of_a_ring_are_filled_with_what_lies_between(ring: Recommender) -> None:
    found = compose(ring, Outline.of([4, 5, None, None, 8, None]))
    assert found.items == (4, 5, 6, 7, 8, 9)
    assert [choice.place for choice in found.choices] == [2, 3, 5]
    assert found.outline.places == (4, 5, OPEN, OPEN, 8, OPEN)


def test_middles_are_told_by_both_sides_and_not_by_the_past_alone(bridge: Recommender) -> None:
    found: dict[str, list[bool]] = {"confidence": [], "next_item": []}
    for user in range(bridge.dataset.n_users):
        items = bridge.dataset.history(user).astype(int).tolist()[-9:]
        middles = [at for at, item in enumerate(items) if item > 8][1:]
        # No item comes twice in what is composed.
        if len(set(items)) == len(items):
            outline = Outline.of([None if at in middles else it for at, it in enumerate(items)])
            for method, hits in found.items():
                made = compose(bridge, outline, method=method).items
                hits += [made[at] == items[at] for at in middles]
    shares = {method: np.mean(hits) for method, hits in found.items()}
    assert shares["confidence"] > 0.75
    assert shares["next_item"] < 0.5


def test_the_surest_gap_is_filled_first_and_what_is_chosen_is_seen(ring: Recommender) -> None:
    outline = Outline.of([None, None, 8, 9, None])
    scores = gap_scores(ring, outline.items, outline.gaps)
    taste = Taste(ring, Dials(), len(outline))
    allowed = np.ones_like(scores, dtype=bool)
    allowed[:, [7, 8]] = False
    log_p = taste.log_probabilities(scores, allowed, outline.items, outline.gaps)
    surest = outline.gaps[int(log_p.max(axis=1).argmax())]
    found = compose(ring, outline, method=Method())
    assert min(found.choices, key=lambda choice: choice.round).place == surest
    assert sorted(choice.round for choice in found.choices) == [0, 1, 2]


def test_in_order_each_round_takes_the_next_gap(ring: Recommender) -> None:
    for name in ("left_to_right", "next_item"):
        found = compose(ring, Outline.of([3, None, None, 6, None]), method=name)
        assert [choice.round for choice in found.choices] == [0, 1, 2]


def test_the_next_item_method_is_the_models_own_next_item(ring: Recommender) -> None:
    found = compose(ring, Outline.of([3, 4, 5, None]), method="next_item")
    (best, *_) = ring.recommend(["3", "4", "5"], remove_seen=True)
    assert found.items[-1] == best.item_idx


def test_a_method_that_predicts_once_sees_what_its_context_shows() -> None:
    model = shelf_recommender()
    past = Method(predicts_anew=False, context="past")
    outlines = [Outline.of([1, None, at, None, 2]) for at in range(3, 11)]
    for outline in outlines:
        scores = gap_scores(model, outline.items, outline.gaps, context="past")
        decoder = _Decoder(model, outline, past)
        assert decoder._scores(outline.gaps) == pytest.approx(scores)


def test_looking_again_never_ends_worse_than_it_began() -> None:
    model = shelf_recommender()
    n_changed = 0
    for seed in range(30):
        kept = np.random.default_rng(seed).permutation(10)[:3] + 1
        outline = Outline.of([int(kept[0]), None, int(kept[1]), None, None, int(kept[2]), None])
        # All at once leaves the most to be mended.
        plain = compose(model, outline, method=Method(predicts_anew=False))
        swept = compose(model, outline, method=Method(predicts_anew=False, max_sweeps=6))
        assert swept.fit >= plain.fit - 1e-12
        assert (swept.n_changed > 0) == (swept.items != plain.items)
        n_changed += swept.n_changed
    assert n_changed


def test_a_choice_tells_the_round_in_which_it_was_made_and_not_one_that_was_undone() -> None:
    n_undone = 0
    for seed in range(12):
        dataset, settings = ring_dataset(n_users=20), small_settings(initializer_range=1.0)
        network = new_network(30, settings, torch.Generator().manual_seed(seed)).eval()
        model = Recommender(network, dataset, settings, choose_device("cpu", "float32", 1))
        decoder = _Decoder(model, Outline.of([1, *[None] * 8, 5]), METHODS["confidence"])
        found = decoder.run()
        first = {step.place: step.item for step in decoder.steps}
        for choice in found.choices:
            is_changed = choice.item_idx != first[choice.place]
            assert not is_changed or choice.round >= found.n_rounds
        n_undone += not found.n_changed
        if not found.n_changed:
            assert max(choice.round for choice in found.choices) < found.n_rounds
    assert n_undone


def test_a_long_outline_takes_a_bounded_number_of_rounds(ring: Recommender) -> None:
    outline = Outline.of([1, *[None] * 29])
    found = compose(ring, replace(outline, places=outline.places[:28]))
    assert found.n_rounds <= 2 * MAX_ROUNDS
    assert len(set(found.items)) == 28


def test_a_probability_is_the_share_among_what_may_stand_there(ring: Recommender) -> None:
    found = compose(ring, Outline.of([4, 5, None, 7]))
    scores = gap_scores(ring, np.array([4, 5, OPEN, 7]), [2])[0].astype(np.float64)
    scores[[3, 4, 6]] = -np.inf
    shares = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    (choice,) = found.choices
    assert choice.probability == pytest.approx(shares[choice.item_idx - 1], rel=1e-4)
    assert choice.n_allowed == 27
    for item, share in choice.alternatives:
        assert share == pytest.approx(shares[item - 1], rel=1e-4)


def test_novelty_divides_by_the_share_of_what_trained() -> None:
    model = shelf_recommender()
    scores, allowed = np.zeros((1, 10), dtype=np.float32), np.ones((1, 10), dtype=bool)
    taste = Taste(model, Dials(novelty=1.0), 1)
    odds = np.exp(taste.log_probabilities(scores, allowed, np.array([OPEN]), [0]))[0]
    counts = np.maximum(model.training.counts, 1)
    # Held-out items count in the whole data alone.
    assert counts.tolist() != np.maximum(SHELF["count"].to_numpy(), 1).tolist()
    assert odds * counts == pytest.approx(np.full(10, (odds * counts)[0]), rel=1e-5)


def test_diversity_takes_its_nats_from_a_twin_and_nothing_from_an_opposite() -> None:
    model = shelf_recommender()
    scores, allowed = np.zeros((1, 10), dtype=np.float32), np.ones((1, 10), dtype=bool)
    items = np.array([2, OPEN])
    log_p = Taste(model, Dials(diversity=0.5), 2).log_probabilities(scores, allowed, items, [1])[0]
    vectors = model.item_embeddings()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = np.maximum(unit @ unit[1], 0)
    expected = -0.5 * DIVERSITY_NATS * (likeness - likeness[5])
    assert log_p - log_p[5] == pytest.approx(expected, abs=1e-4)
    # What stands at the place itself does not count against it.
    alone = Taste(model, Dials(diversity=0.5), 2).log_probabilities(scores, allowed, items, [0])[0]
    assert alone == pytest.approx(np.full(10, -math.log(10)))


def test_chance_is_the_seeds_alone() -> None:
    model = shelf_recommender()

    def items(seed: int, temperature: float = 5.0) -> tuple[int, ...]:
        dials = Dials(temperature=temperature, seed=seed)
        return compose(model, Outline.of([1, None, None, None], dials=dials)).items

    assert items(1) == items(1)
    assert len({items(seed) for seed in range(8)}) > 1
    assert items(3, temperature=0.0) == items(4, temperature=0.0)


def test_places_far_from_the_newest_items_are_filled_from_a_window_around_them() -> None:
    model = shelf_recommender(4)
    scores = gap_scores(model, np.array([1, 2, OPEN, 3, 4, 5, 6, 7]), [2])
    alone = gap_scores(model, np.array([1, 2, OPEN, 3]), [2])
    assert scores == pytest.approx(alone, abs=1e-5)


def test_nothing_to_fill_and_an_unknown_method() -> None:
    model = shelf_recommender()
    found = compose(model, Outline.of([1, 2]))
    assert (found.items, found.choices, found.fit) == ((1, 2), (), 1.0)
    with pytest.raises(SettingsError, match=f"Use {', '.join(METHODS)}"):
        compose(model, Outline.of([None]), method="wild")
