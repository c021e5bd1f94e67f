"""The command that searches for settings: sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bert4rec.cli.log_options import LogOptions
from bert4rec.cli.logs import find_target
from bert4rec.cli.progress import judging_words
from bert4rec.cli.settings import PRESET_NAMES
from bert4rec.cli.terminal import (
    bundled,
    next_step,
    refuse_no_name,
    shared_options,
    show,
    table,
    tell,
    wrong_use,
)
from bert4rec.cli.training import carry_out, outcome_lines
from bert4rec.cli.training import outcome as outcome_of_run
from bert4rec.errors import RunError
from bert4rec.setting_values import typed_value

if TYPE_CHECKING:
    from bert4rec.search.plan import SearchPlan
    from bert4rec.search.study import Study
    from bert4rec.search.trials import Trial

N_SHOWN = 5
ALL_TRIED = "Every point of the space has been tried."
# As the plan of a search has them, which is not loaded for a help text.
MAX_TRIALS, MAX_SEED = 10_000, 2**53 - 1


@dataclass(frozen=True)
class SearchOptions:
    """What is searched, as typed."""

    config: str | None = None
    preset: str | None = None
    assignments: tuple[str, ...] = ()
    vary: tuple[str, ...] = ()
    trials: int | None = None
    minutes: float | None = None
    seed: int | None = None

    def given(self) -> bool:
        """Whether anything but the budget was typed."""
        typed = (self.config, self.preset, self.assignments, self.vary)
        return any(typed) or self.seed is not None

    def plan(self, known: SearchPlan | None) -> SearchPlan:
        """Put the plan together; where only a budget was typed it is the known one.

        Raises:
            SettingsError: with all problems of the part that has some.
        """
        plan = known if known is not None and not self.given() else self._asked()
        return self._with_budget(plan)

    def _asked(self) -> SearchPlan:
        from bert4rec.cli.settings import assigned
        from bert4rec.presets import FIRST_PRESET, PRESETS
        from bert4rec.search.plan import SearchPlan, checked_plan, read_plan
        from bert4rec.search.space import parse_space, usual_space
        from bert4rec.setting_checks import parse_assignment, parse_settings

        if self.config:
            return read_plan(Path(self.config))
        values = dict(PRESETS[self.preset or FIRST_PRESET].values)
        values |= assigned(self.assignments)
        base = parse_settings(values, where="--set")
        varied = dict(parse_assignment(one, where="--vary") for one in self.vary)
        space = parse_space(varied, where="--vary") if varied else usual_space(base)
        plan = SearchPlan(base, space)
        if self.seed is not None:
            plan = replace(plan, seed=self.seed)
        return checked_plan(plan, where="--vary" if varied else "--set")

    def _with_budget(self, plan: SearchPlan) -> SearchPlan:
        from bert4rec.search.plan import Budget, checked_plan

        n_trials = plan.budget.n_trials if self.trials is None else self.trials
        minutes = plan.budget.minutes if self.minutes is None else self.minutes
        return checked_plan(replace(plan, budget=Budget(n_trials, minutes)), where="--minutes")


search_options = bundled(
    "asked",
    SearchOptions,
    (
        click.option("--config", metavar="FILE", help="Search YAML: base, space, metric, budget."),
        click.option("--preset", type=click.Choice(PRESET_NAMES), help="Where settings start."),
        click.option(
            "--set",
            "assignments",
            metavar="NAME=VALUE",
            multiple=True,
            help="One setting of all trials; can be given again for others.",
        ),
        click.option(
            "--vary",
            metavar="NAME=DOMAIN",
            multiple=True,
            help="32,64 or 0.0..0.4 or 0.0..0.4:0.1 or log:3e-4..5e-3; instead of the usual ones.",
        ),
        click.option(
            "--trials", type=click.IntRange(1, MAX_TRIALS), help="Trials in all.  [default: 30]"
        ),
        click.option(
            "--minutes", type=float, help="Minutes of trials in all.  [default: no limit]"
        ),
        click.option(
            "--seed",
            type=click.IntRange(0, MAX_SEED),
            help="Chance behind the points.  [default: 42]",
        ),
    ),
)


@click.command()
@click.argument("target", metavar="DATASET")
@click.option("--name", help="Name of the study.  [default: that of the dataset]")
@search_options
@click.option("--train-best", is_flag=True, help="Train the best trial as a run at the end.")
@shared_options
def sweep(
    target: str, name: str | None, asked: SearchOptions, train_best: bool, workspace: Path
) -> None:
    """Search for settings that do well on DATASET, by validation alone.

    DATASET is a log, a dataset of the workspace or a sample. A study of the same name is gone on
    with; several processes may share one. Ctrl+C leaves it where it is. docs/search.md says more.
    """
    refuse_no_name(asked.config)
    if asked.config and replace(asked, config=None).given():
        wrong_use("--config says all; leave out --preset, --set, --vary and --seed")
    # What was typed wrongly should be told before a log is read.
    asked.plan(None)
    from bert4rec.data.adoption import adopt
    from bert4rec.search.studies import find_study, study_for
    from bert4rec.sweep import search

    dataset = adopt(find_target(target, LogOptions(), workspace), workspace)
    known = find_study(workspace, name or dataset.name)
    plan = asked.plan(None if known is None else known.plan())
    study = study_for(workspace, dataset, plan, name=name or dataset.name)
    try:
        search(
            study,
            watch=lambda trial: tell(_trial_line(trial, study.trials(), plan)),
            judging=lambda n, *far: tell(judging_words(f"trial {n + 1}", *far)),
        )
    except KeyboardInterrupt as error:
        again = next_step("sweep", target, "--name", study.name)
        raise type(error)(f"interrupted: study {study.name} is kept. {again}") from None
    document = outcome(study)
    if document["best"] is None:
        raise _fruitless(document)
    lines = _lines(document, target)
    if train_best:
        trained = _trained_best(study)
        document |= {"run": trained}
        lines = [*lines[:-1], "", *outcome_lines(trained)]
    show(document, lines)


def _trained_best(study: Study) -> dict[str, Any]:
    """Train the best trial as an ordinary run and return what it came to."""
    from bert4rec.search.studies import run_of_trial
    from bert4rec.search.trials import best_trial

    best = best_trial(study.trials())
    if best is None:
        raise RunError("no trial finished", where=study.name)
    run = run_of_trial(study, best)
    carry_out(run, is_new=True)
    return outcome_of_run(run)


def _trial_line(trial: Trial, trials: Sequence[Trial], plan: SearchPlan) -> str:
    from bert4rec.search.trials import COUNTED_STATES, n_wanted

    score = "" if trial.score is None else f"  {plan.metric} {trial.score:.4f}"
    reason = f" ({trial.reason})" if trial.reason else ""
    # One that was interrupted has a number too, but does not count.
    n_done = sum(one.state in COUNTED_STATES for one in trials)
    done = f"{n_done:,} of {n_wanted(trials, plan):,}"
    ended = f"trial {trial.number + 1} {trial.state}{reason}{score}  {trial.seconds:.0f} s"
    return f"{done}: {ended}  {_values(trial.values)}"


def _values(values: dict[str, Any]) -> str:
    shown = (f"{v:.4g}" if isinstance(v, float) else typed_value(v) for v in values.values())
    return " ".join(f"{name}={value}" for name, value in zip(values, shown, strict=True))


def outcome(study: Study) -> dict[str, Any]:
    """Return what a search has come to, as plain data."""
    from bert4rec.data.collection import name_now
    from bert4rec.search.trials import best_trial, is_exhausted

    trials, plan, told = study.trials(), study.plan(), study.facts()["dataset"]
    best = best_trial(trials)
    counts = {
        state: sum(trial.state == state for trial in trials)
        for state in ("finished", "pruned", "failed", "interrupted", "waiting", "running")
    }
    settings = None if best is None else plan.settings(best.values).given()
    return {
        "study": study.name,
        "file": str(study.path),
        "dataset": told | {"name": name_now(study.workspace, told)},
        "metric": plan.metric,
        "n_trials": plan.budget.n_trials,
        "all_tried": is_exhausted(trials, plan),
        "counts": counts,
        "seconds": round(sum(t.seconds for t in trials if t.state != "interrupted"), 1),
        "best": None if best is None else asdict(best) | {"settings": settings},
        "trials": [asdict(trial) for trial in trials],
    }


def _fruitless(document: dict[str, Any]) -> RunError:
    reasons = [trial["reason"] for trial in document["trials"] if trial["reason"]]
    said = f"; the last one said: {reasons[-1]}" if reasons else ""
    return RunError(
        f"no trial finished{said}",
        where=document["study"],
        fix="Mend what it says, then search on with more --trials, or under another --name.",
    )


def _lines(document: dict[str, Any], target: str) -> list[str]:
    told = ", ".join(f"{n:,} {state}" for state, n in document["counts"].items() if n)
    head = f"Study {document['study']}: {told or 'no trial'}, {document['seconds']:,.0f} s"
    best = document["best"]
    ended = [t for t in document["trials"] if t["state"] == "finished"]
    ranked = sorted(ended, key=lambda trial: -trial["score"])[:N_SHOWN]
    rows = [(trial["number"] + 1, trial["score"], _values(trial["values"])) for trial in ranked]
    settings = [
        word
        for key, value in best["settings"].items()
        for word in ("--set", f"{key}={typed_value(value)}")
    ]
    return [
        head,
        *([ALL_TRIED] if document["all_tried"] else []),
        "",
        *table(("trial", document["metric"], "settings"), rows),
        "",
        f"File: {document['file']}",
        next_step("train", target, "--name", f"{document['study']}-best", *settings),
    ]
