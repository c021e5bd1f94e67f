"""Progress on standard error: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import click

from bert4rec.baselines.titles import NETWORK, PROBABILITIES
from bert4rec.cli.terminal import tell
from bert4rec.words import percent

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from bert4rec.comparing.judging import Step
    from bert4rec.runs.folder import Run

# Often enough to see that it lives, seldom enough for a log.
LINE_EVERY_S = 5.0
# Whoever waits for a first word for longer wonders.
FIRST_AFTER_S = 3.0
LOOK_EVERY_S = 0.5


class _Progress:
    """A bar, drawn once something is known of its length, and left whole at the end."""

    _bar: ProgressBar[int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()
        if self._bar is not None:
            self._bar.render_finish()

    def _close(self) -> None:
        """End what goes on beside the work; nothing does here."""


class Noting(_Progress):
    """Says now and then what was noted last, also while one step takes long that tells nothing.

    Args:
        doing: What is being done before anything is noted.
    """

    def __init__(self, doing: str = "") -> None:
        self._noted = doing
        self._has_told = False
        self._told_s = time.monotonic()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._looking = threading.Thread(target=self._look, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._looking.start()
        return super().__enter__()

    def _close(self) -> None:
        self._ended.set()
        self._looking.join()

    def note(self, doing: str) -> None:
        """Take what is being done; any thread may call it."""
        with self._lock:
            self._noted = doing
            if time.monotonic() - self._told_s >= LINE_EVERY_S:
                self._tell()

    def _tell(self) -> None:
        self._told_s, self._has_told = time.monotonic(), True
        tell(self._noted)
        self._noted = ""

    def _look(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            with self._lock:
                quiet_s = LINE_EVERY_S if self._has_told else FIRST_AFTER_S
                if self._noted and time.monotonic() - self._told_s >= quiet_s:
                    self._tell()


class TrainingProgress(_Progress):
    """Shows a run's journal line by line; pass it as `watch`.

    Args:
        run: The run that is carried out.
        is_terminal: Whether a bar can be drawn; None: ask standard error.
    """

    def __init__(self, run: Run, *, is_terminal: bool | None = None) -> None:
        self._run = run
        self._is_terminal = sys.stderr.isatty() if is_terminal is None else is_terminal
        self._told_s: float | None = None
        self._loss: float | None = None
        self._valid = self._judging = ""
        settings = run.hyperparameters()
        # What decides which epoch is the best.
        self._metric, self._model = settings.valid_metric, settings.model_name.lower()
        # Until the journal says something: a million items take a while to get ready.
        self._opening = ExitStack()

    def __enter__(self) -> Self:
        self._opening.enter_context(Noting("opening the data, making the network"))
        return super().__enter__()

    def _close(self) -> None:
        self._opening.close()

    def __call__(self, line: dict[str, Any]) -> None:
        """Take one line of the journal."""
        self._opening.close()
        kind = line["event"]
        if kind == "started":
            tell(_start(line))
        elif kind == "continued":
            tell(f"going on after epoch {line['epoch']}, step {line['step']:,}")
        if kind in ("started", "continued") and self._is_terminal:
            self._begin(int(line.get("step", 0)))
        elif kind == "train":
            self._loss = line["loss"]
            self._move(line)
        elif kind == "judging":
            self._judge(line)
        elif kind == "valid":
            self._valid = f"  {self._metric} {line['metrics'][self._metric]:.4f}"
            self._valid += " (best)" if line["is_best"] else ""
            self._move(line)

    def _judge(self, line: Mapping[str, Any]) -> None:
        who = self._model if line["scorer"] == NETWORK else line["scorer"]
        told = judging_words(who, line["part"], line["n_done"], line["n_rows"])
        if self._bar is None:
            tell(told)
            return
        self._judging = f"  {told}"
        self._bar.render_progress()

    def _begin(self, step: int) -> None:
        self._bar = click.progressbar(
            length=self._run.status().n_steps,
            label="training",
            file=sys.stderr,
            item_show_func=lambda _: self._figures(),
        )
        self._bar.render_progress()
        self._bar.update(step)

    def _move(self, line: dict[str, Any]) -> None:
        self._judging = ""
        if self._bar is not None:
            self._bar.update(line["step"] - self._bar.pos, line["step"])
        elif self._told_s is None or line["elapsed_s"] - self._told_s >= LINE_EVERY_S:
            self._told_s = line["elapsed_s"]
            n_steps = self._run.status().n_steps
            tell(f"step {line['step']:,} of {n_steps:,}  {self._figures()}")

    def _figures(self) -> str:
        loss = "" if self._loss is None else f"loss {self._loss:.4f}"
        return loss + self._valid + self._judging


class DownloadProgress(_Progress):
    """Shows how much of a file has come; pass it as `progress`."""

    def __init__(self) -> None:
        self._told_s = time.monotonic()

    def __call__(self, n_bytes: int, total: int | None) -> None:
        """Take the bytes so far and, if known, how many there will be."""
        if total is not None and sys.stderr.isatty():
            if self._bar is None:
                self._bar = click.progressbar(length=total, label="fetching", file=sys.stderr)
                self._bar.render_progress()
            self._bar.update(n_bytes - self._bar.pos)
        elif time.monotonic() - self._told_s >= LINE_EVERY_S or n_bytes == total:
            self._told_s = time.monotonic()
            tell(f"{n_bytes:,} bytes" + (f" of {total:,}" if total else ""))


class ComparisonProgress(_Progress):
    """Shows the steps of a comparison; pass it as `watch`."""

    def __init__(self) -> None:
        self._told = ""
        self._told_s = time.monotonic()

    def __call__(self, step: Step) -> None:
        """Take a step."""
        is_new, self._told = step.doing != self._told, step.doing
        if sys.stderr.isatty():
            if self._bar is None:
                self._bar = click.progressbar(
                    length=1000,
                    label="comparing",
                    file=sys.stderr,
                    item_show_func=lambda _: self._told,
                )
                self._bar.render_progress()
            self._bar.update(max(0, int(1000 * step.share) - self._bar.pos))
        elif is_new or time.monotonic() - self._told_s >= LINE_EVERY_S:
            self._told_s = time.monotonic()
            tell(f"{step.share:4.0%}  {step.doing}")


class CountProgress(Noting):
    """Says now and then how much of something was done; pass it as `tell`.

    Args:
        what: What is counted.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"0 {what}")
        self._what = what

    def __call__(self, count: int) -> None:
        """Take the count so far."""
        self.note(f"{count:,} {self._what}")


