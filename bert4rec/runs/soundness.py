"""What a run that comes from elsewhere must be before it is let in.

Each check reads a folder into which a run was unpacked, and names the file, what is wrong with it
and what to do. Nothing is executed and no tensor is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from bert4rec.baselines.titles import NETWORK
from bert4rec.data.split_record import asked_words, counts_words, few_words
from bert4rec.files import is_file
from bert4rec.json_files import is_writable
from bert4rec.names import MAX_NOTE
from bert4rec.policy import POLICY_KINDS
from bert4rec.runs.documents import read_sound, unsound
from bert4rec.runs.extension import parent_of
from bert4rec.runs.folder import Run
from bert4rec.runs.label import MAX_NAME, MAX_TAG, MAX_TAGS, check_label
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.runs.weights_fit import check_checkpoint
from bert4rec.setting_checks import parse_settings
from bert4rec.temperatures import of_documents

BEST, LAST = "checkpoints/best.safetensors", "checkpoints/last.safetensors"
# All that a run consists of elsewhere, and how many bytes each of it may have.
MAX_BYTES = {
    **dict.fromkeys(("config.json", "status.json", "label.json"), 2**20),
    "summary.json": 16 * 2**20,
    **dict.fromkeys(("metrics.jsonl", "log.txt"), 128 * 2**20),
    **dict.fromkeys((BEST, LAST), 16 * 2**30),
}
NEEDED = ("config.json", "status.json")
MAX_LINE_BYTES = 2**16
# A process that is killed leaves at most one line broken.
MAX_BROKEN_LINES = 100
MAX_CONFIG_NAME = 1_000
# What every page about a run that was judged relies on; the first with its interval.
NEWER_COUNTS = ("n_users", "interval_method")
SHOWN_METRICS = ("ndcg@10", "hr@10")
NUMBER = (int, float)
# Neither NaN nor infinity is below; nor is a whole number of hundreds of digits.
MAX_NUMBER, MAX_STEP = 1e300, 2**53
Kinds = Mapping[str, type | tuple[type, ...]]
LINE_KINDS: Mapping[str, Kinds] = {
    "started": {},
    "baselines": {"metrics": dict},
    "train": {
        "step": int,
        **dict.fromkeys(("epoch", "loss", "learning_rate", "elapsed_s"), NUMBER),
    },
    "valid": {"epoch": NUMBER, "step": int, "metrics": dict, "is_best": bool},
    "judging": {"scorer": str, "part": str, "n_done": int, "n_rows": int},
    **{kind: {"step": int} for kind in ("checkpoint", "paused", "resumed", "continued")},
}
# What not every version wrote, or not on every device.
OTHER_KINDS: Kinds = {
    **dict.fromkeys(("n_users", "n_items", "n_interactions", "n_parameters"), int),
    **dict.fromkeys(("n_steps_per_epoch", "n_epochs"), int),
    **dict.fromkeys(("memory_bytes", "device_memory_bytes"), int),
    **dict.fromkeys(("learning_rate", "grad_norm", "sequences_per_s", "elapsed_s"), NUMBER),
    **dict.fromkeys(("loss_type", "loss_reason", "seen_reason", "device", "precision"), str),
    **dict.fromkeys(("model", "model_reason", "steps_reason"), str),
    **dict.fromkeys(("epoch", "step"), NUMBER),
    "removes_seen": bool,
}
SUMMARY_KINDS: Kinds = {
    "best_epoch": int,
    "n_epochs_done": int,
    "valid": dict,
    "test": dict,
    "report": dict,
    "train_seconds": NUMBER,
    "sequences_per_second": NUMBER,
    "n_parameters": int,
}
SLICE_KINDS: Kinds = {"by": str, "slice": str, "n_rows": int, "hr@10": NUMBER}


def check_run(run: Run) -> None:
    """Read all that anybody reads of a run.

    Args:
        run: The run, in the folder into which it was unpacked.

    Raises:
        FormatError: a file of it is damaged, or does not belong to the others; the message begins
            with its name.
    """
    config = read_sound("config.json", run.config)
    _check_config(run, config)
    status = read_sound("status.json", run.status)
    if status.state in ACTIVE_STATES:
        raise unsound("status.json", f"its run is {status.state}", "Export it once it has ended.")
    read_sound("label.json", lambda: check_label(run.folder))
    _check_label(run)
    _check_summary(read_sound("summary.json", run.summary))
    n_items = _check_journal(run.journal.path, run.hyperparameters().valid_metric)
    for name, kind in ((BEST, "best"), (LAST, "last")):
        if is_file(run.folder / name):
            check_checkpoint(run, name, kind, n_items)


def _check_config(run: Run, config: Mapping[str, Any]) -> None:
    name = "config.json"
    read_sound(name, run.hyperparameters)
    if config["policy"] not in POLICY_KINDS:
        raise unsound(name, f"{config['policy'][:40]!r} is not what a run can be for")
    read_sound(name, lambda: parse_settings(config["settings"]))
    read_sound(name, lambda: parent_of(run))
    if not 1 <= len(config["name"]) <= MAX_CONFIG_NAME:
        raise unsound(
            name, f"a name has 1 to {MAX_CONFIG_NAME:,} signs, not {len(config['name']):,}"
        )
    if not isinstance(config["dataset"].get("folder", ""), str):
        raise unsound(name, "the folder of its dataset is no text")
    try:
        datetime.fromisoformat(config["created_at"])
    except ValueError as error:
        raise unsound(name, "its run was created at no known moment") from error


def _check_label(run: Run) -> None:
    label = run.label()
    is_short = len(label.name) <= MAX_NAME and len(label.note) <= MAX_NOTE
    if not is_short or len(label.tags) > MAX_TAGS or any(len(t) > MAX_TAG for t in label.tags):
        raise unsound(
            "label.json",
            f"its name, note or tags are longer than {MAX_NAME}, {MAX_NOTE:,} and {MAX_TAGS} times "
            f"{MAX_TAG} signs",
            "Shorten them where the run comes from, and export it again.",
        )


def _check_summary(summary: Mapping[str, Any] | None) -> None:
    if summary is None:
        return
    is_whole = _has(summary, SUMMARY_KINDS) and _has_others(summary)
    if not is_whole or not _are_numbers(summary["valid"], summary["test"]):
        raise unsound("summary.json", "it is not what a run writes at its end")
    if summary.get("temperatures") is not None:
        read_sound("summary.json", lambda: of_documents(summary["temperatures"]))
    if not _is_split(summary.get("split")):
        raise unsound("summary.json", "its record of the split is damaged")
    parts = summary["report"]
    if "test" not in parts or not all(isinstance(part, dict) for part in parts.values()):
        raise unsound("summary.json", "its report has no part about the test items")
    if NETWORK not in parts["test"]:
        raise unsound("summary.json", "its report does not judge the model")
    for part in parts.values():
        for scorer, judged in part.items():
            if not _is_judged(judged):
                raise unsound("summary.json", f"its report on {scorer[:40]!r} is damaged")


def _has_others(document: Mapping[str, Any]) -> bool:
    """Whether what an object holds beside, and is not null, is of the kind that it should be."""
    there = {key for key in OTHER_KINDS if document.get(key) is not None}
    return _has(document, {key: OTHER_KINDS[key] for key in there})


def _is_split(record: Any) -> bool:
    """Whether that is a record of a split that can be told in words; old runs have none."""
    try:
        return record is None or bool(
            asked_words(record) + counts_words(record) + few_words(record)
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def _is_judged(judged: Any) -> bool:
    """Whether that is a scorer's part of a report: metrics, pairs for intervals, slices."""
    if not _has(judged, {"n_rows": int, "metrics": dict, "intervals": dict}):
        return False
    # Older ones did not count users, nor tell how intervals were made.
    if not _has({"n_users": 0, "interval_method": 1} | judged, dict.fromkeys(NEWER_COUNTS, int)):
        return False
    ends, slices = judged["intervals"].values(), judged.get("slices", [])
    are_pairs = all(isinstance(pair, list) and len(pair) == 2 for pair in ends)
    return (
        set(SHOWN_METRICS) <= judged["metrics"].keys()
        and SHOWN_METRICS[0] in judged["intervals"]
        and _are_numbers(judged["metrics"], judged.get("lists", {}))
        and isinstance(slices, list)
        and all(_has(one, SLICE_KINDS) for one in slices)
        and are_pairs
        and all(_is_number(end) for pair in ends for end in pair)
    )


