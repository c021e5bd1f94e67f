"""Predictions as sentences, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from bert4rec.contexts import CONTEXT_NAMES
from bert4rec.explain import Prediction
from bert4rec.suggestions import Suggestion
from bert4rec.ui.reading_table import Column, count_column, draw_table, share_column
from bert4rec.view.markdown import escape
from bert4rec.words import number, percent, signed

CONTEXT_WORDS = {name: words.capitalize() for name, words in CONTEXT_NAMES.items()}
# Plain signs: the name of an icon would be read out as it is written.
CONTEXT_SIGNS = {"past": "←", "future": "→", "both": "↔"}
BITS_HELP = (
    "How much the context tells beyond popularity, in bits: 1 bit makes the true item twice as "
    "probable as its share of the interactions in training. An item that is not among them counts "
    "as met once."
)
# Both sides tell more than one where they make the true item so much more probable: by two fifths.
LEAST_GAIN_BITS = 0.5
# Narrower ones would cut off the probability.
MIN_CONTEXT_PX = 280
WIDE_TABLE_PX = 680
# A bar is full at no less, however low all probabilities of a table are.
LEAST_FULL_BAR = 0.1
NOTE_MARKS = {"true item": "✓ ", "in sequence": "↺ ", "": ""}


def ordinal(n: int) -> str:
    """Return a rank as a person reads it.

    Example:
        >>> [ordinal(n) for n in (1, 2, 3, 4, 11, 21, 1112)]
        ['1st', '2nd', '3rd', '4th', '11th', '21st', '1,112th']
    """
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{ending}"


def finding(by_context: dict[str, Prediction], n_items: int) -> str:
    """Return what the three contexts say of one hidden place, in one or two sentences.

    Args:
        by_context: past, future and both.
        n_items: Length of the sequence.
    """
    rank = {context: found.true_rank + 1 for context, found in by_context.items()}
    if "both" not in rank:
        return f"The past ranks the true item {ordinal(rank['past'])}; this model sees no future."
    position = by_context["both"].position
    both = f"Both sides rank the true item {ordinal(rank['both'])}"
    if n_items == 1:
        return f"With nothing around it, the true item is ranked {ordinal(rank['both'])}."
    if position == n_items - 1:
        return f"The past ranks the true item {ordinal(rank['past'])}; nothing comes after it."
    if position == 0:
        return f"The future ranks the true item {ordinal(rank['future'])}; nothing comes before it."
    sides = (
        f"{both}; the past alone {ordinal(rank['past'])}, the future alone "
        f"{ordinal(rank['future'])}."
    )
    bits = {context: told_bits(found.bits) for context, found in by_context.items()}
    return f"{sides} {_verdict(rank, bits['both'] - max(bits['past'], bits['future']))}"


def _verdict(rank: dict[str, int], gained_bits: float) -> str:
    best = min(rank["past"], rank["future"])
    if rank["both"] < best:
        if gained_bits >= LEAST_GAIN_BITS:
            return "The two sides complete each other."
        return "Together they tell hardly more than one alone."
    winner = "the past" if rank["past"] == best else "the future"
    if rank["past"] == rank["future"]:
        winner = "either side"
    if rank["both"] == best:
        return f"{winner.capitalize()} alone does as well."
    return f"Here {winner} alone does better."


def bits_finding(by_context: dict[str, Prediction]) -> str:
    """Return what each context tells beyond popularity and what one adds to the other, in bits."""
    # Of the figures as they are told, so that who subtracts finds the same.
    bits = {context: told_bits(found.bits) for context, found in by_context.items()}
    told = ", ".join(f"{CONTEXT_WORDS[name].lower()} {signed_bits(bits[name])}" for name in bits)
    if "both" not in bits:
        return f"In bits over popularity: {told}."
    return (
        f"In bits over popularity: {told}; the future adds "
        f"{signed_bits(bits['both'] - bits['past'])} to the past, the past "
        f"{signed_bits(bits['both'] - bits['future'])} to the future."
    )


def suggestion_table(
    top: Sequence[Suggestion], prediction: Prediction | None = None
) -> pd.DataFrame:
    """Return a list of suggestions as a table; the true item is added where the list misses it.

    Args:
        top: The best items.
        prediction: What the list belongs to, if the true item is known.
    """
    rows = [_row(suggestion, prediction) for suggestion in top]
    return pd.DataFrame(rows, columns=["rank", "item", "probability", "count", "note"])


def _row(suggestion: Suggestion, prediction: Prediction | None) -> dict[str, Any]:
    is_true = prediction is not None and suggestion.item_idx == prediction.true_idx
    note = "true item" if is_true else "in sequence" if suggestion.is_seen else ""
    return {
        "rank": suggestion.rank + 1,
        "item": suggestion.title,
        "probability": suggestion.probability,
        "count": suggestion.count,
        "note": note,
    }


def with_true_item(
    table: pd.DataFrame, prediction: Prediction, title: str, count: int
) -> pd.DataFrame:
    """Append the true item with its own rank where the list does not reach it."""
    if (table["note"] == "true item").any():
        return table
    row = {
        "rank": prediction.true_rank + 1,
        "item": title,
        "probability": prediction.true_probability,
        "count": count,
        "note": "true item",
    }
    return pd.concat([table, pd.DataFrame([row])], ignore_index=True)


def draw_suggestions(
    table: pd.DataFrame,
    *,
    alt_text: str,
    highest: float | None = None,
    is_narrow: bool = False,
) -> None:
    """Draw suggestions with bars for probabilities; the true item's row is tinted.

    Args:
        table: See `suggestion_table`.
        alt_text: Name of the table for those who cannot see it.
        highest: The highest probability of several tables, to compare them by their bars.
        is_narrow: Whether it stands beside others, so that titles get less room.
    """
    full = max(highest or float(table["probability"].max()), LEAST_FULL_BAR)
    draw_table(
        table.assign(item=table["note"].map(NOTE_MARKS) + table["item"]),
        [
            count_column("rank", "Rank"),
            Column("item", "Item", "✓ true item, ↺ already in the sequence"),
            share_column("probability", "Probability", "Over the whole catalogue", full=full),
            count_column("count", "Count", "How often it occurs in the data"),
        ],
        alt=alt_text,
        is_tinted=(table["note"] == "true item").tolist(),
        width_px=None if is_narrow else WIDE_TABLE_PX,
    )


def draw_contexts(
    by_context: dict[str, Prediction],
    *,
    title: str,
    count: int,
    n_items: int,
    n_shown: dict[str, int],
    before: Prediction | None = None,
) -> None:
    """Draw one hidden place as past only, future only and both, side by side.

    Args:
        by_context: past, future and both.
        title: The true item's.
        count: How often the true item occurs.
        n_items: Length of the sequence.
        n_shown: Places that each context shows.
        before: The same in the original, seen as widely, if the sequence was edited.
    """
    sentence = finding(by_context, n_items)
    if before is not None:
        change = list(by_context.values())[-1].bits - before.bits
        sentence += (
            f" In the original {_who(before.context)} it {ordinal(before.true_rank + 1)}: the edit "
            f"changes {signed_bits(change)} bits."
        )
    st.markdown(f"##### {escape(sentence)}", anchors=False)
    st.caption(
        f"{escape(bits_finding(by_context))} Ranks are among all items.",
        help=BITS_HELP,
    )
    highest = max(p.top[0].probability for p in by_context.values() if p.top)
    # One alone does not take the whole width. Where only two fit, the third stands below them, as
    # wide as both: see page_style.css.
    place = st.container(key="inspect_contexts")
    columns = place.grid(max(2, len(by_context)), min_column_width=MIN_CONTEXT_PX)
    for context, prediction in by_context.items():
        with columns.container():
            st.metric(
                f"{CONTEXT_SIGNS[context]} {CONTEXT_WORDS[context]}",
                f"{ordinal(prediction.true_rank + 1)}",
                delta=f"{signed_bits(prediction.bits)} bits over popularity",
                delta_color="off",
                delta_arrow="off",
                help=f"Rank of the true item. {BITS_HELP}",
            )
            st.caption(
                f"The true item gets {percent(prediction.true_probability)}.  \n"
                + context_note(context, n_shown[context])
            )
            table = suggestion_table(prediction.top, prediction)
            draw_suggestions(
                with_true_item(table, prediction, title, count),
                alt_text=f"{CONTEXT_WORDS[context]}: the most probable items for the hidden place",
                highest=highest,
                is_narrow=True,
            )


def _who(context: str) -> str:
    return "both sides rank" if context == "both" else f"the {context} ranks"


def context_note(context: str, n_shown: int) -> str:
    """Return how much of the sequence a context shows, in one sentence.

    Args:
        context: past, future or both.
        n_shown: Places that it shows; see `drafts.Draft.n_shown`.
    """
    side = {"past": " before it", "future": " after it"}.get(context, "")
    if n_shown == 0:
        # On one line beside the others, so that what stands below is level.
        return f"Sees no place{side}: a guess without history."
    if not side:
        return f"Sees the {'one' if n_shown == 1 else number(n_shown)} other " + (
            "place that is shown." if n_shown == 1 else "places that are shown."
        )
    return f"Sees the {'one place' if n_shown == 1 else f'{number(n_shown)} places'} shown{side}."


def place_table(
    compared: dict[str, list[Prediction]],
    titles: Sequence[str],
    before: dict[int, Prediction] | None,
    first: int = 0,
) -> pd.DataFrame:
    """Return one row for each hidden place, with ranks from 1 by context.

    Args:
        compared: See `explain.compare_contexts`.
        titles: True titles, beside the predictions.
        before: Position → prediction in the pinned original, if the sequence was edited.
        first: How many places stand before those of the sequence.
    """
    rows = []
    for at, title in enumerate(titles):
        # The last context shows the most.
        widest = list(compared.values())[-1][at]
        row = {"place": first + widest.position + 1, "item": title}
        row |= {context: found[at].true_rank + 1 for context, found in compared.items()}
        row["bits"] = round(widest.bits, 1)
        if before is not None:
            was = before.get(widest.position)
            row["before"] = None if was is None else was.true_rank + 1
            row["change"] = None if was is None else round(widest.bits - was.bits, 1)
        rows.append(row)
    return pd.DataFrame(rows)


def draw_places(
    compared: dict[str, list[Prediction]],
    titles: Sequence[str],
    before: dict[int, Prediction] | None,
    first: int,
) -> None:
    """Draw the hidden places as one table; see `place_table`."""
    table = place_table(compared, titles, before, first)
    rank = "Rank of the true item"
    columns = [
        count_column("place", "Place"),
        Column("item", "True item"),
        count_column("past", "Rank by past", f"{rank}, by the past only"),
        count_column("future", "Rank by future", f"{rank}, by the future only"),
        count_column("both", "Rank by both", f"{rank}, by both sides"),
        count_column("before", "Rank in the original", f"{rank} there, seen as widely"),
        Column("change", "Change in bits", "What the edit adds", signed_bits, is_number=True),
        Column("bits", "Bits", BITS_HELP, bits_words, is_number=True),
    ]
    draw_table(
        table,
        [column for column in columns if column.name in table],
        alt="Rank of the true item at each hidden place, by context",
    )


def bits_words(bits: float) -> str:
    """Return bits with one digit."""
    return number(bits, 1)


def told_bits(bits: float) -> float:
    """Return bits as exactly as they are told."""
    return round(bits, 1)


def signed_bits(bits: float) -> str:
    """Return a difference of bits with its sign, which nothing has none of.

    Example:
        >>> [signed_bits(bits) for bits in (1.25, -0.5, 0.04, -0.04)]
        ['+1.2', '−0.5', '0.0', '0.0']
    """
    told = told_bits(bits)
    return signed(told, 1) if told else "0.0"
