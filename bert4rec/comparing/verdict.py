"""Is BERT4Rec the right model for these data? A short verdict, each sentence with its figure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
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
from bert4rec.errors import Bert4RecError
from bert4rec.held_out.future_report import LEAST_SHARE
from bert4rec.held_out.future_words import PART_WORDS
from bert4rec.runs.folder import Run

LEVEL = 0.05
# Fewer judged users say nothing about others.
MIN_USERS = 100
# Two are called as good as each other only where a difference of this share can be ruled out.
RELEVANT_SHARE = 0.1
# Histories of a median below this hold little order to learn from.
SHORT_HISTORY = 5
SIMPLER = ("everyone", "similarity", "order")
HEADLINES = {
    "suits": "BERT4Rec suits these data",
    "gaps": "BERT4Rec pays for filling gaps; for what comes next, a next-item model does as well",
    "next_item": "A next-item model does as well here",
    "similarity": "Likeness of items is enough here",
    "popularity": "Popularity does as well here",
    "short": "There is too little sequence here",
    "train_longer": "The model is not trained out; no verdict yet",
    "undecided": "No verdict yet: hold it against more",
    "not_enough": "No verdict: too little data to tell",
}


@dataclass(frozen=True)
class FutureGain:
    """What the future adds to the past when hidden items are guessed, in NDCG@10.

    Args:
        verdict: `matters`, `does_not` or `not_enough`.
        past: From the past alone.
        both: From both sides.
        low: Lower end of the 95 % interval of the difference.
        high: Upper end.
        part: Which items were hidden, see `future_report.FutureReport`; empty if that is not known.
    """

    verdict: str
    past: float
    both: float
    low: float
    high: float
    part: str = ""


@dataclass(frozen=True)
class Finding:
    """One sentence of the advice.

    Args:
        text: The sentence.
        figures: The figures in it, by name.
    """

    text: str
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Advice:
    """Whether BERT4Rec is the right model, and why.

    Args:
        verdict: A key of `HEADLINES`.
        model: Key of the run that is judged, empty where there is none.
        findings: What speaks for the verdict, the weightiest first.
    """

    verdict: str
    model: str
    findings: tuple[Finding, ...]

    @property
    def headline(self) -> str:
        """The verdict in a few words."""
        return HEADLINES[self.verdict]

    @property
    def sentences(self) -> list[str]:
        """The verdict and what speaks for it."""
        return [f"{self.headline}.", *(finding.text for finding in self.findings)]

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"verdict": self.verdict, "headline": self.headline} | asdict(self)


@dataclass(frozen=True)
class _Rival:
    """One held against the model: its lead is the model's score less its own."""

    key: str
    title: str
    uses: str
    score: float
    lead: float
    low: float
    high: float
    p: float

    @property
    def is_beaten(self) -> bool:
        """Whether the model is better."""
        return self.p < LEVEL and self.lead > 0

    @property
    def is_as_good(self) -> bool:
        """Whether it is better than the model, or no worse by what would matter."""
        is_better = self.p < LEVEL and self.lead < 0
        return is_better or (not self.is_beaten and self.high <= RELEVANT_SHARE * self.score)

    @property
    def figures(self) -> dict[str, Any]:
        """What a sentence about it holds."""
        return asdict(self)


