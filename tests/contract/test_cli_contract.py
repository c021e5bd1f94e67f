"""What every command promises: options, one document, one line on failure, exit statuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import pandas as pd
import pytest

from bert4rec.bulk.vectors import write_vectors
from bert4rec.cli import main
from bert4rec.data.collection import find_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.loaded_model import load_model
from bert4rec.policy import Policy
from bert4rec.runs.archive import export_run
from bert4rec.runs.registry import create_run, find_run
from bert4rec.runs.trash import trash_run
from tests.commands import document, run
from tests.factories import ring_dataset, small_settings

V1_POLICY = """\
policy_configs:
  {kind}:
    policy_type: bert4rec
    batch_size: 1000
    n_epochs: 1
    negative_samples_count: 2
    learning_rate: 0.001
    dropout_rate: 0.2
    hidden_size: 64
    n_heads: 2
    n_layers: 2
    max_seq_length: 50
"""
KINDS = ("scoring_policy", "embedding_policy")


def as_options(settings: dict[str, Any]) -> list[str]:
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


@dataclass(frozen=True)
class World:
    """A workspace with a ring log, its dataset and a trained run."""

    workspace: Path
    log: Path
    trained: dict[str, Any]

    @property
    def run(self) -> str:
        return str(self.trained["run"])

    def use(self, name: str) -> list[str]:
        """A call of each command that should succeed."""
        folder, dataset = self.workspace.parent, Path(self.trained["dataset"]["folder"]).name
        uses: dict[str, list[Any]] = {
            "app": ["app", "--no-browser", "--port", "8765"],
            "samples": ["samples"],
            "prepare": ["prepare", self.log, "--min-item-count", "2", "--name", "other"],
            "datasets": ["datasets"],
            "datasets rename": ["datasets", "rename", self.spare, "renamed"],
            "datasets note": ["datasets", "note", self.spare, "of two users"],
            "datasets delete": ["datasets", "delete", self.spare],
            "datasets compare": ["datasets", "compare", self.spare, dataset],
            "datasets recipe": ["datasets", "recipe", dataset],
            "datasets export": ["datasets", "export", dataset, "--out", folder / f"out-{uuid4()}"],
            "train": ["train", self.trained["dataset"]["folder"], *self.quick],
            "sweep": [
                "sweep",
                dataset,
                *self.quick,
                "--vary",
                "mask_rate=0.2,0.4",
                "--trials",
                "1",
            ],
            "evaluate": ["evaluate", self.run],
            "compare": ["compare", self.run, "--baselines", "all", "--sampled"],
            "future": ["future", self.run, "--users", "20"],
            "calibration": ["calibration", self.run, "--users", "20"],
            "report": ["report", self.run, "--out", folder / f"{uuid4()}.html"],
            "runs": ["runs"],
            "runs rename": ["runs", "rename", self.spare_run, "renamed"],
            "runs note": ["runs", "note", self.spare_run, "of two users"],
            "runs tag": ["runs", "tag", self.spare_run, "spare"],
            "runs extend": ["runs", "extend", self.run, "--epochs", "1", "--name", "longer"],
            "runs curves": ["runs", "curves", self.run, "--out", folder / f"{uuid4()}.csv"],
            "runs delete": ["runs", "delete", self.spare_run],
            "runs trash": ["runs", "trash"],
            "runs restore": ["runs", "restore", self.trashed_run],
            "runs purge": ["runs", "purge", self.trashed_run],
            "runs export": ["runs", "export", self.run, "--out", folder / f"{uuid4()}.zip"],
            "runs import": ["runs", "import", self.archive],
            "runs prune": ["runs", "prune", self.spare_run],
            "recommend": ["recommend", self.run, "--items", "1,2,3", "-k", "3"],
            "fill": ["fill", self.run, "--items", "4,_,6", "-k", "3"],
            "compose": ["compose", self.run, "--items", "4,_,_,7"],
            "score": ["score", self.run, "--pairs", folder / "pairs.csv"],
            "embed": ["embed", self.run, "--out", folder / "vectors.parquet"],
            "map": ["map", self.run, "--out", folder / f"{uuid4()}.csv", "--method", "pca"],
            "nearest": ["nearest", self.vectors, "--id", "3", "-k", "2"],
            "export": ["export", self.run, "--out", folder / f"{uuid4()}.zip"],
            "serve": ["serve", self.run, "--port", "0"],
            "policy check": ["policy", "check", folder / "policy.yaml"],
            "doctor": ["doctor"],
        }
        use = uses[name]
        return [*(word() if callable(word) else str(word) for word in use), *self.place]

    @property
    def place(self) -> list[str]:
        return ["--workspace", str(self.workspace)]

    def spare_run(self) -> str:
        """A run that has ended, another one each time that it is asked for."""
        dataset = find_dataset(self.workspace, self.trained["dataset"]["fingerprint"])
        made = create_run(self.workspace, dataset, Policy(settings=small_settings()), name="spare")
        made.set_status(state="finished")
        return made.id

    def archive(self) -> str:
        """A run as a zip file."""
        path = self.workspace.parent / "run.zip"
        export_run(find_run(self.workspace, self.run), path)
        return str(path)

    def vectors(self) -> str:
        """A file of vectors."""
        path = self.workspace.parent / "items.parquet"
        write_vectors(load_model(find_run(self.workspace, self.run)), path)
        return str(path)

    def trashed_run(self) -> str:
        """A deleted run."""
        return trash_run(self.workspace, self.spare_run()).id

    @property
    def spare(self) -> str:
        """A dataset that no run needs, there each time that it is asked for."""
        made = SequenceDataset.from_sequences([[1, 2], [2, 1]], name="spare")
        made.save(self.workspace / "datasets" / "spare")
        return "spare"

    @property
    def quick(self) -> list[str]:
        return as_options(small_settings(n_epochs=2).given())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("cli")
    log, workspace = folder / "ring.csv", folder / "workspace"
    ring = ring_dataset(n_items=12, n_users=60)
    users = [user for user in range(ring.n_users) for _ in ring.history(user)]
    frame = pd.DataFrame({"user_id": users, "item_id": ring.items, "timestamp": range(len(users))})
    frame.to_csv(log, index=False)
    (folder / "pairs.csv").write_text("user_id,item_id\n0,1\n0,2\n1,3\n")
    (folder / "policy.yaml").write_text(V1_POLICY.format(kind="scoring_policy"))
    settings = as_options(small_settings(n_epochs=8, learning_rate=0.02).given())
    result = run("train", log, *settings, "--name", "ring", "--json", "--workspace", workspace)
    return World(workspace, log, document(result))


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dashboard and a service that say that they listen and end at once."""

    def serve(*, tell: Callable[[str], object], **_: object) -> None:
        tell("The dashboard is there.")

    def listen(*_: object, host: str, tell: Callable[[str, int], object], **__: object) -> None:
        tell(host, 8600)

    monkeypatch.setattr("bert4rec.ui.server.serve", serve)
    monkeypatch.setattr("bert4rec.serving.server.serve", listen)


