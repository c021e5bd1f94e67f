"""The composer's strip of cards, and the tools for the chosen place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from bert4rec.composer.decoding import Composition
from bert4rec.composer.outline import OPEN, Outline
from bert4rec.data.item_groups import category_columns, group_name, item_groups
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import UnknownIdError
from bert4rec.ui.recommend.outline_links import Edit
from bert4rec.ui.sequences.sequence_editor import choose_item, item_names
from bert4rec.ui.sequences.sequence_strip import MIN_CARD_WIDTH, group_signs
from bert4rec.ui.theme_watch import theme_type
from bert4rec.view.markdown import escape
from bert4rec.words import percent

PLACE_KEY = "compose_place"

Change = Callable[[Edit], None]


def chosen_place(outline: Outline) -> int:
    """Return the place that the tools work on: the one clicked last, else the first gap."""
    at = st.session_state.get(PLACE_KEY)
    first = outline.gaps[0] if outline.gaps else 0
    return first if at is None else min(at, len(outline) - 1)


def draw_strip(outline: Outline, found: Composition | None, vocabulary: Vocabulary) -> None:
    """Draw the sequence as cards; a click chooses the place that the tools work on.

    Args:
        outline: What is kept and what is open.
        found: What fills the gaps, if they are filled.
        vocabulary: Names the items.
    """
    columns = category_columns(vocabulary)
    groups = item_groups(vocabulary, columns[0]) if columns else None
    signs = group_signs(vocabulary, columns[0], theme_type()) if columns else {}
    choices = {choice.place: choice for choice in found.choices} if found else {}
    at_hand = chosen_place(outline)
    with st.grid("auto", min_column_width=MIN_CARD_WIDTH, gap="xsmall"):
        for at, kept in enumerate(outline.places):
            choice = choices.get(at)
            item = choice.item_idx if choice else kept
            notes = [percent(choice.probability)] if choice else []
            state = "open" if item == OPEN else "kept"
            if groups is not None and item != OPEN and (group := str(groups.iloc[item - 1])):
                # On the button of the chosen place the colour would be lost.
                sign = "" if at == at_hand else f"{signs[group_name(group)]} "
                notes.append(f"{sign}{escape(group)}")
            st.button(
                _card(at, vocabulary.title(item) if item != OPEN else None, notes or [state]),
                key=f"compose_card_{at}",
                type="primary" if at == at_hand else "secondary",
                icon=f":material/{'auto_awesome' if choice else 'lock' if kept else 'add_circle'}:",
                width="stretch",
                wrap=False,
                help=_help(vocabulary, item, is_chosen=choice is not None),
                on_click=_choose,
                args=(at,),
            )


def _choose(at: int) -> None:
    st.session_state[PLACE_KEY] = at


def _card(at: int, title: str | None, notes: Sequence[str]) -> str:
    shown = f"**{escape(title)}**" if title is not None else "gap"
    # Two lines always, so that all cards are as tall.
    return f"{at + 1} · {shown}  \n:small[{' · '.join(notes)}]"


def _help(vocabulary: Vocabulary, item: int, *, is_chosen: bool) -> str:
    if item == OPEN:
        return "A gap – click to work on it."
    state = "chosen by the model" if is_chosen else "kept"
    return f"{escape(vocabulary.title(item))} – {state}; click to work on it."


def draw_tools(
    outline: Outline, found: Composition | None, vocabulary: Vocabulary, on_change: Change
) -> None:
    """Draw the tools for the chosen place.

    Args:
        outline: What is changed.
        found: What fills the gaps, if they are filled.
        vocabulary: Names the items.
        on_change: Gets the edit after a click.
    """
    at = chosen_place(outline)
    choices = {choice.place: choice.item_idx for choice in found.choices} if found else {}
    item = choices.get(at, outline.places[at])
    name = f"**{escape(vocabulary.title(item))}**" if item != OPEN else "a gap"
    with st.container(border=True):
        st.markdown(f"Place {at + 1}: {name}")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _draw_item_tools(outline, at, item, on_change)
            _draw_place_tools(outline, at, on_change)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _draw_put(outline, at, vocabulary, on_change)


def _draw_item_tools(outline: Outline, at: int, item: int, on_change: Change) -> None:
    kept = outline.places[at]
    if kept != OPEN:
        _tool("Make it a gap", "add_circle", lambda: on_change(lambda o: o.opened(at)))
    elif item != OPEN:
        _tool("Keep", "lock", lambda: on_change(lambda o: o.locked(at, item)))
    if item != OPEN:
        _tool("Exclude", "block", lambda: on_change(lambda o: o.excluding(item)))


def _draw_place_tools(outline: Outline, at: int, on_change: Change) -> None:
    def move(step: int) -> None:
        def moved(outline: Outline) -> Outline:
            # By now the place may stand elsewhere than it is drawn.
            start = chosen_place(outline)
            _choose(max(0, start + step))
            return outline.moved(start, start + step)

        on_change(moved)

    def append() -> None:
        _choose(len(outline))
        on_change(lambda o: o.with_gaps(len(o)))

    last = len(outline) - 1
    _tool("Gap before", "splitscreen_left", lambda: on_change(lambda o: o.with_gaps(at)))
    _tool("Gap at the end", "playlist_add", append)
    _tool("Earlier", "arrow_back", lambda: move(-1), is_disabled=at == 0)
    _tool("Later", "arrow_forward", lambda: move(1), is_disabled=at == last)
    _tool("Remove", "remove", lambda: on_change(lambda o: o.without(at)), is_disabled=last == 0)


def _draw_put(outline: Outline, at: int, vocabulary: Vocabulary, on_change: Change) -> None:
    try:
        idx = choose_item("Item", item_names(vocabulary), vocabulary, key="compose_item")
    except UnknownIdError as error:
        idx = None
        st.caption(f":red[{escape(error)}]")
    new = idx or 0
    is_none = idx is None
    _tool("Put it here", "swap_horiz", lambda: on_change(lambda o: o.locked(at, new)), is_none)
    _tool("Insert before", "add", lambda: on_change(lambda o: o.inserted(at, new)), is_none)


def _tool(label: str, icon: str, on_click: Callable[[], None], is_disabled: bool = False) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        key=f"compose_tool_{label}",
        disabled=is_disabled,
        on_click=on_click,
    )
