"""From runs and names of baselines to a comparison in the workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bert4rec.baselines.catalogue import QUICK
from bert4rec.comparing.categories import find_categories
from bert4rec.comparing.comparison import Comparison, comparison_folder, open_comparison
from bert4rec.comparing.judging import JudgedPart, Judging, Step, Watch
from bert4rec.comparing.list_figures import ListContext, list_figures
from bert4rec.comparing.plan import MAX_ROWS, Plan, plan_comparison, training_of
from bert4rec.comparing.slicing import slice_members
from bert4rec.control import Control
from bert4rec.data.order_signs import shared_order
from bert4rec.data.split_record import asked_words, split_record
from bert4rec.device import memory_errors_explained
from bert4rec.errors import FormatError, NotFoundError, SettingsError
from bert4rec.files import expanded, find_workspace, refuse_unwritable, writing_explained
from bert4rec.held_out.future_report import future_report
from bert4rec.histories import Histories
from bert4rec.loaded_model import load_model
from bert4rec.moments import now_text
from bert4rec.runs.folder import Run, open_run


def compare(
    runs: Sequence[Run | str | Path] | Run | str | Path,
    baselines: Sequence[str] | str = QUICK,
    *,
    reference: str | None = None,
    with_sampled: bool = False,
    seed: int = 0,
    max_rows: int = MAX_ROWS,
    category: str | None = None,
    workspace: str | Path | None = None,
) -> Comparison:
    """Judge runs and baselines on the same users and keep the comparison in the workspace.

    One that was made of the same is opened instead of made again.

    Args:
        runs: Finished runs of one dataset and one split, or their folders; one is enough.
        baselines: Names of the catalogue, or `all` or `none`.
        reference: Who the others are held against; the first run if omitted.
        with_sampled: Whether to rank among 100 sampled items as well, as the first paper did.
        seed: Chance behind fits, draws and resamples.
        max_rows: Rows judged of each part at most.
        category: Column of the item table that tells categories; the most telling one if omitted.
        workspace: Where it goes; see `find_workspace`.

    Raises:
        Bert4RecError: it cannot be made; see `plan_comparison`.

    Example:
        >>> compare("workspace/runs/last-one", "all").scores()  # doctest: +SKIP
    """
    given = [runs] if isinstance(runs, Run | str | Path) else runs
    opened = [one if isinstance(one, Run) else open_run(expanded(one)) for one in given]
    plan = plan_comparison(
        opened,
        baselines,
        reference=reference,
        with_sampled=with_sampled,
        seed=seed,
        max_rows=max_rows,
        category=category,
    )
    return carry_out(plan, find_workspace(workspace))


def carry_out(
    plan: Plan, workspace: Path, *, control: Control | None = None, watch: Watch | None = None
) -> Comparison:
    """Make a comparison and keep it, or open the one that was made of the same.

    Args:
        plan: What is compared.
        workspace: Where it goes.
        control: Stops it between batches.
        watch: Told of every step.

    Raises:
        CancelledError: a stop was asked for; nothing is kept.
        UnwritableError: the workspace cannot be written.
    """
    kept = find_kept(plan, workspace)
    if kept is not None:
        return kept
    refuse_unwritable(comparison_folder(workspace, plan.id))
    with memory_errors_explained(plan.settings.device):
        judging = Judging(plan, control or Control(), watch or _tell_nobody)
        judging.carry_out()
        made = _finished(plan, judging)
    with writing_explained(workspace):
        return made.save(comparison_folder(workspace, plan.id))


def _tell_nobody(step: Step) -> None:
    """Hear of a step and do nothing."""


def find_kept(plan: Plan, workspace: Path) -> Comparison | None:
    """Return the comparison that was made of the same, or None.

    Its reference and the names of its runs are those of the plan.
    """
    with suppress(NotFoundError, FormatError):
        kept = open_comparison(comparison_folder(workspace, plan.id))
        entrants = [asdict(entrant) for entrant in plan.entrants]
        told = {"reference": plan.reference, "entrants": entrants}
        return replace(kept, facts=kept.facts | told)
    return None


def _finished(plan: Plan, judging: Judging) -> Comparison:
    dataset, counts = plan.dataset, judging.train.counts
    judging.tell_figures("Reading the categories of the items", 0.0)
    categories = find_categories(dataset.vocabulary, plan.category)
    lists: dict[str, list[dict[str, Any]]] = {}
    members = {}
    titles = {entrant.key: entrant.title for entrant in plan.entrants}
    for n_before, (name, part) in enumerate(judging.parts.items()):
        context = ListContext(
            train=judging.train.histories,
            n_items=dataset.n_items,
            counts=counts,
            histories=Histories.at(dataset, part.rows),
            categories=categories,
            seed=plan.seed,
        )

        def tell(key: str, share: float, n_before: int = n_before) -> None:
            done = (n_before + share) / len(judging.parts)
            judging.tell_figures(f"Working out figures of {titles[key]}", done)

        lists[name] = _list_rows(part, context, tell)
        members[name] = slice_members(dataset, part.rows, counts, categories)
    column = categories.column if categories else None
    facts = _facts(plan, judging) | {
        "lists": lists,
        "diversity_by": column or "co-occurrence",
        "calibration_by": column,
    }
    return Comparison(facts, judging.parts, members)


def _list_rows(
    part: JudgedPart, context: ListContext, tell: Callable[[str, float], None]
) -> list[dict[str, Any]]:
    rows = []
    for done, (key, top) in enumerate(part.lists.items()):
        tell(key, done / len(part.lists))
        told = {"entrant": key, "n_listed": int(top.shape[1])}
        rows.append(told | list_figures(top, context))
    return rows


def _futures(plan: Plan, judging: Judging) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Ask each run whether the future matters; a stop is heard between batches."""
    for n_asked, run in enumerate(plan.runs):
        doing = f"Asking {run.name} whether the future matters"
        tell = partial(judging.tell_future, n_asked, doing)
        tell(0.0)
        yield run.id, _future(run, tell)
    judging.tell_future(len(plan.runs), "Keeping the comparison", 0.0)


