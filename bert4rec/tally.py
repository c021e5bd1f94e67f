"""What the steps of a training came to since the last line of its journal."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


class Tally:
    """Sums over steps: losses, norms of gradients, sequences and seconds.

    Losses and norms stay on the device until a line is due, for fetching them waits for it.

    Args:
        device: Where the steps are done.
    """

    def __init__(self, device: str) -> None:
        self.loss = torch.zeros((), device=device)
        self.grad_norm = torch.zeros((), device=device)
        self.n_steps = 0
        self.n_sequences = 0
        self.passed_s = 0.0

    def means(self) -> tuple[float, float]:
        """Return the mean loss and the mean norm of the gradients; waits for the device."""
        loss, grad_norm = torch.stack([self.loss, self.grad_norm]).tolist()
        return loss / self.n_steps, grad_norm / self.n_steps

    def sequences_per_s(self) -> float:
        """Return how many sequences a second were trained on."""
        return self.n_sequences / max(self.passed_s, 1e-9)

    def clear(self) -> None:
        """Begin anew; the sums stay the tensors that they are, for recorded steps add to these."""
        self.loss.zero_()
        self.grad_norm.zero_()
        self.n_steps = self.n_sequences = 0
        self.passed_s = 0.0

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return what `restore` needs: tensors by name, and plain data."""
        tensors = {"loss_sum": self.loss, "norm_sum": self.grad_norm}
        plain = {
            "n_summed": self.n_steps,
            "n_sequences_summed": self.n_sequences,
            "summed_s": self.passed_s,
        }
        return tensors, plain

    def restore(self, tensors: dict[str, Tensor], plain: dict[str, Any]) -> None:
        """Go on from a saved state; one of the time before norms or seconds were kept lacks them.

        Args:
            tensors: The sums among others.
            plain: The counts among others.
        """
        self.loss.copy_(tensors["loss_sum"])
        # Of norms that were not kept nothing is known until the next line.
        self.grad_norm.copy_(tensors.get("norm_sum", torch.tensor(math.nan)))
        self.n_steps = plain["n_summed"]
        self.n_sequences = plain["n_sequences_summed"]
        self.passed_s = plain.get("summed_s", 0.0)
