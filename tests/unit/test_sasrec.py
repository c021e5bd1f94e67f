from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bert4rec.batches import TrainingBatches
from bert4rec.contexts import CONTEXTS
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Segments
from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.device import choose_device
from bert4rec.explain import compare_contexts, occlusion
from bert4rec.histories import Histories
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.model import Bert4Rec, n_parameters
from bert4rec.objective import Objective, choose_loss
from bert4rec.parts import Part, row_kinds
from bert4rec.pipeline import train
from bert4rec.recommender import Recommender
from bert4rec.sasrec import SasRec, causal_sight, model_reason, new_network
from bert4rec.scorer import NetworkScorer
from tests.factories import (
    random_dataset,
    ring_dataset,
    shelf_recommender,
    small_network,
    small_settings,
)

N_ITEMS = 11
MASK_IDX = N_ITEMS + 1
CAUSAL = {"attention": "causal"}


def windows(lengths: list[int], width: int, seed: int = 0) -> Tensor:
    """Windows of random items, padded on the left."""
    chance = torch.Generator().manual_seed(seed)
    items = torch.randint(1, N_ITEMS + 1, (len(lengths), width), generator=chance)
    is_padding = torch.arange(width) < width - torch.tensor(lengths)[:, None]
    return items.masked_fill(is_padding, PAD_IDX)


def causal_network(**changes: Any) -> SasRec:
    network = small_network(N_ITEMS, attention="causal", **changes)
    assert isinstance(network, SasRec)
    return network


def plain_states(network: SasRec, history: list[int]) -> Tensor:
    """SASRec as the paper tells it, one token and one head at a time: a state for each item."""
    size = len(history)
    x = [
        network.items.weight[item] + network.positions.weight[size - 1 - at]
        for at, item in enumerate(history)
    ]
    for block in network.blocks:
        normed = [block.attention_norm(each) for each in x]
        attention = block.attention
        width = len(x[0]) // attention.n_heads
        after = []
        for at in range(size):
            query = attention.query(normed[at])
            heads = []
            for head in range(attention.n_heads):
                part = slice(head * width, (head + 1) * width)
                keys, values = [], []
                for earlier in range(at + 1):
                    key, value = attention.key_value(normed[earlier]).chunk(2)
                    keys.append(key[part])
                    values.append(value[part])
                logits = torch.stack([query[part] @ key / math.sqrt(width) for key in keys])
                heads.append(logits.softmax(dim=0) @ torch.stack(values))
            middle = x[at] + attention.output(torch.cat(heads))
            after.append(middle + block.feed_forward(block.feed_forward_norm(middle)))
        x = after
    return torch.stack([network.norm(each) for each in x])


def batches_of(dataset: SequenceDataset, settings: Hyperparameters) -> TrainingBatches:
    everything = Segments(np.arange(dataset.n_users), dataset.offsets[:-1], dataset.offsets[1:])
    mask_idx = dataset.vocabulary.mask_idx
    return TrainingBatches(dataset.items, everything, mask_idx, settings, "cpu")