def leaves(group: click.Group, *above: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, *above, name)
        # A group that answers by itself is a command as well.
        answers = any("--json" in parameter.opts for parameter in command.params)
        if answers or not isinstance(command, click.Group):
            yield " ".join((*above, name)), command


COMMANDS = dict(leaves(main))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_a_workspace_and_json(name: str) -> None:
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {"--workspace", "--json"} <= options


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert not [option.name for option in options if not option.help]


@pytest.mark.parametrize("name", COMMANDS)
def test_with_json_standard_output_is_exactly_one_document(name: str, world: World) -> None:
    assert document(run(*world.use(name), "--json"))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_person_gets_lines_and_no_document(name: str, world: World) -> None:
    result = run(*world.use(name))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() or name in ("app", "serve")
    assert not result.stdout.startswith("{")


WRITING = [
    name
    for name, command in COMMANDS.items()
    if any("--out" in parameter.opts for parameter in command.params)
]
OUT_ENDINGS = {"datasets recipe": ".json", "embed": ".parquet", "report": ".html"}


@pytest.mark.parametrize("name", WRITING)
def test_whatever_writes_a_file_makes_the_folders_around_it(
    name: str, world: World, tmp_path: Path
) -> None:
    ending = ".zip" if "export" in name else OUT_ENDINGS.get(name, ".csv")
    out = tmp_path / "new" / "deep" / f"out{ending}"
    used = world.use(name)
    if "--out" in used:
        used[used.index("--out") + 1] = str(out)
    else:
        used += ["--out", str(out)]
    result = run(*used)
    assert (result.exit_code, out.exists()) == (0, True), result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_wrong_use_and_told_in_one_line(name: str) -> None:
    result = run(*name.split(), "--no-such-option")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("error: ")


