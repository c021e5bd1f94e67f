"""The sentences of a verdict on a model, each with the figures that it was made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bert4rec.comparing.paired import LEVEL
from bert4rec.held_out.future_report import LEAST_SHARE
from bert4rec.held_out.future_words import PART_WORDS
from bert4rec.words import (
    METRIC_DIGITS,
    counted,
    digits_apart,
    metric_name,
    metric_text,
    number,
    percent,
    signed,
)

# Fewer judged users say nothing about others.
MIN_USERS = 100
# Two are called as good as each other only where a difference of this share can be ruled out.
RELEVANT_SHARE = 0.1
# Histories of a median below this hold little order to learn from.
SHORT_HISTORY = 5


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
    """One sentence of a verdict.

    Args:
        text: The sentence.
        detail: Its figures in full, in further sentences; may be empty.
        figures: The figures in both, by name.
    """

    text: str
    detail: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rival:
    """The best of a simpler kind, held against the model by NDCG@10.

    Args:
        key: Of the entrant.
        title: What it is called.
        uses: What it goes by.
        score: What it reached.
        lead: The model's score less its own.
        low: Lower end of the 95 % interval of the lead.
        high: Upper end.
        p: Of the lead, adjusted by Holm.
    """

    key: str
    title: str
    uses: str
    score: float
    lead: float
    low: float
    high: float
    p: float

    @property
    def of_model(self) -> float:
        """What the model reached."""
        return self.score + self.lead

    @property
    def is_beaten(self) -> bool:
        """Whether the model is better."""
        return self.p < LEVEL and self.lead > 0

    @property
    def is_better(self) -> bool:
        """Whether it is better than the model."""
        return self.p < LEVEL and self.lead < 0

    @property
    def is_as_good(self) -> bool:
        """Whether it is better than the model, or no worse by what would matter."""
        return self.is_better or (not self.is_beaten and self.high <= RELEVANT_SHARE * self.score)

    @property
    def figures(self) -> dict[str, Any]:
        """What a sentence about it holds."""
        return asdict(self)


def rival_findings(title: str, rivals: Mapping[str, Rival]) -> list[Finding]:
    """Return how the model stands beside each rival, the strongest first."""
    strongest, *others = sorted(rivals.values(), key=lambda one: one.score, reverse=True)
    return [
        _rival_finding(title, strongest, ", the strongest rival"),
        *(_rival_finding(title, rival) for rival in others),
    ]


def _rival_finding(title: str, rival: Rival, place: str = "") -> Finding:
    digits = digits_apart(rival.of_model, rival.score, METRIC_DIGITS)
    ours, theirs = (number(score, digits) for score in (rival.of_model, rival.score))
    name, scores = rival.title + place, f"(NDCG@10 {ours} against {theirs})"
    if rival.is_beaten:
        text = f"{title} is {_better(rival.of_model, rival.score)} {name} {scores}; not chance."
    elif rival.is_better:
        less = percent(-rival.lead / rival.score)
        text = f"{title} is {less} worse than {name} {scores}; not chance."
    elif rival.is_as_good:
        gains = "gains nothing that matters on" if rival.lead > 0 else "does no better than"
        text = f"{title} {gains} {name} {scores}."
    else:
        text = f"{title} cannot be told apart from {name} {scores}: the difference may be chance."
    p = "below 0.001" if rival.p < 0.001 else number(rival.p, digits_apart(rival.p, LEVEL))
    detail = (
        f"{title} and {rival.title}: NDCG@10 {rival.of_model:.4f} and {rival.score:.4f}, a"
        f" difference of {signed(rival.lead)} (95% interval {signed(rival.low)} to"
        f" {signed(rival.high)}, adjusted p {p})."
    )
    return Finding(text, detail, rival.figures)


def _better(ours: float, theirs: float) -> str:
    """Return how much more one score is than another.

    Example:
        >>> _better(0.4, 0.32), _better(0.9, 0.3), _better(0.01062, 0.00037), _better(0.1, 0.0)
        ('25% better than', '3.0 times as good as', '29 times as good as', 'better than')
    """
    if not theirs:
        return "better than"
    if ours >= 2 * theirs:
        # Of so little nobody knows a tenth of a time.
        return f"{number(ours / theirs, 1 if ours < 9.95 * theirs else 0)} times as good as"
    return f"{percent(ours / theirs - 1)} better than"


def rising_finding(training: Mapping[str, Any], title: str) -> Finding | None:
    """Return that a run was still getting better when it ended, or that this cannot be told.

    Args:
        training: What `plan.training_of` told; older comparisons name no trend.
        title: What the run is called.
    """
    if not training or training["reason"] == "no gain":
        return None
    trend = training.get("trend") or _old_trend(training)
    state, n = trend["state"], trend["n"]
    if state == "rising":
        first, last = (metric_text(trend[name]) for name in ("first", "last"))
        text = (
            f"{title} was still getting better: in its last {n} validations"
            f" {metric_name(trend['metric'])} rose from {first} to {last}, by more than chance."
        )
    elif state == "unknown":
        told = f"of its {counted(n, 'validation')} the last" if n > 1 else "its last validation"
        if n == 1 and "trend" in training:
            told = "its only validation"
        text = f"{title} may have been getting better still: {told} was its best."
    else:
        return None
    return Finding(f"{text} Train it longer before you judge.", figures=dict(training))


def _old_trend(training: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a comparison of before trends were told knows: which validation was the best."""
    last = training.get("last_valid_epoch", training.get("n_epochs_done", 0))
    is_best = 0 < last <= training.get("best_epoch", 0)
    return {"state": "unknown" if is_best else "level", "n": 1}


