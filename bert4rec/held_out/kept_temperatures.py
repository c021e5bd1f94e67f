"""Temperatures of a run that ended before they were looked for: found late, and kept."""

from __future__ import annotations

from typing import Any

from bert4rec.errors import RunError
from bert4rec.files import writing_explained
from bert4rec.held_out.calibration import Calibration, calibrate
from bert4rec.json_files import write_json
from bert4rec.loaded_model import load_model
from bert4rec.runs.folder import Run
from bert4rec.runs.lock import held
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.stages import Watch
from bert4rec.temperatures import as_documents


def may_keep(run: Run) -> bool:
    """Return whether a run ended before temperatures were looked for, so that they may be kept."""
    if run.status().state in ACTIVE_STATES or run.summary() is None:
        return False
    return run.temperatures() is None


def keep_temperatures(
    run: Run, *, found: Calibration | None = None, watch: Watch | None = None
) -> Calibration:
    """Calibrate the best weights of a run that has ended, and keep in its summary what pays.

    From then on all answers are told with it, as if the end of the training had found it. A run
    that has temperatures, or of which its end found that none pays, keeps what it has.

    Args:
        run: The run.
        found: What calibrating it came to, where that was just done.
        watch: Told how far it has come.

    Returns:
        The calibration, of the draw that the end of a training makes.

    Raises:
        RunError: the run has not ended, or has no report to keep it with.
        SettingsError: no history has a place for it.
        NotFoundError: the run's dataset or checkpoint is not there.
    """
    _report_of(run)
    with held(run.folder):
        # Another process may have taken it up since.
        _report_of(run)
        found = found or calibrate(load_model(run), watch=watch)
        # That took a while: what it is kept with is read as it is now.
        report = _report_of(run)
        if run.temperatures() is None:
            with writing_explained(run.folder):
                kept = {"temperatures": as_documents(found.temperatures)}
                write_json(run.folder / "summary.json", report | kept)
                run.log("probabilities are calibrated after its end")
    return found


def _report_of(run: Run) -> dict[str, Any]:
    """Return what the end of a run has written, with which temperatures can be kept.

    Raises:
        RunError: it has not ended, or has written nothing.
        NotFoundError: the run is gone.
    """
    state = run.status().state
    if state in ACTIVE_STATES:
        raise RunError(
            f"run {run.name!r} is {state}: its end looks for temperatures by itself",
            fix="Wait for its end.",
        )
    report = run.summary()
    if report is None:
        raise RunError(
            f"run {run.name!r} is {state} and has no report to keep temperatures with",
            fix=f"Let it go on to its end: bert4rec train --resume {run.id}",
        )
    return report
