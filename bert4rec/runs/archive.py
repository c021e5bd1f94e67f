"""A run as one zip file, to be carried to another workspace; what comes in is checked first."""

from __future__ import annotations

import zipfile
from datetime import datetime
from pathlib import Path

from bert4rec.errors import FormatError, NotFoundError, RunError
from bert4rec.files import (
    is_file,
    is_there,
    move_where_free,
    remove_abandoned,
    safe_name,
    swapped_in,
    temporary_folder_beside,
    writing_explained,
)
from bert4rec.parcels import Expected
from bert4rec.runs.folder import Run
from bert4rec.runs.label import rename_run
from bert4rec.runs.registry import free_run_name, taken_names
from bert4rec.runs.soundness import BEST, LAST, MAX_BYTES, NEEDED, check_run
from bert4rec.runs.status import ACTIVE_STATES

EXPECTED = Expected("a run", MAX_BYTES, NEEDED)
# What only the bundle of a model holds, which is a zip file too and lies where runs do.
OF_A_BUNDLE = "bundle.json"
EXPORTED = "Files → Run as zip on the Runs page, or bert4rec runs export"


def export_run(run: Run, path: Path, *, with_last: bool = False) -> list[str]:
    """Write a run that has ended as a zip file; return the names of what is in it.

    Its dataset stays behind: the other workspace needs the same one to use the model.

    Args:
        run: The run.
        path: The file to write; one that is there is replaced.
        with_last: Whether the checkpoint to go on from comes along.

    Raises:
        RunError: the run is active.
        FormatError: the run is damaged.
        UnwritableError: the file cannot be written.
    """
    if run.status().state in ACTIVE_STATES:
        raise RunError(f"run {run.name!r} is still active", fix="Export it once it has ended.")
    names = [name for name in MAX_BYTES if name != LAST or with_last]
    there = [name for name in names if is_file(run.folder / name)]
    with (
        writing_explained(path.parent),
        swapped_in(path) as temporary,
        # A zip file knows no moment before 1980, which is where a copy may put a file.
        zipfile.ZipFile(temporary, "w", strict_timestamps=False) as archive,
    ):
        for name in there:
            # Weights are noise to a packer.
            packing = zipfile.ZIP_STORED if name in (BEST, LAST) else zipfile.ZIP_DEFLATED
            archive.write(run.folder / name, name, packing)
    return there


def import_run(workspace: Path, path: Path) -> Run:
    """Bring a run from a zip file, or from a run's folder, into a workspace, under its own id.

    Where another run has its name already, the next free number stands behind it.

    Nothing is put in place before all of it was looked at: names, sizes and contents, as
    `bert4rec.runs.soundness` says. Nothing in it is ever executed, and after a refusal nothing of
    it is left.

    Args:
        workspace: Where the run goes.
        path: A zip file that `export_run` wrote, or the folder of a run that has ended. Of a folder
            only what an export takes comes along, its last checkpoint included.

    Raises:
        NotFoundError: there is no such file or folder.
        FormatError: it is not that of a sound run whose version and settings are known here.
        UnwritableError: the workspace cannot be written, or has no room for it.
    """
    if not is_there(path):
        raise NotFoundError(f"there is no file {path.name!r}", where=str(path.parent))
    runs = workspace / "runs"
    remove_abandoned(runs)
    with writing_explained(runs), temporary_folder_beside(runs / "import") as temporary:
        (temporary / "checkpoints").mkdir()
        try:
            (EXPECTED.copy if path.is_dir() else EXPECTED.unpack)(path, temporary)
            check_run(Run(temporary))
        except FormatError as error:
            raise _refused(error, path) from error
        _name_apart(Run(temporary), workspace)
        return Run(move_where_free(temporary, runs, _title(Run(temporary))))


def _name_apart(run: Run, workspace: Path) -> None:
    """Number the name of a run that comes to where another one is called so."""
    if run.name in taken_names(workspace):
        rename_run(run.folder, free_run_name(workspace, run.name))


def _title(run: Run) -> str:
    config = run.config()
    created_at = datetime.fromisoformat(config["created_at"])
    return f"{created_at:%Y%m%dT%H%M%S}-{safe_name(config['name'], fallback='run')}"


def _refused(error: FormatError, path: Path) -> FormatError:
    kind = "folder" if path.is_dir() else "zip file"
    if is_file(path / OF_A_BUNDLE) or error.details.get("strange") == OF_A_BUNDLE:
        return FormatError(
            f"this {kind} is a model bundle and not a run",
            where=path.name,
            fix=f"Choose {EXPORTED}, where the run is. A bundle is used by bert4rec serve and the "
            "like.",
        )
    fix = f"Take one that was written by {EXPORTED}."
    return FormatError(
        f"the {kind} is not that of a run: {error.message}", where=path.name, fix=error.fix or fix
    )
