"""The tools that change a sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import streamlit as st

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import UnknownIdError
from bert4rec.ui.sequences.drafts import Draft, Edit
from bert4rec.view.markdown import escape
from bert4rec.words import counted

# More options than this are not sent to the browser; the others can be typed.
MAX_OPTIONS = 1000
PLACE_KEY = "inspect_edit_at"

Change = Callable[[Edit], None]


def item_names(vocabulary: Vocabulary) -> dict[str, int]:
    """Return the most frequent items by a name that tells them apart, for a box to choose from."""
    order = (-vocabulary.counts).argsort(kind="stable")[:MAX_OPTIONS] + 1
    names: dict[str, int] = {}
    for idx in map(int, order):
        name = vocabulary.title(idx)
        while name in names:
            name = f"{name} ({vocabulary.item_id(idx)})"
        names[name] = idx
    return dict(sorted(names.items(), key=lambda pair: pair[0].casefold()))


def choose_item(
    label: str,
    names: dict[str, int],
    vocabulary: Vocabulary,
    *,
    key: str,
    is_kept: bool = False,
    is_bare: bool = False,
) -> int | None:
    """Let a visitor choose or type an item; of a part of titles the most frequent match counts.

    What was taken for a part is said below the box. What is chosen is forgotten when the page is
    left, unless it `is_kept`. A box that `is_bare` has its label inside.

    Raises:
        UnknownIdError: what was typed is in no title; the near misses are named.
    """
    chosen = st.selectbox(
        label,
        list(names),
        index=None,
        key=key,
        accept_new_options=True,
        placeholder=f"{label}: title or id" if is_bare else "Title or id",
        label_visibility="collapsed" if is_bare else "visible",
        persist_state="session" if is_kept else None,
        help=None
        if len(names) >= len(vocabulary)
        else f"The {MAX_OPTIONS} most frequent items are listed; any other can be typed.",
    )
    if not chosen:
        return None
    if chosen in names:
        return names[chosen]
    found = find_item(chosen, vocabulary)
    if words := taken_words(chosen, found, vocabulary):
        st.caption(words)
    return found


def find_item(text: str, vocabulary: Vocabulary) -> int:
    """Return the item with this id, else with this title, else the most frequent that holds it.

    Raises:
        UnknownIdError: there is none; the near misses are named.
    """
    hits = [] if text in vocabulary else vocabulary.search(text)
    exact = [idx for idx in hits if vocabulary.title(idx).casefold() == text.casefold()]
    return next(iter([*exact, *hits]), None) or vocabulary.idx(text)


def taken_words(text: str, item_idx: int, vocabulary: Vocabulary) -> str:
    """Return which item was taken for a part of its title, empty where it was named in full."""
    title = vocabulary.title(item_idx)
    if text.casefold() in (title.casefold(), vocabulary.item_id(item_idx).casefold()):
        return ""
    n_others = len(vocabulary.search(text, len(vocabulary))) - 1
    words = f"Taken: **{escape(title)}**"
    if not n_others:
        return f"{words}."
    return f"{words}, the most frequent; {counted(n_others, 'other item')} with “{escape(text)}”."


def draw_tools(draft: Draft, window: int, on_change: Change) -> None:
    """Draw the buttons that hide or show several places at once.

    Args:
        draft: What is changed.
        window: Places that the model sees, counted from the newest.
        on_change: Gets the edit after a click.
    """

    def hide(label: str, places: Callable[[Draft], Iterable[int]]) -> None:
        st.button(label, on_click=lambda: on_change(lambda d: d.hiding(places(d))))

    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        hide("Hide the middle", lambda d: [d.middle(window)])
        hide("Hide the last", lambda d: [len(d) - 1])
        hide("Hide every third", lambda d: range(max(0, len(d) - window) + 2, len(d), 3))
        st.button(
            "Show all",
            disabled=not draft.hidden,
            on_click=lambda: on_change(lambda d: d.hiding([])),
        )
        if draft.is_edited:
            st.button(
                "Back to the original",
                icon=":material/undo:",
                on_click=lambda: on_change(Draft.restored),
            )


def draw_editor(draft: Draft, vocabulary: Vocabulary, on_change: Change) -> None:
    """Draw the tools that take out, move, put in and swap items.

    Args:
        draft: What is changed.
        vocabulary: Names the items.
        on_change: Gets the edit after a click.
    """
    st.caption(
        "The original stays pinned: ranks are compared with it. The address of this page holds the "
        "changed sequence, so a link shows it again."
    )

    def made(edit: Edit) -> Callable[[], None]:
        return lambda: on_change(edit)

    place, item = st.columns(2)
    with place:
        at = _choose_place(draft, vocabulary)

        def move(step: int) -> None:
            # By now it may stand elsewhere than it is drawn.
            start = st.session_state[PLACE_KEY]
            st.session_state[PLACE_KEY] = max(0, start + step)
            on_change(lambda d: d.moved(start, start + step))

        with st.container(horizontal=True):
            _button("Earlier", "arrow_back", at == 0, lambda: move(-1))
            _button("Later", "arrow_forward", at == len(draft) - 1, lambda: move(1))
            _button("Remove", "remove", len(draft) == 1, made(lambda d: d.without(at)))
    with item:
        try:
            idx = choose_item("Item", item_names(vocabulary), vocabulary, key="inspect_edit_item")
        except UnknownIdError as error:
            idx = None
            st.caption(f":red[{escape(error)}]")
        new, is_none = idx or 0, idx is None
        with st.container(horizontal=True):
            _button("Insert before", "add", is_none, made(lambda d: d.inserted(at, new)))
            _button(
                "Insert at the end",
                "playlist_add",
                is_none,
                made(lambda d: d.inserted(len(d), new)),
            )
            _button("Put it here", "swap_horiz", is_none, made(lambda d: d.replaced(at, new)))


def _choose_place(draft: Draft, vocabulary: Vocabulary) -> int:
    # The box holds on to an option by its text, so another sequence needs another box.
    names = [
        f"{draft.number(at)} · {vocabulary.title(slot.item_idx)}"
        for at, slot in enumerate(draft.slots)
    ]
    last = min(st.session_state.get(PLACE_KEY, len(draft) // 2), len(draft) - 1)
    key = f"{PLACE_KEY}_{hash(draft.slots)}_{last}"
    at = names.index(st.selectbox("Place", names, index=last, key=key) or names[last])
    st.session_state[PLACE_KEY] = at
    return at


def _button(label: str, icon: str, is_disabled: bool, on_click: Callable[[], None]) -> None:
    st.button(label, icon=f":material/{icon}:", disabled=is_disabled, on_click=on_click)