def _future(run: Run, tell: Callable[[float], None]) -> dict[str, Any] | None:
    """Return what the future adds to the past where a run's model fills gaps; None: cannot tell."""
    model = load_model(run)
    try:
        report = future_report(model, watch=lambda doing, share: tell(share))
    except SettingsError:
        # It sees only the past, or nothing that has a future was held out.
        return None
    past, both, gain = (report.contexts["past"], report.contexts["both"], report.gain)
    return {
        "verdict": report.verdict,
        "past": past.ndcg.mean,
        "both": both.ndcg.mean,
        "low": gain.ndcg.low,
        "high": gain.ndcg.high,
        "part": report.part,
    }


def _facts(plan: Plan, judging: Judging) -> dict[str, Any]:
    dataset, record = plan.dataset, split_record(plan.split, plan.settings)
    order = shared_order(dataset)
    return {
        "id": plan.id,
        "created_at": now_text(),
        "dataset": {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "folder": dataset.folder.name if dataset.folder else "",
            "n_users": dataset.n_users,
            "n_items": dataset.n_items,
            "n_interactions": dataset.n_interactions,
            "median_length": float(np.median(dataset.lengths)),
            "share_in_one_order": order.share if order.is_one else None,
        },
        "training": {run.id: training_of(run) for run in plan.runs},
        "future": dict(_futures(plan, judging)),
        "split": record,
        "asked": asked_words(record),
        "removes_seen": plan.removes_seen,
        "seen_reason": plan.seen_reason,
        "entrants": [asdict(entrant) for entrant in plan.entrants],
        "seconds": {key: asdict(took) for key, took in judging.seconds.items()},
        "left_out": [{"name": name, "reason": why} for name, why in plan.left_out.items()],
        "reference": plan.reference,
        "with_sampled": plan.with_sampled,
        "seed": plan.seed,
        "n_all": {name: part.n_all for name, part in judging.parts.items()},
    }
