"""What a report on the future says, in sentences whose every word goes back to a figure of it."""

from __future__ import annotations

from bert4rec.held_out.future_report import (
    BY_PLACE,
    BY_POPULARITY,
    LEAST_SHARE,
    NO_CATEGORY,
    OTHER_CATEGORIES,
    FutureReport,
    Gain,
)
from bert4rec.metrics import LEAST_USERS
from bert4rec.words import (
    MINUS,
    POPULARITY_WORDS,
    counted,
    digits_apart,
    number,
    signed,
    span,
)

# Of the figures of the answer.
LEAST_DIGITS, MOST_DIGITS = 3, 6

ANSWERS = {
    "matters": "Yes, the future matters here.",
    "does_not": "No, the future does not matter here.",
    "not_enough": "This is not enough to tell.",
}
PART_WORDS = {
    "unseen_users": "items of users of whom nothing was trained on",
    "test": "test items that have a later test item as their future",
    "validation": "validation items, each with the items after it as its future",
    "trained": "items that the model was trained on",
    "middle": "middle items of histories, whatever was trained on",
}


def group_words(by: str, group: str) -> str:
    """Return the name of a group as a person reads it; values of columns stay as they are.

    Example:
        >>> group_words("popularity of the item", "rest"), group_words("genre", "all others")
        ('Least popular half', 'All others')
    """
    if by == BY_POPULARITY:
        return POPULARITY_WORDS.get(group, group)
    is_ours = by == BY_PLACE or group in (OTHER_CATEGORIES, NO_CATEGORY)
    return group.capitalize() if is_ours else group


def finding(report: FutureReport) -> str:
    """Return the answer with the figures that give it, in two or three sentences.

    Example:
        Yes, the future matters here. With the future, NDCG@10 of the hidden item rises from 0.312
        to 0.420: by 0.108 (95% interval 0.090 to 0.126), over 1,000 places of 1,000 users.
    """
    said = [ANSWERS[report.verdict], _figures(report)]
    if report.verdict == "matters" and report.over_long_past is not None:
        said.append(_against_long_past(report, report.over_long_past))
    if report.verdict == "does_not":
        # By the end as it is told: a loss that rounds to nothing is none to the reader.
        is_loss = round(report.gain.ndcg.high, _digits(report)) < 0
        bound = f"{_least(report)}, {LEAST_SHARE:.0%} of what the past reaches"
        said.append(f"The whole interval lies below {0 if is_loss else bound}.")
    if report.verdict == "not_enough":
        said.append(_why_not(report))
    return " ".join(said)


def _figures(report: FutureReport) -> str:
    digits, gain = _digits(report), report.gain.ndcg
    past, both = (number(report.contexts[name].ndcg.mean, digits) for name in ("past", "both"))
    over = f"over {counted(report.n_places, 'place')} of {counted(report.n_users, 'user')}"
    mean = number(gain.mean, digits)
    way = f"rises from {past} to {both}: by {mean}"
    if mean.startswith(MINUS):
        way = f"falls from {past} to {both}: a change of {mean}"
    elif past == both:
        way = f"stays at {past}: a change of {mean}"
    interval = f"(95% interval {span(gain.low, gain.high, digits)})"
    return f"With the future, NDCG@10 of the hidden item {way} {interval}, {over}."


def _least(report: FutureReport) -> str:
    """Return the least gain that counts."""
    return number(LEAST_SHARE * report.contexts["past"].ndcg.mean, _digits(report))


def _digits(report: FutureReport) -> int:
    """Return with how many digits the figures of the answer add up and say what is said."""
    past, both = (report.contexts[name].ndcg.mean for name in ("past", "both"))
    high = report.gain.ndcg.high

    def add_up(digits: int) -> bool:
        told = round(round(both, digits) - round(past, digits), digits)
        bound = round(LEAST_SHARE * past, digits)
        is_bound_told = not past or bound > 0
        # An interval of which it is said that it lies below the bound has to be seen there.
        is_below = report.verdict != "does_not" or round(high, digits) < max(bound, 0)
        return is_bound_told and is_below and told == round(report.gain.ndcg.mean, digits)

    return next(filter(add_up, range(LEAST_DIGITS, MOST_DIGITS)), MOST_DIGITS)


def long_past_places(report: FutureReport, over: Gain) -> str:
    """Return at how many places a longer past was asked, empty where at all of them."""
    return "" if over.n_places == report.n_places else counted(over.n_places, "place")


def _against_long_past(report: FutureReport, over: Gain) -> str:
    """Return what both sides have before a longer past, with digits that show its sign."""
    gain = over.ndcg
    nearest = min((gain.mean, gain.low, gain.high), key=abs)
    digits = digits_apart(nearest, 0, _digits(report), MOST_DIGITS)
    if told := long_past_places(report, over):
        have = "has" if over.n_places == 1 else "have"
        so_many = f"as many items from the past alone, which {told} {have},"
    else:
        so_many = "as many items from the past alone"
    mean, low, high = (signed(value, digits) for value in (gain.mean, gain.low, gain.high))
    figures = f"{mean} (95% interval {low} to {high})"
    if gain.low > 0:
        return f"Beside {so_many} it is {figures}."
    if gain.high < 0:
        return (
            f"But {so_many} do better: beside these it is {figures}, so a longer past serves more."
        )
    return (
        f"But {so_many} may do as well: beside these it is {figures}, so a longer past may serve."
    )


def _why_not(report: FutureReport) -> str:
    if report.reason == "few_users":
        return f"Fewer than {LEAST_USERS} users have such a place."
    if report.reason == "nothing_learnt":
        past, both = (signed(report.contexts[name].bits.mean, 2) for name in ("past", "both"))
        return (
            "The model tells the hidden items no better than their popularity in training does, "
            f"from the past ({past} bits an item) as from both sides ({both}): train it longer, or "
            "look at the data."
        )
    if report.reason == "no_hit":
        return (
            "No hidden item is among the first ten, from the past or from both sides: train it "
            "longer, or look at the data."
        )
    too_little = "one too small to count" if report.gain.ndcg.low > 0 else "none"
    # All that a small log has were asked, and then asking for more of them leads nowhere.
    more = (
        ": more users would tell"
        if report.has_more_users
        else "; all users with such an item were asked, so only a log of more would tell"
    )
    return (
        f"The interval holds a gain that would count, {_least(report)} or more, as well as "
        f"{too_little}{more}."
    )


def limits(report: FutureReport) -> list[str]:
    """Return what was hidden and how far the answer reaches, a sentence or two each."""
    said = [_of_part(report)]
    said.append(
        f"On average {report.n_before:.1f} items before a place were shown and "
        f"{report.n_after:.1f} after it, in windows of {report.window}."
    )
    said.append(
        "The answer is about this model on this data: what it does not use, another one might."
    )
    return said


def _of_part(report: FutureReport) -> str:
    hidden = f"Hidden one at a time were {PART_WORDS[report.part]}."
    one_long = "That future is one item long, so a longer one may add more. "
    more = {
        "unseen_users": "The figures are those of new users, with nothing of them known before.",
        "test": "The model was trained on the earlier part of the same histories alone.",
        "validation": (one_long if report.n_after == 1 else "") + "The best epoch was chosen by"
        " these items, asked from their past: if anything, this favours the past.",
        "trained": "So the figures compare the contexts with each other and say nothing of items"
        " that are new to it.",
        "middle": "So the figures compare the contexts with each other and do not replace the test"
        " metrics.",
    }
    return f"{hidden} {more[report.part]}"