def advise(comparison: Comparison, among: Collection[str] | None = None) -> Advice:
    """Say whether BERT4Rec is the right model, from a comparison on somebody's own data.

    The best of the runs that look at both sides is held against the best popularity, the best
    model of likeness and the best model of order that were compared, by NDCG@10 on the test. It
    suits if it beats all three kinds; another does as well if it is better, or if what the
    model gains on it is below a tenth of its score in the whole interval. Where neither can be
    said, or a kind is missing, there is no verdict.

    Args:
        comparison: With baselines of all kinds, for a verdict.
        among: Keys of the runs of which one is judged; all that were compared if omitted.
    """
    part = comparison.parts.get("test")
    scores = comparison.scores("test", (MAIN_METRIC,)) if part is not None else pd.DataFrame()
    model = _model(comparison, scores, among)
    if part is None or model is None:
        text = "No model that looks at both sides is among those that were compared."
        return Advice("undecided", "", (Finding(text),))
    n_users = len(set(part.rows.user_idx.tolist()))
    data = _data_findings(comparison, n_users)
    if n_users < MIN_USERS:
        return Advice("not_enough", model, tuple(data))
    rivals = _rivals(comparison, model, scores)
    missing = [kind for kind in SIMPLER if kind not in rivals]
    if missing:
        return Advice("undecided", model, (_missing_finding(missing), *data))
    verdict, findings = _weigh(comparison, model, rivals, _future_gain(comparison, model))
    return Advice(verdict, model, (*findings, *data))


def kept_advice(runs: Sequence[Run]) -> Advice | None:
    """Return the advice of the newest comparison of these runs that their workspace keeps.

    It is about the best of these runs, whichever others were compared beside them. None where
    there is none, where a run was trained on since, or where all of them see the past alone.
    """
    wanted = {run.id: str((run.summary() or {}).get("finished_at", "")) for run in runs}
    for facts in list_comparisons(runs[0].workspace):
        known = {told["key"] for told in facts["entrants"]}
        if wanted.keys() <= known and max(wanted.values()) <= str(facts["created_at"]):
            with suppress(Bert4RecError):
                folder = comparison_folder(runs[0].workspace, facts["id"])
                found = advise(open_comparison(folder), wanted)
                return found if found.model else None
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


def _rivals(comparison: Comparison, model: str, scores: pd.DataFrame) -> dict[str, _Rival]:
    """Return the best of each simpler kind; a run that sees the past alone counts as `order`."""
    values = scores.set_index("entrant")["value"]
    table = comparison.differences("test", model, (MAIN_METRIC,))
    best: dict[str, _Rival] = {}
    for row in plain_rows(table):
        entrant = comparison.entrants[row["entrant"]]
        kind = "order" if entrant.uses == "past" else entrant.uses
        score = float(values[entrant.key])
        if kind in SIMPLER and (kind not in best or score > best[kind].score):
            best[kind] = _Rival(
                key=entrant.key,
                title=entrant.title,
                uses=entrant.uses,
                score=score,
                lead=-row["mean"],
                low=-row["high"],
                high=-row["low"],
                p=row["p_holm"],
            )
    return best


def _weigh(
    comparison: Comparison,
    model: str,
    rivals: Mapping[str, _Rival],
    future: FutureGain | None,
) -> tuple[str, list[Finding]]:
    title = comparison.entrants[model].title
    found = [_rival_finding(title, rivals[kind]) for kind in SIMPLER]
    rising = _rising_finding(comparison, model, title)
    if all(one.is_beaten for one in rivals.values()):
        return "suits", [*found, _future_finding(future)]
    known = [_future_finding(future)] if future is not None else []
    if rising is not None:
        return "train_longer", [rising, *found, *known]
    as_good = [kind for kind in SIMPLER if rivals[kind].is_as_good]
    if not as_good:
        return "not_enough", [*found, _wide_finding(title, rivals), *known]
    # The simplest that does as well decides.
    verdict = {"everyone": "popularity", "similarity": "similarity", "order": "next_item"}[
        as_good[0]
    ]
    if verdict in ("popularity", "similarity"):
        if rivals["order"].is_as_good and rivals["order"].score > rivals[as_good[0]].score:
            verdict = "next_item"
        elif float(comparison.facts["dataset"]["median_length"]) < SHORT_HISTORY:
            verdict = "short"
    more = [_future_finding(future)] if verdict == "next_item" else []
    if verdict == "next_item" and future is not None and future.verdict == "matters":
        verdict = "gaps"
    return verdict, [*found, *more]


