"""What a GPU does: training beside a Hugging Face BERT, and catalogues of up to 10^7 items.

`training`: shapes A and B of `train`, and C: hidden size 256, inner 1024, window 200, 4 heads. Ours
as it comes (`ours`: cloze steps alone, as the other has; `default` asks for next items too) and
with `compile`, in turns with a Hugging Face BERT in float32, as it comes, and with bfloat16. That
one gets its sequences and masks on the device, so that nothing but the network is compared. Matrix
share: what the operations of a step would take at the matrix speed that was measured first, as a
share of what the step takes. `catalogue`: steps of 256 windows of 20 items, and ranking of 4,096
users among all items.

Needs a CUDA device, and transformers in the same environment. Environment variables: BENCH_PARTS
(training,catalogue), BENCH_SHAPES (A,B,C), BENCH_REPEATS (3), BENCH_ITEMS (of the catalogues).
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import train
from benchmarks.peers.task import Histories, Task
from benchmarks.scale import power_law_histories
from benchmarks.train import N_ITEMS, long_histories
from bert4rec.control import Control
from bert4rec.data.dataset import SequenceDataset
from bert4rec.setting_checks import parse_settings
from bert4rec.workshop import Workshop

BATCH, DEVICE = 256, "cuda:0"
WIDTHS = ("hidden_size", "inner_size", "window")
SHAPES = {
    **{
        name: {"n_heads": 2, **{width: shape[width] for width in WIDTHS}}
        for name, shape in train.SHAPES.items()
    },
    "C": {"hidden_size": 256, "inner_size": 1024, "n_heads": 4, "window": 200},
}
# Recording needs each shape of a part twice, which takes up to three epochs.
N_WARMUP_STEPS, N_STEPS = 80, 120
N_RANKED = 4_096
Row = dict[str, Any]


def measure_gpu() -> list[Row]:
    """Return a row for each shape and system, and for each catalogue."""
    if not torch.cuda.is_available():
        return [{"what": "nothing", "note": "there is no CUDA device"}]
    parts = {"training": measure_training, "catalogue": measure_catalogues}
    chosen = os.environ.get("BENCH_PARTS", ",".join(parts)).split(",")
    return [row for name in chosen for row in parts[name]()]


def measure_training() -> Iterator[Row]:
    """Yield a row for each shape and system: medians of milliseconds a step."""
    peak = matrix_speed()
    for shape in os.environ.get("BENCH_SHAPES", ",".join(SHAPES)).split(","):
        dataset = long_histories(SHAPES[shape]["window"])
        systems: dict[str, Callable[[], tuple[float, int]]] = {
            "ours": partial(our_step_s, dataset, shape, next_item_rate=0),
            "ours, default": partial(our_step_s, dataset, shape),
            "ours, compiled": partial(our_step_s, dataset, shape, next_item_rate=0, compile=True),
            "Hugging Face": partial(their_step_s, dataset, shape, torch.float32),
            "Hugging Face, bfloat16": partial(their_step_s, dataset, shape, torch.bfloat16),
        }
        found: dict[str, list[tuple[float, int]]] = {name: [] for name in systems}
        for _ in range(int(os.environ.get("BENCH_REPEATS", 3))):
            for name, step_s in systems.items():
                found[name].append(step_s())
        operations = operations_of_step(dataset, shape)
        theirs_s = statistics.median(seconds for seconds, _ in found["Hugging Face"])
        for name, runs in found.items():
            seconds = [each for each, _ in runs]
            ours_s = statistics.median(seconds)
            is_cloze = name in ("ours", "ours, compiled")
            yield {
                "what": f"training {shape}",
                "system": name,
                "ms a step": round(1000 * ours_s, 2),
                "spread": f"{1000 * min(seconds):.2f} to {1000 * max(seconds):.2f}",
                "sequences/s": round(BATCH / ours_s),
                "Hugging Face / this": round(theirs_s / ours_s, 2),
                "peak MB": runs[0][1] // 2**20,
                "matrix share": f"{operations / ours_s / peak:.1%}" if is_cloze else "",
            }


def matrix_speed() -> float:
    """Return bfloat16 operations a second of a large matrix product."""
    a, b = (torch.randn(8192, 8192, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    return 2 * 8192**3 / seconds_of(lambda: a @ b, 10)


def seconds_of(work: Callable[[], object], n_times: int, n_before: int = 3) -> float:
    """Return the seconds of one time, the mean of several without a wait between them."""
    for _ in range(n_before):
        work()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(n_times):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / n_times


def our_workshop(dataset: SequenceDataset, shape: str, **changes: Any) -> Workshop:
    """Return what trains a shape."""
    given = {**SHAPES[shape], **changes}
    length = given.pop("window")
    fixed = {"n_layers": 2, "batch_size": BATCH, "mask_rate": 0.2, "dropout_rate": 0.2}
    endless = {"n_epochs": 10_000, "eval_step": 0, "device": DEVICE}
    return Workshop.open(
        dataset, parse_settings({**fixed, **endless, **given, "max_seq_length": length})
    )


def our_step_s(dataset: SequenceDataset, shape: str, **changes: Any) -> tuple[float, int]:
    """Return the mean seconds of a step of a training, and the most memory that it held."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    clock = Clock(N_WARMUP_STEPS, N_STEPS)
    workshop = our_workshop(dataset, shape, **changes)
    workshop.trainer(control=clock, validate=dict).run()
    # The last step of an epoch is smaller, so that a step is less than a batch on average.
    batches = workshop.batches
    full = BATCH * batches.n_steps / batches.n_sequences
    return full * clock.step_s(), torch.cuda.max_memory_allocated()


