"""Commands that ask what contexts are worth: future, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bert4rec.cli.answers import load_run
from bert4rec.cli.progress import StageProgress
from bert4rec.cli.terminal import Command, shared_options, show, table, wrong_use

if TYPE_CHECKING:
    from bert4rec.held_out.calibration import Calibration
    from bert4rec.held_out.future_report import FutureReport
    from bert4rec.model_source import Source
    from bert4rec.runs.folder import Run
    from bert4rec.temperatures import Temperatures

N_USERS = 1000
HIDDEN = ("unseen_users", "test", "validation", "trained")


def drawing_options(command: Command) -> Command:
    """Add what decides which items are hidden: `--hidden`, `--users` and `--seed`."""
    hidden = click.option(
        "--hidden",
        type=click.Choice(HIDDEN),
        help="Which items are hidden.  [default: the first of these with 25 users]",
    )
    users = click.option(
        "--users",
        "n_users",
        type=click.IntRange(min=1),
        help="Users drawn at most, up to three places of each.  [default: 1000, of which "
        "`future` makes up to 8000 where these are too few to tell]",
    )
    seed = click.option(
        "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of the draw."
    )
    return hidden(users(seed(command)))


@click.command()
@click.argument("run")
@drawing_options
@click.option("--by", metavar="COLUMN", help="Column of the item table to group by.")
@shared_options
def future(
    run: str, hidden: str | None, n_users: int | None, by: str | None, seed: int, workspace: Path
) -> None:
    """Say whether the future matters here, by items hidden from RUN.

    RUN is a run's id, name or folder, or `last`. Items that it was not trained on are hidden one at
    a time and looked for from the past alone, the future alone and both.
    """
    from bert4rec.held_out.future_report import future_report
    from bert4rec.held_out.future_words import finding, limits

    model = load_run(workspace, run)
    with StageProgress() as watch:
        report = future_report(model, hidden, n_users=n_users, by=by, seed=seed, watch=watch)
    document = {
        "run": None if model.run is None else model.run.id,
        "finding": finding(report),
        "limits": limits(report),
        **report.as_dict(),
    }
    show(document, _lines(report, finding(report), limits(report)))


def _lines(report: FutureReport, answer: str, bounds: Sequence[str]) -> list[str]:
    from bert4rec.contexts import CONTEXT_NAMES
    from bert4rec.held_out.future_words import long_past_places

    contexts = [
        (CONTEXT_NAMES[name], one.hr.told(), one.ndcg.told(), one.bits.told(2))
        for name, one in report.contexts.items()
    ]
    gains = [("both less past", report.gain)]
    if report.over_long_past is not None:
        some = long_past_places(report, report.over_long_past)
        gains.append(("both less as long a past" + (some and f", {some}"), report.over_long_past))
    differences = [
        (name, gain.hr.told(), gain.ndcg.told(), gain.bits.told(2)) for name, gain in gains
    ]
    slices = [
        (one.by, one.group, one.n_places, *(one.ndcg[c] for c in CONTEXT_NAMES), one.gain.told())
        for one in report.slices
    ]
    share = [
        f"{n:,} {word}"
        for word, n in (
            ("better", report.gain.n_better),
            ("worse", report.gain.n_worse),
            ("the same", report.gain.n_equal),
        )
    ]
    return [
        answer,
        "",
        *table(("mean and 95% interval", "hr@10", "ndcg@10", "bits"), contexts + differences),
        f"Ranks of both beside the past: {', '.join(share)}.",
        "",
        *table(("by", "group", "places", *CONTEXT_NAMES.values(), "both less past"), slices),
        "",
        *bounds,
    ]


@click.command()
@click.argument("run")
@drawing_options
@click.option(
    "--keep",
    is_flag=True,
    help="Have all answers of RUN use what pays, as if the end of its training had found it.",
)
@shared_options
def calibration(
    run: str, hidden: str | None, n_users: int | None, seed: int, keep: bool, workspace: Path
) -> None:
    """Say whether the probabilities of RUN are what they say.

    RUN is a run's id, name or folder, or `last`. Of all items listed with a probability of 20%, a
    fifth should be the hidden one. A temperature for each context, and by how many items it shows,
    is fitted on half of the users and judged on the others. A training keeps what pays at its end,
    and --keep that of a run from before.
    """
    if keep and (hidden, n_users, seed) != (None, None, 0):
        wrong_use("--keep draws as a training does: leave --hidden, --users and --seed out")
    from bert4rec.held_out.calibration import calibrate
    from bert4rec.temperatures import as_documents

    source: Source | None
    if keep:
        source, found = _kept(workspace, run)
    else:
        model = load_run(workspace, run)
        with StageProgress() as watch:
            found = calibrate(model, hidden, n_users=n_users or N_USERS, seed=seed, watch=watch)
        source = model.run
    used = None if source is None else source.temperatures()
    said = _said(found, used)
    document = {
        "run": None if source is None else source.id,
        "findings": said,
        "calibrated": used is not None,
        "kept": None if used is None else as_documents(used),
    }
    show(document | found.as_dict(), [*said, "", *_calibration_table(found)])


def _kept(workspace: Path, name: str) -> tuple[Run, Calibration]:
    from bert4rec.runs.registry import find_run

    run = find_run(workspace, name)
    with StageProgress(f"opening {name}") as watch:
        from bert4rec.held_out.kept_temperatures import keep_temperatures

        return run, keep_temperatures(run, watch=watch)


def _said(found: Calibration, used: Temperatures | None) -> list[str]:
    """Return what was found, and what of it the answers of the run use."""
    from bert4rec.held_out.calibration_words import (
        calibration_finding,
        divisor_words,
        temperature_finding,
    )

    is_used = used == found.temperatures
    # Answers are told without, whatever would pay.
    shown = found if used else found.using({})
    said = [calibration_finding(shown), temperature_finding(found, is_used=is_used)]
    if used is None:
        said.append("Answers use no temperature, as none was kept; --keep keeps what pays.")
    elif not is_used:
        kept, without = "no temperature", ""
        if used:
            kept = f"scores divided by {divisor_words(used, found.most_shown)}"
            without = "; the figures here are without that"
        said.append(f"Answers use what was kept: {kept}{without}.")
    return said


def _calibration_table(found: Calibration) -> list[str]:
    from bert4rec.held_out.calibration_words import shown_words

    rows = [
        (
            shown_words(one.shown, found.most_shown),
            one.n_places,
            one.plain.error,
            one.plain.loss,
            one.temperature,
            one.scaled.error,
            one.gain.told(),
            "yes" if one.pays else "no",
        )
        for one in found.groups
    ]
    head = (
        "shown",
        "places",
        "error",
        "loss in bits",
        "temperature",
        "error with it",
        "bits saved",
        "pays",
    )
    return table(head, rows)
