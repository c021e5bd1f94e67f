"""A sequence as cards; those of a long one a part at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.item_groups import category_columns, group_name, group_places, item_groups
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.ui.sequences.drafts import Draft, Edit
from bert4rec.ui.theme_watch import theme_type
from bert4rec.view.group_colours import Theme, group_look
from bert4rec.view.markdown import escape
from bert4rec.words import counted, number

MIN_CARD_WIDTH = 168
# A longer title may be cut off on a card.
CARD_LETTERS = 12
# More cards than this are shown a part at a time: what the model fills in, below them, is in sight.
MAX_CARDS = 18
# Rows of cards are full with as many in a part: a page has six columns of them, or three or two.
CARDS_A_ROW = 6
PART_KEY = "inspect_part"
# What was hidden of whose sequence when the part was chosen.
PART_OF_KEY = "inspect_part_of"


def length_words(draft: Draft, dataset: SequenceDataset) -> str:
    """Return how many items a sequence has, and of how many where its user's history is longer."""
    n, n_taken = counted(len(draft), "item"), len(draft.original)
    n_whole = int(dataset.lengths[dataset.user_idx(draft.user)]) if draft.user else n_taken
    if n_whole <= n_taken:
        return n
    of_all = f"newest {n_taken:,} of {n_whole:,}"
    return f"{n}, from the {of_all}" if draft.is_edited else f"{of_all} items"


def draw_strip(
    draft: Draft,
    vocabulary: Vocabulary,
    window: int,
    on_change: Callable[[Edit], None],
    *,
    days: Sequence[str] = (),
) -> None:
    """Draw the sequence as cards; a click hides an item or shows it again.

    Args:
        draft: What to draw.
        vocabulary: Names the items.
        window: Places that the model sees, counted from the newest.
        on_change: Gets the edit after a click.
        days: When each item of the original was met; nothing if that is not known.
    """
    start = max(0, len(draft) - window)
    columns = category_columns(vocabulary)
    groups = item_groups(vocabulary, columns[0]) if columns else None
    signs = group_signs(vocabulary, columns[0], theme_type()) if columns else {}
    shown = _choose_part(draft, parts_of(start, len(draft)))
    with st.grid("auto", min_column_width=MIN_CARD_WIDTH, gap="xsmall"):
        for at in shown:
            slot = draft.slots[at]
            title = vocabulary.title(slot.item_idx)
            group = None if groups is None else str(groups.iloc[slot.item_idx - 1])
            sign = signs[group_name(group)] if group else ""
            st.button(
                _card(draft, at, title, (group, sign), days),
                key=f"inspect_card_{at}",
                type="primary" if slot.is_hidden else "secondary",
                icon=":material/visibility_off:" if slot.is_hidden else None,
                width="stretch",
                wrap=False,
                # Only where it is needed: with it a card takes a browser more than twice as long.
                help=escape(title) if len(title) > CARD_LETTERS else None,
                on_click=lambda at=at: on_change(lambda d: d.toggled(at)),
            )
    if start:
        st.caption(
            f"The first {number(draft.first + start)} of {number(draft.first + len(draft))} items "
            "are not shown here: cards "
            f"are for the newest {number(window)}, as many as the model reads at once."
        )


def parts_of(start: int, end: int) -> list[range]:
    """Return neighbouring places in parts of about as many full rows; few places are one part."""
    n = end - start
    n_parts = max(1, -(-n // MAX_CARDS))
    n_rows = -(-n // CARDS_A_ROW)
    cuts = [start + CARDS_A_ROW * (n_rows * cut // n_parts) for cut in range(n_parts)]
    return [range(*pair) for pair in pairwise([*cuts, end])]


def part_to_show(
    parts: Sequence[range], chosen: int | None, hidden: Sequence[int], before: Sequence[int]
) -> int:
    """Return the part that is shown: the chosen one, unless another place was hidden just now.

    Args:
        parts: See `parts_of`.
        chosen: The one that was shown last, None for another sequence.
        hidden: The hidden places.
        before: Those that were hidden then.
    """
    is_known = chosen is not None and chosen < len(parts)
    news = sorted(set(hidden) - set(before)) if is_known else list(hidden)
    there = [at for at, part in enumerate(parts) if any(place in part for place in news)]
    if is_known and (not there or chosen in there):
        return int(chosen or 0)
    return there[0] if there else len(parts) - 1


def _choose_part(draft: Draft, parts: Sequence[range]) -> range:
    if len(parts) == 1:
        return parts[0]
    whose = (draft.user, draft.original)
    last_of, before = st.session_state.get(PART_OF_KEY, (None, ()))
    chosen = st.session_state.get(PART_KEY) if last_of == whose else None
    st.session_state[PART_KEY] = part_to_show(parts, chosen, draft.hidden, before)
    st.session_state[PART_OF_KEY] = (whose, tuple(draft.hidden))

    def words(at: int) -> str:
        n_hidden = sum(draft.slots[place].is_hidden for place in parts[at])
        ends = f"{draft.number(parts[at][0])}–{draft.number(parts[at][-1])}"
        return ends + (f", {n_hidden} hidden" * bool(n_hidden))

    at = st.segmented_control(
        "Items",
        range(len(parts)),
        format_func=words,
        required=True,
        key=PART_KEY,
        label_visibility="collapsed",
    )
    return parts[int(at or 0)]


def group_signs(vocabulary: Vocabulary, column: str, theme: Theme) -> dict[str, str]:
    """Return the sign of each group of a column as Markdown, as it looks on a map."""
    looks = {
        name: group_look(place, theme) for name, place in group_places(vocabulary, column).items()
    }
    return {
        name: f':color[{look.sign}]{{foreground="{look.colour}"}}' for name, look in looks.items()
    }


def _card(
    draft: Draft, at: int, title: str, marked: tuple[str | None, str], days: Sequence[str]
) -> str:
    slot, (group, sign) = draft.slots[at], marked
    lines = [f"{draft.number(at)} · **{escape(title)}**"]
    # On one line, so that a card is as tall as its neighbours.
    notes = [] if group is None else [escape(group or "–")]
    if group and not slot.is_hidden:
        # On the button of a hidden item the colour would be lost.
        notes = [f"{sign} {notes[0]}"]
    notes += ["new"] if slot.origin is None else list(days[slot.origin : slot.origin + 1])
    if notes:
        lines.append(f":small[{' · '.join(notes)}]")
    return "  \n".join(lines)
