"""What a visitor starts composing from, and the rules and dials as widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial

import streamlit as st

from bert4rec.composer.outline import MAX_PLACES, OPEN, Dials, Limit, Order, Outline
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import SettingsError
from bert4rec.ui.recommend.outline_links import Edit, Sheet, parse_places
from bert4rec.ui.refusals import keep_refusal, show_refusal
from bert4rec.ui.sequences.user_box import draw_user_box
from bert4rec.view.markdown import escape
from bert4rec.words import caption_of, counted, unique_labels

# So many of a user's newest items are taken to begin with: more would be no sequence to work on.
N_START = 12
# Places in the middle that are opened to begin with, where as many are left on both sides.
N_OPENED = 3
# What one press of "Another version" leaves to chance.
TEMPERATURE = 0.5
PASTE_PROBLEM_KEY = "compose_paste_problem"

Take = Callable[[Sheet], None]


def user_sheet(dataset: SequenceDataset, user_idx: int) -> Sheet:
    """Return the newest items of a user with gaps in the middle or, of few items, at the end."""
    items = dataset.history(user_idx)[-N_START:].astype(int).tolist()
    outline, first = Outline(tuple(items)), (len(items) - N_OPENED) // 2
    if first < N_OPENED:
        outline = outline.with_gaps(len(items), N_OPENED)
    else:
        for place in range(first, first + N_OPENED):
            outline = outline.opened(place)
    return Sheet(outline, user=dataset.user_id(user_idx))


def start_words(sheet: Sheet, dataset: SequenceDataset) -> str:
    """Return which of a user's items the sheet began with, empty where these are all of them."""
    n_items = len(dataset.history(dataset.user_idx(sheet.user))) if sheet.user else 0
    if n_items <= N_START:
        return ""
    return f"It starts from the newest {N_START} of the user's {n_items:,} items."


def original_items(sheet: Sheet, dataset: SequenceDataset) -> dict[int, int] | None:
    """Return what the user's own history holds at the gaps, by position.

    None where the sheet is no longer that history with gaps in it.
    """
    if not sheet.user:
        return None
    history = dataset.history(dataset.user_idx(sheet.user))[-N_START:].astype(int).tolist()
    places = sheet.outline.places
    fits = len(places) == len(history) and all(
        kept in (OPEN, item) for kept, item in zip(places, history, strict=True)
    )
    return {at: history[at] for at in sheet.outline.gaps} if fits else None


