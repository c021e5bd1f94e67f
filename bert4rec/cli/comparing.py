"""`compare`: runs and baselines on the same users."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bert4rec.cli.progress import ComparisonProgress, Noting
from bert4rec.cli.terminal import shared_options, show, table, tell, wrong_use
from bert4rec.words import signed, span

if TYPE_CHECKING:
    from bert4rec.comparing.comparison import Comparison

SHOWN_METRICS = ("hr@1", "hr@10", "ndcg@10", "mrr@10")
TESTED_METRICS = ("ndcg@10", "hr@10")
PARTS = {"test": "Test", "unseen_users": "Unseen users"}


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--baseline", "names", metavar="NAME", multiple=True, help="Beside this one; repeatable."
)
@click.option(
    "--baselines",
    type=click.Choice(["all", "none"]),
    help="All that can be fitted here, or none.  [default: popularity, recent, transitions]",
)
@click.option(
    "--reference", metavar="NAME", help="Run or baseline to hold all others against.  [first RUN]"
)
@click.option(
    "--sampled", is_flag=True, help="Also rank among 100 sampled items, as the first paper did."
)
@click.option(
    "--category", metavar="COLUMN", help="What tells the items' categories.  [the most telling one]"
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Chance behind fits and intervals.",
)
@shared_options
def compare(
    runs: tuple[str, ...],
    names: tuple[str, ...],
    baselines: str | None,
    reference: str | None,
    sampled: bool,
    category: str | None,
    seed: int,
    workspace: Path,
) -> None:
    """Judge each RUN and baselines on the same users: is it the right model for these data?

    RUN is a finished run's id, name or folder, or `last`; all of one dataset and one split. The
    baselines are popularity, recent, transitions, item-knn, als, item2vec and ease, fitted on what
    the runs were trained on. Differences are paired, user by user, with a 95% interval and a
    p-value by flipping signs, adjusted by Holm for their number. The comparison is kept in the
    workspace; asked for again, it is there at once.
    """
    if names and baselines:
        wrong_use("give either --baseline or --baselines")
    from bert4rec.runs.registry import find_run

    found = [find_run(workspace, name) for name in runs]
    with Noting("opening the runs and their data"):
        from bert4rec.baselines.catalogue import QUICK
        from bert4rec.comparing.compare import carry_out, find_kept
        from bert4rec.comparing.plan import plan_comparison
        from bert4rec.comparing.verdict import reach_verdict

        asked = baselines or (names if names else QUICK)
        plan = plan_comparison(
            found,
            asked,
            reference=reference,
            with_sampled=sampled,
            category=category,
            seed=seed,
        )
    for name, reason in plan.left_out.items():
        tell(f"left out: {name}: {reason}")
    made = find_kept(plan, workspace)
    if made is None:
        with ComparisonProgress() as progress:
            made = carry_out(plan, workspace, watch=progress)
    with Noting("working out intervals and tests"):
        document = made.document() | {"advice": reach_verdict(made).document()}
    show(document, lines_of(made, document))


def lines_of(made: Comparison, document: dict[str, Any]) -> list[str]:
    """Return a comparison as a person reads it on a terminal."""
    facts = made.facts
    seen = "without seen items" if facts["removes_seen"] else "with seen items"
    lines = [
        f"Comparison {made.id} on {facts['dataset']['name']}: {facts['asked']}, ranked among all"
        f" {facts['dataset']['n_items']:,} items, {seen} ({facts['seen_reason']}).",
    ]
    verdict = document["advice"]
    lines += ["", verdict["headline"] + ".", *(f"  {one['text']}" for one in verdict["findings"])]
    for name, part in document["parts"].items():
        drawn = f" of {part['n_all']:,}, drawn" if part["n_all"] > part["n_rows"] else ""
        lines += ["", f"{PARTS[name]}, test cases: {part['n_rows']:,}{drawn}"]
        lines += _score_lines(made, part)
        lines += _difference_lines(made, document["reference"], part)
        lines += _list_lines(made, document, part)
        lines += _sampled_lines(made, part)
    lines += [f"Left out: {one['name']}: {one['reason']}" for one in facts["left_out"]]
    return lines


def _score_lines(made: Comparison, part: dict[str, Any]) -> list[str]:
    found = {(row["entrant"], row["metric"]): row for row in part["scores"]}
    ordered = sorted(made.entrants, key=lambda key: -found[key, "ndcg@10"]["value"])
    rows = [
        (
            made.entrants[key].title,
            *(found[key, metric]["value"] for metric in SHOWN_METRICS),
            span(found[key, "ndcg@10"]["low"], found[key, "ndcg@10"]["high"], 4),
        )
        for key in ordered
    ]
    return table(("", *SHOWN_METRICS, "ndcg@10, 95% interval"), rows)


def _difference_lines(made: Comparison, reference: str, part: dict[str, Any]) -> list[str]:
    rows = [
        (
            made.entrants[row["entrant"]].title,
            row["metric"],
            signed(row["mean"]),
            f"{signed(row['low'])} to {signed(row['high'])}",
            row["p_holm"],
            row["n_better"],
            row["n_worse"],
            row["n_same"],
        )
        for row in part["differences"]
        if row["metric"] in TESTED_METRICS
    ]
    if not rows:
        return []
    head = ("", "metric", "difference", "95% interval", "adjusted p", "better", "worse", "same")
    title = f"Against {made.entrants[reference].title}, on the same users:"
    return ["", title, *table(head, rows)]


def _list_lines(made: Comparison, document: dict[str, Any], part: dict[str, Any]) -> list[str]:
    names = ("coverage", "novelty", "diversity", "popularity_lift", "miscalibration")
    rows = [
        (made.entrants[row["entrant"]].title, *(row[name] for name in names))
        for row in part["lists"]
    ]
    by = document["diversity_by"]
    head = ("", "coverage", "novelty (bits)", "diversity", "popularity lift", "miscalibration")
    return ["", f"Lists of 10 (diversity by {by}):", *table(head, rows)]


def _sampled_lines(made: Comparison, part: dict[str, Any]) -> list[str]:
    if not part["sampled"]:
        return []
    found = {(row["entrant"], row["metric"]): row["value"] for row in part["sampled"]}
    names = ("hr@1", "hr@5", "hr@10", "ndcg@5", "ndcg@10", "mrr")
    rows = [
        (entrant.title, *(found[key, name] for name in names))
        for key, entrant in made.entrants.items()
    ]
    title = "Among 100 items sampled by popularity, only to read the first paper's table by:"
    return ["", title, *table(("", *names), rows)]