FAILURES = {
    "a log that is not there": ["train", "nowhere.csv"],
    "a log without interactions": ["prepare", "{empty}"],
    "a log that is an image": ["train", "{image}"],
    "a log without known columns": ["train", "{unclear}"],
    "an item table that is not there": ["train", "{log}", "--items", "nowhere.csv"],
    "a column that is not there": ["prepare", "{log}", "--user", "nobody"],
    "filters that leave nothing": ["train", "{log}", "--min-sequence-length", "1000"],
    "a policy of another type": ["train", "{log}", "--config", "{policy}"],
    "a policy that is not there": ["policy", "check", "nowhere.yaml"],
    "a policy that is no YAML": ["policy", "check", "{image}"],
    "a device that is not there": ["train", "{log}", "--set", "device=cuda:99"],
    "a sample that is not there": ["samples", "nosuch"],
    "a dataset that is not there": ["datasets", "note", "nosuch", "text"],
    "a dataset that a run needs": ["datasets", "delete", "{dataset}"],
    "an export into a folder in use": ["datasets", "export", "{dataset}", "--out", "{folder}"],
    "a search of nothing": ["sweep", "nosuch", "--trials", "1"],
    "a search file that is not there": ["sweep", "{dataset}", "--config", "nowhere.yaml"],
    "a study that is damaged": ["sweep", "{dataset}", "--name", "broken"],
    "a run that is not there": ["evaluate", "nosuch"],
    "a run to compare that is not there": ["compare", "nosuch"],
    "a run to compare that was never trained": ["compare", "{pruned}"],
    "a baseline that is not there": ["compare", "{run}", "--baseline", "nosuch"],
    "a reference that is not compared": ["compare", "{run}", "--reference", "als"],
    "a report on a run that has not begun": ["report", "{queued}", "--out", "report.html"],
    "a report where a file is": ["report", "{run}", "--out", "{log}/report.html"],
    "a report on a run twice": ["report", "{run}", "{run}", "--out", "report.html"],
    "a run that is finished": ["train", "--resume", "{run}"],
    "a run without a name": ["runs", "rename", "{run}", " "],
    "a run that cannot be trained longer": ["runs", "extend", "{pruned}", "--epochs", "1"],
    "curves where a file is": [
        *("runs", "curves", "{run}", "--form", "tensorboard", "--out", "{log}")
    ],
    "a run that is not in the trash": ["runs", "restore", "{run}"],
    "an archive that is not there": ["runs", "import", "nowhere.zip"],
    "an archive that is an image": ["runs", "import", "{image}"],
    "a future that no history has": ["future", "{run}", "--hidden", "unseen_users"],
    "groups by a column that is not there": ["future", "{run}", "--by", "nosuch"],
    "an unknown item": ["recommend", "{run}", "--items", "1,nosuch"],
    "an unknown user": ["recommend", "{run}", "--user", "nosuch"],
    "a sequence without a gap": ["fill", "{run}", "--items", "1,2"],
    "nothing to compose": ["compose", "{run}", "--items", "1,2"],
    "a limit that cannot be kept": ["compose", "{run}", "--items", "1,_", "--limit", "colour=1"],
    "pairs that are not there": ["score", "{run}", "--pairs", "nowhere.csv"],
    "pairs without columns": ["score", "{run}", "--pairs", "{unclear}"],
    "pairs of unknown items": ["score", "{run}", "--pairs", "{strangers}"],
    "a bundle that is an image": ["recommend", "{picture}", "--items", "1"],
    "a bundle of a run that is not there": ["export", "nosuch", "--out", "{folder}/a.zip"],
    "vectors that are not there": ["nearest", "nowhere.parquet"],
    "vectors that are a log": ["nearest", "{log}"],
    "sequences that are not there": [
        *("embed", "{run}", "--sequences", "nowhere.csv", "--out", "{folder}/v.parquet")
    ],
    "a service of no run": ["serve", "nosuch"],
    "a place that cannot be written": ["embed", "{run}", "--out", "{log}/vectors.parquet"],
}


