"""The tools that change a sequence."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import UnknownIdError
from bert4rec.ui.drafts import Draft
from bert4rec.ui.words import counted, escape

# More options than this are not sent to the browser; the others can be typed.
MAX_OPTIONS = 1000
PLACE_KEY = "inspect_edit_at"

Change = Callable[[Draft], None]


def item_names(vocabulary: Vocabulary) -> dict[str, int]:
    """Return the most frequent items by a name that tells them apart, for a box to choose from."""
    order = (-vocabulary.counts).argsort(kind="stable")[:MAX_OPTIONS] + 1
    names: dict[str, int] = {}
    for idx in map(int, order):
        title = vocabulary.title(idx)
        names[title if title not in names else f"{title} ({vocabulary.item_id(idx)})"] = idx
    return dict(sorted(names.items(), key=lambda pair: pair[0].casefold()))


def choose_item(
    label: str,
    names: dict[str, int],
    vocabulary: Vocabulary,
    *,
    key: str,
    is_kept: bool = False,
) -> int | None:
    """Let a visitor choose or type an item; of a part of titles the most frequent match counts.

    What was taken for a part is said below the box. What is chosen is forgotten when the page is
    left, unless it `is_kept`.

    Raises:
        UnknownIdError: what was typed is in no title; the near misses are named.
    """
    chosen = st.selectbox(
        label,
        list(names),
        index=None,
        key=key,
        accept_new_options=True,
        placeholder="Title or id",
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
    """Draw the buttons that hide or show several places at once."""
    start = max(0, len(draft) - window)
    middle, last = draft.middle(window), len(draft) - 1
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Hide the middle", on_click=lambda: on_change(draft.hiding([middle])))
        st.button("Hide the last", on_click=lambda: on_change(draft.hiding([last])))
        st.button(
            "Hide every third",
            on_click=lambda: on_change(draft.hiding(range(start + 2, len(draft), 3))),
        )
        st.button(
            "Show all", disabled=not draft.hidden, on_click=lambda: on_change(draft.hiding([]))
        )
        if draft.is_edited:
            st.button(
                "Back to the original",
                icon=":material/undo:",
                on_click=lambda: on_change(draft.restored()),
            )


def draw_editor(draft: Draft, vocabulary: Vocabulary, on_change: Change) -> None:
    """Draw the tools that take out, move, put in and swap items.

    Raises:
        UnknownIdError: a typed item is not in the catalogue.
    """
    st.caption(
        "The original stays pinned: ranks are compared with it. The address of this page holds the "
        "changed sequence, so a link shows it again."
    )
    place, item = st.columns(2)
    with place:
        at = _choose_place(draft, vocabulary)

        def move(to: int) -> None:
            st.session_state[PLACE_KEY] = to
            on_change(draft.moved(at, to))

        with st.container(horizontal=True):
            _button("Earlier", "arrow_back", at == 0, lambda: move(at - 1))
            _button("Later", "arrow_forward", at == len(draft) - 1, lambda: move(at + 1))
            _button("Remove", "remove", len(draft) == 1, lambda: on_change(draft.without(at)))
    with item:
        try:
            idx = choose_item("Item", item_names(vocabulary), vocabulary, key="inspect_edit_item")
        except UnknownIdError as error:
            idx = None
            st.caption(f":red[{escape(error)}]")
        new = idx or 0
        with st.container(horizontal=True):
            _button("Insert before", "add", idx is None, lambda: on_change(draft.inserted(at, new)))
            _button(
                "Append",
                "playlist_add",
                idx is None,
                lambda: on_change(draft.inserted(len(draft), new)),
            )
            _button(
                "Put in its place",
                "swap_horiz",
                idx is None,
                lambda: on_change(draft.replaced(at, new)),
            )


def _choose_place(draft: Draft, vocabulary: Vocabulary) -> int:
    # The box holds on to an option by its text, so another sequence needs another box.
    names = [f"{at} · {vocabulary.title(s.item_idx)}" for at, s in enumerate(draft.slots, 1)]
    last = min(st.session_state.get(PLACE_KEY, len(draft) // 2), len(draft) - 1)
    key = f"{PLACE_KEY}_{hash(draft.slots)}_{last}"
    at = names.index(st.selectbox("Place", names, index=last, key=key) or names[last])
    st.session_state[PLACE_KEY] = at
    return at


def _button(label: str, icon: str, is_disabled: bool, on_click: Callable[[], None]) -> None:
    st.button(label, icon=f":material/{icon}:", disabled=is_disabled, on_click=on_click)