def _has(document: Any, kinds: Kinds) -> bool:
    """Whether a document of JSON is an object with values of some kinds; a count is no boolean."""
    return isinstance(document, dict) and all(
        isinstance(document.get(key), kind)
        and (isinstance(document[key], bool) == (kind is bool))
        and (not isinstance(document[key], NUMBER) or abs(document[key]) <= MAX_NUMBER)
        for key, kind in kinds.items()
    )


def _is_number(value: Any) -> bool:
    return type(value) in NUMBER and abs(value) <= MAX_NUMBER


def _are_numbers(*documents: Any) -> bool:
    return all(
        isinstance(document, dict) and all(map(_is_number, document.values()))
        for document in documents
    )


def _check_journal(path: Path, metric: str) -> int | None:
    """Check every line; return the items that the run says that it trained on, if it says so."""
    if not is_file(path):
        return None
    n_broken, n_items = 0, None
    for number, line in enumerate(_lines(path), start=1):
        event = _parsed(line)
        if event is None:
            n_broken += 1
        elif not _is_event(event, metric) or (b"\\u" in line and not is_writable(event)):
            raise unsound(path.name, f"line {number:,} is not what a run writes")
        elif event["event"] == "started":
            n_items = event.get("n_items", n_items)
    if n_broken > MAX_BROKEN_LINES:
        raise unsound(path.name, f"{n_broken:,} of its lines are broken")
    return n_items


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES):
            if len(line) == MAX_LINE_BYTES:
                raise unsound(path.name, f"it has a line of more than {MAX_LINE_BYTES:,} bytes")
            # A last line without an end may still be written; nobody reads it.
            if line.endswith(b"\n"):
                yield line


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _is_event(event: Any, metric: str) -> bool:
    """Whether that is a line that a run judged by a metric writes; unknown kinds are let in."""
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return False
    if not _has(event, LINE_KINDS.get(event["event"], {})) or not _has_others(event):
        return False
    # Unlike an epoch, a step is never left empty: curves are cut by it.
    is_placed = event.get("step", 0) is not None and all(
        0 <= (event.get(key) or 0) <= MAX_STEP for key in ("epoch", "step")
    )
    metrics = event.get("metrics", {})
    if not is_placed or (event["event"] == "valid" and metric not in metrics):
        return False
    by_scorer = metrics.values() if event["event"] == "baselines" else [metrics]
    return _are_numbers(*by_scorer)