@pytest.fixture(scope="module")
def places(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("broken")
    content = {
        "empty": b"",
        "image": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00",
        "picture.zip": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00",
        "unclear": b"alpha,beta,gamma\nx,y,z\nv,w,z\n",
        "policy": b"policy_configs:\n  scoring_policy:\n    policy_type: other\n",
        "strangers": b"user_id,item_id\n0,1\n0,nosuch\n",
    }
    for name, text in content.items():
        (folder / name).write_bytes(text)
    found = {name: str(folder / name) for name in content}
    dataset = Path(world.trained["dataset"]["folder"]).name
    studies = world.workspace / "studies"
    studies.mkdir(exist_ok=True)
    (studies / "broken.db").write_bytes(b"no study")
    more = {"log": str(world.log), "run": world.run, "dataset": dataset, "folder": str(folder)}
    more["pruned"] = more["queued"] = world.spare_run()
    more["picture"] = found["picture.zip"]
    return found | more


@pytest.mark.parametrize("problem", FAILURES)
def test_a_failure_is_one_line_and_exit_status_1(
    problem: str, world: World, places: dict[str, str]
) -> None:
    words = [word.format(**places) for word in FAILURES[problem]]
    result = run(*words, "--workspace", world.workspace)
    assert result.exit_code == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert sum(line.startswith("error: ") for line in result.stderr.splitlines()) == 1
    assert "Traceback" not in result.output
    assert result.stdout == ""


@pytest.mark.parametrize("problem", ["a log that is not there", "an unknown item"])
def test_a_failure_with_json_is_one_document_too(
    problem: str, world: World, places: dict[str, str]
) -> None:
    words = [word.format(**places) for word in FAILURES[problem]]
    result = run(*words, "--json", "--workspace", world.workspace)
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["message"]


def test_the_best_trial_of_a_search_is_trained_to_its_score(world: World) -> None:
    dataset = Path(world.trained["dataset"]["folder"]).name
    words = ["sweep", dataset, "--name", "gone-on", *world.quick, "--vary", "mask_rate=0.2,0.4"]
    words += ["--trials", "2", "--seed", "5", "--train-best", *world.place]
    found = document(run(*words, "--json"))
    assert found["run"]["name"] == "gone-on-best"
    assert found["run"]["valid"]["ndcg@10"] == found["best"]["score"]
    assert found["run"]["settings"] == found["best"]["settings"]
    again = run(*words)
    assert "Study gone-on: 2 finished" in again.stdout
    assert "Test:" in again.stdout


def test_training_prints_what_is_promised(world: World) -> None:
    promised = {
        *("run", "best_epoch", "valid", "test", "baselines", "train_seconds", "folder"),
        *("sequences_per_second", "n_users", "n_items", "n_interactions"),
        *("loss_type", "loss_reason", "device", "device_reason", "model", "model_reason"),
    }
    assert promised <= world.trained.keys()
    assert None not in {key: world.trained[key] for key in promised}.values()
    assert set(world.trained["baselines"]) == {"popularity", "transitions"}
    assert world.trained["test"].keys() == world.trained["valid"].keys()
    assert Path(world.trained["folder"]).is_dir()


def test_evaluating_a_run_gives_the_figures_of_its_training(world: World) -> None:
    found = document(run("evaluate", world.run, "--json", "--workspace", world.workspace))
    assert found["test"] == world.trained["test"]
    assert found["baselines"] == world.trained["baselines"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_v1_policy_trains_and_is_returned_as_it_was(
    kind: str, world: World, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(V1_POLICY.format(kind=kind))
    place = ("--workspace", world.workspace)
    assert run("policy", "check", policy, *place).stdout == policy.read_text()
    assert document(run("policy", "check", policy, *place, "--json"))["yaml"] == policy.read_text()
    trained = document(run("train", world.log, "--config", policy, *place, "--json"))
    assert trained["policy"] == kind
    assert trained["settings"]["batch_size"] == 1000
    vectors = tmp_path / "vectors.parquet"
    found = document(run("embed", trained["run"], "--out", vectors, *place, "--json"))
    assert (found["n_items"], found["n_users"]) == (12, 60 if kind == "embedding_policy" else 0)
