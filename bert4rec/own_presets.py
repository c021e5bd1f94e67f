"""Presets of one's own: policies kept by name in a workspace, beside those that come with it.

Each is a policy YAML in the folder `presets`, so that `train --config` takes it as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bert4rec.errors import NotFoundError, SettingsError
from bert4rec.files import child_of, free_safe_name, make_folder, safe_name, writing_explained
from bert4rec.json_files import write_text
from bert4rec.locks import changing
from bert4rec.policy import Policy, dump_policy, read_policy
from bert4rec.presets import PRESETS

FOLDER, ENDING = "presets", ".yaml"


@dataclass(frozen=True)
class OwnPreset:
    """A preset of a workspace.

    Args:
        name: Its name, which is also that of its file.
        policy: What it holds, or None where the file cannot be read.
        problem: Why not; empty otherwise.
    """

    name: str
    policy: Policy | None
    problem: str = ""


def own_presets(workspace: Path) -> list[OwnPreset]:
    """Return the presets of a workspace by name, also those that cannot be read."""
    paths = filter(_has_valid_name, (workspace / FOLDER).glob(f"*{ENDING}"))
    return [_read(path) for path in sorted(paths, key=lambda path: path.stem)]


def _has_valid_name(path: Path) -> bool:
    """Whether a file could be asked for by its name; others, such as hidden ones, are not ours."""
    try:
        return child_of(path.parent, path.name) == path
    except NotFoundError:
        return False


def _read(path: Path) -> OwnPreset:
    try:
        return OwnPreset(path.stem, read_policy(path))
    except (SettingsError, NotFoundError, OSError) as error:
        return OwnPreset(path.stem, None, str(error))


def save_preset(workspace: Path, name: str, policy: Policy) -> Path:
    """Keep a policy under a name that is free.

    Returns:
        The file; its name is the given one with what a file name cannot hold replaced.

    Raises:
        SettingsError: the name is empty or taken.
        UnwritableError: the workspace cannot be written.
    """
    wanted = safe_name(name, fallback="")
    if not wanted:
        raise SettingsError(["the preset has no name"], fix="Give it one with letters or digits.")
    path = workspace / FOLDER / f"{wanted}{ENDING}"
    with writing_explained(workspace):
        make_folder(path.parent)
    with changing(path.parent / FOLDER, "folder"):
        if path.exists() or wanted.casefold() in PRESETS:
            raise SettingsError(
                [f"there is a preset called {wanted} already"],
                fix="Give another name, or delete that one first.",
            )
        write_text(path, dump_policy(policy))
    return path


def free_preset_name(workspace: Path, wanted: str) -> str:
    """Return a name like the wanted one under which nothing is kept yet."""
    taken = {preset.name for preset in own_presets(workspace)} | set(PRESETS)
    return free_safe_name(wanted, taken, fallback="preset")


def delete_preset(workspace: Path, name: str) -> None:
    """Delete a preset.

    Raises:
        NotFoundError: there is none of that name.
        UnwritableError: the workspace cannot be written.
    """
    path = child_of(workspace / FOLDER, f"{name}{ENDING}")
    with writing_explained(workspace):
        try:
            path.unlink()
        except FileNotFoundError as error:
            raise NotFoundError(f"there is no preset {name!r}", where=str(path.parent)) from error
