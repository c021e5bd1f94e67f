"""The report as one HTML file: no script, no outside request, everything in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bert4rec.baselines.titles import NETWORK
from bert4rec.files import refuse_unwritable, writing_explained
from bert4rec.held_out.kept_temperatures import may_keep
from bert4rec.json_files import write_text
from bert4rec.report import findings, making, pictures, sections
from bert4rec.report.charts import Chart
from bert4rec.report.collect import DataGroup, Report, collect
from bert4rec.report.facts import RunFacts
from bert4rec.report.gallery import N_MIDDLES
from bert4rec.report.text import clean
from bert4rec.runs.folder import Run
from bert4rec.stages import Watch, tell_nobody, within
from bert4rec.view.metric_words import CUT_OFF_WORDS
from bert4rec.words import (
    counted,
    duration,
    metric_name,
    number,
    percent,
    sentence,
    time_span,
    when,
)

MAX_VERDICTS, MAX_SENTENCE = 20, 400
MAX_NOTE = 400


def report_html(
    runs: Iterable[Run], *, verdict: Sequence[str] | None = None, watch: Watch = tell_nobody
) -> str:
    """Return the report on one run or up to five as the text of an HTML file.

    Args:
        runs: Of any state in which there is something to tell.
        verdict: Sentences on what the model is good for and what not, shown where there are some;
            None takes the advice of the newest comparison of these runs, if one is kept.
        watch: Told how far it has come.

    Raises:
        RunError: there are too many runs, one is named twice, or one has nothing to tell yet.
        FormatError: a run is damaged.
    """
    report = collect(runs, verdict=verdict, watch=within(watch, 0.0, 0.9))
    watch("drawing the page", 0.9)
    return render(report)


def write_report(
    runs: Iterable[Run],
    path: Path,
    *,
    verdict: Sequence[str] | None = None,
    watch: Watch = tell_nobody,
) -> None:
    """Write the report to a file, which is replaced at once and whole.

    Raises:
        UnwritableError: the file cannot be written.
        RunError: see `report_html`.
        FormatError: a run is damaged.
    """
    refuse_unwritable(path)
    text = report_html(runs, verdict=verdict, watch=watch)
    with writing_explained(path.parent):
        write_text(path, text)


def render(report: Report) -> str:
    """Return what was gathered as the text of an HTML file."""
    runs = report.runs
    title = " and ".join(clean(one.label, 40) for one in runs)
    return (
        _environment()
        .get_template("report.html")
        .render(
            title=title if len(runs) < 3 else f"{len(runs)} runs compared",
            about=findings.about(report),
            headline=findings.headline(report),
            made_at=when(report.made_at),
            subtitle=_subtitle(report),
            notes=[
                (clean(one.label, 40), note) for one in runs if (note := findings.state_note(one))
            ],
            said=[
                (clean(one.label, 40), clean(note, MAX_NOTE))
                for one in runs
                if (note := one.run.label().note)
            ],
            key_figures=_key_figures(runs),
            verdict=[clean(text, MAX_SENTENCE) for text in report.verdict[:MAX_VERDICTS]],
            groups=[_group(group, report) for group in report.groups],
            task=findings.task_words(report),
            is_one=len(runs) == 1,
            makings=[making.making_of(one) for one in runs],
            differences=making.differences(runs) if len(runs) > 1 else None,
            metric_names=[metric_name(name) for name in sections.TABLE_METRICS],
            cut_off_words=CUT_OFF_WORDS,
            style=_style(),
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bert4rec.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "share": findings.share, "percent": percent}
    environment.globals |= {
        "n_middles": N_MIDDLES,
        "counted": counted,
        "clean": clean,
        "sentence": sentence,
    }
    return environment


def _style() -> Markup:
    # Our own file: nothing of a log is in it.
    style = resources.files("bert4rec.report").joinpath("templates/report.css")
    return Markup(style.read_text(encoding="utf-8"))


def _subtitle(report: Report) -> str:
    names = " and ".join(dict.fromkeys(one.model_name for one in report.runs))
    data = ", ".join(clean(group.name, 40) for group in report.groups)
    is_made_up = any(
        group.dataset is not None and group.dataset.manifest.get("simulated")
        for group in report.groups
    )
    return f"{names} on {data}{' (simulated data)' if is_made_up else ''}"


def _key_figures(runs: Sequence[RunFacts]) -> list[tuple[str, str, str]]:
    """Return name, value and words of the figures at the head, for one run alone."""
    if len(runs) != 1:
        return []
    one = runs[0]
    found = []
    own = one.judged.get(NETWORK)
    if own is not None:
        found.append(
            ("Hit rate", findings.share(own.metrics["hr@10"]), "true item among ten suggested")
        )
        rule = findings.best_rule(one.judged)
        if rule is not None:
            value = findings.share(one.judged[rule].metrics["hr@10"])
            found.append((findings.rule_name(rule), value, "the best simple rule, same measure"))
        if "coverage@10" in own.lists:
            value = findings.share(own.lists["coverage@10"])
            found.append(("Reach", value, "of the catalogue is suggested to somebody"))
    found.append(("Training", duration(one.status.trained_s or None), _epochs(one)))
    return found


def _epochs(one: RunFacts) -> str:
    return f"{one.status.epoch:,} of {counted(one.status.n_epochs, 'epoch')}"


def _group(group: DataGroup, report: Report) -> dict[str, Any]:
    """Return what the page shows of the runs of one dataset."""
    keys = [sections.run_key(report.runs, one) for one in group.runs]
    return {
        "name": clean(group.name, 40),
        "is_there": group.dataset is not None,
        "figures": _data_figures(group),
        "charts": pictures.data_charts(group),
        "checks": [check for check in group.checks if check.level != "info"],
        "remarks": [check for check in group.checks if check.level == "info"],
        "maps": _maps(group),
        "problems": [
            (clean(label, 40), sentence(clean(text, 200))) for label, text in group.problems.items()
        ],
        "training": pictures.training_charts(group.runs, keys),
        "unvalidated": [_unvalidated(one) for one in group.runs if not one.curves.valid],
        **_results(group, report),
        **_examples(group),
    }


def _results(group: DataGroup, report: Report) -> dict[str, Any]:
    found = sections.scored(group, report.runs, lambda one: one.judged)
    unseen = sections.scored(group, report.runs, lambda one: one.unseen)
    return {
        "scored": found,
        "metrics": list(sections.metric_charts(found)),
        "unseen": list(sections.metric_charts(unseen)),
        "slices": list(sections.slice_charts(found)),
        "table": sections.metric_table(found),
        "lists": sections.list_rows(found),
        "verdicts": [(clean(one.label, 40), findings.run_finding(one)) for one in group.runs],
    }


def _examples(group: DataGroup) -> dict[str, Any]:
    gallery = group.gallery
    if gallery is None:
        return {"gallery": None, "titles": {}, "chosen": "", "contexts": [], "to_calibrate": []}
    return {
        "gallery": gallery,
        "to_calibrate": [
            f"bert4rec calibration {one.run.id} --keep"
            for one in group.runs
            if one.label in gallery.own and may_keep(one.run)
        ],
        "titles": sections.titles_of(group),
        "chosen": findings.chosen_words(gallery, len(group.runs)),
        "contexts": [
            (
                clean(label, 40),
                sections.context_chart(found),
                findings.contexts_finding(found),
            )
            for label, found in gallery.contexts.items()
        ],
    }


def _maps(group: DataGroup) -> list[Chart]:
    if group.dataset is None:
        return []
    vocabulary = group.dataset.vocabulary
    titles, counts = vocabulary.titles, vocabulary.counts
    return [
        pictures.map_chart(_map_title(label, one.method, group), one, titles, counts)
        for label, one in group.maps.items()
    ]


def _unvalidated(one: RunFacts) -> str:
    label = clean(one.label, 40)
    if one.settings.eval_step:
        return f"{label} has not been validated yet, so it has no curve of that."
    return (
        f"{label} was not validated while it trained: it has no curve of that, and its last weights"
        " are the ones that are used."
    )


def _map_title(label: str, method: str, group: DataGroup) -> str:
    of_run = f", {clean(label, 40)}" if len(group.runs) > 1 else ""
    return f"Map of the items ({method.upper()}){of_run}"


def _data_figures(group: DataGroup) -> list[tuple[str, str, str]]:
    """Return name, value and words of the figures of a dataset."""
    found = group.profile
    if found is None:
        return []
    figures = [
        ("People", number(found.n_users), "with a history each"),
        ("Items", number(found.n_items), "in the catalogue"),
        ("Choices", number(found.n_interactions), "of a person for an item"),
        ("Typical history", number(found.length_quantiles["median"]), "items, the median"),
    ]
    if found.first_at and found.last_at:
        days = when(found.first_at, with_time=False), when(found.last_at, with_time=False)
        span = time_span(found.first_at, found.last_at)
        figures.append(("Time", span, f"{days[0]} to {days[1]}"))
    return figures
