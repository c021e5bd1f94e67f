from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from bert4rec.errors import FormatError
from bert4rec.json_files import read_json, write_json
from bert4rec.runs.checkpoints import load_checkpoint, save_checkpoint
from bert4rec.runs.extension import extend_run
from bert4rec.runs.folder import Run
from bert4rec.runs.label import tag_run
from bert4rec.runs.soundness import MAX_BROKEN_LINES, check_run

GOLDEN = Path(__file__).parents[2] / "golden" / "run_v1" / "runs"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def run(tiny_run: Run, tmp_path: Path) -> Run:
    """A trained run of its own, with both checkpoints."""
    shutil.copytree(tiny_run.workspace, tmp_path / "there")
    return Run(tmp_path / "there" / "runs" / tiny_run.id)


def refusal(run: Run) -> str:
    """What is said against a run; that names a file, and says what to do."""
    with pytest.raises(FormatError) as caught:
        check_run(run)
    assert caught.value.fix
    assert str(run.folder) not in str(caught.value)
    return caught.value.message


def change(run: Run, name: str, act: Change) -> None:
    document = read_json(run.folder / name)
    act(document)
    write_json(run.folder / name, document)


def test_a_whole_run_is_sound_also_an_old_one_and_one_that_was_labelled(run: Run) -> None:
    check_run(run)
    tag_run(run.folder, ["good"])
    check_run(run)
    (golden,) = GOLDEN.iterdir()
    check_run(Run(golden))


def test_a_run_that_went_on_from_another_is_sound(run: Run) -> None:
    longer = extend_run(run, 1)
    longer.set_status(state="stopped")
    check_run(longer)


CONFIG_CHANGES: dict[str, Change] = {
    "no name": lambda c: c.update(name=""),
    "a name that fills a page": lambda c: c.update(name="x" * 1_001),
    "a name that is none": lambda c: c.update(name=["x"]),
    "a moment that is none": lambda c: c.update(created_at="../../then"),
    "a policy that is none": lambda c: c.update(policy="other"),
    "an unknown setting": lambda c: c["settings"].update(layers=3),
    "a setting out of range": lambda c: c["effective_settings"].update(hidden_size=-1),
    "a setting of another kind": lambda c: c["effective_settings"].update(device=["cpu"]),
    "a dataset that is none": lambda c: c.update(dataset="ring"),
    "a dataset in no folder": lambda c: c["dataset"].update(folder=["x"]),
    "a parent that is none": lambda c: c.update(parent={"run": 1}),
    "another version": lambda c: c.update(format_version=99),
}


@pytest.mark.parametrize("what", CONFIG_CHANGES)
def test_a_configuration_of_another_shape_is_refused(what: str, run: Run) -> None:
    change(run, "config.json", CONFIG_CHANGES[what])
    assert refusal(run).startswith("config.json: ")


STATUS_CHANGES: dict[str, Change] = {
    "an unknown state": lambda s: s.update(state="won"),
    "an active state": lambda s: s.update(state="paused"),
    "a negative epoch": lambda s: s.update(epoch=-1),
    "a score that is none": lambda s: s.update(best_score="high"),
}


@pytest.mark.parametrize("what", STATUS_CHANGES)
def test_a_status_of_another_shape_is_refused(what: str, run: Run) -> None:
    change(run, "status.json", STATUS_CHANGES[what])
    assert refusal(run).startswith("status.json: ")


@pytest.mark.parametrize(
    "label",
    [
        {"format_version": 9},
        {"format_version": 1, "name": 3, "note": "", "tags": []},
        {"format_version": 1, "name": "x" * 81, "note": "", "tags": []},
        {"format_version": 1, "name": "", "note": "x" * 2_001, "tags": []},
        {"format_version": 1, "name": "", "note": "", "tags": ["x" * 31]},
        {"format_version": 1, "name": "", "note": "", "tags": ["x"] * 13},
    ],
    ids=str,
)
def test_a_label_of_another_shape_is_refused(label: dict[str, Any], run: Run) -> None:
    write_json(run.folder / "label.json", label)
    assert refusal(run).startswith("label.json: ")