class Clock(Control):
    """Times some steps after others, and ends the training."""

    def __init__(self, n_before: int, n_steps: int) -> None:
        super().__init__()
        self.n_before, self.n_steps = n_before, n_steps
        self.n_begun = 0
        self.moments: list[float] = []

    @property
    def is_paused(self) -> bool:
        """Never; but the trainer asks before each step."""
        if self.n_begun in (self.n_before, self.n_before + self.n_steps):
            torch.cuda.synchronize()
            self.moments.append(time.perf_counter())
        if len(self.moments) == 2:
            self.stop()
        self.n_begun += 1
        return False

    def step_s(self) -> float:
        """Return the mean seconds of a step."""
        return (self.moments[1] - self.moments[0]) / self.n_steps


def operations_of_step(dataset: SequenceDataset, shape: str) -> int:
    """Return the floating-point operations of the matrix products of a cloze step."""
    workshop = our_workshop(dataset, shape, next_item_rate=0)
    trainer = workshop.trainer(validate=dict)
    [part] = workshop.batches.parts(workshop.batches.order(0), 0, 0)
    chance = torch.Generator(device=DEVICE)
    with FlopCounterMode(display=False) as counter:
        trainer.part_loss(part, chance).backward()  # type: ignore[no-untyped-call]
    return counter.get_total_flops()


def their_step_s(dataset: SequenceDataset, shape: str, dtype: torch.dtype) -> tuple[float, int]:
    """Return the same of a Hugging Face BERT, trained by the loop that one would write first."""
    # It is no part of our environment.
    from benchmarks.peers import hugging_face

    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    task = Task(n_items=N_ITEMS, n_threads=1, n_warmup_steps=0, n_steps=0, limit_s=0,
                n_eval_users=0, batch_size=BATCH, **SHAPES[shape])  # fmt: skip
    histories = Histories(np.asarray(dataset.items), np.asarray(dataset.offsets))
    windows_bl = hugging_face.windows(histories, task.window, n_left_out=2).to(DEVICE)
    model = hugging_face.new_model(task).to(DEVICE).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=task.learning_rate)
    batches = hugging_face.shuffled_batches(windows_bl, BATCH)

    def step() -> None:
        with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
            loss = hugging_face.masked_loss(model, next(batches), task)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    n_steps = -(-len(windows_bl) // BATCH)
    full = BATCH * n_steps / len(windows_bl)
    step_s = seconds_of(step, 2 * n_steps, n_steps)
    return full * step_s, torch.cuda.max_memory_allocated()


def measure_catalogues() -> Iterator[Row]:
    """Yield a row for each loss and size of a catalogue."""
    sizes = [int(n) for n in os.environ.get("BENCH_ITEMS", "100000,1000000,10000000").split(",")]
    for loss_type, n_items in [("CE", n) for n in sizes[:-1]] + [("sampled_CE", n) for n in sizes]:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        dataset = power_law_histories(n_items, 400_000)
        shared = {"negative_sharing": "batch", "negative_samples_count": 3000}
        settings = parse_settings(
            {
                "loss_type": loss_type,
                "negative_sampling": "popularity",
                "batch_size": BATCH,
                "n_epochs": 1,
                "eval_step": 0,
                "device": DEVICE,
                **shared,
            }
        )
        workshop = Workshop.open(dataset, settings)
        clock = Clock(8, 16)
        workshop.trainer(control=clock, validate=dict).run()
        train_bytes = torch.cuda.max_memory_allocated()
        users = workshop.split.valid.take(slice(N_RANKED))
        workshop.judge(workshop.scorer, users.take(slice(256)))
        began = time.perf_counter()
        workshop.judge(workshop.scorer, users)
        ranking_s = time.perf_counter() - began
        yield {
            "what": f"catalogue of {n_items:,}",
            "system": loss_type,
            "ms a step": round(1000 * clock.step_s(), 2),
            "sequences/s": round(BATCH / clock.step_s()),
            "ms a user ranked": round(1000 * ranking_s / N_RANKED, 3),
            "peak MB": train_bytes // 2**20,
        }