def draw_start(
    dataset: SequenceDataset, sheet: Sheet, take: Take, take_user: Callable[[str], None]
) -> None:
    """Draw what to start from: a user, a pasted sequence, or nothing at all."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draw_user_box(
            dataset, sheet.user, take_user, key="compose_user", placeholder="Own sequence"
        )
        with (
            st.popover("Own sequence", icon=":material/edit_note:", key="compose_own"),
            st.form("compose_paste", border=False),
        ):
            text = st.text_area(
                "Titles or ids, oldest first, _ for a gap; separated by commas or new lines",
                height=180,
            )
            if st.form_submit_button("Use this sequence", type="primary"):
                _take_pasted(text or "", dataset.vocabulary, sheet, take)
            show_refusal(PASTE_PROBLEM_KEY)
        st.button(
            "Nothing but gaps",
            icon=":material/select:",
            help="Ten gaps: the model makes up a whole sequence.",
            on_click=lambda: take(Sheet(replace(sheet.outline, places=(OPEN,) * 10))),
        )


def _take_pasted(text: str, vocabulary: Vocabulary, sheet: Sheet, take: Take) -> None:
    try:
        outline = replace(sheet.outline, places=parse_places(text, vocabulary))
    except SettingsError as error:
        keep_refusal(PASTE_PROBLEM_KEY, error)
    else:
        take(Sheet(outline))
        st.rerun()


def draw_rules(
    outline: Outline,
    vocabulary: Vocabulary,
    columns: list[str],
    orders: list[Order],
    on_change: Callable[[Edit], None],
) -> None:
    """Draw the rules and dials of an outline.

    Args:
        outline: Whose they are.
        vocabulary: Names the excluded items.
        columns: The columns that may be limited.
        orders: The orders that the item table tells.
        on_change: Gets the edit after a change.
    """
    left, right = st.columns(2, gap="medium")
    with left:
        if not columns and not orders:
            st.caption(
                "Limits, such as two by the same artist, and orders, such as that of a series, "
                "come from columns of an item table; this dataset has none that would do."
            )
        _draw_limits(outline, columns, on_change)
        _draw_orders(outline, orders, on_change)
        _draw_excluded(outline, vocabulary, on_change)
    with right:
        _draw_dials(outline, on_change)
        _draw_length(outline, on_change)


def _draw_limits(outline: Outline, columns: list[str], on_change: Callable[[Edit], None]) -> None:
    if not columns:
        return
    limits = outline.rules.limits
    st.session_state["compose_limit_columns"] = [limit.column for limit in limits]
    st.session_state["compose_limit_n"] = limits[0].n if limits else 2

    def change() -> None:
        n = int(st.session_state["compose_limit_n"])
        chosen = st.session_state["compose_limit_columns"]
        found = tuple(Limit(column, n) for column in columns if column in chosen)
        on_change(lambda o: replace(o, rules=replace(o.rules, limits=found)))

    captions = unique_labels({column: caption_of(column) for column in columns})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.multiselect(
            "Limit items of the same",
            columns,
            key="compose_limit_columns",
            format_func=lambda column: captions.get(column, column),
            placeholder="no limit",
            on_change=change,
        )
        st.number_input(
            "to at most",
            1,
            MAX_PLACES,
            key="compose_limit_n",
            width=110,
            on_change=change,
            disabled=not limits,
        )


def with_order(outline: Outline, order: Order, *, is_on: bool) -> Outline:
    """Return the outline with or without an order to keep."""
    orders = [one for one in outline.rules.orders if one != order] + [order] * is_on
    return replace(outline, rules=replace(outline.rules, orders=tuple(orders)))


def _draw_orders(outline: Outline, orders: list[Order], on_change: Callable[[Edit], None]) -> None:
    for order in orders:
        key = f"compose_order_{order.told_by}"
        st.session_state[key] = order in outline.rules.orders

        def change(order: Order = order, key: str = key) -> None:
            on_change(partial(with_order, order=order, is_on=bool(st.session_state[key])))

        label = (
            f"Keep the order of “{escape(caption_of(order.number))}” within "
            f"“{escape(caption_of(order.column))}”"
            if order.number
            else f"What an item requires (“{escape(caption_of(order.column))}”) comes before it"
        )
        st.toggle(label, key=key, on_change=change)


def _draw_excluded(
    outline: Outline, vocabulary: Vocabulary, on_change: Callable[[Edit], None]
) -> None:
    excluded = sorted(outline.rules.excluded)
    if not excluded:
        return
    names = {idx: f"{vocabulary.title(idx)} ({vocabulary.item_id(idx)})" for idx in excluded}
    st.session_state["compose_excluded"] = excluded

    def change() -> None:
        left = frozenset(st.session_state["compose_excluded"])
        on_change(lambda o: replace(o, rules=replace(o.rules, excluded=left)))

    st.multiselect(
        f"Excluded: {counted(len(excluded), 'item')}",
        excluded,
        key="compose_excluded",
        format_func=lambda idx: names.get(idx, str(idx)),
        on_change=change,
        help="Take an item out of this list to allow it again.",
    )


def _draw_dials(outline: Outline, on_change: Callable[[Edit], None]) -> None:
    for name, help_text in (
        (
            "novelty",
            "0: what the model finds most probable. 1: what the neighbours make more probable than "
            "it is anyway, however rare it is.",
        ),
        ("diversity", "Turns away from items that are like those already in the sequence."),
    ):
        key = f"compose_{name}"
        st.session_state[key] = float(getattr(outline.dials, name))
        st.slider(
            name.capitalize(),
            0.0,
            1.0,
            step=0.05,
            key=key,
            help=help_text,
            on_change=partial(_turn, name, key, on_change),
        )


def _turn(name: str, key: str, on_change: Callable[[Edit], None]) -> None:
    value = round(float(st.session_state[key]), 2)
    on_change(lambda o: replace(o, dials=Dials(**(asdict(o.dials) | {name: value}))))


def _draw_length(outline: Outline, on_change: Callable[[Edit], None]) -> None:
    st.session_state["compose_length"] = len(outline)

    def change() -> None:
        length = int(st.session_state["compose_length"])
        on_change(lambda o: with_length(o, length))

    st.number_input(
        "Length",
        max(1, len(outline) - len(outline.gaps)),
        MAX_PLACES,
        key="compose_length",
        help="A longer sequence gets gaps at its end; a shorter one loses its last gaps.",
        on_change=change,
        width=160,
    )


def with_length(outline: Outline, length: int) -> Outline:
    """Return the outline with gaps more at its end, or without its last gaps.

    What is kept stays, also where that leaves more places than asked for.
    """
    if length >= len(outline):
        return outline.extended_to(length)
    for place in list(reversed(outline.gaps))[: len(outline) - length]:
        outline = outline.without(place)
    return outline


def another_version(outline: Outline) -> Outline:
    """Return the outline with the next seed and some chance."""
    seed = outline.dials.seed + 1 if outline.dials.temperature else 1
    return replace(outline, dials=replace(outline.dials, temperature=TEMPERATURE, seed=seed))


def best_version(outline: Outline) -> Outline:
    """Return the outline without chance."""
    return replace(outline, dials=replace(outline.dials, temperature=0.0, seed=0))