SUMMARY_CHANGES: dict[str, Change] = {
    "a test that is none": lambda s: s.update(test=3),
    "a metric that is none": lambda s: s["test"].update({"ndcg@10": "high"}),
    "no report": lambda s: s.pop("report"),
    "a report without test": lambda s: s["report"].pop("test"),
    "a report without the model": lambda s: s["report"]["test"].pop("bert4rec"),
    "a part that is none": lambda s: s["report"].update(unseen_users=[]),
    "an interval of one end": lambda s: s["report"]["test"]["popularity"]["intervals"].update(
        {"ndcg@10": [0.1]}
    ),
    "an interval made in no way": lambda s: s["report"]["test"]["popularity"].update(
        interval_method="two"
    ),
    "judged without the metric": lambda s: s["report"]["test"]["bert4rec"]["metrics"].pop(
        "ndcg@10"
    ),
    "judged without its interval": lambda s: s["report"]["test"]["transitions"]["intervals"].pop(
        "ndcg@10"
    ),
    "slices that are none": lambda s: s["report"]["test"]["bert4rec"].update(slices=-1),
    "a slice without its hits": lambda s: s["report"]["test"]["popularity"]["slices"][0].pop(
        "hr@10"
    ),
    "figures of lists that are none": lambda s: s["report"]["test"]["bert4rec"]["lists"].update(
        {"novelty@10": "high"}
    ),
    "seconds that are none": lambda s: s.update(train_seconds=None),
    "a count that is none": lambda s: s.update(best_epoch=True),
    "users that are none": lambda s: s.update(n_users="many"),
    "a split without counts": lambda s: s["split"].pop("n_test"),
    "temperatures of nothing": lambda s: s.update(temperatures=0),
    "temperatures that are none": lambda s: s.update(temperatures=[{"context": "past"}]),
    "a split that is none": lambda s: s.update(split="leave_one_out"),
}


@pytest.mark.parametrize("what", SUMMARY_CHANGES)
def test_a_summary_of_another_shape_is_refused(what: str, run: Run) -> None:
    change(run, "summary.json", SUMMARY_CHANGES[what])
    assert refusal(run).startswith("summary.json: ")


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        '{"epoch": 1}',
        '{"event": "train", "epoch": 1, "step": 1}',
        '{"event":"train","epoch":1,"step":1.5,"loss":2,"learning_rate":1,"elapsed_s":1}',
        '{"event": "train", "epoch": 1, "step": 1, "loss": 2, "learning_rate": 1}',
        '{"event":"train","epoch":1,"step":1,"loss":NaN,"learning_rate":1,"elapsed_s":1}',
        '{"event": "valid", "epoch": 1, "step": 1, "metrics": [], "is_best": true}',
        '{"event": "valid", "epoch": 1, "step": 1, "metrics": {"ndcg@10": "x"}, "is_best": true}',
        '{"event": "valid", "epoch": 1, "step": 1, "metrics": {}, "is_best": 1}',
        '{"event": "baselines", "metrics": {"popularity": 3}}',
        '{"event": "continued"}',
        '{"event": "continued", "step": -1}',
        '{"event": "checkpoint"}',
        '{"event": "resumed", "step": null}',
        '{"event": "other", "step": null}',
        r'{"event": "failed", "message": "\ud800"}',
        '{"event": "other", "epoch": "x"}',
        '{"event": "started", "n_items": "many"}',
        '{"event": "train", "epoch": 1, "step": 1, "loss": 2, "learning_rate": "high"}',
    ],
)
def test_a_line_of_the_journal_that_no_run_writes_is_refused(line: str, run: Run) -> None:
    n_lines = len(run.journal.path.read_bytes().splitlines())
    with run.journal.path.open("a") as file:
        file.write(line + "\n")
    assert refusal(run) == f"metrics.jsonl: line {n_lines + 1:,} is not what a run writes"


def test_a_journal_that_was_cut_is_sound_and_one_of_broken_lines_is_not(run: Run) -> None:
    with run.journal.path.open("a") as file:
        file.write('{"event": "tr\n{"event": "train", "ep')
    check_run(run)
    with run.journal.path.open("a") as file:
        file.write("\n" + "[" * 30_000 + "\n" + "{\n" * MAX_BROKEN_LINES)
    assert "of its lines are broken" in refusal(run)


def test_a_line_that_this_version_does_not_know_is_let_in(run: Run) -> None:
    with run.journal.path.open("a") as file:
        file.write('{"event": "other", "epoch": null, "text": ["x"]}\n')
    check_run(run)


def test_a_line_that_would_fill_the_memory_is_refused(run: Run) -> None:
    with run.journal.path.open("a") as file:
        file.write('{"event": "note", "text": "' + "x" * 70_000 + '"}\n')
    assert "a line of more than 65,536 bytes" in refusal(run)


