from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import Bert4RecError, SettingsError, UnknownIdError
from bert4rec.explain import Prediction, compare_contexts, predict_masked
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.ui import state
from bert4rec.ui.address import read_address
from bert4rec.ui.cache import trained_length
from bert4rec.ui.folded import popped
from bert4rec.ui.inspect.gallery import draw_gallery
from bert4rec.ui.inspect.inspect_tabs import draw_carriers, draw_future, draw_next, draw_sureness
from bert4rec.ui.inspect.inspected_model import draw_calibrated, open_model
from bert4rec.ui.inspect.second_model import draw_second
from bert4rec.ui.login import stop_strangers
from bert4rec.ui.refusals import carry_out, keep_refusal, show_refusal
from bert4rec.ui.run_choice import choose_model, draw_sight, offer_models
from bert4rec.ui.sequences import prediction_cards
from bert4rec.ui.sequences.drafts import Draft, Edit, parse_items
from bert4rec.ui.sequences.histories_of_items import find_history
from bert4rec.ui.sequences.sequence_editor import draw_editor, draw_tools, find_item
from bert4rec.ui.sequences.sequence_strip import draw_strip, length_words
from bert4rec.ui.sequences.user_box import draw_user_box
from bert4rec.view.markdown import escape
from bert4rec.words import day, training_words

stop_strangers()

DRAFT_KEY = "inspect_draft"
DATASET_KEY = "inspect_dataset"
LINK_KEY = "inspect_link"
# Whether the draft was changed by a press: the browser may not have got its address by then.
PRESSED_KEY = "inspect_pressed"
PROBLEM_KEY, COMPOSE_PROBLEM_KEY = "inspect_problem", "inspect_compose_problem"
USER_KEY = "inspect_user"
LINK_NAMES = ("user", "mask", "first", "items", "from")
TOP_K = 10
SURENESS = ":material/percent: How sure is it?"


def page() -> None:
    st.title("Inspect")
    st.caption(
        "Hide items of a sequence and see what the model fills in: from the past, from the future, "
        "and from both."
    )
    runs = offer_models()
    if not runs:
        return
    tools = st.container(horizontal=True, vertical_alignment="bottom")
    with tools:
        run = choose_model(runs, "inspect_run", width=320)
    try:
        # What it says has a line of its own, below the tools.
        recommender = open_model(run)
        draft = current_draft(recommender)
    except Bert4RecError as error:
        state.show_error(error)
        return
    with tools:
        draw_source(run, recommender, draft)
    draw_sight(recommender.settings)
    show_refusal(PROBLEM_KEY)
    draw_sequence(recommender, draft)
    draw_places(recommender, draft)
    # The tab that tells how sure it is says as well how far that is.
    has_bar = st.session_state.get("inspect_tab") != SURENESS
    draw_calibrated({"": recommender}, "below", has_bar=has_bar)
    draw_more(run, recommender, draft)
    write_link(draft)


def current_draft(recommender: Recommender) -> Draft:
    """Return the sequence in hand: from the address if that is new, else from the session."""
    dataset = recommender.dataset
    link = read_address(LINK_NAMES)
    draft: Draft | None = st.session_state.get(DRAFT_KEY)
    if st.session_state.get(DATASET_KEY) != dataset.fingerprint:
        draft = None
    is_pressed = st.session_state.pop(PRESSED_KEY, False)
    if link and link != st.session_state.get(LINK_KEY) and not is_pressed:
        draft = linked_draft(link, dataset) or draft
    draft = draft or first_draft(recommender)
    keep(draft, dataset)
    return draft


def linked_draft(link: dict[str, str], dataset: SequenceDataset) -> Draft | None:
    user = link.get("user")
    try:
        original = dataset.history(dataset.user_idx(user)).tolist() if user else None
        return Draft.from_link(link, original, dataset.n_items)
    except Bert4RecError as error:
        keep_refusal(PROBLEM_KEY, error)
        return None


def first_draft(recommender: Recommender) -> Draft:
    lengths = recommender.dataset.lengths
    long_enough = np.flatnonzero(lengths >= min(7, int(lengths.max())))
    return user_draft(recommender, int(long_enough[0]))


