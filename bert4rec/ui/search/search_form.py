"""The form of a new search as widgets; what was given lives in the session as one draft."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import streamlit as st

from bert4rec.presets import PRESETS
from bert4rec.search.plan import SearchPlan
from bert4rec.search.space import Domain
from bert4rec.ui.folded import folded
from bert4rec.ui.redrawing import fixed_place
from bert4rec.ui.search import search_draft as drafts
from bert4rec.ui.search.search_draft import FIXED, LIST, METRIC, MODES, RANGE, SearchDraft, Varied
from bert4rec.ui.search.search_windows import with_windows
from bert4rec.ui.settings.setting_fields import (
    EMPTIED,
    MAX_EXACT_INT,
    MIN_FIELD_PX,
    WRONG,
    draw_field,
    draw_preset_choice,
    draw_problems,
    draw_unused,
    draw_wrong,
)
from bert4rec.view import forms
from bert4rec.view.forms import FormField, form_fields
from bert4rec.view.markdown import escape
from bert4rec.view.setting_words import value_text
from bert4rec.words import metric_name

DRAFT_KEY = "search_draft"
PRESET_KEY = "search_preset"
ADD_KEY = "search_add"
ROW_KEY = "search_varied"
MIN_HEAD_PX = 150
RANGE_ROW = [2.4, 1.4, 1.4, 1.2, 1.9]
LIST_ROW = [2.4, 4.0, 1.9]


def draft() -> SearchDraft:
    """Return what the form holds; the first time the usual search."""
    return cast(SearchDraft, st.session_state.setdefault(DRAFT_KEY, drafts.first_draft()))


def is_begun() -> bool:
    """Whether the form holds anything yet in this session."""
    return DRAFT_KEY in st.session_state


def fill(found: SearchDraft) -> None:
    """Let the form hold another draft."""
    st.session_state[DRAFT_KEY] = found
    st.session_state[PRESET_KEY] = found.source or None


def take_windows(windows: Domain | int) -> None:
    """Let the form hold other window lengths, or one that is fixed."""
    _take(lambda before: with_windows(before, windows))


def draw_plan() -> tuple[SearchPlan | None, list[str]]:
    """Draw all but the name; return the plan, or None and everything that is wrong with it."""
    now = draft()
    plan, problems = drafts.check_plan(now)
    _draw_preset(now)
    _draw_budget(now, problems)
    st.markdown("**What varies**")
    _draw_space(now, problems)
    st.markdown("**What is the same in every trial**")
    _draw_fixed(now, problems)
    return plan, problems


def _draw_preset(now: SearchDraft) -> None:
    st.session_state.setdefault(PRESET_KEY, now.source or None)
    draw_preset_choice(
        key=PRESET_KEY,
        on_change=_take_preset,
        about="Fills what is fixed, and where the first trial starts. What varies stays.",
    )
    said = PRESETS[now.source].description if now.source in PRESETS else "Filled from a search."
    changes = drafts.fixed_changes(now) if now.source in PRESETS else []
    listed = ", ".join(f"{title} **{value}** (preset: {usual})" for title, value, usual in changes)
    st.caption(said + (f" Different from the preset: {listed}." if changes else ""))


def _take_preset() -> None:
    chosen = str(st.session_state.get(PRESET_KEY) or draft().source)
    if chosen in PRESETS:
        fill(drafts.with_preset(draft(), chosen))


def _draw_budget(now: SearchDraft, problems: Sequence[str]) -> None:
    with st.grid(4, min_column_width=MIN_HEAD_PX):
        metric = form_fields()[METRIC]
        _hold("search_metric", now.metric)
        st.selectbox(
            "Metric",
            metric.choices,
            format_func=metric_name,
            key="search_metric",
            on_change=lambda: _take(_with_metric),
            help="What is to become large, on the validation items. The test items are never seen.",
        )
        _hold("search_trials", now.n_trials)
        _number(
            "Trials",
            "search_trials",
            5,
            "n_trials",
            help="Trials in all, with those that are pruned: ended early, as they fall behind.",
        )
        _hold("search_minutes", now.minutes)
        st.number_input(
            "Minutes",
            value=None,
            min_value=-float(MAX_EXACT_INT),
            step=10.0,
            format="%.6g",
            placeholder="no limit",
            key="search_minutes",
            on_change=lambda: _take(
                lambda before: replace(before, minutes=st.session_state["search_minutes"])
            ),
            help="Minutes of trials in all; whichever of the two is reached first ends the search. "
            "A trial under way is let to its end.",
        )
        _hold("search_seed", now.seed)
        _number(
            "Seed of the search",
            "search_seed",
            1,
            "seed",
            help="Chance behind the points that are tried. The seed of the trainings is a setting.",
        )
    draw_problems([p for p in problems if p.split(":")[0] in ("trials", "minutes", "search seed")])


def _hold(key: str, value: Any) -> None:
    """Let a widget show what the draft holds."""
    st.session_state[key] = value


def _number(label: str, key: str, step: int, name: str, **more: Any) -> None:
    def take() -> None:
        # An emptied box tells nothing; the draft keeps what it had.
        value = st.session_state.get(key)
        if value not in (None, EMPTIED):
            _take(lambda before: replace(before, **{name: value}))

    st.number_input(
        label,
        min_value=EMPTIED,
        max_value=MAX_EXACT_INT,
        step=step,
        key=key,
        on_change=take,
        **more,
    )


def _take(change: Callable[[SearchDraft], SearchDraft]) -> None:
    st.session_state[DRAFT_KEY] = change(draft())


def _with_metric(before: SearchDraft) -> SearchDraft:
    base = forms.changed_draft(
        before.base, before.kept, METRIC, st.session_state.get("search_metric")
    )
    return replace(before, base=base)


def _draw_space(now: SearchDraft, problems: Sequence[str]) -> None:
    for name, varied in now.space.items():
        found = form_fields()[name]
        mine = forms.problems_of(problems, [found])
        first = value_text(forms.shown_value(name, now.base), name)
        about = f": {escape(drafts.varied_words(varied, name))}; first trial {escape(first)}"
        key = f"{ROW_KEY}_{name}"
        with folded(f"**{found.title}**", key=key, about=about, must_open=bool(mine)) as is_open:
            if is_open:
                _draw_varied(found, varied, now)
                draw_problems(mine)
    away = {*now.space, *drafts.unused_fields(now)}
    free = [name for name in form_fields() if drafts.may_vary(name) and name not in away]
    # Emptied: what was chosen is a row by now.
    st.session_state[ADD_KEY] = None
    st.selectbox(
        "Vary another setting",
        free,
        index=None,
        format_func=lambda name: form_fields()[name].title,
        placeholder="Choose a setting",
        key=ADD_KEY,
        on_change=_add,
        width=320,
        help="What decides how a trial is judged, the seed and the machine cannot vary.",
    )
    # It is wrong only where nothing varies.
    draw_problems([problem for problem in problems if problem.startswith("nothing")])


def _add() -> None:
    name = st.session_state.get(ADD_KEY)
    if name:
        _vary(name, drafts.suggested(name, forms.shown_value(name, draft().base)))
        st.session_state[f"{ROW_KEY}_{name}"] = True


def _vary(name: str, varied: Varied) -> None:
    _take(lambda before: replace(before, space={**before.space, name: varied}))


def _draw_varied(found: FormField, varied: Varied, now: SearchDraft) -> None:
    widths = LIST_ROW if varied.mode == LIST else RANGE_ROW
    mode, *cells, start = st.columns(widths, gap="small", vertical_alignment="bottom")
    key = f"search_mode_{found.name}"
    _hold(key, varied.mode)
    with mode:
        st.selectbox(
            "How it varies",
            drafts.modes_of(found),
            format_func=MODES.__getitem__,
            key=key,
            on_change=_take_mode,
            args=(found.name,),
            help=found.help,
        )
    if varied.mode == LIST:
        with cells[0]:
            _draw_list(found, varied)
    else:
        labels = {"low": "From", "high": "To", "step": "Step"}
        for cell, (part, label) in zip(cells, labels.items(), strict=True):
            with cell:
                if varied.mode == RANGE or part != "step":
                    _draw_part(found, varied, part, label)
    with start:
        draw_field(
            found,
            forms.shown_value(found.name, now.base),
            key=f"search_field_{found.name}",
            on_change=_take_field,
            title="First trial",
        )


def _take_mode(name: str) -> None:
    mode = st.session_state.get(f"search_mode_{name}")
    if mode == FIXED:
        space = {key: varied for key, varied in draft().space.items() if key != name}
        _take(lambda before: replace(before, space=space))
    elif mode:
        _vary(name, drafts.in_mode(draft().space[name], mode))


def _draw_list(found: FormField, varied: Varied) -> None:
    key = f"search_values_{found.name}"
    choices = drafts.choices_of(found)
    if choices:
        _hold(key, [value for value in varied.values if value in choices])
        st.multiselect(
            "Values",
            choices,
            format_func=lambda word: drafts.choice_text(found, word),
            key=key,
            on_change=_take_values,
            args=(found.name,),
        )
    else:
        _hold(key, ", ".join(varied.values))
        st.text_input(
            "Values",
            key=key,
            placeholder="32, 64, 128",
            on_change=_take_values,
            args=(found.name,),
        )


def _take_values(name: str) -> None:
    told = st.session_state.get(f"search_values_{name}") or ()
    values = drafts.split_values(told) if isinstance(told, str) else tuple(told)
    _vary(name, replace(draft().space[name], values=values))


def _draw_part(found: FormField, varied: Varied, part: str, label: str) -> None:
    key = f"search_{part}_{found.name}"
    _hold(key, getattr(varied, part))

    def take() -> None:
        told: dict[str, Any] = {part: str(st.session_state.get(key) or "")}
        _vary(found.name, replace(draft().space[found.name], **told))

    st.text_input(label, key=key, on_change=take, placeholder="any" if part == "step" else "")


def _take_field(name: str) -> None:
    value = st.session_state.get(f"search_field_{name}")
    if value is None and not form_fields()[name].is_optional:
        return
    base = forms.changed_draft(draft().base, draft().kept, name, value)
    _take(lambda before: replace(before, base=base))


def _draw_fixed(now: SearchDraft, problems: list[str]) -> None:
    away = (*now.space, METRIC)
    _draw_fields([f for f in forms.common_fields() if f.name not in away], now, problems)
    for group, fields in forms.folded_fields().items():
        left = [found for found in fields if found.name not in away]
        if not left:
            continue
        unused = drafts.unused_fields(now)
        given = sum(found.name in now.base for found in left if found.name not in unused)
        about = f" · {given} set" if given else ""
        is_wrong = bool(forms.problems_of(problems, left))
        key = f"search_group_{group}"
        with folded(group, key=key, about=about, must_open=is_wrong) as is_open:
            if is_open:
                _draw_fields(left, now, problems)


def _draw_fields(fields: Sequence[FormField], now: SearchDraft, problems: list[str]) -> None:
    unused = {
        name: why
        for name, why in drafts.unused_fields(now).items()
        if not forms.problems_of(problems, [form_fields()[name]])
    }
    with st.grid("auto", min_column_width=MIN_FIELD_PX):
        for found in fields:
            wrong = forms.problems_of(problems, [found])
            with fixed_place():
                draw_field(
                    found,
                    forms.shown_value(found.name, now.base),
                    key=f"search_field_{found.name}",
                    on_change=_take_field,
                    why_unused=unused.get(found.name, ""),
                    icon=WRONG if wrong else None,
                )
                for problem in wrong:
                    draw_wrong(problem.removeprefix(found.name).removeprefix(":"))
    draw_unused(fields, unused)
