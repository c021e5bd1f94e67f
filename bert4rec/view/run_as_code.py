"""What the form shows as a command and as Python, to copy."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bert4rec.policy import PolicyKind
from bert4rec.setting_values import typed_value


def train_command(
    draft: Mapping[str, Any], *, dataset: str, workspace: Path, name: str, kind: PolicyKind
) -> str:
    """Return the command line that trains what the form shows, ready for a shell."""
    options = [("--workspace", str(workspace)), ("--name", name)]
    if kind != "scoring_policy":
        options.append(("--policy", kind))
    options += [("--set", f"{setting}={typed_value(value)}") for setting, value in draft.items()]
    lines = [f"bert4rec train {shlex.quote(dataset)}"]
    lines += [f"  {option} {shlex.quote(value)}" for option, value in options]
    return " \\\n".join(lines)


def train_snippet(
    draft: Mapping[str, Any], *, dataset: Path, workspace: Path, name: str, kind: PolicyKind
) -> str:
    """Return the Python that trains what the form shows, ready to run."""
    given = "".join(f"    {setting}={value!r},\n" for setting, value in draft.items())
    settings = f"bert4rec.Hyperparameters(\n{given})" if given else "bert4rec.Hyperparameters()"
    policy = "" if kind == "scoring_policy" else f"    policy={kind!r},\n"
    return (
        "import bert4rec\n\n"
        f"dataset = bert4rec.open_dataset({str(dataset)!r})\n"
        f"settings = {settings}\n"
        "run = bert4rec.train(\n    dataset,\n    settings,\n"
        f"    name={name!r},\n{policy}    workspace={str(workspace)!r},\n)\n"
        'print(run.id, run.summary()["test"])'
    )