def user_draft(recommender: Recommender, user_idx: int, *, n_asked: int | None = None) -> Draft:
    """Return a user's whole history, or its first `n_asked` items with the last of them hidden."""
    dataset = recommender.dataset
    history = dataset.history(user_idx)[:n_asked].tolist()
    draft = Draft.of(history, dataset.user_id(user_idx))
    middle = draft.middle(recommender.settings.max_seq_length)
    return draft.hiding([middle if n_asked is None else len(draft) - 1])


def keep(draft: Draft, dataset: SequenceDataset) -> None:
    st.session_state[DRAFT_KEY] = draft
    st.session_state[DATASET_KEY] = dataset.fingerprint


def write_link(draft: Draft) -> None:
    link = draft.link()
    st.session_state[LINK_KEY] = link
    state.name_run(link, LINK_NAMES)


def take(draft: Draft) -> None:
    st.session_state[DRAFT_KEY] = draft
    st.session_state[PRESSED_KEY] = True


def change(edit: Edit) -> None:
    carry_out(PROBLEM_KEY, lambda: take(edit(st.session_state[DRAFT_KEY])))


def take_user(recommender: Recommender, user_id: str, *, n_asked: int | None = None) -> None:
    try:
        user_idx = recommender.dataset.user_idx(user_id)
    except UnknownIdError as error:
        draft = met_draft(recommender, user_id)
        if draft is None:
            keep_refusal(PROBLEM_KEY, error)
        else:
            take(draft)
        return
    take(user_draft(recommender, user_idx, n_asked=n_asked))


def met_draft(recommender: Recommender, text: str) -> Draft | None:
    """Return the history of somebody who met the item that a text names, with it hidden."""
    dataset, window = recommender.dataset, recommender.settings.max_seq_length
    try:
        found = find_history(dataset, find_item(text, dataset.vocabulary), window)
    except UnknownIdError:
        return None
    if found is None:
        return None
    user_idx, position = found
    history = dataset.history(user_idx).tolist()
    draft = Draft.of(history, dataset.user_id(user_idx))
    return draft.hiding([position - len(history) + len(draft)])


def draw_source(run: Run, recommender: Recommender, draft: Draft) -> None:
    """Draw where the sequence comes from, for a row of widgets."""
    draw_user_box(
        recommender.dataset,
        draft.user,
        partial(take_user, recommender),
        key=USER_KEY,
        placeholder="Own sequence",
        finds_items=True,
    )
    with popped(
        "Best and worst",
        key="inspect_gallery",
        icon=":material/trophy:",
        about="The held-out items that this run ranks best and worst.",
    ) as is_open:
        if is_open:
            draw_gallery(run, recommender.vocabulary, partial(take_held_out, recommender))
    # By its key it stays open also where what stands before it goes, as when a training ends.
    with st.popover("Own sequence", icon=":material/edit_note:", key="inspect_own"):
        draw_composer(recommender)


def take_held_out(recommender: Recommender, user_id: str, n_items: int) -> None:
    take_user(recommender, user_id, n_asked=n_items)


def draw_composer(recommender: Recommender) -> None:
    with st.form("inspect_compose", border=False):
        text = st.text_area(
            "Titles or ids, oldest first, separated by commas or new lines", height=180
        )
        if st.form_submit_button("Use this sequence", type="primary"):
            try:
                items = parse_items(text or "", recommender.vocabulary)
            except SettingsError as error:
                keep_refusal(COMPOSE_PROBLEM_KEY, error)
            else:
                draft = Draft.of(items)
                take(draft.hiding([draft.middle(recommender.settings.max_seq_length)]))
                if len(items) > len(draft):
                    n, n_all = len(draft), len(items)
                    st.toast(f"Only the newest {n:,} of these {n_all:,} items are looked at")
                st.rerun()
        show_refusal(COMPOSE_PROBLEM_KEY)


def draw_sequence(recommender: Recommender, draft: Draft) -> None:
    whose = f"User {escape(draft.user)}" if draft.user else "Own sequence"
    edited = ", edited" if draft.is_edited else ""
    window = recommender.settings.max_seq_length
    # What is asked is above the cards, so that what the model answers is in sight below them.
    with st.container(horizontal=True, vertical_alignment="center"):
        length = length_words(draft, recommender.dataset)
        st.subheader(f"{whose}{edited}: {length}", width="content")
        draw_tools(draft, window, change)
    trained = f" {trained_on(recommender, draft.user)}" if draft.user else ""
    st.caption(f"Click items to hide them.{trained}")
    days = days_of(recommender.dataset, draft)
    draw_strip(draft, recommender.vocabulary, window, change, days=days)


