"""What was composed: each choice with its reason, greedy filling beside it, and files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from bert4rec.composer.decoding import Choice, Composition
from bert4rec.composer.export import as_text, offered_forms
from bert4rec.composer.reasons import Reason
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.ui.folded import popped
from bert4rec.ui.kept_calibration import offer_keeping
from bert4rec.ui.reading_table import Column, draw_table
from bert4rec.ui.recommend import compositions
from bert4rec.ui.recommend.outline_links import Edit
from bert4rec.ui.sequences.prediction_cards import ordinal
from bert4rec.view.markdown import escape
from bert4rec.words import counted, number, percent

MIN_CARD_PX = 310
MIMES = {"csv": "text/csv", "json": "application/json", "m3u8": "application/vnd.apple.mpegurl"}
FILE_NAME = "sequence"
REASON_ICONS = {
    "past": ":material/arrow_back:",
    "future": ":material/arrow_forward:",
    "both": ":material/sync_alt:",
    "either": ":material/sync_alt:",
    "less": ":material/sync_disabled:",
    "popularity": ":material/trending_up:",
}
OUR_WORDS = "Surest first"
GREEDY_WORDS = "One after another"
ORIGINAL_WORDS = "As it was"


@dataclass(frozen=True, eq=False)
class Result:
    """What there is to show.

    Args:
        run: Whose model composed.
        recommender: That model.
        found: The filled outline.
        reasons: Why, by position.
    """

    run: Run
    recommender: Recommender
    found: Composition
    reasons: Mapping[int, Reason]

    def title(self, item_idx: int) -> str:
        """Return an item's title."""
        return self.recommender.vocabulary.title(item_idx)


def reason_words(reason: Reason) -> str:
    """Return in a sentence or two which side carries a choice, with probabilities."""
    said = [percent(math.exp(p)) for p in reason.log_p.values()]
    if len(said) == 1:
        return _past_words(reason, said[0])
    (past, future, both), where = said, "in the whole catalogue"
    if reason.n_items == 1:
        return f"Nothing is around it: {both} {where} is what the model expects of no history."
    if reason.place == reason.n_items - 1:
        return f"Nothing comes after it; what comes before gives it {past} {where}."
    if reason.place == 0:
        return f"Nothing comes before it; what comes after gives it {future} {where}."
    sides = (
        f"{where.capitalize()} it has {past} from what comes before, {future} from what comes "
        f"after and {both} from both."
    )
    lead = {
        "past": "Carried by what comes before.",
        "future": "Carried by what comes after.",
        "both": "Both sides together say more for it than either alone.",
        "either": "Either side alone tells it.",
        "less": f"{_better_side(reason)} alone says more for it than both sides together.",
        "popularity": "Nothing around it makes it twice as probable as its popularity does.",
    }[reason.carried_by]
    return f"{lead} {sides}"


def _better_side(reason: Reason) -> str:
    past, future = reason.log_p["past"], reason.log_p["future"]
    return f"What comes {'before' if past >= future else 'after'}"


def _past_words(reason: Reason, past: str) -> str:
    """Return the same of a model that sees only the past."""
    where = "in the whole catalogue"
    if reason.place == 0:
        return f"Nothing comes before it: {past} {where} is what the model expects of no history."
    lead = {
        "past": "Carried by what comes before.",
        "popularity": "Nothing before it makes it twice as probable as its popularity does.",
    }[reason.carried_by]
    return f"{lead} {where.capitalize()} it has {past} from what comes before."


def draw_choices(result: Result, on_change: Callable[[Edit], None]) -> None:
    """Draw a card for each choice, with its reason and what to do with it."""
    found = result.found
    st.subheader(f"What the model put in: {counted(len(found.choices), 'item')}")
    changed = (
        f" {counted(found.n_changed, 'choice')} changed when all were looked at again."
        if found.n_changed
        else ""
    )
    sides = "either side and from both" if len(result.recommender.contexts) > 1 else "the past"
    st.caption(
        "The surest gap was filled first, and the others saw it: "
        f"{counted(found.n_rounds, 'round')}.{changed} The probability of a choice is its "
        "share among what may stand there, everything else being there; below it stands what the "
        f"model gives it in the whole catalogue, from {sides}. {_calibrated(result.recommender)}"
    )
    below = st.container()
    with st.grid("auto", min_column_width=MIN_CARD_PX) as cards:
        for choice in found.choices:
            with cards.container(border=True, height="stretch"):
                _draw_choice(result, choice, on_change)
    # Last, as who presses it waits here.
    with below:
        offer_keeping(result.run)


def _calibrated(recommender: Recommender) -> str:
    run = recommender.run
    if recommender.scorer.temperatures:
        return "Both are calibrated where that pays: see *How sure is it?* on Inspect."
    if run is None or run.temperatures() is None:
        return (
            "Both are the network's own, as the end of this run did not calibrate them: they can be"
            " many times too high or too low."
        )
    return "Both are the network's own: no calibration pays."


def chosen_words(choice: Choice, n_rounds: int) -> str:
    """Return when an item was chosen, in words.

    Args:
        choice: What was put into a gap.
        n_rounds: Rounds that filled the gaps; those that count on looked at all choices again.
    """
    if choice.round < n_rounds:
        return f"chosen in round {choice.round + 1}"
    n_looks = choice.round - n_rounds
    more = f", the {ordinal(n_looks + 1)} time" if n_looks else ""
    return f"changed when all were looked at again{more}"


