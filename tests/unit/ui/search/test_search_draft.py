from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bert4rec.cli.searching import SearchOptions, sweep
from bert4rec.hyperparameters import OF_MASKS, Hyperparameters
from bert4rec.search.plan import Budget, SearchPlan, checked_plan
from bert4rec.search.space import WHY_FIXED, Choices, Domain, Range, parse_space
from bert4rec.ui.search.search_draft import (
    LIST,
    LOG,
    RANGE,
    SearchDraft,
    Varied,
    check_plan,
    domain_words,
    draft_of,
    first_draft,
    fixed_changes,
    in_mode,
    may_vary,
    suggested,
    sweep_command,
    typed,
    with_preset,
)
from bert4rec.ui.search.search_windows import windows_alike, windows_apart, with_windows
from bert4rec.view.forms import form_fields

SPACES: list[dict[str, Any]] = [
    {"learning_rate": "log:0.000123456789..0.01", "n_layers": "1..5:2"},
    {"loss_type": "none,gBCE", "hidden_size": "32..128:32", "mask_rate": "0.1..0.6"},
    {"schedule": "linear,cosine", "dropout_rate": "0.0..0.4:0.05"},
]


def made(draft: SearchDraft) -> SearchPlan:
    plan, problems = check_plan(draft)
    assert problems == []
    assert plan is not None
    return plan


def test_the_first_draft_is_the_usual_search() -> None:
    plan = made(first_draft())
    usual = checked_plan(SearchPlan())
    assert (plan.space, plan.budget, plan.seed) == (usual.space, usual.budget, usual.seed)
    assert plan.base.model_dump() == usual.base.model_dump()


@pytest.mark.parametrize("space", SPACES)
def test_a_plan_survives_the_form(space: dict[str, Any]) -> None:
    plan = checked_plan(SearchPlan(space=parse_space(space), budget=Budget(7, 2.5), seed=3))
    again = made(draft_of(plan))
    assert (again.space, again.budget, again.seed) == (plan.space, plan.budget, plan.seed)
    assert again.base.model_dump() == plan.base.model_dump()


def read_command(text: str) -> SearchPlan:
    """The plan that the command line makes of a command."""
    words = shlex.split(text.replace("\\\n", " "))
    assert words[:3] == ["bert4rec", "sweep", "made"]
    context = sweep.make_context("sweep", words[2:])
    names = SearchOptions.__dataclass_fields__
    # The options that belong together arrive as one argument.
    asked = context.params.get("asked") or SearchOptions(
        **{name: context.params[name] for name in names if name in context.params}
    )
    return asked.plan(None)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("preset", ["quick", "balanced", "thorough", "sasrec"])
def test_the_command_searches_for_what_the_form_shows(space: dict[str, Any], preset: str) -> None:
    draft = with_preset(first_draft(), preset)
    # One setting of the preset is unset, one is another, one is none of the preset's.
    base = {key: value for key, value in draft.base.items() if key != "dropout_rate"}
    base |= {"n_epochs": 7, "weight_decay": 0.1, "valid_metric": "hr@10"}
    typed = draft_of(SearchPlan(space=parse_space(space))).space
    if draft.base.get("attention") == "causal":
        typed = {name: varied for name, varied in typed.items() if name not in OF_MASKS}
    draft = replace(draft, base=base, space=typed, n_trials=5, minutes=0.125, seed=9)
    plan = made(draft)
    command = sweep_command(plan, preset=preset, dataset="made", workspace=Path("/a b"), name="one")
    found = read_command(command)
    assert found.base.model_dump() == plan.base.model_dump()
    assert (found.space, found.budget, found.seed) == (plan.space, plan.budget, plan.seed)


def test_every_setting_that_may_vary_has_a_suggestion_and_no_other_is_offered() -> None:
    defaults = Hyperparameters()
    for name, found in form_fields().items():
        assert may_vary(name) == (name not in WHY_FIXED)
        value = getattr(defaults, name)
        if may_vary(name) and (value or found.choices):
            draft = replace(first_draft(), space={name: suggested(name, value)})
            assert check_plan(draft)[1] == [], name