def days_of(dataset: SequenceDataset, draft: Draft) -> list[str]:
    """Return when each item of the pinned original was met, nothing where that is not known."""
    if dataset.times_s is None or not draft.user:
        return []
    user_idx = dataset.user_idx(draft.user)
    start = draft.start_in(dataset.history(user_idx))
    if start is None:
        return []
    first = int(dataset.offsets[user_idx]) + start
    times_s = dataset.times_s[first : first + len(draft.original)]
    return [day(float(at_s)) for at_s in times_s]


def trained_on(recommender: Recommender, user: str) -> str:
    dataset = recommender.dataset
    user_idx = dataset.user_idx(user)
    n_trained = trained_length(dataset, recommender.settings, user_idx)
    return training_words(n_trained, int(dataset.lengths[user_idx]))


def visible_places(recommender: Recommender, draft: Draft) -> list[int]:
    start = recommender.window_start(draft.items, [])
    return [position for position in draft.hidden if position >= start]


def draw_places(recommender: Recommender, draft: Draft) -> None:
    places = visible_places(recommender, draft)
    if not places:
        st.info("Hide an item to see what the model puts there.", icon=":material/touch_app:")
        return
    settings = recommender.settings
    compared = compare_contexts(recommender, draft.items, places, k=TOP_K)
    widest = compared[recommender.contexts[-1]]
    titles = [recommender.vocabulary.title(found.true_idx) for found in widest]
    before = predictions_before(recommender, draft, places) if draft.is_edited else None
    st.subheader("What the model puts there")
    if len(places) > 1 or before is not None:
        prediction_cards.draw_places(compared, titles, before, draft.first)
    at = 0
    if len(places) > 1:
        chosen = st.segmented_control(
            "Hidden place",
            places,
            format_func=lambda place: str(draft.number(place)),
            default=places[0],
            required=True,
            key=f"inspect_place_{places}",
        )
        at = places.index(chosen) if chosen in places else 0
    prediction_cards.draw_contexts(
        {context: predictions[at] for context, predictions in compared.items()},
        title=titles[at],
        count=int(recommender.vocabulary.counts[widest[at].true_idx - 1]),
        n_items=len(draft),
        n_shown={
            context: draft.n_shown(
                places[at], context, settings.max_seq_length, sees_future=settings.sees_future
            )
            for context in compared
        },
        before=before.get(places[at]) if before else None,
    )
    st.session_state["inspect_focus"] = places[at]


def predictions_before(
    recommender: Recommender, draft: Draft, places: list[int]
) -> dict[int, Prediction]:
    """Return what is said of the hidden items in the original, by their positions now."""
    origins = {place: draft.slots[place].origin for place in places}
    start = recommender.window_start(np.array(draft.original), [])
    there = {p: o for p, o in origins.items() if o is not None and o >= start}
    found = predict_masked(
        recommender,
        np.array(draft.original),
        list(there.values()),
        context=recommender.contexts[-1],
        k=1,
    )
    return dict(zip(there, found, strict=True))


def draw_more(run: Run, recommender: Recommender, draft: Draft) -> None:
    carried, coming, editing, other, sureness, future = st.tabs(
        [
            ":material/weight: What carries it",
            ":material/skip_next: What comes next",
            ":material/edit: Edit the sequence",
            ":material/compare: Another model",
            SURENESS,
            ":material/balance: Does the future matter here?",
        ],
        on_change="rerun",
        key="inspect_tab",
    )
    places = visible_places(recommender, draft)
    focus = st.session_state.get("inspect_focus")
    focus = focus if focus in places else next(iter(places), None)
    for tab in (carried, other):
        if tab.open and focus is None:
            tab.caption("Hide an item first.")
    if carried.open and focus is not None:
        with carried:
            draw_carriers(recommender, draft, focus)
    if coming.open:
        with coming:
            draw_next(recommender, draft)
    if editing.open:
        with editing:
            draw_editor(draft, recommender.vocabulary, change)
    if other.open and focus is not None:
        with other:
            draw_second(run, recommender, draft, places, focus)
    if sureness.open:
        with sureness:
            draw_sureness(run)
    if future.open:
        with future:
            draw_future(run)


page()
