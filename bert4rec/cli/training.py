"""Commands around a run: train and evaluate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bert4rec.baselines.titles import NETWORK
from bert4rec.cli.log_options import LogOptions, log_options
from bert4rec.cli.logs import find_target
from bert4rec.cli.progress import JudgingProgress, Noting, TrainingProgress
from bert4rec.cli.settings import SettingOptions, setting_options
from bert4rec.cli.terminal import (
    next_step,
    shared_options,
    show,
    table,
    wants_json,
    wrong_use,
)
from bert4rec.words import span

if TYPE_CHECKING:
    from bert4rec.runs.folder import Run

SHOWN_METRICS = ("hr@1", "hr@5", "hr@10", "ndcg@10", "mrr@10")


@click.command()
@click.argument("target", metavar="LOG-OR-DATASET", required=False)
@click.option("--resume", metavar="RUN", help="Go on with a stopped, failed or interrupted run.")
@click.option("--name", help="Name of the run.  [default: dataset and preset]")
@setting_options
@log_options
@shared_options
def train(
    target: str | None,
    resume: str | None,
    name: str | None,
    asked: SettingOptions,
    reading: LogOptions,
    workspace: Path,
) -> None:
    """Train BERT4Rec, or SASRec, on LOG-OR-DATASET and judge it beside two baselines.

    LOG-OR-DATASET is a log (a file, a folder or a glob), a dataset of the workspace (its name,
    folder or fingerprint) or a sample such as playlists. A setting given by --set wins over the
    one of --config, and that over the one of --preset; docs/hyperparameters.md lists them all.
    SASRec, which sees only the past, is asked for by --set attention=causal.
    Ctrl+C leaves the run where it is; --resume goes on from its last checkpoint.
    """
    if (target is None) == (resume is None):
        wrong_use("give either LOG-OR-DATASET or --resume RUN")
    if target is not None:
        with Noting(f"opening {target}"):
            run = _new_run(target, asked, name, reading, workspace)
    elif name or asked != SettingOptions() or reading.given():
        wrong_use("--resume takes no further options: the run keeps what it started with")
    else:
        from bert4rec.runs.registry import find_run

        run = find_run(workspace, str(resume))
    carry_out(run, is_new=resume is None)
    document = outcome(run)
    show(document, outcome_lines(document))


def _new_run(
    target: str, asked: SettingOptions, name: str | None, reading: LogOptions, workspace: Path
) -> Run:
    from bert4rec.data.adoption import adopt
    from bert4rec.device import choose_for
    from bert4rec.errors import LabelError
    from bert4rec.names import checked_name
    from bert4rec.runs.label import MAX_NAME
    from bert4rec.runs.registry import create_run

    policy = asked.policy()
    if name is not None:
        checked_name(name, MAX_NAME, refusal=LabelError, where="--name")
    # A device that is not there should be told before a log is read and a run is made.
    choose_for(policy.settings)
    dataset = adopt(find_target(target, reading, workspace), workspace)
    if name is None:
        name = _default_name(dataset.name, asked, workspace)
    return create_run(workspace, dataset, policy, name=name)


def _default_name(dataset: str, asked: SettingOptions, workspace: Path) -> str:
    """Return a name after data and settings that no run has yet."""
    from bert4rec.presets import run_name
    from bert4rec.runs.registry import free_run_name

    has_own = asked.config or asked.assignments
    wanted = run_name(dataset, asked.preset) if asked.preset and not has_own else dataset
    return free_run_name(workspace, wanted)


def carry_out(run: Run, *, is_new: bool) -> None:
    """Train a run, or go on with it, showing its progress.

    Raises:
        KeyboardInterrupt: with the command that goes on with it.
    """
    with TrainingProgress(run) as progress:
        from bert4rec.pipeline import execute, resume

        try:
            (execute if is_new else resume)(run, watch=progress)
        except KeyboardInterrupt as error:
            step = next_step("train", "--resume", run.id)
            raise type(error)(f"interrupted: run {run.id} is kept. {step}") from None


def outcome(run: Run) -> dict[str, Any]:
    """Return what a finished run came to, as plain data."""
    from bert4rec.runs.curves import Curves
    from bert4rec.runs.trend import trend_of
    from bert4rec.sasrec import model_reason

    curves = Curves()
    curves.update(run.journal)
    started, summary, status = curves.started, run.summary() or {}, run.status()
    report = summary.get("report", {})
    config, settings, trend = run.config(), run.hyperparameters(), trend_of(run)
    kept = (
        *("best_epoch", "n_epochs_done", "reason", "valid", "test", "split", "train_seconds"),
        *("sequences_per_second", "n_users", "n_items", "n_interactions", "n_parameters"),
    )
    machine = (
        *("loss_type", "loss_reason", "device", "precision", "precision_reason"),
        *("n_threads", "threads_reason"),
    )
    return {
        "run": run.id,
        "name": run.name,
        "folder": str(run.folder),
        "state": status.state,
        "message": status.message,
        "policy": config["policy"],
        "model": settings.model_name,
        "model_reason": model_reason(settings),
        "dataset": config["dataset"] | {"name": run.data_name},
        "settings": config["settings"],
        "parent": config.get("parent"),
        **{key: summary.get(key) for key in kept},
        "trend": trend and asdict(trend),
        "baselines": _metrics_of(report.get("test", {}), is_network=False),
        "unseen_users": _metrics_of(report.get("unseen_users", {})) or None,
        **{key: started.get(key) for key in machine},
        "device_reason": started.get("reason"),
    }


def _metrics_of(
    part: Mapping[str, Mapping[str, Any]], *, is_network: bool = True
) -> dict[str, dict[str, float]]:
    return {
        name: dict(judged["metrics"])
        for name, judged in part.items()
        if is_network or name != NETWORK
    }


def outcome_lines(document: dict[str, Any]) -> list[str]:
    """Return what `outcome` returned as lines for a person."""
    from bert4rec.data.split_record import asked_words

    model = document["model"]
    scores = {NETWORK: document["test"], **document["baselines"]}
    unseen = document["unseen_users"]
    return [
        f"Run {document['run']} {document['state']}: {document['message']}",
        *_parent_lines(document["parent"]),
        "",
        *(_split_lines(document["split"]) if document["split"] else []),
        f"Test: {asked_words(document['split'])}, among the whole catalogue",
        *metric_table(scores, model),
        *(
            ["", "Users of whom nothing was trained on", *metric_table(unseen, model)]
            if unseen
            else []
        ),
        "",
        f"Model {model}: {document['model_reason']}",
        f"Trained {document['train_seconds']:.1f} s, {document['sequences_per_second']:,.0f}"
        f" sequences/s, on {document['device']} ({document['device_reason']}),"
        f" loss {document['loss_type']} ({document['loss_reason']})",
        f"Folder: {document['folder']}",
        *_advice(scores, document["trend"], document["reason"]),
        _following(document, scores),
    ]


def _parent_lines(parent: Mapping[str, Any] | None) -> list[str]:
    return (
        [f"It went on from run {parent['run']} after epoch {parent['epoch']:,}."] if parent else []
    )


def _split_lines(record: Mapping[str, Any]) -> list[str]:
    from bert4rec.data.split_record import counts_words, few_words

    lines = [f"Split {record['strategy']}: {counts_words(record)}"]
    if "valid_at" in record:
        lines.append(f"Validation begins at {record['valid_at']}, test at {record['test_at']}.")
    lines += filter(None, [few_words(record)])
    return [*lines, ""]


def metric_table(scores: Mapping[str, Mapping[str, float]], model: str) -> list[str]:
    """Return metrics as lines, one scorer a line; the run's own by the name of its model."""
    rows = [
        (_shown(name, model), *(metrics[key] for key in SHOWN_METRICS))
        for name, metrics in scores.items()
    ]
    return table(("", *SHOWN_METRICS), rows)


