from __future__ import annotations

import math

import torch

from bert4rec.tally import Tally


def full_tally() -> Tally:
    tally = Tally("cpu")
    for loss in (1.0, 3.0):
        tally.loss += loss
        tally.grad_norm += 2 * loss
        tally.n_steps += 1
        tally.n_sequences += 8
        tally.passed_s += 0.5
    return tally


def test_means_and_speed_are_those_of_its_steps() -> None:
    tally = full_tally()
    assert tally.means() == (2.0, 4.0)
    assert tally.sequences_per_s() == 16.0


def test_cleared_it_begins_anew_in_the_same_tensors() -> None:
    tally = full_tally()
    loss, grad_norm = tally.loss, tally.grad_norm
    tally.clear()
    assert tally.loss is loss
    assert tally.grad_norm is grad_norm
    assert tally.state() == Tally("cpu").state()


def test_a_saved_state_goes_on_as_it_was() -> None:
    again = Tally("cpu")
    again.restore(*full_tally().state())
    assert again.state() == full_tally().state()


def test_of_norms_and_seconds_that_were_not_kept_nothing_is_known() -> None:
    tally = Tally("cpu")
    tally.restore({"loss_sum": torch.tensor(4.0)}, {"n_summed": 2, "n_sequences_summed": 16})
    loss, grad_norm = tally.means()
    assert loss == 2.0
    assert math.isnan(grad_norm)
    assert tally.passed_s == 0.0
