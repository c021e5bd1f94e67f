"""Temperatures that tests give to runs, most of them the same for whatever is shown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from bert4rec.contexts import CONTEXTS
from bert4rec.held_out.calibration import Calibration, GroupCalibration
from bert4rec.held_out.estimates import Estimate
from bert4rec.json_files import read_json, write_json
from bert4rec.runs.folder import Run
from bert4rec.temperatures import Shown, Temperatures, as_documents

# As many as the windows of these tests hold.
LEASTS = (0, 1, 2, 4, 8, 16)


def alike(divisor: float) -> dict[Shown, float]:
    """Return the same temperature for whatever is shown."""
    return {Shown(context, least): divisor for context in CONTEXTS for least in LEASTS}


def paying(
    found: Calibration, divisor: float, where: Collection[Shown] | None = None
) -> Calibration:
    """Return a calibration in which a temperature pays for some that is shown, or for all."""
    groups = []
    for shown in alike(divisor) if where is None else where:
        own = found.plain.get(shown.context, found.plain["past"])
        sure = Estimate(0.1, 0.05, 0.2)
        groups.append(GroupCalibration(*shown, 1, divisor, sure, True, own, own))
    return replace(found, groups=tuple(groups))


def keep(run: Run, temperatures: Temperatures | None) -> None:
    """Have a run end with other temperatures, or with none that anybody looked for."""
    path = run.folder / "summary.json"
    kept = None if temperatures is None else as_documents(temperatures)
    write_json(path, read_json(path) | {"temperatures": kept})