def states_of(network: SasRec, part: Part) -> Tensor:
    hidden = network(
        part.items_bl, part.places_bm, sees_future=part.sees_future, shown_bs=part.shown_bs
    )
    return hidden.flatten(0, 1)[part.target_places]


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_the_scores_are_those_of_the_plain_model_after_the_last_item(n_layers: int) -> None:
    network = causal_network(n_layers=n_layers, n_heads=4)
    scorer = NetworkScorer(network, choose_device("cpu", "float32", 1))
    histories = [[3, 1, 4], [5], [9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3]]
    found = scorer.scores(Histories.of(histories))
    for history, scores in zip(histories, found, strict=True):
        expected = network.scores(plain_states(network, history)[-1])
        torch.testing.assert_close(scores, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n_layers", [1, 2])
def test_the_loss_is_that_of_the_plain_model_over_all_shifted_targets(n_layers: int) -> None:
    """Each item but the first is predicted from those before it; the mean is over all of them."""
    settings = small_settings(**CAUSAL, n_layers=n_layers, dropout_rate=0, initializer_range=0.5)
    dataset = random_dataset([12, 7, 2, 9], N_ITEMS)
    network = causal_network(n_layers=n_layers, dropout_rate=0)
    batches = batches_of(dataset, settings)
    parts = batches.parts(batches.order(0), 0, 0)
    targets = torch.cat([part.targets for part in parts])
    hidden = torch.cat([states_of(network, part) for part in parts])
    found = Objective("CE").loss(network, hidden, targets, torch.Generator())
    logits, following = [], []
    for user in range(dataset.n_users):
        history = dataset.history(user).tolist()
        logits.append(network.scores(plain_states(network, history[:-1])))
        following += [item - 1 for item in history[1:]]
    expected = F.cross_entropy(torch.cat(logits), torch.tensor(following))
    assert len(targets) == 11 + 6 + 1 + 8
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_a_place_sees_all_before_it_and_nothing_from_it_on(n_layers: int) -> None:
    network = causal_network(n_layers=n_layers)
    n_padding = 4
    items_bl = windows([12 - n_padding], 12)
    places_bm = torch.arange(n_padding + 1, 12)[None]
    # In each row one column is another item; the first row is as it was.
    columns = torch.arange(n_padding, 12)
    rows_bl = items_bl.repeat(1 + len(columns), 1)
    rows_bl[1 + torch.arange(len(columns)), columns] = items_bl[0, columns] % N_ITEMS + 1
    states, *changed = network(rows_bl, places_bm.expand(len(rows_bl), -1))
    for at, other in zip(columns.tolist(), changed, strict=True):
        is_told = places_bm[0] > at
        torch.testing.assert_close(other[~is_told], states[~is_told], rtol=1e-6, atol=1e-6)
        difference = (other[is_told] - states[is_told]).abs().amax(dim=1)
        assert (difference > 1e-4).all()


def test_what_stands_at_the_place_and_beside_it_tells_it_nothing() -> None:
    """BERT4Rec's places start from both neighbours; here the next one would give it away."""
    network = causal_network(n_layers=1)
    assert not hasattr(network, "neighbours")
    with torch.no_grad():
        network.blocks[0].attention.output.weight.zero_()
    items_bl, place = windows([12], 12), torch.tensor([[6]])
    alone = network(items_bl, place)
    for column in range(12):
        other_bl = items_bl.clone()
        other_bl[0, column] = other_bl[0, column] % N_ITEMS + 1
        # Without attention a place is the item before it and nothing else.
        assert torch.equal(network(other_bl, place), alone) == (column != 5)


def test_gradients_reach_no_later_item() -> None:
    network = causal_network(n_layers=2)
    items_bl = torch.tensor([[1, 2, 3, 4, 5, 6]])
    # One number of the state: the sum over all of them is zero after the normalisation.
    network(items_bl, torch.tensor([[3]]))[0, 0, 0].backward()
    grad = network.items.weight.grad
    assert grad is not None
    reached = set(grad.abs().sum(dim=1).nonzero().squeeze(1).tolist())
    assert reached == {1, 2, 3}


@pytest.mark.parametrize("n_layers", [1, 2])
def test_padding_on_the_left_changes_nothing(n_layers: int) -> None:
    network = causal_network(n_layers=n_layers)
    lengths = [2, 4, 9, 12]
    items_bl = windows(lengths, 12)
    together = network(items_bl, torch.full((4, 1), 11))
    for row, length in enumerate(lengths):
        alone = network(items_bl[row : row + 1, -length:], torch.full((1, 1), length - 1))
        torch.testing.assert_close(together[row], alone[0], rtol=1e-4, atol=1e-5)


def test_a_place_without_a_past_is_answered_from_padding_however_much_there_is() -> None:
    network = causal_network(n_layers=2)
    narrow, wide = torch.tensor([[PAD_IDX, 7]]), windows([1], 12)
    answer = network(narrow, torch.tensor([[1]]))
    torch.testing.assert_close(network(wide, torch.tensor([[11]])), answer)
    assert torch.isfinite(answer).all()


def test_the_future_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="only the past"):
        causal_network()(windows([4], 4), torch.tensor([[2]]), sees_future=True)