def _shown(name: str, model: str) -> str:
    return model.lower() if name == NETWORK else name


def _advice(
    scores: Mapping[str, Mapping[str, float]], trend: Mapping[str, Any] | None, reason: str | None
) -> list[str]:
    names = " and ".join(_ahead(scores))
    if not names:
        return []
    return [
        {
            "rising": f"Not yet better than {names}, but still getting better: train longer.",
            "level": f"Not better than {names}, and no longer getting better by its validations: "
            "other settings may do more than further epochs.",
        }.get(_state(trend, reason), f"Not better than {names} so far: training longer may help.")
    ]


def _ahead(scores: Mapping[str, Mapping[str, float]]) -> list[str]:
    own = scores[NETWORK]["ndcg@10"]
    return [name for name, metrics in scores.items() if metrics["ndcg@10"] > own]


def _state(trend: Mapping[str, Any] | None, reason: str | None) -> str:
    if reason == "no gain":
        return "level"
    return str(trend["state"]) if trend is not None else "unknown"


def _following(document: dict[str, Any], scores: Mapping[str, Mapping[str, float]]) -> str:
    run = document["run"]
    if _ahead(scores) and _state(document["trend"], document["reason"]) == "rising":
        # As the advice above it says.
        return next_step("runs", "extend", run, "--epochs", str(document["n_epochs_done"]))
    if document["policy"] == "embedding_policy":
        return next_step("embed", run, "--out", "vectors.parquet")
    return next_step("evaluate", run)


@click.command()
@click.argument("run")
@shared_options
def evaluate(run: str, workspace: Path) -> None:
    """Judge the best checkpoint of RUN again, with intervals and slices.

    RUN is a run's id, name or folder, or `last`.
    """
    from bert4rec.runs.registry import find_run

    found = find_run(workspace, run)
    shown = {NETWORK: _shown(NETWORK, found.hyperparameters().model_name)}
    with Noting(f"opening {run}"):
        from bert4rec.pipeline import evaluate as judge_run
    with JudgingProgress(shown, "opening its data, fitting the baselines") as progress:
        report = judge_run(found, watch=progress)
    document = {
        "run": found.id,
        "model": found.hyperparameters().model_name,
        "test": _metrics_of(report["test"])[NETWORK],
        "baselines": _metrics_of(report["test"], is_network=False),
        "unseen_users": _metrics_of(report.get("unseen_users", {})) or None,
        "report": report,
    }
    show(document, [] if wants_json() else _report_lines(found, report))


def _report_lines(run: Run, report: dict[str, Any]) -> list[str]:
    model = run.hyperparameters().model_name
    lines = [f"Run {run.id}"]
    titles = {"test": "Test", "unseen_users": "Users of whom nothing was trained on"}
    for part, judged in report.items():
        own = judged[NETWORK]
        intervals = [(key, span(low, high, 4)) for key, (low, high) in own["intervals"].items()]
        slices = [
            (one["by"], one["slice"], one["n_rows"], one["hr@10"], one["ndcg@10"])
            for one in own["slices"]
        ]
        lines += [
            "",
            f"{titles.get(part, part)}: {own['n_rows']:,} held-out items, whole catalogue",
        ]
        lines += metric_table(_metrics_of(judged), model)
        lines += ["", *table((_shown(NETWORK, model), "95% interval"), intervals)]
        lines += ["", *table(("by", "slice", "rows", "hr@10", "ndcg@10"), slices)]
    return lines
