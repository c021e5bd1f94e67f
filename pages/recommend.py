from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from bert4rec.composer.decoding import Composition
from bert4rec.composer.outline import Outline
from bert4rec.composer.rules import bind_rules, broken_rules, places_to_open
from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import Bert4RecError, NotFoundError, SettingsError, shown
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.ui import state
from bert4rec.ui.address import read_address
from bert4rec.ui.cache import load_recommender
from bert4rec.ui.folded import folded
from bert4rec.ui.login import stop_strangers
from bert4rec.ui.recommend import composer_result, composer_settings, composer_strip, compositions
from bert4rec.ui.recommend.outline_links import LINK_NAMES, Edit, Sheet, sheet_from_link, sheet_link
from bert4rec.ui.recommend.story_view import STORY_NAMES, choose_story, draw_story
from bert4rec.ui.recommend.user_view import USER_LINK_NAMES, draw_user_view
from bert4rec.ui.refusals import carry_out, keep_refusal, show_refusal
from bert4rec.ui.run_choice import choose_model, draw_sight, offer_models
from bert4rec.view.markdown import escape
from bert4rec.words import counted, sentence

stop_strangers()

VIEWS = {
    "user": ":material/person: For a user",
    "compose": ":material/playlist_add: Compose",
    "show": ":material/slideshow: Show to others",
}
VIEW_KEY = "recommend_view"
LINKED_VIEW_KEY = "recommend_linked_view"
SHEET_KEY = "compose_sheet"
DATASET_KEY = "compose_dataset"
LINK_KEY = "compose_link"
# Whether the sheet was changed by a press: the browser may not have got its address by then.
PRESSED_KEY = "compose_pressed"
PROBLEM_KEY = "recommend_problem"
VIEW_PROBLEM_KEY = "recommend_view_problem"


def page() -> None:
    st.title("Recommend")
    about = st.empty()
    with st.container(horizontal=True):
        view = choose_view()
        story = choose_story() if view == "show" else None
    show_refusal(VIEW_PROBLEM_KEY)
    if story is not None:
        write_link({"view": view} | draw_story(story, open_sheet))
        return
    about.caption(
        "What comes next for a user, beside another model; whole sequences put together; and three "
        "stories to show to others."
    )
    runs = offer_models()
    if not runs:
        return
    run = choose_model(runs, "recommend_run")
    try:
        recommender = load_recommender(run.id).calibrated()
        draw = draw_user_view if view == "user" else draw_compose_view
        write_link({"view": view} | draw(run, recommender))
    except Bert4RecError as error:
        state.show_error(error)


