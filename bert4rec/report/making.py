"""How a run came about, as rows: settings, versions, seed, machine, command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bert4rec.data.split_record import asked_words, counts_words, few_words
from bert4rec.policy import dump_policy
from bert4rec.report.facts import RunFacts
from bert4rec.report.findings import state_words
from bert4rec.report.text import clean
from bert4rec.view.run_as_code import train_command
from bert4rec.view.run_comparison import settings_differences
from bert4rec.view.run_figures import seen_words, settings_table
from bert4rec.view.run_table import run_row
from bert4rec.view.setting_words import loss_words
from bert4rec.words import counted, duration, sentence, size, when

MAX_SEEN = 400


@dataclass(frozen=True)
class RunMaking:
    """How one run came about.

    Args:
        label: What it is called in the report.
        changed: Title, value and default of the settings that differ from their defaults.
        settings: The same of all others.
        policy: Its settings as a policy YAML.
        facts: Names and values on versions, data, machine and result.
        command: What trains it again, ready for a shell.
    """

    label: str
    changed: tuple[tuple[str, str, str], ...]
    settings: tuple[tuple[str, str, str], ...]
    policy: str
    facts: tuple[tuple[str, str], ...]
    command: str


def making_of(one: RunFacts) -> RunMaking:
    """Return how a run came about."""
    table = settings_table(one.settings)
    columns = (table[name].tolist() for name in ("Setting", "Value", "Default", "Differs"))
    rows = list(zip(*columns, strict=True))
    return RunMaking(
        label=clean(one.label, 40),
        changed=tuple((title, value, usual) for title, value, usual, differs in rows if differs),
        settings=tuple(
            (title, value, usual) for title, value, usual, differs in rows if not differs
        ),
        policy=dump_policy(one.run.policy()),
        facts=tuple((name, clean(text, MAX_SEEN)) for name, text in _facts(one) if text),
        command=_command(one),
    )


def _command(one: RunFacts) -> str:
    """Return the command that trains the run again, without places of this machine."""
    data = one.config["dataset"]
    return train_command(
        one.config["settings"],
        dataset=clean(data.get("folder") or data["name"], 200),
        workspace=Path("workspace"),
        name=clean(one.run.name, 200),
        kind=one.run.policy().kind,
    )


def _facts(one: RunFacts) -> list[tuple[str, str]]:
    config, summary, started = one.config, one.summary or {}, one.curves.started
    record = summary.get("split") or started.get("split")
    seen = seen_words(dict(summary or started)).removeprefix(", ")
    loss = started.get("loss_type")
    used = loss_words(one.settings.loss_type, str(loss))
    return [
        ("Run", one.run.id),
        ("Made", when(str(config["created_at"]))),
        ("State", sentence(state_words(one))),
        ("Training time", duration(one.status.trained_s or None)),
        ("Epoch used", _number(summary.get("best_epoch"))),
        ("Parameters", _number(summary.get("n_parameters") or started.get("n_parameters"))),
        ("Seed", str(one.settings.seed)),
        ("Data", f"{one.data_name}, fingerprint {one.fingerprint[:16]}"),
        ("Held out", _held_out(record)),
        ("Ranking", f"among all items, ties against the model{', ' + seen if seen else ''}"),
        ("Loss", f"{used}: {started.get('loss_reason', '')}" if loss else ""),
        ("Device", _device(started)),
        ("Versions", _versions(config)),
        ("Machine", _machine(config.get("machine"))),
    ]


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


def _held_out(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return sentence(asked_words(None))
    parts = [sentence(asked_words(record)), counts_words(record), few_words(record)]
    return " ".join(filter(None, parts))


def _device(started: Mapping[str, Any]) -> str:
    device, precision = started.get("device"), started.get("precision")
    return ", ".join(str(part) for part in (device, precision) if part)


def _versions(config: Mapping[str, Any]) -> str:
    machine = config.get("machine")
    told = [f"bert4rec {config.get('version', '')}".strip()]
    if isinstance(machine, dict):
        told += [f"{name} {machine[name]}" for name in ("torch", "python") if machine.get(name)]
    return ", ".join(told)


def _machine(machine: Any) -> str:
    if not isinstance(machine, dict):
        return ""
    told = [str(machine.get("system", ""))]
    if isinstance(machine.get("n_cores"), int):
        told.append(counted(machine["n_cores"], "core"))
    if isinstance(machine.get("memory_bytes"), int):
        told.append(f"{size(machine['memory_bytes'])} memory")
    gpus = machine.get("gpus")
    told += [str(gpu) for gpu in gpus] if isinstance(gpus, list) else []
    return ", ".join(filter(None, told))


@dataclass(frozen=True)
class Differences:
    """The settings in which runs differ.

    Args:
        labels: Of the runs, the columns.
        rows: Title of the setting and its value in each run.
    """

    labels: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def differences(runs: Sequence[RunFacts]) -> Differences:
    """Return the settings in which runs differ; what is the same is left out."""
    labels = {one.run.id: one.label for one in runs}
    table = settings_differences([run_row(one.run) for one in runs], labels)
    rows = [
        (str(row["Setting"]), tuple(clean(row[label]) for label in labels.values()))
        for row in table.to_dict("records")
    ]
    return Differences(tuple(clean(label, 40) for label in labels.values()), tuple(rows))
