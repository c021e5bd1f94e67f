"""RecBole's BERT4Rec, on its own loaders and trainer.

Its epoch has a row for every prefix of a history, so a sequence here is such a row: a window that
ends at one of the user's items. Short prefixes are padded to the window and cost as much as others.
Half of its batches hide the last item alone, which costs the same too.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import recbole
import torch
from recbole.config import Config
from recbole.data import create_dataset, create_samplers
from recbole.data.utils import get_dataloader
from recbole.model.sequential_recommender import BERT4Rec
from recbole.trainer import Trainer
from recbole.utils import init_seed

from benchmarks.peers.task import Histories, Stopwatch, Task, read_task, tell


def main() -> None:
    histories, task = read_task()
    torch.set_num_threads(task.n_threads)
    with tempfile.TemporaryDirectory() as folder:
        config = new_config(task, Path(folder))
        write_log(histories, Path(folder))
        init_seed(0, reproducibility=False)
        train_rows, ranked_rows = loaders(config, task)
        model = BERT4Rec(config, train_rows.dataset)
        trainer = Trainer(config, model)
        stopwatch = Stopwatch(task)
        trainer._train_epoch(stopwatch.over(train_rows), 0)
        began = time.perf_counter()
        trainer.evaluate(ranked_rows, load_best_model=False)
        users_per_s = len(ranked_rows.dataset) / (time.perf_counter() - began)
    tell(stopwatch, users_per_s, recbole.__version__)


def new_config(task: Task, folder: Path) -> Config:
    settings: dict[str, Any] = {
        "hidden_size": task.hidden_size,
        "inner_size": task.inner_size,
        "n_layers": task.n_layers,
        "n_heads": task.n_heads,
        "hidden_dropout_prob": task.dropout_rate,
        "attn_dropout_prob": task.dropout_rate,
        "mask_ratio": task.mask_rate,
        "MAX_ITEM_LIST_LENGTH": task.window,
        "learning_rate": task.learning_rate,
        "train_batch_size": task.batch_size,
        "eval_batch_size": task.batch_size,
        "train_neg_sample_args": None,
        "eval_args": {
            "split": {"LS": "valid_and_test"},
            "order": "TO",
            "group_by": "user",
            "mode": "full",
        },
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "data_path": str(folder),
        "checkpoint_dir": str(folder / "saved"),
        "use_gpu": False,
        "show_progress": False,
        "state": "ERROR",
    }
    return Config(model="BERT4Rec", dataset="log", config_dict=settings)


def write_log(histories: Histories, folder: Path) -> None:
    """Write the histories as an atomic file, as RecBole reads it."""
    log = {
        "user_id:token": histories.users,
        "item_id:token": histories.items,
        "timestamp:float": histories.times,
    }
    path = folder / "log" / "log.inter"
    path.parent.mkdir()
    pd.DataFrame(log).to_csv(path, sep="\t", index=False)


def loaders(config: Config, task: Task) -> tuple[Any, Any]:
    """Return the training rows, and one row to rank the catalogue for of each of some users."""
    dataset = create_dataset(config)
    train_set, valid_set, test_set = dataset.build()
    valid_set.inter_feat = valid_set.inter_feat[: task.n_eval_users]
    samplers = create_samplers(config, dataset, [train_set, valid_set, test_set])
    train_rows = get_dataloader(config, "train")(config, train_set, samplers[0], shuffle=True)
    ranked_rows = get_dataloader(config, "valid")(config, valid_set, samplers[1], shuffle=False)
    return train_rows, ranked_rows


if __name__ == "__main__":
    main()
