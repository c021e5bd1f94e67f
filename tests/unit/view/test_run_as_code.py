from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from bert4rec.data.samples import prepare_sample
from bert4rec.runs.registry import list_runs
from bert4rec.view.run_as_code import train_command, train_snippet


def test_the_command_survives_a_shell() -> None:
    command = train_command(
        {"n_epochs": 3},
        dataset="films-1a2b",
        workspace=Path("/tmp/my space"),
        name="it's --set x=1",
        kind="embedding_policy",
    )
    assert shlex.split(command.replace("\\\n", "")) == [
        *("bert4rec", "train", "films-1a2b", "--workspace", "/tmp/my space"),
        *("--name", "it's --set x=1", "--policy", "embedding_policy", "--set", "n_epochs=3"),
    ]


def test_the_snippet_trains_what_the_form_shows(workspace: Path) -> None:
    dataset = prepare_sample("playlists", workspace)
    assert dataset.folder is not None
    draft = {
        "n_epochs": 1,
        "hidden_size": 8,
        "n_heads": 1,
        "n_layers": 1,
        "max_seq_length": 5,
        "eval_step": 0,
        "loss_type": "CE",
        "dropout_rate": 0.0,
        "n_threads": 1,
    }
    text = train_snippet(
        draft,
        dataset=dataset.folder,
        workspace=workspace,
        name='it\'s a "name"',
        kind="embedding_policy",
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (run,) = list_runs(workspace)
    assert run.id in done.stdout
    assert "ndcg@10" in done.stdout
    assert run.name == 'it\'s a "name"'
    assert run.policy().kind == "embedding_policy"
    assert run.hyperparameters().given() == draft


def test_the_snippet_of_the_defaults_is_short() -> None:
    text = train_snippet(
        {}, dataset=Path("d"), workspace=Path("w"), name="n", kind="scoring_policy"
    )
    assert "settings = bert4rec.Hyperparameters()\n" in text
    assert "policy" not in text