def test_sight_is_oneself_and_what_is_earlier_but_padding() -> None:
    may = causal_sight(torch.tensor([[PAD_IDX, 5, 6, 7]]))[0].int().tolist()
    assert may == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 1]]


@pytest.mark.parametrize("n_layers", [1, 3])
def test_the_settings_say_which_network_there_is_and_the_formula_counts_it(n_layers: int) -> None:
    causal = small_settings(**CAUSAL, n_layers=n_layers)
    network = new_network(23, causal)
    assert isinstance(network, SasRec)
    assert isinstance(new_network(23, small_settings()), Bert4Rec)
    assert n_parameters(23, causal) == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_weights_of_the_one_do_not_load_into_the_other(attention: str) -> None:
    other = {"causal": "bidirectional", "bidirectional": "causal"}[attention]
    weights = new_network(N_ITEMS, small_settings(attention=attention)).state_dict()
    with pytest.raises(RuntimeError, match="state_dict"):
        new_network(N_ITEMS, small_settings(attention=other)).load_state_dict(weights)


def test_a_history_of_one_item_is_asked_for_it_from_nothing() -> None:
    dataset = random_dataset([1, 1, 5], N_ITEMS)
    settings = small_settings(**CAUSAL)
    for width in ([1, 1], [1, 1, 5]):
        batches = batches_of(random_dataset(width, N_ITEMS), settings)
        parts = batches.parts(batches.order(0), 0, 0)
        assert sum(len(part.targets) for part in parts) == sum(max(1, n - 1) for n in width)
        assert all(part.items_bl.shape[1] >= 2 for part in parts)
    assert batches_of(dataset, settings).n_sequences == 3


def test_which_rows_are_read_together_does_not_change_what_they_say() -> None:
    network = causal_network(n_layers=2, dropout_rate=0)
    batches = batches_of(random_dataset([3, 12, 25, 8, 2], N_ITEMS), small_settings(**CAUSAL))
    for part in batches.parts(batches.order(1), 1, 0):
        together = network(part.items_bl, part.places_bm, shown_bs=part.shown_bs)
        for row, (items_l, places_m) in enumerate(zip(part.items_bl, part.places_bm, strict=True)):
            alone = network(items_l[None], places_m[None])
            torch.testing.assert_close(alone[0], together[row], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("loss_type", "negative_sharing"),
    [
        ("CE", "place"),
        ("sampled_CE", "batch"),
        ("gBCE", "place"),
        ("BCE", "batch"),
        ("BPR", "place"),
    ],
)
def test_every_loss_teaches_it_the_ring(
    loss_type: str, negative_sharing: str, tmp_path: Path
) -> None:
    settings = small_settings(
        **CAUSAL,
        loss_type=loss_type,
        negative_sharing=negative_sharing,
        negative_samples_count=8,
        n_epochs=40,
        eval_step=40,
        learning_rate=2e-2,
        initializer_range=0.1,
    )
    run = train(ring_dataset(n_users=96), settings, workspace=tmp_path)
    summary = run.summary()
    assert summary is not None
    # Popularity reaches 0.53 here.
    assert summary["test"]["hr@10"] > 0.9
    assert summary["n_parameters"] == n_parameters(30, settings)


def test_a_causal_step_asks_for_all_places_which_the_choice_of_loss_counts() -> None:
    causal = small_settings(**CAUSAL, max_seq_length=100, batch_size=64)
    assert row_kinds(causal) == ((1.0, 1.0, 0.0),)
    _, reason = choose_loss(causal, 3_416)
    assert f"{64 * 100:,} places" in reason


