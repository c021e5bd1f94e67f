"""What a report says in sentences, for people who know no jargon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from bert4rec.baselines.titles import NETWORK, TITLES
from bert4rec.data.split_record import ask_alike, asked_words
from bert4rec.held_out.future_report import FutureReport
from bert4rec.held_out.future_words import finding, limits
from bert4rec.metrics import beside
from bert4rec.report.collect import DataGroup, Report
from bert4rec.report.facts import Judged, RunFacts
from bert4rec.report.gallery import Example, Gallery
from bert4rec.report.item_map import ItemMap
from bert4rec.report.text import clean
from bert4rec.words import counted, metric_name, metric_text, percent, sentence

RULES = {
    "transitions": "what most often follows the last item",
    "popularity": "what most people take",
}
LEAD = "hr@10"
# A map that keeps fewer of the nearest items says nothing of neighbours.
LEAST_KEPT = 0.2


def share(value: float) -> str:
    """Return a share in per cent, with a digit more: a report sets near shares beside each other.

    Example:
        >>> share(0.2994), share(1), share(0.00004)
        ('29.9%', '100%', '0.004%')
    """
    return percent(value, 1)


def rule_name(name: str) -> str:
    """Return what a simple rule is called."""
    return TITLES.get(name, name.replace("_", " ").capitalize())


def best_rule(judged: Mapping[str, Judged]) -> str | None:
    """Return the simple rule that reached most, None where none was judged."""
    rules = [name for name in judged if name != NETWORK and LEAD in judged[name].metrics]
    return max(rules, key=lambda name: judged[name].metrics[LEAD], default=None)


def compared(one: Judged, other: Judged, metric: str = LEAD) -> str:
    """Return whether one scorer is ahead of another: `ahead`, `behind` or `level`.

    Only where enough users were asked and the intervals do not meet is one of them ahead.
    """
    if metric not in one.intervals or metric not in other.intervals:
        return "level"
    return beside(one.intervals[metric], other.intervals[metric], min(one.n_users, other.n_users))


def about(report: Report) -> str:
    """Return what the report is about, in a sentence."""
    first = report.runs[0]
    if len(report.runs) == 1:
        what = "what fits next, before or in between" if first.sees_future else "what comes next"
        return (
            f"{first.model_name} learns from the order in which people take things {what}; here it"
            f" learned from {_amount(report.groups[0])}."
        )
    data = [_amount(group) for group in report.groups]
    learned = data[0] if len(data) == 1 else f"{len(data)} data sets"
    compared = _versions([one.model_name for one in report.runs])
    return f"This compares {compared}, which learned from {learned} what people take next."


def _versions(names: Sequence[str]) -> str:
    """Return which models there are, those of one version first."""
    found = sorted(Counter(names).items(), key=lambda pair: (pair[1], pair[0]))
    return " and ".join(name if n == 1 else f"{n} versions of {name}" for name, n in found)


def _amount(group: DataGroup) -> str:
    told = dict(group.runs[0].curves.started) | dict(group.runs[0].summary or {})
    n_users, n_items = told.get("n_users"), told.get("n_items")
    if n_users is None or n_items is None:
        return f"the data set {clean(group.name, 40)}"
    n, splits = int(told.get("n_interactions", 0)), [_trained_on(one) for one in group.runs]
    # The others are held out, to judge by.
    trained = splits[0] if all(one == splits[0] for one in splits) else None
    choices = f"parts of {counted(n, 'choice')}"
    if trained is not None:
        choices, n_users = f"{trained[0]:,} of {counted(n, 'choice')}", trained[1]
    people = counted(int(n_users), "person", "people")
    return f"{choices}, by {people} among {counted(int(n_items), 'item')}"


def _trained_on(one: RunFacts) -> tuple[int, int] | None:
    """Return how many choices trained a run, and of how many people; None for an old run."""
    split = (dict(one.curves.started) | dict(one.summary or {})).get("split") or {}
    if "n_train" not in split or "n_train_users" not in split:
        return None
    return int(split["n_train"]), int(split["n_train_users"])


def headline(report: Report) -> str:
    """Return the main finding, in a sentence."""
    if len(report.runs) == 1:
        found = run_finding(report.runs[0])
        if not report.better_rival:
            return found
        return (
            f"{found} User by user, {clean(report.better_rival, 40)} is clearly better than the"
            " model by NDCG@10 on the same test items: see what it is good for, and what not."
        )
    judged = [one for one in report.runs if NETWORK in one.judged]
    if not judged:
        return "None of them has been judged on the test items yet."
    if len(report.groups) > 1:
        return _apart(judged, "trained on different data")
    if not ask_alike(one.summary or {} for one in judged):
        return _apart(judged, "judged on different test items")
    return _comparison(judged)


def _apart(judged: Sequence[RunFacts], why: str) -> str:
    parts = ", ".join(f"{clean(one.label, 40)} {share(_lead(one))}" for one in judged)
    return (
        f"The item that really came next is among the ten suggested for: {parts}. They were {why},"
        " so these figures do not tell which one is better."
    )


def _lead(one: RunFacts) -> float:
    return float(one.judged[NETWORK].metrics[LEAD])


def _comparison(judged: Sequence[RunFacts]) -> str:
    best, *others = sorted(judged, key=_lead, reverse=True)
    name = clean(best.label, 40)
    found = f"{share(_lead(best))} of the test items, each of which really came next, are"
    if not _lead(best):
        return "None of them has a single test item, which really came next, among its first ten."
    if not others:
        return f"{name}: {found} among the ten that it suggests."
    level = [one for one in judged if share(_lead(one)) == share(_lead(best))]
    if len(level) > 1:
        names = _in_a_row([clean(one.label, 40) for one in level])
        return f"{names} find as much: {found} among the ten that each suggests."
    text = f"{name} finds most: {found} among the ten it suggests"
    second = others[0]
    how = compared(best.judged[NETWORK], second.judged[NETWORK])
    # Of the same users a comparison tells smaller differences, which may stand below.
    close = "by these figures alone not clearly more than"
    verdict = "a clear lead over" if how == "ahead" else close
    return f"{text}, {verdict} {clean(second.label, 40)} with {share(_lead(second))}."


def _in_a_row(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}"


def run_finding(one: RunFacts) -> str:
    """Return what one run reached, in a sentence."""
    if NETWORK not in one.judged:
        return unjudged_words(one)
    own = one.judged[NETWORK]
    text = (
        f"{share(own.metrics[LEAD])} of the test items, each of which really came next, are among"
        " the ten that it suggests"
    )
    rival = best_rule(one.judged)
    if rival is None:
        return text + "."
    rule = rule_name(rival).lower()
    words = f" ({RULES[rival]})" if rival in RULES else ""
    verdict = {
        "ahead": "the model is clearly better",
        "behind": "the model is clearly worse, so the rule is the better choice",
        "level": "too close to tell which is better from these figures alone",
    }[compared(own, one.judged[rival])]
    theirs = share(one.judged[rival].metrics[LEAD])
    if share(own.metrics[LEAD]) == theirs:
        verdict = "the model is no better"
    return f"{text}; the best simple rule, {rule}{words}, reaches {theirs}: {verdict}."


def unjudged_words(one: RunFacts) -> str:
    """Return why a run has no test figures, and what there is instead."""
    best = one.status.best_score
    metric = metric_name(str(one.config["effective_settings"].get("valid_metric", "ndcg@10")))
    so_far = (
        f" The best value on the validation items so far is {metric_text(best)} ({metric})."
        if best is not None
        else ""
    )
    return f"It has not been judged on the test items: it is {state_words(one)}.{so_far}"


def state_words(one: RunFacts) -> str:
    """Return how far a run came, in a few words."""
    done = f"after {one.status.epoch:,} of {counted(one.status.n_epochs, 'epoch')}"
    words = {
        "queued": "waiting",
        "running": f"still training, {done}",
        "paused": f"paused {done}",
        "interrupted": f"interrupted {done}",
        "failed": f"failed {done}",
        "stopped": f"stopped {done}",
        "finished": f"finished {done}",
    }
    return words[one.status.state]


def state_note(one: RunFacts) -> str:
    """Return what a reader has to know of a run that did not end as planned, else nothing."""
    if one.status.state == "finished":
        return ""
    told = sentence(clean(one.status.message, 200)) if one.status.message else ""
    what = "the figures are those of its best weights" if one.judged else "there is no final result"
    return f"This run was {state_words(one)}; {what}. {told}".strip()


def length_finding(group: DataGroup) -> str:
    """Return what the lengths of histories are like."""
    found = group.profile
    if found is None:
        return ""
    quantiles = found.length_quantiles
    text = (
        f"At least half of the histories have {quantiles['median']:.0f} items or more, the longest"
        f" {quantiles['max']:,.0f}."
    )
    if found.n_long:
        text += (
            f" {share(found.share_long)} are longer than the newest {found.window:,} items that the"
            " model sees at once."
        )
    return text


def popularity_finding(share_held: float) -> str:
    """Return how much the most popular fifth of the items holds."""
    return (
        f"The most popular fifth of the items has {share(share_held)} of all choices; if all were"
        " equally popular, it would be 20%."
    )


def contexts_finding(found: FutureReport) -> str:
    """Return what both sides give over the past alone, and which items were hidden."""
    both, past = found.contexts["both"].hr.mean, found.contexts["past"].hr.mean
    places = counted(found.n_places, "place")
    return (
        f"With both sides in sight the hidden item is among the first ten at {share(both)} of"
        f" {places}, from the past alone at {share(past)}. {finding(found)} {limits(found)[0]}"
    )


def chosen_words(gallery: Gallery, n_runs: int) -> str:
    """Return how the examples were chosen; by the ranks of which run, where there are several."""
    are = "are" if gallery.n_met > 1 else "is"
    met = f" Not shown {are} {gallery.n_met:,} met before, which left the ranking."
    by = f", by the ranks of {clean(gallery.chosen_by, 40)}," if n_runs > 1 else ""
    return (
        f"Nothing here is picked by hand: of {counted(gallery.n_drawn, 'test item')} drawn at"
        f" random (seed {gallery.seed}) here you see{by} {_places_shown(gallery.nexts)}."
        f"{met if gallery.n_met else ''} Of all"
        f" drawn, {gallery.n_found:,} ({share(gallery.n_found / gallery.n_drawn)}) are among the"
        " first ten."
    )


def _places_shown(examples: Sequence[Example]) -> str:
    counts, numbers = Counter(one.kind for one in examples), {1: "one", 2: "two"}
    words = {
        "well": "the {} ranked highest",
        "typical": "{} from the middle",
        "badly": "the {} ranked lowest",
    }
    *first, last = [
        text.format(numbers[counts[kind]]) for kind, text in words.items() if counts[kind]
    ]
    return f"{', '.join(first)} and {last}" if first else last


def task_words(report: Report) -> str:
    """Return what the models had to find."""
    words = {asked_words((one.summary or {}).get("split")) for one in report.runs if one.judged}
    what = f": {words.pop()}" if len(words) == 1 else ""
    return f"Some choices were hidden while the model learned{what}. Then it had to find them."


def map_finding(found: ItemMap) -> str:
    """Return what a map shows and how far it can be trusted."""
    shown = len(found.item_idx)
    what = (
        f"Each dot is one of {counted(found.n_items, 'item')}"
        if shown == found.n_items
        else f"Each dot is one of the {shown:,} most frequent of {found.n_items:,} items"
    )
    colour = f", coloured by {clean(found.column, 30)}" if found.column else ""
    among = "" if shown == found.n_items else " among those drawn"
    trust = (
        "groups can be trusted more than single neighbours"
        if found.share_kept >= LEAST_KEPT
        else "it shows the whole, not what lies beside what"
    )
    return (
        f"{what}{colour}. Items that the model takes to be alike lie close together; the directions"
        f" mean nothing. Of an item's ten nearest in truth{among}, {share(found.share_kept)} are"
        f" among its ten nearest here: {trust}."
    )
