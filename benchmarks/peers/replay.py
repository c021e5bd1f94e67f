"""RePlay's Bert4Rec, on its own datasets and Lightning's trainer.

A sequence is a user's last window before the last two items. Scores of the whole catalogue are
computed at every place, then those at hidden places are kept. It comes with deprecated callbacks
for ranking, which are the only ones that its sequential datasets have.
"""

from __future__ import annotations

import time
from importlib.metadata import version

import pandas as pd
import torch
from lightning import Callback, LightningModule, Trainer, seed_everything
from replay.data import FeatureHint, FeatureSource, FeatureType
from replay.data.nn import (
    PandasSequentialDataset,
    TensorFeatureInfo,
    TensorFeatureSource,
    TensorSchema,
)
from replay.models.nn.optimizer_utils import FatOptimizerFactory
from replay.models.nn.sequential.bert4rec import (
    Bert4Rec,
    Bert4RecPredictionDataset,
    Bert4RecTrainingDataset,
)
from replay.models.nn.sequential.callbacks import TorchPredictionCallback
from replay.models.nn.sequential.postprocessors import RemoveSeenItems
from torch.utils.data import DataLoader

from benchmarks.peers.task import Histories, Stopwatch, Task, read_task, tell


class Timing(Callback):
    """Tell a stopwatch of every step, and end the training when it has seen enough."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self.stopwatch = stopwatch

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: dict[str, torch.Tensor],
        batch_idx: int,
    ) -> None:
        trainer.should_stop = self.stopwatch.tick(len(batch["pad_mask"]))


def main() -> None:
    histories, task = read_task()
    torch.set_num_threads(task.n_threads)
    seed_everything(0)
    schema = schema_of(task)
    model = new_model(task, schema)
    stopwatch = Stopwatch(task)
    rows = sequences(histories, schema, histories.n_users, n_left_out=2)
    dataset = Bert4RecTrainingDataset(rows, task.window, mask_prob=task.mask_rate)
    batches = DataLoader(dataset, batch_size=task.batch_size, shuffle=True)
    new_trainer(Timing(stopwatch)).fit(model, batches)
    users_per_s = time_ranking(model, histories, task, schema)
    tell(stopwatch, users_per_s, version("replay-rec"))


def schema_of(task: Task) -> TensorSchema:
    """Return what a sequence holds: items 0..N-1; what is padding is told by a mask beside it."""
    items = TensorFeatureInfo(
        name="item_id",
        feature_type=FeatureType.CATEGORICAL,
        is_seq=True,
        feature_hint=FeatureHint.ITEM_ID,
        feature_sources=[TensorFeatureSource(FeatureSource.INTERACTIONS, "item_id")],
        cardinality=task.n_items,
        embedding_dim=task.hidden_size,
    )
    return TensorSchema([items])


def new_model(task: Task, schema: TensorSchema) -> Bert4Rec:
    """Return the network; its feed-forward layers are four times as wide as its vectors."""
    if task.inner_size != 4 * task.hidden_size:
        raise ValueError(f"inner_size is {task.inner_size}, not four times {task.hidden_size}")
    return Bert4Rec(
        schema,
        block_count=task.n_layers,
        head_count=task.n_heads,
        hidden_size=task.hidden_size,
        max_seq_len=task.window,
        dropout_rate=task.dropout_rate,
        enable_embedding_tying=True,
        optimizer_factory=FatOptimizerFactory(learning_rate=task.learning_rate),
    )


def sequences(
    histories: Histories, schema: TensorSchema, n_users: int, n_left_out: int
) -> PandasSequentialDataset:
    """Return the histories of the first users but for the last items of each."""
    kept = [items[:-n_left_out] - 1 for items in histories.sequences()[:n_users]]
    table = pd.DataFrame({"user_id": range(n_users), "item_id": kept})
    return PandasSequentialDataset(schema, "user_id", "item_id", table)


def new_trainer(callback: Callback) -> Trainer:
    return Trainer(
        accelerator="cpu",
        max_epochs=-1,
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def time_ranking(model: Bert4Rec, histories: Histories, task: Task, schema: TensorSchema) -> float:
    """Return users a second: the best ten items after the history, seen ones left out."""
    n_users = min(task.n_eval_users, histories.n_users)
    known = sequences(histories, schema, n_users, n_left_out=1)
    rows = Bert4RecPredictionDataset(known, task.window)
    batches = DataLoader(rows, batch_size=task.batch_size)
    best = TorchPredictionCallback(top_k=10, postprocessors=[RemoveSeenItems(known)])
    trainer = new_trainer(best)
    began = time.perf_counter()
    trainer.predict(model, batches, return_predictions=False)
    return n_users / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