def test_the_record_says_which_settings_are_not_used() -> None:
    assert model_reason(Hyperparameters(attention="causal")) == "attention is causal"
    given = Hyperparameters(attention="causal", mask_rate=0.3, next_item_rate=0.2)
    assert model_reason(given) == (
        "attention is causal; not used, as no item is hidden: mask_rate and next_item_rate"
    )
    assert model_reason(Hyperparameters(mask_rate=0.3)) == "attention is bidirectional"


@pytest.fixture(scope="module")
def shelf() -> Recommender:
    return shelf_recommender(attention="causal", n_layers=2)


def test_a_gap_is_filled_from_the_past_alone(shelf: Recommender) -> None:
    (one,) = shelf.fill(["b1", "b2", None, "b4"], k=5, remove_seen=False)
    (other,) = shelf.fill(["b1", "b2", None, "b9", "b8"], k=5, remove_seen=False)
    after = shelf.recommend(["b1", "b2"], k=5, remove_seen=False)
    for left, right in ((one, other), (one, after)):
        assert [s.item_id for s in left] == [s.item_id for s in right]
        assert [s.score for s in left] == pytest.approx([s.score for s in right], abs=1e-5)
    # What stands after it is no suggestion for it all the same.
    (left_out,) = shelf.fill(["b1", "b2", None, "b9", "b8"], k=10)
    assert not {"b1", "b2", "b9", "b8"} & {s.item_id for s in left_out}


def test_gaps_before_a_gap_close_up(shelf: Recommender) -> None:
    _, second = shelf.fill(["b1", None, "b2", None], k=3)
    (alone,) = shelf.fill(["b1", "b2", None], k=3)
    assert [s.item_id for s in second] == [s.item_id for s in alone]
    assert [s.score for s in second] == pytest.approx([s.score for s in alone], abs=1e-5)


def test_both_sides_say_what_the_past_says_and_the_future_what_no_history_would(
    shelf: Recommender,
) -> None:
    items = np.array([1, 2, 3, 4, 5])
    compared = compare_contexts(shelf, items, [2], contexts=CONTEXTS)
    found = {context: compared[context][0].true_probability for context in CONTEXTS}
    assert found["both"] == found["past"]
    nothing = shelf.scorer.scores(Histories.of([[]]))[0].softmax(dim=0)
    assert found["future"] == pytest.approx(float(nothing[2]), rel=1e-5)
    assert found["future"] != pytest.approx(found["past"], rel=1e-2)
    assert list(compare_contexts(shelf, items, [2])) == ["past"]


def test_no_later_item_carries_a_prediction(shelf: Recommender) -> None:
    fall = occlusion(shelf, np.array([1, 2, 3, 4, 5]), 2)
    assert fall[:2].all()
    assert fall[2:] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_a_network_whose_weights_are_loaded_is_the_one_they_were_of(attention: str) -> None:
    settings = small_settings(attention=attention)
    drawn = new_network(N_ITEMS, settings, torch.Generator().manual_seed(1))
    loaded = new_network(N_ITEMS, settings)
    loaded.load_state_dict(drawn.state_dict())
    before, after = dict(drawn.named_parameters()), dict(loaded.named_parameters())
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    # Loading is strict, and nothing else is kept in a network.
    assert not set(dict(loaded.named_buffers()))


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_without_chance_no_initial_weights_are_drawn(
    attention: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(*_args: object, **_settings: object) -> None:
        raise AssertionError

    monkeypatch.setattr(torch.nn.init, "trunc_normal_", drawn)
    new_network(N_ITEMS, small_settings(attention=attention))


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_without_chance_torch_itself_draws_nothing_either(attention: str, device: str) -> None:
    before = torch.get_rng_state()
    with torch.device(device):
        made = new_network(N_ITEMS, small_settings(attention=attention))
    assert torch.equal(before, torch.get_rng_state())
    assert {one.device.type for one in made.parameters()} == {device}
    # In this call alone.
    assert torch.nn.Linear(4, 4).weight.std() > 0
