from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.background import comparisons
from bert4rec.background.comparisons import ComparisonService
from bert4rec.comparing.compare import compare
from bert4rec.comparing.comparison import Comparison, list_comparisons
from bert4rec.comparing.judging import Step
from bert4rec.comparing.plan import Plan
from bert4rec.data.prepare import prepare
from bert4rec.errors import RunError
from bert4rec.pipeline import train
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.label import rename_run
from bert4rec.runs.registry import create_run
from bert4rec.runs.trash import trash_run
from bert4rec.ui import state
from bert4rec.ui.evaluate.comparison_form import STARTED_KEY
from tests.addressed import linked, open_page
from tests.factories import small_settings
from tests.reading import plain, table_with, tables, texts
from tests.unfolding import unfolded
from tests.waiting import LIMIT_S
from tests.widgets import button

NASTY = "*Star* [x](http://e.org) <b>b</b>"


@pytest.fixture
def run(workspace: Path) -> Run:
    rows = [
        {"user": f"u{user}", "item": f"t{(user * 3 + step) % 15}", "time": 1.7e9 + 900 * step}
        for user in range(30)
        for step in range(6 + user % 5)
    ]
    items = pd.DataFrame(
        {
            "item_id": [f"t{at}" for at in range(15)],
            "title": [NASTY, *[f"Title {at}" for at in range(1, 15)]],
            "genre": [("calm", "wild")[at % 2] for at in range(15)],
        }
    )
    dataset = prepare(pd.DataFrame(rows), items=items, name="ring", workspace=workspace)
    return train(dataset, small_settings(n_epochs=1), name="first", workspace=workspace)