def with_tensors(run: Run, kind: str, act: Change) -> None:
    tensors, plain = load_checkpoint(run.checkpoint(kind))
    act(tensors)
    save_checkpoint(run.checkpoint(kind), tensors, plain)


TENSOR_CHANGES: dict[str, Change] = {
    "a weight of another shape": lambda t: t.update({"network.norm.bias": torch.zeros(3)}),
    "items of another width": lambda t: t.update({"network.items.weight": torch.zeros(32, 8)}),
    "no items": lambda t: t.pop("network.items.weight"),
    "a weight missing": lambda t: t.pop("network.norm.bias"),
    "a layer too many": lambda t: t.update({"network.blocks.2.norm.bias": torch.zeros(16)}),
    "a weight too many": lambda t: t.update({"network.extra": torch.zeros(2)}),
    "a tensor of no use": lambda t: t.update(extra=torch.zeros(2)),
    "whole numbers": lambda t: t.update({"network.norm.bias": torch.zeros(16, dtype=torch.int64)}),
}


@pytest.mark.parametrize("kind", ["best", "last"])
@pytest.mark.parametrize("what", TENSOR_CHANGES)
def test_weights_that_do_not_fit_the_settings_are_refused(what: str, kind: str, run: Run) -> None:
    with_tensors(run, kind, TENSOR_CHANGES[what])
    assert refusal(run).startswith(f"checkpoints/{kind}.safetensors: ")


@pytest.mark.parametrize("kind", ["best", "last"])
def test_weights_of_another_catalogue_are_refused(run: Run, kind: str) -> None:
    def shrink(tensors: dict[str, torch.Tensor]) -> None:
        n_rows = len(tensors["network.items.weight"])
        for name, tensor in tensors.items():
            if tensor.dim() and len(tensor) in (n_rows, n_rows - 2):
                tensors[name] = tensor[:-1].contiguous()

    with_tensors(run, kind, shrink)
    assert "items, but its run trained on" in refusal(run)


def test_a_network_of_other_settings_is_refused_without_its_being_made(run: Run) -> None:
    for key in ("hidden_size", "inner_size"):
        change(run, "config.json", lambda c, key=key: c["effective_settings"].update({key: 65_536}))
    assert "its weights do not fit the network of the settings" in refusal(run)


@pytest.mark.parametrize(
    "tensors",
    [
        {"optimizer.0.exp_avg": torch.zeros(1_000)},
        {"trained.norm.bias": torch.zeros(3)},
        {"loss_sum": torch.zeros(3)},
    ],
    ids=lambda tensors: next(iter(tensors)),
)
def test_a_state_to_go_on_from_that_is_not_of_this_network_is_refused(
    tensors: dict[str, torch.Tensor], run: Run
) -> None:
    with_tensors(run, "last", lambda found: found.update(tensors))
    assert refusal(run).startswith("checkpoints/last.safetensors: ")


def test_a_model_comes_without_the_state_to_go_on_from(run: Run) -> None:
    shutil.copyfile(run.checkpoint("last"), run.checkpoint("best"))
    assert "best.safetensors: it holds tensors that a run does not write" in refusal(run)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04\x95pickle",
        (2**62).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
    ],
)
def test_what_is_no_checkpoint_is_refused(content: bytes, run: Run) -> None:
    run.checkpoint("best").write_bytes(content)
    assert refusal(run).startswith("checkpoints/best.safetensors: ")


@pytest.mark.parametrize(
    "plain", [{}, {"epoch": "x"}, {"epoch": -1}, {"best_score": "high"}, {"trained_s": None}]
)
def test_a_position_that_is_none_is_refused(plain: dict[str, Any], run: Run) -> None:
    tensors, before = load_checkpoint(run.checkpoint("best"))
    save_checkpoint(run.checkpoint("best"), tensors, before | plain if plain else {})
    assert "position in the checkpoint is damaged" in refusal(run)


def test_a_checkpoint_with_other_metadata_is_refused(run: Run) -> None:
    tensors, _ = load_checkpoint(run.checkpoint("best"))
    for document in ({}, [], {"format_version": 1, "plain": 3}, {"format_version": 99}):
        save_file(tensors, run.checkpoint("best"), metadata={"bert4rec": json.dumps(document)})
        assert refusal(run).startswith("checkpoints/best.safetensors: ")
