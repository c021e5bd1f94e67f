"""A training step by step as a textbook has it: plain cross-entropy, AdamW, clipping, average."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch

from bert4rec.hyperparameters import Hyperparameters
from bert4rec.workshop import Workshop
from tests.factories import random_dataset, small_settings

WAYS: list[dict[str, Any]] = [
    {"schedule": "linear", "warmup_steps": 4, "weight_decay": 0.1, "grad_clip": 0.05},
    {"schedule": "cosine", "attention": "causal", "grad_clip": 0, "ema_decay": 0.9},
    {"schedule": "constant", "warmup_steps": 30, "weight_decay": 0.01, "ema_decay": 0},
]


def rate_at(step: int, n_steps: int, settings: Hyperparameters) -> float:
    """The rate of a step from 1."""
    peak, warmup = settings.learning_rate, settings.warmup_steps
    if step <= warmup:
        return peak * step / warmup
    done = (step - 1 - warmup) / (n_steps - warmup)
    left = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}
    return peak * (
        1.0 if settings.schedule == "constant" else 0.01 + 0.99 * left[settings.schedule]
    )


def cross_entropy(network: torch.nn.Module, parts: list[Any], n_items: int) -> torch.Tensor:
    """The mean over all that a step asks for, whatever parts it is cut into."""
    states, targets = [], []
    for part in parts:
        found = network(
            part.items_bl, part.places_bm, sees_future=part.sees_future, shown_bs=part.shown_bs
        )
        states.append(found.flatten(0, 1)[part.target_places])
        targets.append(part.targets - 1)
    logits = torch.cat(states) @ network.items.weight[1 : n_items + 1].T
    return torch.nn.functional.cross_entropy(logits, torch.cat(targets))


@pytest.mark.parametrize("way", WAYS)
def test_a_training_is_that_of_the_textbooks(way: dict[str, Any]) -> None:
    dataset = random_dataset([8, 5, 9, 12, 3, 7, 1, 30] * 8, n_items=40)
    settings = small_settings(
        **({"dropout_rate": 0.0, "batch_size": 16, "loss_type": "CE", "eval_step": 0} | way)
    )
    workshop = Workshop.open(dataset, settings)
    batches, n_steps = workshop.batches, workshop.batches.n_steps * settings.n_epochs
    trained, averaged = copy.deepcopy(workshop.network), copy.deepcopy(workshop.network)
    workshop.trainer().run()

    weights, step = list(trained.parameters()), 0
    first, second = ([torch.zeros_like(weight) for weight in weights] for _ in range(2))
    for epoch in range(settings.n_epochs):
        order = batches.order(epoch)
        for of_epoch in range(batches.n_steps):
            step += 1
            loss = cross_entropy(trained, batches.parts(order, epoch, of_epoch), dataset.n_items)
            grads = torch.autograd.grad(loss, weights)
            norm = math.sqrt(sum(float((grad**2).sum()) for grad in grads))
            scale = min(1.0, settings.grad_clip / norm) if settings.grad_clip else 1.0
            rate = rate_at(step, n_steps, settings)
            with torch.no_grad():
                for weight, grad, one, two in zip(weights, grads, first, second, strict=True):
                    weight *= 1 - rate * settings.weight_decay
                    one += 0.1 * (scale * grad - one)
                    two += 0.02 * ((scale * grad) ** 2 - two)
                    change = one / (1 - 0.9**step) / ((two / (1 - 0.98**step)).sqrt() + 1e-8)
                    weight -= rate * change
                # Of the first steps the average keeps less.
                kept = min(settings.ema_decay, step / (step + 9)) if settings.ema_decay else 0.0
                for average, weight in zip(averaged.parameters(), weights, strict=True):
                    average += (1 - kept) * (weight - average)
    for found, wanted in zip(workshop.network.parameters(), averaged.parameters(), strict=True):
        assert found.detach().numpy() == pytest.approx(wanted.detach().numpy(), abs=1e-4)