def choose_view() -> str:
    linked = st.query_params.get("view")
    if linked and linked != st.session_state.get(LINKED_VIEW_KEY):
        st.session_state[LINKED_VIEW_KEY] = linked
        if linked in VIEWS:
            st.session_state[VIEW_KEY] = linked
        else:
            error = f"the address names a view {shown(linked)}, which there is not"
            fix = f"Choose one above. By an address they are {', '.join(VIEWS)}."
            keep_refusal(VIEW_PROBLEM_KEY, NotFoundError(error, fix=fix))
    view = st.segmented_control(
        "View",
        list(VIEWS),
        default=None if VIEW_KEY in st.session_state else "user",
        format_func=lambda name: VIEWS[name],
        key=VIEW_KEY,
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    return view or "user"


def write_link(link: dict[str, str]) -> None:
    """Put the parameters of a view into the address, and take those of the others out."""
    st.session_state[LINKED_VIEW_KEY] = link["view"]
    state.name_run(link, ("view", *LINK_NAMES, *USER_LINK_NAMES, *STORY_NAMES))


def open_sheet(run: Run, outline: Outline) -> None:
    """Go on with an outline in the composer."""
    state.choose_run(run.id)
    keep_sheet(Sheet(outline, is_filled=True))
    st.session_state[DATASET_KEY] = run.dataset().fingerprint
    st.session_state[VIEW_KEY] = "compose"


def draw_compose_view(run: Run, recommender: Recommender) -> dict[str, str]:
    """Draw the composer; returns what of its link is its own."""
    dataset = recommender.dataset
    columns, orders = compositions.item_columns(dataset)
    sheet = current_sheet(dataset)
    composer_settings.draw_start(dataset, sheet, keep_sheet, partial(start_from_user, dataset))
    draw_sight(recommender.settings)
    show_refusal(PROBLEM_KEY)
    with folded("Rules and dials", key="compose_rules", icon=":material/tune:") as is_open:
        if is_open:
            composer_settings.draw_rules(
                sheet.outline, dataset.vocabulary, columns, orders, change_outline
            )
    draw_broken(sheet.outline, dataset)
    found = fill(run, recommender, sheet)
    whose = f"From user {escape(sheet.user)}" if sheet.user else "Own sequence"
    n_gaps = len(sheet.outline.gaps)
    gaps = counted(n_gaps, "gap") + " filled" * (n_gaps > 0 and found is not None)
    st.subheader(f"{whose}: {counted(len(sheet.outline), 'place')}, {gaps}")
    if start := composer_settings.start_words(sheet, dataset):
        st.caption(start)
    composer_strip.draw_strip(sheet.outline, found, dataset.vocabulary)
    composer_strip.draw_tools(sheet.outline, found, dataset.vocabulary, change_outline)
    draw_fill_buttons(sheet, found)
    if found is not None:
        draw_result(run, recommender, sheet, found)
    link = sheet_link(sheet)
    st.session_state[LINK_KEY] = {"view": "compose"} | link
    return link


def current_sheet(dataset: SequenceDataset) -> Sheet:
    """Return the sheet in hand: from the address if that is new, else from the session."""
    sheet: Sheet | None = st.session_state.get(SHEET_KEY)
    if st.session_state.get(DATASET_KEY) != dataset.fingerprint:
        sheet = None
    link = read_address(("view", *LINK_NAMES))
    is_pressed = st.session_state.pop(PRESSED_KEY, False)
    if "places" in link and link != st.session_state.get(LINK_KEY) and not is_pressed:
        sheet = linked_sheet(link, dataset) or sheet
    if sheet is None:
        long_enough = np.flatnonzero(dataset.lengths >= min(8, int(dataset.lengths.max())))
        sheet = composer_settings.user_sheet(dataset, int(long_enough[0]))
    st.session_state[SHEET_KEY] = sheet
    st.session_state[DATASET_KEY] = dataset.fingerprint
    return sheet


def linked_sheet(link: dict[str, str], dataset: SequenceDataset) -> Sheet | None:
    columns, orders = compositions.item_columns(dataset)
    try:
        sheet = sheet_from_link(link, dataset.vocabulary, orders, columns)
        if sheet.user:
            dataset.user_idx(sheet.user)
    except Bert4RecError as error:
        keep_refusal(PROBLEM_KEY, error)
        return None
    return sheet


def keep_sheet(sheet: Sheet) -> None:
    take_sheet(sheet)
    st.session_state.pop(composer_strip.PLACE_KEY, None)


def take_sheet(sheet: Sheet) -> None:
    st.session_state[SHEET_KEY] = sheet
    st.session_state[PRESSED_KEY] = True


def start_from_user(dataset: SequenceDataset, user: str) -> None:
    carry_out(
        PROBLEM_KEY,
        lambda: keep_sheet(composer_settings.user_sheet(dataset, dataset.user_idx(user))),
    )


def change_outline(edit: Edit) -> None:
    carry_out(PROBLEM_KEY, lambda: take_sheet(st.session_state[SHEET_KEY].edited(edit)))


def set_filled(is_filled: bool) -> None:
    sheet = st.session_state[SHEET_KEY]
    take_sheet(Sheet(sheet.outline, is_filled, sheet.user))


def draw_broken(outline: Outline, dataset: SequenceDataset) -> None:
    """Say which kept items break the rules by themselves, and offer to open their places."""
    rules = bind_rules(outline, dataset.vocabulary)
    problems = broken_rules(rules, outline.items)
    if not problems:
        return
    st.warning(
        "  \n".join(escape(sentence(problem)) for problem in problems), icon=":material/rule:"
    )
    places = places_to_open(rules, outline.items)

    def opened(outline: Outline) -> Outline:
        for place in places:
            outline = outline.opened(place)
        return outline

    st.button(
        f"Make {counted(len(places), 'such place')} a gap",
        icon=":material/build:",
        help=f"Places {', '.join(str(place + 1) for place in places)}. What is kept stays "
        "otherwise, and no choice adds to it.",
        on_click=lambda: change_outline(opened),
    )


def fill(run: Run, recommender: Recommender, sheet: Sheet) -> Composition | None:
    # Without a gap there is nothing to fill, and the sequence is as whole as a filled one.
    if sheet.outline.gaps and not sheet.is_filled:
        return None
    try:
        return compositions.composed(run, recommender, sheet.outline)
    except SettingsError as error:
        state.show_error(error)
        return None


def draw_fill_buttons(sheet: Sheet, found: Composition | None) -> None:
    n_gaps = len(sheet.outline.gaps)
    with st.container(horizontal=True, vertical_alignment="center"):
        if not sheet.is_filled or not n_gaps:
            st.button(
                f"Fill {counted(n_gaps, 'gap')}",
                type="primary",
                icon=":material/auto_awesome:",
                disabled=not n_gaps,
                on_click=lambda: set_filled(True),
            )
            if not n_gaps:
                st.caption("There is no gap: make one with the tools above.")
            return
        st.button(
            "Empty the gaps again", icon=":material/undo:", on_click=lambda: set_filled(False)
        )
        if found is None:
            return
        st.button(
            "Another version",
            icon=":material/casino:",
            help="Fills again with some chance; the seed is part of the address.",
            on_click=lambda: change_outline(composer_settings.another_version),
        )
        if sheet.outline.dials.temperature:
            st.button(
                "Back to the best",
                icon=":material/star:",
                on_click=lambda: change_outline(composer_settings.best_version),
            )
            st.caption(f"Version {sheet.outline.dials.seed}, with some chance.")


def draw_result(run: Run, recommender: Recommender, sheet: Sheet, found: Composition) -> None:
    reasons = compositions.reasons(run, recommender, found)
    by_place = {reason.place: reason for reason in reasons}
    result = composer_result.Result(run, recommender, found, by_place)
    composer_result.draw_files(result)
    if not found.choices:
        return
    composer_result.draw_choices(result, change_outline)
    try:
        greedy = compositions.composed(run, recommender, sheet.outline, "next_item")
    except SettingsError:
        greedy = None
    original = composer_settings.original_items(sheet, recommender.dataset)
    composer_result.draw_comparison(result, greedy, original)


page()