def _draw_choice(result: Result, choice: Choice, on_change: Callable[[Edit], None]) -> None:
    reason = result.reasons[choice.place]
    st.markdown(f"{choice.place + 1} · **{escape(result.title(choice.item_idx))}**")
    st.caption(
        f"Probability {percent(choice.probability)} among {counted(choice.n_allowed, 'item')} that "
        f"may stand here, {chosen_words(choice, result.found.n_rounds)}  \n"
        f"{REASON_ICONS[reason.carried_by]} "
        f"{reason_words(reason)}"
    )
    st.space("stretch")
    with st.container(horizontal=True, gap="xsmall"):
        st.button(
            "Keep",
            icon=":material/lock:",
            key=f"compose_keep_{choice.place}",
            on_click=lambda: on_change(lambda o: o.locked(choice.place, choice.item_idx)),
        )
        st.button(
            "Exclude",
            icon=":material/block:",
            key=f"compose_drop_{choice.place}",
            help="Excludes it from the whole sequence and fills again.",
            on_click=lambda: on_change(lambda o: o.excluding(choice.item_idx)),
        )
        _draw_more(result, choice, on_change)


def _draw_more(result: Result, choice: Choice, on_change: Callable[[Edit], None]) -> None:
    with popped("More", key=f"compose_more_{choice.place}") as is_open:
        if not is_open:
            return
        st.markdown("**Which items carry it**")
        carriers = compositions.neighbours(
            result.run, result.recommender, result.found, choice.place
        )
        for at, bits in carriers:
            title = result.title(result.found.items[at])
            st.caption(f"{at + 1} · {escape(title)}: {bits:.1f} bits less without it")
        if not carriers:
            st.caption("No other item makes it more probable.")
        st.markdown("**Take another one instead**")
        for item, share in choice.alternatives:
            st.button(
                f"{escape(result.title(item))} · {percent(share)}",
                key=f"compose_take_{choice.place}_{item}",
                on_click=_locked(on_change, choice.place, item),
            )


def _locked(on_change: Callable[[Edit], None], place: int, item: int) -> Callable[[], None]:
    return lambda: on_change(lambda o: o.locked(place, item))


def comparison_table(
    found: Composition,
    greedy: Composition,
    original: Mapping[int, int] | None,
    titles: list[str],
) -> pd.DataFrame:
    """Return how the gaps were filled, one row a way, one column a gap.

    Args:
        found: The surest first.
        greedy: One after another, from the past alone.
        original: What stood there, by position, if that is known.
        titles: Of the items, in index order.
    """
    rows = {
        OUR_WORDS: {choice.place: choice.item_idx for choice in found.choices},
        GREEDY_WORDS: {choice.place: choice.item_idx for choice in greedy.choices},
    }
    true = set((original or {}).values())
    table = pd.DataFrame({"way": [*rows, *([ORIGINAL_WORDS] if original else [])]})
    for place in found.outline.gaps:
        items = [row[place] for row in rows.values()]
        cells = [f"✓ {titles[i - 1]}" if i in true else titles[i - 1] for i in items]
        table[f"Place {place + 1}"] = cells + ([titles[original[place] - 1]] if original else [])
    return table


def comparison_words(
    found: Composition, greedy: Composition, original: Mapping[int, int] | None
) -> str:
    """Return how well the choices fit, and how many items came back; see `comparison_table`."""
    fit = (
        f"The probabilities of the choices, each given all the others, have a geometric mean of "
        f"{percent(found.fit)}; it is {percent(greedy.fit)} where gaps are filled one after "
        "another from the past alone, as a next-item model would."
    )
    if not original:
        return fit
    kept = {place for at, place in enumerate(found.outline.places) if at not in original}
    may_return = [item for item in original.values() if item not in kept]
    n_barred = len(original) - len(may_return)
    before = f"Of {counted(len(original), 'item')} that stood there before, "
    if n_barred:
        before += (
            f"{number(n_barred)} {'stands' if n_barred == 1 else 'stand'} elsewhere as well, so "
            "cannot be chosen again"
        )
        if not may_return:
            return f"{fit} {before}."
        before += f"; of the other {number(len(may_return))}, "
    ours, theirs = (
        len({choice.item_idx for choice in one.choices} & set(may_return))
        for one in (found, greedy)
    )
    sign = " A ✓ marks these." * bool(ours or theirs)
    came_back = f"{ours} came back with the surest first and {theirs} one after another."
    return f"{fit} {before}{came_back}{sign}"


def draw_comparison(
    result: Result, greedy: Composition | None, original: Mapping[int, int] | None
) -> None:
    """Draw the same gaps as a next-item model would fill them, below ours."""
    if greedy is None:
        st.caption(
            f"{GREEDY_WORDS}, from the past alone, no filling was found that keeps the rules."
        )
        return
    table = comparison_table(result.found, greedy, original, result.recommender.vocabulary.titles)
    st.subheader("Beside filling one after another")
    st.caption(comparison_words(result.found, greedy, original))
    draw_table(
        table,
        [Column("way", "Filled"), *(Column(name, name) for name in table.columns[1:])],
        alt="The gaps filled in two ways",
    )


def draw_files(result: Result) -> None:
    """Offer the sequence as files."""
    reasons = list(result.reasons.values())
    with st.container(horizontal=True, vertical_alignment="center"):
        for form in offered_forms(result.recommender.vocabulary):
            st.download_button(
                form.upper(),
                as_text(form, result.found, reasons, result.recommender.vocabulary),
                f"{FILE_NAME}.{form}",
                MIMES[form],
                key=f"compose_file_{form}",
                icon=":material/download:",
                on_click="ignore",
            )
        st.caption("The address of this page shows this sequence again.")