def test_all_that_is_wrong_is_told_at_once_by_the_library() -> None:
    draft = replace(
        first_draft(),
        base={"n_epochs": 0},
        space={"mask_rate": Varied(RANGE, low="0.5", high="x"), "n_layers": Varied(LIST, ("1",))},
        n_trials=0,
        minutes=-1.0,
    )
    plan, problems = check_plan(draft)
    assert plan is None
    for name in ("n_epochs", "mask_rate", "n_layers", "trials", "minutes"):
        assert any(line.startswith(name) for line in problems), name
    assert check_plan(replace(first_draft(), space={}))[1] == [
        "nothing is varied; name at least one setting"
    ]


def test_a_change_of_mode_keeps_the_ends() -> None:
    ranged = in_mode(Varied(LIST, ("64", "8", "128")), RANGE)
    assert (ranged.low, ranged.high) == ("8", "128")
    assert in_mode(ranged, LOG).plain() == {"low": "8", "high": "128", "log": True}
    assert in_mode(Varied(RANGE, low="0.1", high="0.5"), LIST).values == ("0.1", "0.5")
    assert in_mode(Varied(LIST, ("linear",)), RANGE).plain() == {}


def test_a_preset_keeps_what_varies_and_the_metric() -> None:
    draft = replace(first_draft(), base={"valid_metric": "mrr@5"})
    after = with_preset(draft, "quick")
    assert after.metric == "mrr@5"
    assert after.space == draft.space
    assert fixed_changes(after) == [("Validation metric", "MRR@5", "NDCG@10")]


def test_a_domain_reads_as_a_sentence() -> None:
    space = parse_space(SPACES[1] | SPACES[0])
    words = {name: domain_words(domain) for name, domain in space.items()}
    assert words["loss_type"] == "unset or gBCE"
    assert words["hidden_size"] == "32 to 128 in steps of 32"
    assert words["learning_rate"] == "0.000123457 to 0.01, log range"
    assert words["mask_rate"] == "0.1 to 0.6"


def test_a_preset_that_hides_nothing_varies_nothing_of_masks_and_another_does_again() -> None:
    causal = with_preset(first_draft(), "sasrec")
    assert check_plan(causal)[1] == []
    assert set(first_draft().space) - set(causal.space) == {"mask_rate", "next_item_rate"}
    assert with_preset(causal, "balanced").space.keys() == first_draft().space.keys()
    without = replace(first_draft(), space={"learning_rate": first_draft().space["learning_rate"]})
    assert with_preset(without, "quick").space.keys() == {"learning_rate"}


def test_windows_that_no_history_fills_are_told_of() -> None:
    window = Range(10, 80)
    assert windows_alike({"max_seq_length": window}, 60).endswith(
        "longer windows are all the same."
    )
    assert windows_alike({"max_seq_length": window}, 80) == ""
    assert windows_alike({"max_seq_length": Choices((50, 100))}, 60) == ""
    assert windows_alike({}, 3) == ""


@pytest.mark.parametrize(
    "domain",
    [
        Choices((10, 50, 100)),
        Choices((50, 100)),
        Range(10, 90),
        Range(10, 90, step=10),
        Range(10, 90, step=40),
        Range(30, 90),
        Range(10, 90, is_log=True),
    ],
)
def test_windows_that_are_alike_are_mended_to_a_plan_that_holds(domain: Domain) -> None:
    draft = replace(
        first_draft(),
        space={"max_seq_length": typed(domain), "n_layers": Varied(RANGE, low="1", high="3")},
    )
    mended = with_windows(draft, windows_apart(domain, 25))
    plan, problems = check_plan(mended)
    assert plan is not None, problems
    assert windows_alike(plan.space, 25) == ""
    assert plan.first_point() is not None or isinstance(domain, Range)
    assert plan.base.max_seq_length <= 25