class StageProgress(Noting):
    """Says now and then what is being done and how far it has come; pass it as `watch`."""

    def __call__(self, stage: str, share: float) -> None:
        """Take what is being done, and which share of the whole is done."""
        self.note(f"{share:4.0%}  {stage}")


class JudgingProgress(Noting):
    """Says now and then how far a judgement has come; pass it as `watch`.

    Args:
        shown: What scorers are called, where it is not by their name in a report.
        doing: What is being done before anything is judged.
    """

    def __init__(self, shown: Mapping[str, str], doing: str = "") -> None:
        super().__init__(doing)
        self._shown = shown

    def __call__(self, name: str, part: str, n_done: int, n_rows: int) -> None:
        """Take how many rows of a part are ranked by one scorer."""
        self.note(judging_words(self._shown.get(name, name), part, n_done, n_rows))


def judging_words(who: str, part: str, n_done: int, n_rows: int) -> str:
    """Return how far a judgement has come."""
    if part == PROBABILITIES:
        return f"calibrating {who}: {percent(n_done / n_rows)}"
    where = part.replace("_", " ")
    return f"judging {who}, {where}: {n_done:,} of {n_rows:,} held-out items"


def _start(line: dict[str, Any]) -> str:
    return (
        f"training {line['model']} ({line['model_reason']}) on {line['device']} ({line['reason']})"
        f" with {line['loss_type']}"
        f" ({line['loss_reason']}): {line['n_users']:,} users, {line['n_items']:,} items,"
        f" {line['n_interactions']:,} interactions, {line['n_parameters']:,} parameters"
    )
