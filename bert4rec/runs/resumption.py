"""Whether a run still has what it goes on from; one that lost it would begin anew unasked."""

from __future__ import annotations

from bert4rec.errors import RunError
from bert4rec.files import is_file
from bert4rec.runs.folder import Run


def check_resumable(run: Run) -> None:
    """Make sure that a run goes on from where it was, or has not come to its first checkpoint.

    Raises:
        RunError: its last checkpoint is gone, and training would replace its model by a new one.
    """
    if is_file(run.checkpoint("last")):
        return
    # Weights and summary do not tell: both may be there of a run that ended before its first one.
    if run.journal.read(only=("checkpoint",))[0]:
        raise RunError(
            f"run {run.name!r} has no last checkpoint to go on from, and would begin anew in place "
            "of its model",
            fix="Clone it to the form and train that, or export it again with --with-last.",
        )