@pytest.fixture(autouse=True)
def service(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> ComparisonService:
    """A service of this test alone."""
    made = ComparisonService(workspace)
    monkeypatch.setattr(state, "comparison_service", lambda: made)
    return made


def open_evaluate(**link: str) -> AppTest:
    return open_page("evaluate", link)


@pytest.fixture
def made(run: Run, workspace: Path) -> Comparison:
    return compare(run, ["popularity", "transitions"], workspace=workspace, with_sampled=True)


def test_without_a_run_the_page_says_what_comes_here(workspace: Path) -> None:
    app = open_evaluate()
    assert "It needs a finished run first." in plain(app)
    assert button(app, "Train a model")


def test_while_the_first_run_trains_it_is_said_when_it_can_be_compared(workspace: Path) -> None:
    log = pd.DataFrame({"user": list("aaaabbbb"), "item": list("wxyzzyxw")})
    dataset = prepare(log, name="small", workspace=workspace)
    create_run(workspace, dataset, Policy(settings=small_settings()), name="fresh")
    app = open_evaluate()
    assert "It needs a finished run: fresh can be compared at its end." in plain(app)
    assert button(app, "Look at the training")


def test_a_run_in_use_that_has_not_ended_is_named_where_another_is_offered(
    run: Run,
) -> None:
    policy = Policy(settings=small_settings())
    fresh = create_run(run.workspace, run.dataset(), policy, name="fresh")
    app = open_evaluate(run=fresh.id)
    assert "Run fresh, which is in use, can be compared once it has ended." in plain(app)
    assert app.multiselect(key="evaluate_runs").value == [run.id]
    fresh.set_status(state="interrupted")
    assert "only once it has been trained to an end" in plain(app.run())


def test_beside_a_run_that_has_not_ended_one_of_the_same_data_is_offered_first(run: Run) -> None:
    log = pd.DataFrame({"user": list("aaaabbbb"), "item": list("wxyzzyxw")})
    others = prepare(log, name="small", workspace=run.workspace)
    train(others, small_settings(n_epochs=1), name="other", workspace=run.workspace)
    policy = Policy(settings=small_settings())
    fresh = create_run(run.workspace, run.dataset(), policy, name="fresh")
    assert open_evaluate(run=fresh.id).multiselect(key="evaluate_runs").value == [run.id]


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Comparisons in the background begin once this is set."""
    event = threading.Event()
    carry_out = comparisons.carry_out

    def wait_first(plan: Plan, workspace: Path, **more: Any) -> object:
        more["watch"](Step(0, "Loading first", 0.25))
        assert event.wait(LIMIT_S)
        return carry_out(plan, workspace, **more)

    monkeypatch.setattr(comparisons, "carry_out", wait_first)
    return event


def started(app: AppTest, service: ComparisonService) -> str:
    app.session_state["evaluate_baselines"] = ["popularity", "transitions"]
    app.run()
    button(app, "Compare").click().run()  # type: ignore[attr-defined]
    assert not app.exception
    (found,) = service.active()
    return found.comparison_id


def wait(service: ComparisonService, comparison_id: str) -> None:
    service.wait(comparison_id, LIMIT_S)
    assert not service.active()


def test_a_comparison_is_started_watched_and_shown(
    run: Run, service: ComparisonService, go: threading.Event
) -> None:
    app = open_evaluate()
    assert app.multiselect(key="evaluate_runs").value == [run.id]
    comparison_id = started(app, service)
    assert button(app, "Stop comparing first")
    # Another visitor sees that it is under way, too.
    assert button(open_evaluate(), "Stop comparing first")
    go.set()
    wait(service, comparison_id)
    app.run()
    assert not app.exception
    assert "has the highest NDCG@10" in plain(app)
    assert linked(app, "comparison") == comparison_id


def test_a_comparison_that_is_stopped_keeps_nothing(
    run: Run, workspace: Path, service: ComparisonService, go: threading.Event
) -> None:
    app = open_evaluate()
    comparison_id = started(app, service)
    button(app, "Stop comparing first").click().run()  # type: ignore[attr-defined]
    go.set()
    wait(service, comparison_id)
    app.run()
    assert "was stopped; nothing of it was kept" in plain(app)
    assert not list_comparisons(workspace)
    assert button(app, "Compare")


def test_a_comparison_that_fails_says_why(
    run: Run, service: ComparisonService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RunError("the run is damaged", fix="Train it again.")

    monkeypatch.setattr(comparisons, "carry_out", fail)
    app = open_evaluate()
    button(app, "Compare").click().run()  # type: ignore[attr-defined]
    wait(service, app.session_state[STARTED_KEY])
    app.run()
    assert "The run is damaged." in plain(app)
    assert "Train it again." in plain(app)
    button(app, "Dismiss").click().run()  # type: ignore[attr-defined]
    app.switch_page("pages/home.py").run()
    app.switch_page("pages/evaluate.py").run()
    assert not app.exception
    assert "The run is damaged." not in plain(app)


def test_a_form_that_asks_for_sampled_items_opens_no_section_of_another_comparison(
    made: Comparison,
) -> None:
    app = open_evaluate(comparison=made.id)
    button(app, "Compare others").click().run()  # type: ignore[attr-defined]
    app.toggle(key="evaluate_sampled").set_value(True).run()
    app.selectbox(key="evaluate_comparison").set_value(made.id).run()
    assert not app.exception
    assert "Sun et al. 2019" not in plain(app)
    unfolded(app)
    assert "Sun et al. 2019" in plain(app)


def test_a_kept_comparison_is_shown_at_once_with_all_its_parts(made: Comparison) -> None:
    app = unfolded(open_evaluate())
    told = plain(app)
    assert "has the highest NDCG@10" in told
    assert "Lines are 95% intervals" in told
    assert "Diversity goes by the column “Genre”." in told
    assert {part.value for part in app.subheader} >= {
        "Where they differ",
        "What the lists are like",
        "Wins and losses",
    }
    assert "Sun et al. 2019" in told
    # As the scores: the best first. Three are seen at a glance.
    shown = table_with(app, "Verdict")["Who"].str.replace(r"(Model|Baseline)$", "", regex=True)
    assert table_with(app, "Coverage")["Who"].tolist() == shown.tolist()
    assert "Sort by" not in [box.label for box in app.selectbox]
    keys = {entrant.title: key for key, entrant in made.entrants.items()}
    reached = made.lists("test").set_index("entrant")["coverage"][[keys[who] for who in shown]]
    assert table_with(app, "Coverage")["Coverage"].tolist() == [f"{100 * x:.1f}%" for x in reached]
    assert linked(app, "comparison") == made.id


def test_what_many_lists_are_like_is_ordered_by_what_is_asked_for_and_so_in_a_link(
    run: Run, workspace: Path
) -> None:
    made = compare(run, ["popularity", "transitions", "ease"], workspace=workspace)
    app = open_evaluate(comparison=made.id)
    assert linked(app, "sort") == "score"
    by_score = table_with(app, "Coverage")["Who"].tolist()
    app.selectbox(key="evaluate_sort").set_value("novelty").run()
    told = table_with(app, "Novelty")["Novelty"].astype(float).tolist()
    assert told == sorted(told, reverse=True)
    assert table_with(app, "Coverage")["Who"].tolist() != by_score
    assert linked(app, "sort") == "novelty"
    other = open_evaluate(comparison=made.id, sort="novelty")
    assert table_with(other, "Coverage").equals(table_with(app, "Coverage"))
    assert linked(open_evaluate(comparison=made.id, sort="nonsense"), "sort") == "score"


def test_a_verdict_of_training_longer_leads_to_the_run_and_folds_its_figures_away(
    workspace: Path,
) -> None:
    rows = [
        {"user": f"u{user}", "item": f"t{(user + step) % 15}", "time": 1.7e9 + 900 * step}
        for user in range(120)
        for step in range(6)
    ]
    dataset = prepare(pd.DataFrame(rows), name="circle", workspace=workspace)
    rising = train(dataset, small_settings(n_epochs=1), name="rising", workspace=workspace)
    made = compare(rising, ["popularity", "transitions", "item-knn"], workspace=workspace)
    app = open_evaluate(comparison=made.id)
    assert "The model may not be trained out; no verdict yet" in plain(app)
    link = next(one for one in app.get("page_link") if one.proto.label == "Train longer")
    assert link.proto.query_string == f"run={rising.id}"
    assert "a difference of" not in plain(app)
    unfolded(app, "Its figures in full")
    assert "a difference of" in plain(app)


def test_the_comparison_of_the_run_in_use_is_shown_and_a_link_to_another_says_so(
    made: Comparison, run: Run, workspace: Path
) -> None:
    rows = pd.DataFrame({"user": ["a"] * 4 + ["b"] * 4, "item": [1, 2, 3, 4] * 2})
    dataset = prepare(rows, name="shelf", workspace=workspace)
    other = train(dataset, small_settings(n_epochs=1), name="other", workspace=workspace)
    # The newest run has none yet; the form asks for it.
    app = open_evaluate()
    assert app.multiselect(key="evaluate_runs").value == [other.id]
    app.session_state[state.RUN_KEY] = run.id
    app.run()
    assert linked(app, "comparison") == made.id
    assert "is not in this comparison" not in plain(app)
    app.session_state[state.RUN_KEY] = other.id
    app.run()
    assert app.multiselect(key="evaluate_runs").value == [other.id]
    theirs = compare(other, ["popularity"], workspace=workspace)
    for run_id, wanted in ((run.id, made.id), (other.id, theirs.id)):
        app.session_state[state.RUN_KEY] = run_id
        app.run()
        assert linked(app, "comparison") == wanted
    app = open_evaluate(comparison=made.id)
    assert any(" · 1 baseline · " in label for label in app.selectbox[0].options)
    # The end is out of sight in a narrow window.
    assert all(" UTC · " in label for label in app.selectbox[0].options[1:])
    assert linked(app, "comparison") == made.id
    assert "other, the run in use, is not in this comparison." in plain(app)


def test_score_and_verdict_come_first_and_the_metrics_are_explained(made: Comparison) -> None:
    app = open_evaluate(comparison=made.id)
    table = table_with(app, "Verdict")
    assert list(table.columns[:3]) == ["Who", "NDCG@10", "Verdict"]
    scores = made.scores().set_index(["metric", "entrant"]).loc[("ndcg@10", made.reference)]
    value, low, high = (f"{scores[name]:.4f}" for name in ("value", "low", "high"))
    row = table[table["Verdict"] == "Reference"].iloc[0]
    # With their intervals below, and what it is below its name.
    assert row["NDCG@10"] == f"{value}{low} to {high}"
    assert row["Who"] == f"{made.entrants[made.reference].title}Model"
    assert row["Difference"] == "–"
    assert "a hit counts more the higher it stands" in app.selectbox(key="evaluate_metric").help
    assert "30 test cases, the same for everybody" in plain(app)


def test_titles_stay_text(made: Comparison) -> None:
    app = open_evaluate()
    told = texts(app)
    assert NASTY not in told
    assert "\\*Star\\*" in told


def test_the_address_reproduces_what_is_looked_at(made: Comparison) -> None:
    link = {
        "comparison": made.id,
        "against": "popularity",
        "metric": "hr@5",
        "by": "category of the true item",
        "one": "transitions",
        "other": "popularity",
    }
    app = open_evaluate(**link)
    assert app.selectbox(key="evaluate_against").value == "popularity"
    assert "HR@5" in plain(app)
    assert "Transitions ranks what came next higher than Popularity" in plain(app)
    assert {name: linked(app, name) for name in link} == link


def test_a_link_to_nothing_is_told_and_what_is_there_is_shown(made: Comparison) -> None:
    app = open_evaluate(comparison="0" * 12)
    assert "There is no such comparison here" in plain(app)
    assert "has the highest NDCG@10" in plain(app)


def test_values_of_an_address_that_nobody_has_fall_back(made: Comparison) -> None:
    app = open_evaluate(comparison=made.id, against="nobody", metric="luck@3", by="hair", part="x")
    assert app.selectbox(key="evaluate_against").value == made.reference
    assert linked(app, "metric") == "ndcg@10"


def test_a_damaged_comparison_is_one_message(made: Comparison) -> None:
    assert made.folder is not None
    (made.folder / "rows.parquet").write_bytes(b"PAR1")
    app = open_evaluate(comparison=made.id)
    assert "is damaged" in plain(app)


def test_the_column_of_categories_is_chosen_where_there_are_several(
    workspace: Path, service: ComparisonService, go: threading.Event
) -> None:
    rows = [
        {"user": f"u{u}", "item": (u + step) % 8, "time": step}
        for u in range(9)
        for step in range(5)
    ]
    words = {"genre": ["calm", "wild"] * 4, "mood": ["glad", "sad", "sad", "glad"] * 2}
    items = pd.DataFrame({"item_id": range(8), "title": list("abcdefgh")} | words)
    dataset = prepare(pd.DataFrame(rows), items=items, name="moods", workspace=workspace)
    train(dataset, small_settings(n_epochs=1), workspace=workspace)
    app = open_evaluate()
    assert app.selectbox(key="evaluate_category").options == ["Genre", "Mood"]
    app.selectbox(key="evaluate_category").set_value("mood").run()
    comparison_id = started(app, service)
    go.set()
    wait(service, comparison_id)
    (kept,) = list_comparisons(workspace)
    assert kept["diversity_by"] == "mood"


@pytest.fixture
def other_data(workspace: Path) -> Run:
    rows = pd.DataFrame({"user": ["a"] * 4 + ["b"] * 4, "item": [1, 2, 3, 4] * 2})
    dataset = prepare(rows, name="shelf", workspace=workspace)
    return train(dataset, small_settings(n_epochs=1), name="other", workspace=workspace)


@pytest.fixture
def by_time(run: Run, workspace: Path) -> Run:
    settings = small_settings(n_epochs=1, split_strategy="global_time", held_out_share=0.2)
    return train(run.dataset(), settings, name="by time", workspace=workspace)


@pytest.mark.usefixtures("by_time")
def test_only_what_can_be_compared_is_offered_beside_a_run(
    run: Run, other_data: Run, workspace: Path
) -> None:
    train(run.dataset(), small_settings(n_epochs=1), name="second", workspace=workspace)
    app = open_evaluate()
    app.session_state["evaluate_runs"] = [run.id]
    app.run()
    assert {one.split(" · ")[0] for one in offered(app)} == {"second", "first"}
    said = "Not offered beside first: 1 run of another split, 1 run on other data."
    assert said in plain(app)
    # Without a first one all can be that.
    app.multiselect(key="evaluate_runs").set_value([]).run()
    assert len(offered(app)) == 4
    assert button(app, "Compare").disabled  # type: ignore[attr-defined]
    app.multiselect(key="evaluate_runs").set_value([other_data.id]).run()
    assert [one.split(" · ")[0] for one in offered(app)] == ["other"]
    assert not app.exception


def offered(app: AppTest) -> list[str]:
    return list(app.multiselect(key="evaluate_runs").options)


@pytest.mark.parametrize(
    ("which", "reason"), [("other_data", "on other data"), ("by_time", "of another split")]
)
def test_runs_that_cannot_be_compared_are_told_and_cannot_be_sent_off(
    run: Run, which: str, reason: str, request: pytest.FixtureRequest
) -> None:
    app = open_evaluate()
    app.session_state["evaluate_runs"] = [run.id, request.getfixturevalue(which).id]
    app.run()
    assert button(app, "Compare").disabled  # type: ignore[attr-defined]
    assert reason in app.warning[0].value


def test_another_split_stands_beside_and_is_not_paired(
    run: Run, workspace: Path, made: Comparison
) -> None:
    settings = small_settings(n_epochs=1, split_strategy="global_time", held_out_share=0.2)
    other = train(run.dataset(), settings, name="by time", workspace=workspace)
    compare(other, ["popularity", "transitions"], workspace=workspace)
    app = open_evaluate(comparison=made.id)
    assert "Under other splits" in [part.value for part in app.subheader]
    assert "no difference is taken across" in plain(app)


def test_every_other_split_stands_beside_told_apart_by_what_it_holds_out(
    run: Run, workspace: Path
) -> None:
    asked: list[dict[str, object]] = [
        {"split_strategy": "last_k", "held_out_items": 2},
        {"split_strategy": "last_k", "held_out_items": 3},
        {"split_strategy": "global_time", "held_out_share": 0.2},
        {"sample_strategy": "user_based", "sample_ratio": 0.5},
    ]
    for changes in asked:
        settings = small_settings(n_epochs=1, **changes)
        # One that is called like a baseline is told apart from it.
        other = train(run.dataset(), settings, name="Popularity", workspace=workspace)
        shown = compare(other, ["popularity"], workspace=workspace)
    app = open_evaluate(comparison=shown.id)
    table = next(one for one in tables(app) if "held out" in str(one.columns[1:]))
    assert {str(name).rsplit(", ", 1)[0] for name in table.columns[1:]} == {
        "last 2 items held out",
        "last 3 items held out",
        "split by time, 20% held out",
        "last item held out, 15 users held out whole",
    }
    assert "Popularity" in table["Who"].tolist()


def test_a_dataset_that_is_gone_is_told_before_anything_is_compared(run: Run) -> None:
    folder = run.dataset().folder
    assert folder is not None
    folder.rename(folder.with_name(".elsewhere"))
    app = open_evaluate()
    assert button(app, "Compare").disabled  # type: ignore[attr-defined]
    assert len(app.error) == 1
    assert "The dataset 'ring' of 'first' is no longer there." in plain(app)
    folder.with_name(".elsewhere").rename(folder)
    app.run()
    assert not app.error
    assert not button(app, "Compare").disabled  # type: ignore[attr-defined]


def test_a_run_is_called_as_it_is_called_now_also_in_a_kept_comparison(
    made: Comparison, run: Run
) -> None:
    app = open_evaluate(comparison=made.id)
    assert "first" in plain(app)
    rename_run(run.folder, "renamed")
    app.run()
    assert "renamed" in plain(app)
    assert "first" not in plain(app).replace("first paper", "").replace("first BERT4Rec", "")
    trash_run(run.workspace, run.id)
    app.run()
    assert "first (gone)" in plain(app)


def test_without_its_dataset_a_comparison_is_shown_but_for_the_cases(
    made: Comparison, run: Run
) -> None:
    folder = run.dataset().folder
    assert folder is not None
    folder.rename(folder.with_name("elsewhere"))
    (folder.with_name("elsewhere") / "manifest.json").unlink()
    from bert4rec.ui import cache

    cache.forget_datasets()
    app = open_evaluate(comparison=made.id)
    assert "has the highest NDCG@10" in plain(app)
    assert "The dataset is gone" in plain(app)


def test_a_comparison_is_deleted_after_a_question(made: Comparison, workspace: Path) -> None:
    app = open_evaluate(comparison=made.id)
    app.button(key="evaluate_delete").click().run()
    assert list_comparisons(workspace)
    # A run of the whole page draws a dialog only if what opens it is pressed in the same run.
    app.button(key="evaluate_delete").click()
    app.button(key="really_delete").click().run()
    assert not list_comparisons(workspace)


def test_what_is_downloaded_is_what_was_measured(made: Comparison) -> None:
    document = made.document("popularity")
    assert document["reference"] == "popularity"
    assert json.loads(json.dumps(document, allow_nan=False)) == document
