"""AdamW for the whole network, or Adam on just those items that a step met.

A step of a sampled loss meets a few thousand items of a catalogue that may hold millions. Their
gradient is then a sparse one, and moments and weights of the other items are left as they are
(lazy Adam), so that a step costs by the items met and not by the size of the catalogue.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bert4rec.hyperparameters import Hyperparameters
from bert4rec.model import Network

BETAS = (0.9, 0.98)


class NetworkOptimizer:
    """Clip a step's gradients and update the weights.

    Args:
        network: Its items must have sparse gradients for `meets_few_items`.
        settings: Learning rate, weight decay, gradient clipping.
        meets_few_items: Whether a step updates only the items that it met. Weight decay then
            leaves the item vectors alone.
    """

    def __init__(
        self, network: Network, settings: Hyperparameters, *, meets_few_items: bool
    ) -> None:
        self.parameters = list(network.parameters())
        self.grad_clip = settings.grad_clip
        items = network.items.weight
        dense = [p for p in self.parameters if not (meets_few_items and p is items)]
        rate = settings.learning_rate
        self._adam: dict[str, torch.optim.Optimizer] = {
            "optimizer": torch.optim.AdamW(
                dense,
                lr=rate,
                betas=BETAS,
                weight_decay=settings.weight_decay,
                fused=items.device.type != "mps",
                # Its steps can be recorded then.
                capturable=items.device.type == "cuda",
            )
        }
        if meets_few_items:
            self._adam["item_optimizer"] = torch.optim.SparseAdam([items], lr=rate, betas=BETAS)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, learning_rate: float | Tensor) -> Tensor:
        """Update the weights by the gradients that were collected.

        Args:
            learning_rate: A number; a recorded step reads it from a scalar on the device.

        Returns:
            The norm of the gradients before clipping, a scalar on the device.
        """
        norm = clip_gradients(self.parameters, self.grad_clip)
        for adam in self._adam.values():
            for group in adam.param_groups:
                group["lr"] = learning_rate
            adam.step()
        return norm

    def state(self) -> dict[str, Tensor]:
        """Return the moments by name."""
        return {
            f"{prefix}.{index}.{name}": torch.as_tensor(value)
            for prefix, adam in self._adam.items()
            for index, values in adam.state_dict()["state"].items()
            for name, value in values.items()
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take back what `state` returned, among other tensors."""
        for prefix, adam in self._adam.items():
            states: dict[int, dict[str, Tensor | int]] = {}
            for key, value in tensors.items():
                if key.startswith(prefix + "."):
                    _, index, name = key.split(".", 2)
                    # SparseAdam counts its steps in a plain number.
                    is_count = name == "step" and isinstance(adam, torch.optim.SparseAdam)
                    states.setdefault(int(index), {})[name] = int(value) if is_count else value
            groups = adam.state_dict()["param_groups"]
            adam.load_state_dict({"state": states, "param_groups": groups})


@torch.no_grad()
def clip_gradients(parameters: list[torch.nn.Parameter], limit: float) -> Tensor:
    """Scale all gradients down together where their norm is above `limit`, in place.

    Args:
        parameters: Whose gradients.
        limit: Largest norm; 0 = no limit.

    Returns:
        The norm before that, a scalar on the device.
    """
    values = []
    for parameter in parameters:
        if parameter.grad is None:
            continue
        if parameter.grad.is_sparse:
            # An item that was met twice has one gradient, the sum.
            parameter.grad = parameter.grad.coalesce()
            values.append(parameter.grad.values())
        else:
            values.append(parameter.grad)
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(values)))
    if limit:
        torch._foreach_mul_(values, (limit / (norm + 1e-6)).clamp(max=1.0))
    return norm


@torch.no_grad()
def move_towards(
    averaged: tuple[Tensor, ...], trained: tuple[Tensor, ...], pull: float | Tensor
) -> None:
    """Move tensors by a share `pull` of the way towards others, in place."""
    if isinstance(pull, float):
        torch._foreach_lerp_(averaged, trained, pull)
        return
    # The same with a share that is on the device.
    way = torch._foreach_sub(trained, averaged)
    torch._foreach_mul_(way, pull)
    torch._foreach_add_(averaged, way)


def learning_rate_at(step: int, n_steps: int, settings: Hyperparameters) -> float:
    """Return the learning rate of a step (from 0) of `n_steps` in all.

    The rate climbs linearly over the warm-up; then it stays, or goes down to a hundredth of its
    peak, on a line or half a cosine wave.
    """
    peak, warmup = settings.learning_rate, settings.warmup_steps
    if step < warmup:
        return peak * (step + 1) / warmup
    if settings.schedule == "constant":
        return peak
    done = min(1.0, (step - warmup) / max(1, n_steps - warmup))
    left = 1 - done if settings.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    return peak * (0.01 + 0.99 * left)