def _rival_finding(title: str, rival: _Rival) -> Finding:
    p = "below 0.001" if rival.p < 0.001 else f"{rival.p:.3f}"
    ours = rival.score + rival.lead
    if rival.is_beaten:
        said = f"{title} beats {rival.title}"
    elif rival.lead < 0 and rival.p < LEVEL:
        said = f"{rival.title} beats {title}"
    elif rival.is_as_good:
        gains = "gains nothing that matters on" if rival.lead > 0 else "does no better than"
        said = f"{title} {gains} {rival.title}"
    else:
        said = f"{title} and {rival.title} cannot be told apart"
    text = (
        f"{said}: NDCG@10 {ours:.4f} against {rival.score:.4f}, a difference of {rival.lead:+.4f}"
        f" (95% interval {rival.low:+.4f} to {rival.high:+.4f}, adjusted p {p})."
    )
    return Finding(text, rival.figures)


def _rising_finding(comparison: Comparison, model: str, title: str) -> Finding | None:
    """Return that a run ended at its best, so that more epochs may have made it better."""
    told = comparison.facts.get("training", {}).get(model, {})
    is_last = 0 < told.get("n_epochs_done", 0) <= told.get("best_epoch", 0)
    if not is_last or told["reason"] == "no gain":
        return None
    text = (
        f"The last of {told['n_epochs_done']:,} epochs of {title} was its best: it was still "
        "getting better. Train it longer before you judge."
    )
    return Finding(text, dict(told))


def _wide_finding(title: str, rivals: Mapping[str, _Rival]) -> Finding:
    open_ones = [one for one in rivals.values() if not one.is_beaten]
    widest = max(open_ones, key=lambda one: one.high / max(one.score, 1e-12))
    share = widest.high / max(widest.score, 1e-12)
    text = (
        f"{title} may be up to {share:.0%} better than {widest.title}, or no better at all: more "
        "users are needed to tell."
    )
    return Finding(text, {"rival": widest.key, "share": share})


def _missing_finding(missing: Sequence[str]) -> Finding:
    examples = {"everyone": "popularity", "similarity": "item-knn or ease", "order": "transitions"}
    wanted = ", ".join(examples[kind] for kind in missing)
    return Finding(f"For a verdict, compare with {wanted} as well.", {"missing": list(missing)})


def _future_finding(future: FutureGain | None) -> Finding:
    if future is None:
        text = (
            "Whether the future matters for filling gaps, which only a model of both sides can use,"
            " was not looked at here."
        )
        return Finding(text)
    gap = f"{future.both - future.past:+.4f} ({future.low:+.4f} to {future.high:+.4f})"
    said = {
        "matters": "What comes after a gap helps to fill it",
        "does_not": "What comes after a gap does not help to fill it",
    }.get(future.verdict, "Whether what comes after a gap helps to fill it cannot be told")
    if future.verdict == "does_not" and future.low > 0:
        said = (
            f"What comes after a gap helps to fill it by less than {LEAST_SHARE:.0%} of what the "
            "past alone reaches, which counts as nothing"
        )
    text = f"{said}: NDCG@10 {future.both:.4f} from both sides, {gap} over the past alone."
    if future.part in PART_WORDS:
        text += f" Hidden were {PART_WORDS[future.part]}."
    return Finding(text, asdict(future))


def _data_findings(comparison: Comparison, n_users: int) -> list[Finding]:
    data = comparison.facts["dataset"]
    median = float(data["median_length"])
    found = []
    if n_users < MIN_USERS:
        text = f"Users that are judged: {n_users:,}; a verdict takes {MIN_USERS:,} at least."
        found.append(Finding(text, {"n_users": n_users, "least": MIN_USERS}))
    short = ", which leaves little order to learn from" if median < SHORT_HISTORY else ""
    text = f"Half of the {data['n_users']:,} histories have {median:g} items or fewer{short}."
    found.append(Finding(text, {"n_users": data["n_users"], "median_length": median}))
    return found
