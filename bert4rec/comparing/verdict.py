"""Is BERT4Rec the right model for these data? A short verdict, each sentence with its figure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from bert4rec.comparing.comparison import (
    Comparison,
    comparison_folder,
    list_comparisons,
    open_comparison,
    plain_rows,
)
from bert4rec.comparing.figures import MAIN_METRIC
from bert4rec.comparing.paired import LEVEL
from bert4rec.comparing.verdict_findings import (
    MIN_USERS,
    SHORT_HISTORY,
    Finding,
    FutureGain,
    Rival,
    data_findings,
    future_finding,
    missing_finding,
    no_hit_finding,
    rising_finding,
    rival_findings,
    wide_finding,
)
from bert4rec.errors import Bert4RecError
from bert4rec.runs.folder import Run

SIMPLER = ("everyone", "similarity", "order")
HEADLINES = {
    "suits": "BERT4Rec suits these data",
    "gaps": "BERT4Rec pays for filling gaps; for what comes next, a next-item model does as well",
    "next_item": "A next-item model does as well here",
    "similarity": "Likeness of items is enough here",
    "popularity": "Popularity does as well here",
    "short": "There is too little sequence here",
    "train_longer": "The model may not be trained out; no verdict yet",
    "undecided": "No verdict yet: hold it against more",
    "not_enough": "No verdict: too little data to tell",
}
# Where a simpler kind decides: which one it is, and the headline if that is surely better.
BEATEN_BY = {
    "gaps": (
        "order",
        "BERT4Rec pays for filling gaps; for what comes next, a next-item model does better",
    ),
    "next_item": ("order", "A next-item model does better here"),
    "similarity": ("similarity", "Likeness of items does better here"),
    "popularity": ("everyone", "Popularity does better here"),
}


@dataclass(frozen=True)
class Verdict:
    """Whether BERT4Rec is the right model, and why.

    Args:
        name: A key of `HEADLINES`.
        model: Key of the run that is judged, empty where there is none.
        findings: What speaks for the verdict, the weightiest first.
        is_beaten: Whether the simpler kind that decides is surely better.
    """

    name: str
    model: str
    findings: tuple[Finding, ...]
    is_beaten: bool = False

    @property
    def headline(self) -> str:
        """The verdict in a few words."""
        return BEATEN_BY[self.name][1] if self.is_beaten else HEADLINES[self.name]

    @property
    def better_rival(self) -> str:
        """What the strongest rival is called that is surely better; empty where none is."""
        rivals = [one.figures for one in self.findings if "lead" in one.figures]
        better = [told for told in rivals if told["lead"] < 0 and told["p"] < LEVEL]
        return str(better[0]["title"]) if better else ""

    @property
    def sentences(self) -> list[str]:
        """The verdict and what speaks for it."""
        return [f"{self.headline}.", *(finding.text for finding in self.findings)]

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        findings = [asdict(finding) for finding in self.findings]
        told = {"verdict": self.name, "headline": self.headline, "model": self.model}
        return told | {"findings": findings}


def reach_verdict(comparison: Comparison, among: Collection[str] | None = None) -> Verdict:
    """Say whether BERT4Rec is the right model, from a comparison on somebody's own data.

    The best of the runs that look at both sides is held against the best popularity, the best
    model of likeness and the best model of order that were compared, by NDCG@10 on the test. It
    suits if it beats all three kinds; another does as well if it is better, or if what the
    model gains on it is below a tenth of its score in the whole interval. Where neither can be
    said, or a kind is missing, or nobody has a hit, there is no verdict.

    Args:
        comparison: With baselines of all kinds, for a verdict.
        among: Keys of the runs of which one is judged; all that were compared if omitted.
    """
    part = comparison.parts.get("test")
    scores = comparison.scores("test", (MAIN_METRIC,)) if part is not None else pd.DataFrame()
    model = _model(comparison, scores, among)
    if part is None or model is None:
        text = "No model that looks at both sides is among those that were compared."
        return Verdict("undecided", "", (Finding(text),))
    n_users = len(set(part.rows.user_idx.tolist()))
    data = data_findings(comparison.facts["dataset"], n_users)
    if n_users < MIN_USERS:
        return Verdict("not_enough", model, tuple(data))
    rivals = _rivals(comparison, model, scores)
    missing = [kind for kind in SIMPLER if kind not in rivals]
    if missing:
        return Verdict("undecided", model, (missing_finding(missing), *data))
    verdict, findings = _weigh(comparison, model, rivals, _future_gain(comparison, model))
    is_beaten = verdict in BEATEN_BY and rivals[BEATEN_BY[verdict][0]].is_better
    return Verdict(verdict, model, (*findings, *data), is_beaten)


def kept_verdict(runs: Sequence[Run]) -> Verdict | None:
    """Return the verdict of the newest comparison of these runs that their workspace keeps.

    It is about the best of these runs, whichever others were compared beside them. A comparison
    that lacks a kind of rival is passed over. None where there is none, where a run was trained on
    since, or where all of them see the past alone.
    """
    wanted = {run.id: str((run.summary() or {}).get("finished_at", "")) for run in runs}
    for facts in list_comparisons(runs[0].workspace):
        known = {told["key"] for told in facts["entrants"]}
        if wanted.keys() <= known and max(wanted.values()) <= str(facts["created_at"]):
            with suppress(Bert4RecError):
                folder = comparison_folder(runs[0].workspace, facts["id"])
                kept = open_comparison(folder).retitled(runs[0].workspace)
                found = reach_verdict(kept, wanted)
                if found.name != "undecided":
                    return found
    return None


def _future_gain(comparison: Comparison, model: str) -> FutureGain | None:
    """Return what the future adds, where the comparison looked at that; older ones did not."""
    told = comparison.facts.get("future", {}).get(model)
    return FutureGain(**told) if told else None


def _model(
    comparison: Comparison, scores: pd.DataFrame, among: Collection[str] | None
) -> str | None:
    """Return the best run that looks at both sides."""
    keys = [
        key
        for key, one in comparison.entrants.items()
        if one.uses == "both sides" and (among is None or key in among)
    ]
    if not keys:
        return None
    found = scores[scores["entrant"].isin(keys)]
    return str(found.sort_values("value", ascending=False, kind="stable").iloc[0]["entrant"])


def _rivals(comparison: Comparison, model: str, scores: pd.DataFrame) -> dict[str, Rival]:
    """Return the best of each simpler kind; a run that sees the past alone counts as `order`."""
    values = scores.set_index("entrant")["value"]
    table = comparison.differences("test", model, (MAIN_METRIC,))
    best: dict[str, Rival] = {}
    for row in plain_rows(table):
        entrant = comparison.entrants[row["entrant"]]
        kind = "order" if entrant.uses == "past" else entrant.uses
        score = float(values[entrant.key])
        if kind in SIMPLER and (kind not in best or score > best[kind].score):
            best[kind] = Rival(
                key=entrant.key,
                title=entrant.title,
                uses=entrant.uses,
                score=score,
                # Taken from 0: a minus would leave its sign with a difference of nothing.
                lead=0.0 - row["mean"],
                low=0.0 - row["high"],
                high=0.0 - row["low"],
                p=row["p_holm"],
            )
    return best


def _weigh(
    comparison: Comparison,
    model: str,
    rivals: Mapping[str, Rival],
    future: FutureGain | None,
) -> tuple[str, list[Finding]]:
    title = comparison.entrants[model].title
    found = rival_findings(title, rivals)
    rising = rising_finding(comparison.facts.get("training", {}).get(model, {}), title)
    if all(one.is_beaten for one in rivals.values()):
        return "suits", [*found, future_finding(future)]
    known = [future_finding(future)] if future is not None else []
    if rising is not None:
        return "train_longer", [rising, *found, *known]
    if not any(one.score or one.of_model for one in rivals.values()):
        return "not_enough", [no_hit_finding()]
    as_good = [kind for kind in SIMPLER if rivals[kind].is_as_good]
    if not as_good:
        return "not_enough", [*found, wide_finding(title, rivals), *known]
    # The simplest that does as well decides.
    verdict = {"everyone": "popularity", "similarity": "similarity", "order": "next_item"}[
        as_good[0]
    ]
    if verdict in ("popularity", "similarity"):
        if rivals["order"].is_as_good and rivals["order"].score > rivals[as_good[0]].score:
            verdict = "next_item"
        elif float(comparison.facts["dataset"]["median_length"]) < SHORT_HISTORY:
            verdict = "short"
    more = [future_finding(future)] if verdict == "next_item" else []
    if verdict == "next_item" and future is not None and future.verdict == "matters":
        verdict = "gaps"
    return verdict, [*found, *more]
