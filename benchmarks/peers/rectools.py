"""RecTools' BERT4RecModel, on its own preparator and Lightning trainer.

A sequence is a user's last window before the last two items. Its network is the same but for
normalising before each layer; ranking includes what `recommend` prepares for the users asked about.
"""

from __future__ import annotations

import time

import pandas as pd
import rectools
import torch
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything
from rectools.dataset import Dataset
from rectools.models import BERT4RecModel
from rectools.models.nn.item_net import IdEmbeddingsItemNet

from benchmarks.peers.task import Histories, Stopwatch, Task, read_task, tell


class Timing(Callback):
    """Tell a stopwatch of every step, and end the training when it has seen enough."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self.stopwatch = stopwatch

    def __deepcopy__(self, memo: dict[int, object]) -> Timing:
        """Stay one: RecTools trains with a copy of the trainer that it was given."""
        return self

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: dict[str, torch.Tensor],
        batch_idx: int,
    ) -> None:
        trainer.should_stop = self.stopwatch.tick(len(batch["x"]))


def main() -> None:
    histories, task = read_task()
    torch.set_num_threads(task.n_threads)
    seed_everything(0)
    stopwatch = Stopwatch(task)
    model = new_model(task, stopwatch)
    model.fit(dataset_of(histories, n_left_out=2))
    known = dataset_of(histories, n_left_out=1)
    users = range(min(task.n_eval_users, histories.n_users))
    began = time.perf_counter()
    model.recommend(users, known, k=10, filter_viewed=True)
    tell(stopwatch, len(users) / (time.perf_counter() - began), rectools.__version__)


def new_model(task: Task, stopwatch: Stopwatch) -> BERT4RecModel:
    """Return the model; its feed-forward layers are four times as wide as its vectors."""
    if task.inner_size != 4 * task.hidden_size:
        raise ValueError(f"inner_size is {task.inner_size}, not four times {task.hidden_size}")

    def new_trainer() -> Trainer:
        return Trainer(
            accelerator="cpu",
            max_epochs=-1,
            callbacks=[Timing(stopwatch)],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    return BERT4RecModel(
        n_blocks=task.n_layers,
        n_heads=task.n_heads,
        n_factors=task.hidden_size,
        dropout_rate=task.dropout_rate,
        mask_prob=task.mask_rate,
        session_max_len=task.window,
        batch_size=task.batch_size,
        lr=task.learning_rate,
        item_net_block_types=(IdEmbeddingsItemNet,),
        get_trainer_func=new_trainer,
        recommend_batch_size=task.batch_size,
        recommend_torch_device="cpu",
    )


def dataset_of(histories: Histories, n_left_out: int) -> Dataset:
    """Return the histories but for the last items of each user."""
    log = pd.DataFrame({"user_id": histories.users, "item_id": histories.items, "weight": 1.0})
    log["datetime"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(histories.times, unit="s")
    n_kept = (histories.offsets[1:] - histories.offsets[:-1] - n_left_out)[histories.users]
    return Dataset.construct(log[histories.times < n_kept])


if __name__ == "__main__":
    main()
