"""A BERT of Hugging Face's transformers, trained on item ids by the loop one would write first.

A sequence is a user's last window before the last two items. Each item of it is hidden with the
mask rate; scores of the whole catalogue are computed at every place, as the model does by itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
import transformers
from transformers import BertConfig, BertForMaskedLM

from benchmarks.peers.task import Histories, Stopwatch, Task, read_task, tell


def main() -> None:
    histories, task = read_task()
    torch.set_num_threads(task.n_threads)
    torch.manual_seed(0)
    model = new_model(task)
    stopwatch = Stopwatch(task)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=task.precision == "bfloat16"):
        train(model, windows(histories, task.window, n_left_out=2), task, stopwatch)
        users_per_s = time_ranking(model, histories, task)
    tell(stopwatch, users_per_s, transformers.__version__)


def new_model(task: Task) -> BertForMaskedLM:
    """Return the network: 0 is padding, 1..N are items and N+1 is the mask token."""
    return BertForMaskedLM(
        BertConfig(
            vocab_size=task.n_items + 2,
            hidden_size=task.hidden_size,
            intermediate_size=task.inner_size,
            num_hidden_layers=task.n_layers,
            num_attention_heads=task.n_heads,
            max_position_embeddings=task.window,
            hidden_dropout_prob=task.dropout_rate,
            attention_probs_dropout_prob=task.dropout_rate,
        )
    )


def windows(histories: Histories, width: int, n_left_out: int) -> torch.Tensor:
    """Return the last items of each user but those left out, int64 (B, L)."""
    ends = histories.offsets[1:] - n_left_out
    return torch.as_tensor(histories.items[ends[:, None] - width + np.arange(width)]).long()


def train(
    model: BertForMaskedLM, windows_bl: torch.Tensor, task: Task, stopwatch: Stopwatch
) -> None:
    """Do training steps until enough was timed."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=task.learning_rate)
    model.train()
    for items_bl in stopwatch.over(shuffled_batches(windows_bl, task.batch_size)):
        loss = masked_loss(model, items_bl, task)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def masked_loss(model: BertForMaskedLM, items_bl: torch.Tensor, task: Task) -> torch.Tensor:
    """Return the loss at places of windows that chance hides."""
    is_target = torch.rand(items_bl.shape, device=items_bl.device) < task.mask_rate
    loss: torch.Tensor = model(
        input_ids=items_bl.masked_fill(is_target, task.n_items + 1),
        labels=items_bl.masked_fill(~is_target, -100),
    ).loss
    return loss


def shuffled_batches(windows_bl: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
    """Yield the windows in a new order each epoch, without end."""
    while True:
        yield from windows_bl[torch.randperm(len(windows_bl))].split(size)


def time_ranking(model: BertForMaskedLM, histories: Histories, task: Task) -> float:
    """Return users a second: the best ten unseen items for a mask after the history."""
    n_users = min(task.n_eval_users, histories.n_users)
    windows_bl = windows(histories, task.window - 1, n_left_out=1)[:n_users]
    seen = [torch.as_tensor(items[:-1]).long() for items in histories.sequences()[:n_users]]
    model.eval()
    began = time.perf_counter()
    with torch.inference_mode():
        for first in range(0, n_users, task.batch_size):
            items_bl = windows_bl[first : first + task.batch_size]
            asked_bl = torch.nn.functional.pad(items_bl, (0, 1), value=task.n_items + 1)
            scores_bn = model(input_ids=asked_bl).logits[:, -1, 1 : task.n_items + 1]
            for row, items in enumerate(seen[first : first + len(items_bl)]):
                scores_bn[row, items - 1] = -torch.inf
            scores_bn.topk(10)
    return n_users / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