def no_hit_finding() -> Finding:
    """Return that there is nothing to compare."""
    return Finding("Nobody's next item is among the ten that any of them lists.")


def wide_finding(title: str, rivals: Mapping[str, Rival]) -> Finding:
    """Return how much better the model may be than one that it does not beat."""
    open_ones = [one for one in rivals.values() if not one.is_beaten]
    scoring = [one for one in open_ones if one.score]
    widest = max(scoring or open_ones, key=lambda one: one.high / (one.score or 1.0))
    if widest.score:
        share, much = widest.high / widest.score, _better(widest.score + widest.high, widest.score)
    else:
        high = number(widest.high, digits_apart(widest.high, 0, METRIC_DIGITS))
        share, much = None, f"{high} in NDCG@10 better than"
    text = (
        f"More users are needed to tell: {title} may be up to {much} {widest.title}, or no better."
    )
    return Finding(text, figures={"rival": widest.key, "share": share, "high": widest.high})


def missing_finding(missing: Sequence[str]) -> Finding:
    """Return which kinds of rivals a verdict takes as well."""
    examples = {"everyone": "popularity", "similarity": "item-knn or ease", "order": "transitions"}
    wanted = ", ".join(examples[kind] for kind in missing)
    text = f"For a verdict, compare with {wanted} as well."
    return Finding(text, figures={"missing": list(missing)})


def future_finding(future: FutureGain | None) -> Finding:
    """Return whether what comes after a gap helps to fill it."""
    if future is None:
        return Finding(
            "Whether the future matters for filling gaps, which only a model of both sides can use,"
            " was not looked at here."
        )
    said = {
        "matters": "What comes after a gap helps to fill it",
        "does_not": "What comes after a gap does not help to fill it",
    }.get(future.verdict, "Whether what comes after a gap helps to fill it cannot be told")
    if future.verdict == "does_not" and future.low > 0:
        said = (
            f"What comes after a gap helps to fill it by less than {LEAST_SHARE:.0%} of what the "
            "past alone reaches, which counts as nothing"
        )
    digits = digits_apart(future.both, future.past, METRIC_DIGITS)
    both, past = (number(score, digits) for score in (future.both, future.past))
    text = f"{said} (NDCG@10 {both} with it, {past} without)."
    detail = (
        f"Gaps: NDCG@10 {future.both:.4f} from both sides, {signed(future.both - future.past)}"
        f" ({signed(future.low)} to {signed(future.high)}) over the past alone."
    )
    if future.part in PART_WORDS:
        detail += f" Hidden were {PART_WORDS[future.part]}."
    return Finding(text, detail, asdict(future))


def data_findings(data: Mapping[str, Any], n_users: int) -> list[Finding]:
    """Return what there was to learn from and to judge by.

    Args:
        data: What a comparison knows of its dataset.
        n_users: Users that were judged.
    """
    median = float(data["median_length"])
    found = []
    if n_users < MIN_USERS:
        text = f"Users that are judged: {n_users:,}; a verdict takes {MIN_USERS:,} at least."
        found.append(Finding(text, figures={"n_users": n_users, "least": MIN_USERS}))
    short = ", which leaves little order to learn from" if median < SHORT_HISTORY else ""
    n_histories = int(data["n_users"])
    half = (
        f"At least half of the {n_histories:,} histories have"
        if n_histories > 1
        else "The one history has"
    )
    text = f"{half} {median:g} items or fewer{short}."
    figures = {"n_users": data["n_users"], "median_length": median}
    return [*found, Finding(text, figures=figures), *_one_order_findings(data)]


def _one_order_findings(data: Mapping[str, Any]) -> list[Finding]:
    """Doubt what models of order reach, where all histories have one; older ones do not tell."""
    share = data.get("share_in_one_order")
    if share is None:
        return []
    text = (
        "Nearly all histories hold the same items in the same order: if their source is sorted by"
        " item, all of this tells how well that sorting is guessed, and not what users take next."
    )
    detail = f"{percent(share)} of the pairs of popular items stand as they mostly do."
    return [Finding(text, detail, {"share_in_one_order": share})]
