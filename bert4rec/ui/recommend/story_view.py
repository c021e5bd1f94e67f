"""Three guided stories on the samples: large cards and plain words, for people new to it all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from bert4rec.composer.decoding import Choice
from bert4rec.composer.outline import OPEN, Outline
from bert4rec.composer.reasons import Reason
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import Bert4RecError, NotFoundError, shown
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.stories import STORIES, Story, Task
from bert4rec.ui import cache, state
from bert4rec.ui.address import read_address
from bert4rec.ui.presses import once
from bert4rec.ui.recommend import compositions
from bert4rec.ui.recommend.story_run import draw_whose, sample_run
from bert4rec.ui.redrawing import draw_anew
from bert4rec.ui.refusals import keep_refusal, show_refusal
from bert4rec.ui.train.live_run import draw_progress
from bert4rec.ui.train.pace import LOOK_EVERY_S
from bert4rec.ui.train.run_controls import draw_controls
from bert4rec.view.markdown import escape
from bert4rec.view.run_figures import queue_text

STORY_NAMES = ("story", "task", "told")
STORY_KEY = "story"
TASK_KEY = "story_task"
TOLD_KEY = "story_told"
TRUTH_KEY = "story_truth"
LINK_KEY = "story_link"
# Whether a button was pressed: the browser may not have got the newest address by then.
PRESSED_KEY = "story_pressed"
PROBLEM_KEY = "story_problem"
STORY_ICONS = {
    "playlist": ":material/queue_music:",
    "series": ":material/auto_stories:",
    "course": ":material/school:",
}
# Nine cards stand in two rows of a page of 1440 pixels.
MIN_CARD_PX = 190
PLAIN_REASONS = {
    "past": "It follows from what comes before.",
    "future": "What comes after gives it away.",
    "both": "It fits what comes before and what comes after.",
    "either": "It fits both sides.",
    "less": "It fits one side better than both together.",
    "popularity": "A safe choice: many have it.",
}

OpenSheet = Callable[[Run, Outline], None]


def choose_story() -> Story:
    """Let a visitor choose a story, the one of the address first."""
    _follow_link()
    return STORIES[_choose_story()]


def draw_story(story: Story, open_sheet: OpenSheet) -> dict[str, str]:
    """Draw a story.

    Args:
        story: The chosen one.
        open_sheet: Gets the run and the outline when a visitor wants to go on in the composer.

    Returns:
        The parameters of an address that shows the same.
    """
    show_refusal(PROBLEM_KEY)
    n = int(st.session_state.setdefault(TASK_KEY, 0))
    is_told = bool(st.session_state.setdefault(TOLD_KEY, False))
    st.subheader(story.title, anchor=False)
    st.markdown(story.text)
    try:
        run = sample_run(story.sample)
        if run is None or not run.checkpoint("best").exists():
            _draw_training(story, run)
        else:
            draw_whose(story, run)
            _draw_places(story, run, n, is_told, open_sheet)
    except Bert4RecError as error:
        state.show_error(error)
    link = {"story": story.name, "task": str(n + 1)} | ({"told": "1"} if is_told else {})
    st.session_state[LINK_KEY] = link
    return link


def _follow_link() -> None:
    link = read_address(STORY_NAMES)
    is_pressed = st.session_state.pop(PRESSED_KEY, False)
    if is_pressed or "story" not in link or link == st.session_state.get(LINK_KEY):
        return
    if link["story"] not in STORIES:
        error = f"the address names a story {shown(link['story'])}, which there is not"
        fix = f"Choose one above. By an address they are {', '.join(STORIES)}."
        keep_refusal(PROBLEM_KEY, NotFoundError(error, fix=fix))
        return
    st.session_state[STORY_KEY] = link["story"]
    task = link.get("task", "1")
    is_number = re.fullmatch("[1-9][0-9]{0,2}", task)
    if not is_number:
        error = f"the address names an example {shown(task)}, which is no number from 1 to 999"
        fix = "Press Another example, below, for the next; this is the first."
        keep_refusal(PROBLEM_KEY, NotFoundError(error, fix=fix))
    st.session_state[TASK_KEY] = int(task) - 1 if is_number else 0
    st.session_state[TOLD_KEY] = "told" in link
    st.session_state[TRUTH_KEY] = False


def _choose_story() -> str:
    chosen = st.segmented_control(
        "Story",
        list(STORIES),
        default=None if STORY_KEY in st.session_state else next(iter(STORIES)),
        format_func=lambda name: f"{STORY_ICONS[name]} {STORIES[name].title}",
        key=STORY_KEY,
        required=True,
        label_visibility="collapsed",
        on_change=_begin,
        args=(0,),
        persist_state="session",
    )
    return chosen or next(iter(STORIES))


def _begin(n: int) -> None:
    """Show an example of the story, not yet told."""
    st.session_state[TASK_KEY] = n
    st.session_state[TOLD_KEY] = st.session_state[TRUTH_KEY] = False
    st.session_state[PRESSED_KEY] = True


def _draw_training(story: Story, run: Run | None) -> None:
    if run is not None:
        _draw_waiting(run)
        return
    st.info(
        "The model has not seen this sample yet. Training takes about a minute, on this machine.",
        icon=":material/model_training:",
    )
    missing = [one.sample for one in STORIES.values() if sample_run(one.sample) is None]
    with st.container(horizontal=True):
        if st.button("Train on the sample", type="primary", icon=":material/play_arrow:"):
            _train([story.sample])
        if len(missing) > 1 and st.button(
            "Prepare all three",
            icon=":material/playlist_play:",
            help="One after another, what is not there yet; the page may be left meanwhile.",
        ):
            _train(sorted(missing, key=lambda sample: sample != story.sample))


def _train(samples: Sequence[str]) -> None:
    from bert4rec.ui.demo import start_demo

    workspace, service = state.workspace(), state.job_service()
    with st.spinner("Preparing the data…"):
        once(
            f"stories_{samples}",
            lambda: [start_demo(workspace, service, sample) for sample in samples],
        )
    st.rerun()


def _draw_waiting(run: Run) -> None:
    """Draw how far the training is, live, with its controls and the way to all about it."""
    status = run.status()
    now = state.shown_state(run, status)
    st.info(
        "The model is learning from the sample. The story begins once it knows something.",
        icon=":material/hourglass_top:",
    )

    @st.fragment(run_every=LOOK_EVERY_S)
    def look() -> None:
        # What stands outside the fragment is drawn anew when the state changes.
        if not run.folder.is_dir() or run.checkpoint("best").exists():
            draw_anew()
            return
        newest = run.status()
        if state.shown_state(run, newest) != now:
            draw_anew()
        if now == "queued":
            st.caption(queue_text(state.job_service().position(run.id)))
        else:
            draw_progress(run, newest, cache.curves(run.id), now)

    look()
    with st.container(horizontal=True):
        with st.container(width="content"):
            draw_controls(run, status, after_delete=lambda: None)
        if st.button("Watch it live", icon=":material/monitoring:"):
            state.choose_run(run.id)
            st.switch_page("pages/train.py", query_params={"run": run.id})


def _draw_places(story: Story, run: Run, n: int, is_told: bool, open_sheet: OpenSheet) -> None:
    recommender = cache.load_recommender(run.id).calibrated()
    task = story.task(recommender.dataset, n)
    choices: dict[int, Choice] = {}
    reasons: dict[int, Reason] = {}
    if is_told:
        found = compositions.composed(run, recommender, task.outline)
        choices = {choice.place: choice for choice in found.choices}
        reasons = {one.place: one for one in compositions.reasons(run, recommender, found)}
    with st.grid("auto", min_column_width=MIN_CARD_PX) as cards:
        for at, kept in enumerate(task.outline.places):
            key = f"story_{'gap' if kept == OPEN else 'kept'}_{at}"
            with cards.container(border=True, height="stretch", key=key):
                _draw_kept_or_gap(story, recommender.vocabulary, at, kept, choices.get(at))
                if at in choices:
                    _draw_choice(recommender, task, choices[at], reasons[at])
    _draw_buttons(run, task, n, is_told, open_sheet)
    if is_told:
        _draw_moral(task, choices)


def _draw_kept_or_gap(
    story: Story, vocabulary: Vocabulary, at: int, kept: int, choice: Choice | None
) -> None:
    item = choice.item_idx if choice else kept
    st.caption(f"{story.noun.capitalize()} {at + 1}")
    if item == OPEN:
        st.markdown("#### ?", anchors=False)
        st.markdown("Missing")
        return
    title = escape(vocabulary.title(item))
    st.markdown(f"#### :blue[{title}]" if choice else f"#### {title}", anchors=False)
    if line := _line_of(story, vocabulary, item):
        st.markdown(escape(line))


def _line_of(story: Story, vocabulary: Vocabulary, item: int) -> str:
    """Return what of the item table says most about an item in this story."""
    row = dict(vocabulary.table.iloc[item - 1].items())
    found = [str(row[name]) for name in story.columns if _is_told(row.get(name))]
    if _is_told(row.get("series")) and _is_told(number := row.get("series_number")):
        found[-1] = f"{found[-1]}, volume {float(str(number)):.0f}"
    return " · ".join(found)


def _is_told(value: object) -> bool:
    return value is not None and value == value and str(value).strip() != ""


def _draw_choice(recommender: Recommender, task: Task, choice: Choice, reason: Reason) -> None:
    st.badge(sureness_words(choice.probability), icon=":material/auto_awesome:", color="blue")
    st.markdown(PLAIN_REASONS[reason.carried_by])
    if st.session_state.get(TRUTH_KEY):
        true = task.hidden[choice.place]
        if true == choice.item_idx:
            st.badge("That is what was there", icon=":material/check:", color="green")
        else:
            st.caption(f"It was {escape(recommender.vocabulary.title(true))}.")


def sureness_words(probability: float) -> str:
    """Return how sure a choice is, in words.

    Example:
        >>> [sureness_words(p) for p in (0.9, 0.3, 0.02)]
        ['Very sure', 'Fairly sure', 'One of several that fit']
    """
    if probability >= 0.6:
        return "Very sure"
    return "Fairly sure" if probability >= 0.25 else "One of several that fit"


def _draw_buttons(run: Run, task: Task, n: int, is_told: bool, open_sheet: OpenSheet) -> None:
    def tell() -> None:
        st.session_state[TOLD_KEY] = st.session_state[PRESSED_KEY] = True

    def show_truth() -> None:
        st.session_state[TRUTH_KEY] = st.session_state[PRESSED_KEY] = True

    with st.container(horizontal=True):
        if not is_told:
            st.button(
                "Find what is missing",
                type="primary",
                icon=":material/auto_awesome:",
                on_click=tell,
            )
        elif not st.session_state.get(TRUTH_KEY):
            st.button(
                "Show what was there",
                type="primary",
                icon=":material/visibility:",
                on_click=show_truth,
            )
        st.button("Another example", icon=":material/skip_next:", on_click=_begin, args=(n + 1,))
        st.button(
            "Change it in the composer",
            icon=":material/tune:",
            on_click=lambda: open_sheet(run, task.outline),
        )


def _draw_moral(task: Task, choices: Mapping[int, Choice]) -> None:
    if not st.session_state.get(TRUTH_KEY):
        return
    n_right = sum(choices[at].item_idx == item for at, item in task.hidden.items())
    st.markdown(
        f"##### {n_right} of {len(task.hidden)} are what was there. Others can fit as well: "
        "there is more than one good way through.",
        anchors=False,
    )
    st.caption(
        "Simulated data: nobody really listened to, read or took these. The model was trained on "
        "these sequences, often even on what is missing here; the pages Runs and Inspect show "
        "figures on items that it never saw."
    )
