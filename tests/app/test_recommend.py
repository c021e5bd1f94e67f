from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.background.findings import FINDERS
from bert4rec.composer.outline import MAX_PLACES
from bert4rec.data.prepare import prepare
from bert4rec.data.samples import prepare_sample
from bert4rec.held_out.calibration import Calibration, calibrate
from bert4rec.json_files import read_json, write_json
from bert4rec.pipeline import train
from bert4rec.policy import Policy
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run, list_runs
from bert4rec.temperatures import Shown
from bert4rec.ui import state
from tests.addressed import linked, open_page
from tests.divided import alike, keep, paying
from tests.factories import small_settings
from tests.reading import labels, plain, tables, texts
from tests.unfolding import unfolded
from tests.waiting import LIMIT_S, wait_until
from tests.widgets import button, press

N_ITEMS = 14


@pytest.fixture
def run(workspace: Path) -> Run:
    """A trained run on 12 users whose histories go around a ring, as volumes of two series."""
    rows = [
        {"user": f"u{user}", "item": f"t{(user + step) % N_ITEMS:02}", "time": step}
        for user in range(12)
        for step in range(10 + user % 2)
    ]
    items = pd.DataFrame(
        {
            "item_id": [f"t{at:02}" for at in range(N_ITEMS)],
            "title": [f"Title {at}" for at in range(N_ITEMS)],
            "author": ["Ann", "Bo"] * (N_ITEMS // 2),
            "series": ["One"] * 7 + ["Two"] * 7,
            "series_number": [*range(1, 8)] * 2,
        }
    )
    dataset = prepare(pd.DataFrame(rows), items=items, name="ring", workspace=workspace)
    return train(dataset, small_settings(n_epochs=1), workspace=workspace, name="first")


def open_recommend(**query: str) -> AppTest:
    return open_page("recommend", query)


def cards(app: AppTest) -> list[str]:
    return [b.label for b in app.button if str(b.key).startswith("compose_card_")]


def likely(app: AppTest) -> list[float]:
    """How probable the choice is from what comes before and from both sides, in percent."""
    found = [
        re.search(rf"([\d.]+)% from {where}", texts(app)) for where in ("what comes before", "both")
    ]
    return [float(one[1]) for one in found if one]


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("view", ["user", "compose"])
def test_without_a_model_the_page_says_what_will_appear_and_offers_one_button(view: str) -> None:
    app = open_recommend(view=view)
    assert labels(app) == ["Train a model"]
    assert "It needs a trained model first." in texts(app)


@pytest.mark.usefixtures("run")
def test_a_history_stands_beside_two_lists_in_which_what_came_next_is_marked() -> None:
    app = open_recommend(view="user", user="u3")
    history, ours, counts = tables(app)
    assert history["Item"].iloc[0] == "✓ Title 13 (held back)"
    assert history["Item"].iloc[1] == "Title 12"
    assert "older" not in texts(app)
    assert counts["Item"].iloc[0].startswith("✓")
    assert counts["Followed"].iloc[0].endswith(" ×")
    assert ours["Probability"].iloc[0].endswith("%")
    assert sum(ours.attrs["tinted"]) == 1
    assert "came next" in texts(app)
    # Both leave out the ten that were seen: the four others are in both lists.
    assert "share 4 items" in texts(app)


def test_probabilities_are_calibrated_as_on_inspect_and_both_pages_say_so(run: Run) -> None:
    keep(run, alike(2.0))
    app = open_recommend(view="user", user="u3", last="shown")
    here = tables(app)[1]["Probability"].iloc[0]
    assert (
        "scores are divided by 2.00 (first, past only, 8 to 11 items), see *How sure is it?*"
        in texts(app)
    )
    assert "Calibrating" not in texts(app)
    app.switch_page("pages/inspect.py")
    app.query_params["user"] = "u3"
    app.session_state["inspect_tab"] = ":material/skip_next: What comes next"
    app.run()
    there = next(table for table in tables(app) if "Probability" in table)
    assert there["Probability"].iloc[0] == here
    press(app, "Hide the last")
    assert "scores are divided by 2.00, by what is shown, see *How sure is it?*" in texts(app)


def test_a_run_from_before_is_calibrated_when_it_is_looked_at(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(recommender: Recommender, *, watch: object) -> Calibration:
        return paying(calibrate(recommender), 2.0)

    keep(run, None)
    monkeypatch.setitem(FINDERS, "calibration", found)
    app = open_recommend(view="user", user="u3", last="shown")
    state.finding_service()._executor.submit(int).result(timeout=LIMIT_S)
    app.run()
    assert "scores are divided by 2.00 (first, past only, 8 to 11 items)" in texts(app)


def test_a_temperature_for_other_places_is_not_said_to_divide_these(run: Run) -> None:
    keep(run, {Shown("past", 1): 2.0, Shown("both", 8): 2.0})
    app = open_recommend(view="user", user="u3", last="shown")
    assert "Calibrating" not in texts(app)
    assert "calibrated" not in texts(app)


def test_of_a_long_history_the_older_items_are_counted(workspace: Path) -> None:
    rows = [{"user": user, "item": at, "time": at} for user in "ab" for at in range(18)]
    dataset = prepare(pd.DataFrame(rows), name="long", workspace=workspace)
    train(dataset, small_settings(n_epochs=1), workspace=workspace)
    app = open_recommend(view="user")
    assert len(tables(app)[0]) == 16
    assert "newest first: 17 items" in texts(app)
    assert "and 2 older" in texts(app)


def test_without_an_item_table_kept_places_say_so_and_the_rules_what_they_would_need(
    workspace: Path,
) -> None:
    rows = [{"user": user, "item": at, "time": at} for user in "ab" for at in range(8)]
    dataset = prepare(pd.DataFrame(rows), name="bare", workspace=workspace)
    train(dataset, small_settings(n_epochs=1), workspace=workspace)
    app = open_recommend(view="compose", places="1.2.0", **{"from": ""})
    states = [card.split("  \n")[1] for card in cards(app)]
    assert states == [":small[kept]", ":small[kept]", ":small[open]"]
    app.session_state["compose_rules"] = True
    app.run()
    assert "come from columns of an item table" in texts(app)


@pytest.mark.usefixtures("run")
def test_the_address_of_a_user_view_shows_it_again() -> None:
    app = open_recommend(view="user", user="u3")
    app.selectbox(key="recommend_user_box").set_value("u5").run()
    app.toggle(key="recommend_hides_last").set_value(False).run()
    app.selectbox(key="recommend_rival").set_value("popularity").run()
    app.selectbox(key="recommend_k").set_value(20).run()
    app.multiselect(key="recommend_only").set_value(["Bo"]).run()
    # The others that were not met are by Ann.
    assert tables(app)[1]["Item"].tolist() == ["= Title 3"]
    names = ("view", "user", "beside", "last", "k", "only")
    link = {name: value for name in names if (value := linked(app, name))}
    assert link == {
        "view": "user",
        "user": "u5",
        "beside": "popularity",
        "last": "shown",
        "k": "20",
        "only": "2",
    }
    again = open_recommend(**link)
    for one, other in zip(tables(app), tables(again), strict=True):
        pd.testing.assert_frame_equal(one, other)
    assert "came next" not in texts(again).split("✓")[0]


def test_another_run_on_the_same_data_can_stand_beside(run: Run, workspace: Path) -> None:
    other = train(run.dataset(), small_settings(n_epochs=1), workspace=workspace, name="second")
    app = open_recommend(view="user", beside=run.id)
    assert app.selectbox(key="recommend_run").value == other.id
    assert "first" in texts(app)
    assert [list(table.columns) for table in tables(app)[1:]] == [
        ["Rank", "Item", "Probability"]
    ] * 2
    assert tables(app)[2]["Probability"].iloc[0].endswith("%")


def test_a_model_that_was_trained_on_what_came_next_is_named(workspace: Path) -> None:
    rows = [
        {"user": f"u{user}", "item": f"t{(user + step) % 9}", "time": 100 * (user // 6) + step}
        for user in range(12)
        for step in range(8)
    ]
    dataset = prepare(pd.DataFrame(rows), name="ring", workspace=workspace)
    by_time = small_settings(n_epochs=1, split_strategy="global_time")
    ours, _ = (
        train(dataset, settings, workspace=workspace, name=name)
        for name, settings in (("first", small_settings(n_epochs=1)), ("second", by_time))
    )
    told = "second was trained on what came next: its rank is no prediction."
    # The newest run is shown.
    link = {"view": "user", "beside": ours.id}
    # Of the users who left early, a split by time holds nothing out.
    assert told in plain(open_recommend(user="u2", **link))
    assert "trained on what came next" not in plain(open_recommend(user="u8", **link))
    shown = open_recommend(user="u2", last="shown", **link)
    assert "trained on what came next" not in plain(shown)


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "link",
    [
        {"view": "user", "user": "nobody", "beside": "nothing"},
        {"view": "compose", "places": "1.0", "from": "nobody"},
    ],
)
def test_an_unknown_user_in_a_link_is_said_and_another_is_shown(link: dict[str, str]) -> None:
    app = open_recommend(**link)
    assert "nobody" in app.error[0].value
    assert len(tables(app)) == 3 or cards(app)


def test_gaps_are_filled_by_clicks_and_the_link_shows_them_again(run: Run) -> None:
    keep(run, {})
    app = open_recommend(view="compose", places="1.2.0.0.5", **{"from": ""})
    assert [card.split("  \n")[0] for card in cards(app)][2:4] == ["3 · gap", "4 · gap"]
    press(app, "Fill 2 gaps")
    assert linked(app, "filled") == "1"
    filled = cards(app)
    assert not any("gap" in card for card in filled)
    assert "What the model put in: 2 items" in texts(app)
    assert "Both are the network's own: no calibration pays." in texts(app)
    assert tables(app)[0]["Filled"].tolist() == ["Surest first", "One after another"]
    again = open_recommend(view="compose", places=str(linked(app, "places")), filled="1")
    assert cards(again) == filled
    press(again, "Empty the gaps again")
    assert linked(again, "filled") is None
    assert sum("gap" in card for card in cards(again)) == 2


def test_a_composition_says_whether_its_probabilities_are_calibrated(run: Run) -> None:
    keep(run, {Shown("both", 2): 4.0, Shown("both", 4): 4.0})
    link = {"view": "compose", "places": "1.2.0.4.5", "filled": "1"}
    app = open_recommend(**link)
    assert "Both are calibrated where that pays: see *How sure is it?* on Inspect." in texts(app)
    calibrated = likely(app)
    keep(run, None)
    app = open_recommend(**link)
    assert "own, as the end of this run did not calibrate them: they can be many" in texts(app)
    past, both = likely(app)
    # What is shown one side is divided by nothing.
    assert calibrated[0] == past
    assert calibrated[1] < both


def test_a_run_from_before_is_calibrated_at_a_press_and_its_composition_told_anew(run: Run) -> None:
    keep(run, None)
    app = open_recommend(view="compose", places="1.2.0.4.5", filled="1")
    assert f"bert4rec calibration {run.id} --keep" in str(button(app, "Calibrate this run").help)
    press(app, "Calibrate this run")
    assert run.temperatures() is not None
    assert "own, as the end of this run did not calibrate them" not in texts(app)
    assert "Calibrate this run" not in [one.label for one in app.button]


@pytest.mark.usefixtures("run")
def test_the_heading_says_that_gaps_are_filled() -> None:
    app = open_recommend(view="compose", places="1.2.0.0.5", filled="1")
    assert "5 places, 2 gaps filled" in texts(app)
    press(app, "Empty the gaps again")
    assert "gaps filled" not in texts(app)


def test_a_long_history_says_how_much_of_it_is_taken(workspace: Path) -> None:
    rows = [
        {"user": f"u{n}", "item": f"t{(n + step) % 20}", "time": step}
        for n in (12, 15)
        for step in range(n)
    ]
    dataset = prepare(pd.DataFrame(rows), name="long", workspace=workspace)
    train(dataset, small_settings(n_epochs=1), workspace=workspace)
    app = open_recommend(view="compose")
    app.selectbox(key="compose_user").set_value("u15").run()
    assert "newest 12 of the user's 15 items" in texts(app)
    app.selectbox(key="compose_user").set_value("u12").run()
    assert "newest 12" not in texts(app)


@pytest.mark.usefixtures("run")
def test_a_choice_is_kept_or_excluded_and_the_rest_is_filled_again() -> None:
    app = open_recommend(view="compose", places="1.2.0.0.5", filled="1")
    first = cards(app)[2].split("**")[1]
    press(app, "Keep")
    assert "1 gap" in texts(app)
    assert first in cards(app)[2]
    chosen = cards(app)[3].split("**")[1]
    press(app, "Exclude")
    assert linked(app, "exclude")
    assert chosen not in "".join(cards(app))
    unfolded(app, "Rules").multiselect(key="compose_excluded").set_value([]).run()
    assert linked(app, "exclude") is None
    assert chosen in cards(app)[3]


@pytest.mark.usefixtures("run")
def test_a_sequence_of_which_everything_is_kept_can_be_saved() -> None:
    app = open_recommend(view="compose", places="1.2.0.0.5", filled="1")
    press(app, "Keep")
    press(app, "Keep")
    assert "5 places, 0 gaps" in texts(app)
    assert "There is no gap" in texts(app)
    assert not {"Empty the gaps again", "Another version"} & {*labels(app)}
    assert {part.proto.label for part in app.get("download_button")} == {"CSV", "JSON"}
    assert not app.error
    press(app, "Gap at the end")
    assert "6 places, 1 gap filled" in texts(app)


@pytest.mark.usefixtures("run")
def test_the_tools_work_on_the_chosen_place() -> None:
    app = open_recommend(view="compose", places="1.2.3.4")
    app.button(key="compose_card_1").click().run()
    press(app, "Make it a gap")
    assert linked(app, "places") == "1.0.3.4"
    press(app, "Gap before")
    assert linked(app, "places") == "1.0.0.3.4"
    press(app, "Later")
    press(app, "Later")
    assert linked(app, "places") == "1.0.3.0.4"
    press(app, "Remove")
    assert linked(app, "places") == "1.0.3.4"
    press(app, "Gap at the end")
    assert linked(app, "places") == "1.0.3.4.0"
    app.selectbox(key="compose_item").set_value("Title 8").run()
    press(app, "Put it here")
    press(app, "Insert before")
    assert str(linked(app, "places")).endswith(".9.9")
    unfolded(app, "Rules").number_input(key="compose_length").set_value(8).run()
    assert str(linked(app, "places")).endswith(".9.9.0.0")
    app.number_input(key="compose_length").set_value(6).run()
    assert linked(app, "places") == "1.0.3.4.9.9"


@pytest.mark.usefixtures("run")
def test_a_click_counts_although_the_address_is_still_that_before_the_last_one() -> None:
    app = open_recommend(view="compose", places="1.2.3.4")
    app.button(key="compose_card_1").click().run()
    press(app, "Make it a gap")
    app.query_params["places"] = "1.2.3.4"
    press(app, "Gap at the end")
    assert linked(app, "places") == "1.0.3.4.0"


@pytest.mark.usefixtures("run")
def test_the_place_that_was_chosen_last_is_moved_though_it_is_not_drawn_yet() -> None:
    app = open_recommend(view="compose", places="1.2.3.4.5")
    app.button(key="compose_card_0").click().run()
    app.button(key="compose_card_2").click()
    press(app, "Later")
    assert linked(app, "places") == "1.2.4.3.5"
    press(app, "Later")
    assert linked(app, "places") == "1.2.4.5.3"


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("tool", ["Gap before", "Gap at the end", "Insert before"])
def test_a_place_too_many_is_refused_in_words(tool: str) -> None:
    app = open_recommend(view="compose", places=".".join(["1", *["0"] * (MAX_PLACES - 1)]))
    app.selectbox(key="compose_item").set_value("Title 8").run()
    press(app, tool)
    assert f"more than {MAX_PLACES}" in app.error[0].value
    assert len(cards(app)) == MAX_PLACES


@pytest.mark.usefixtures("run")
def test_rules_hold_and_what_is_kept_against_them_can_be_opened() -> None:
    app = unfolded(open_recommend(view="compose", places="3.1.0.0", filled="1"), "Rules")
    app.toggle(key="compose_order_series_number").set_value(True).run()
    assert linked(app, "order") == "series_number"
    assert "stands before" in app.warning[0].value
    press(app, "Make 1 such place a gap")
    assert linked(app, "places") == "3.0.0.0"
    assert not app.warning
    app.multiselect(key="compose_limit_columns").set_value(["author"]).run()
    app.number_input(key="compose_limit_n").set_value(1).run()
    assert linked(app, "limit") == "1:author"
    assert "leaves room for" in app.error[0].value
    assert "gap" in cards(app)[1]
    app.number_input(key="compose_limit_n").set_value(2).run()
    assert not app.error
    app.slider(key="compose_novelty").set_value(0.5).run()
    assert linked(app, "novelty") == "0.5"


def test_two_orders_of_one_series_are_kept_apart(workspace: Path) -> None:
    rows = [{"user": f"u{n % 3}", "item": f"t{n % 8}", "time": n} for n in range(24)]
    items = pd.DataFrame(
        {
            "item_id": [f"t{at}" for at in range(8)],
            "title": [f"Title {at}" for at in range(8)],
            "series": ["One"] * 4 + ["Two"] * 4,
            "volume": [1, 2, 3, 4] * 2,
            "reading_order": [4, 3, 2, 1] * 2,
        }
    )
    dataset = prepare(pd.DataFrame(rows), items=items, name="books", workspace=workspace)
    train(dataset, small_settings(n_epochs=1), workspace=workspace)
    app = unfolded(open_recommend(view="compose", places="1.0.0"), "Rules")
    app.toggle(key="compose_order_reading_order").set_value(True).run()
    assert not app.exception
    assert linked(app, "order") == "reading_order"
    assert not app.toggle(key="compose_order_volume").value


@pytest.mark.usefixtures("run")
def test_another_version_is_in_the_address_and_the_best_comes_back() -> None:
    app = open_recommend(view="compose", places="1.0.0.0.0.0", filled="1")
    best = cards(app)
    press(app, "Another version")
    press(app, "Another version")
    assert linked(app, "seed") == "2"
    link = {name: str(linked(app, name)) for name in ("view", "places", "filled", "chance", "seed")}
    assert cards(open_recommend(**link)) == cards(app)
    press(app, "Back to the best")
    assert cards(app) == best
    assert linked(app, "seed") is None


@pytest.mark.usefixtures("run")
def test_a_users_own_items_stand_below_what_was_put_in_their_place() -> None:
    app = open_recommend(view="compose")
    app.selectbox(key="compose_user").set_value("u3").run()
    press(app, "Fill 3 gaps")
    table = tables(app)[0]
    assert table["Filled"].tolist() == ["Surest first", "One after another", "As it was"]
    assert table.iloc[2].tolist()[1:] == ["Title 7", "Title 8", "Title 9"]


@pytest.mark.usefixtures("run")
def test_a_pasted_sequence_with_gaps_and_one_of_gaps_alone_are_taken() -> None:
    app = open_recommend(view="compose")
    app.text_area[0].set_value("t01, _, Title 4\n_")
    press(app, "Use this sequence")
    assert len(cards(app)) == 4
    assert "Own sequence: 4 places, 2 gaps" in texts(app)
    press(app, "Nothing but gaps")
    press(app, "Fill 10 gaps")
    titles = [card.split("**")[1] for card in cards(app)]
    assert len(set(titles)) == 10
    app.text_area[0].set_value("Title 4, nothing")
    press(app, "Use this sequence")
    assert "not in the catalogue" in app.error[0].value


@pytest.mark.usefixtures("run")
def test_the_files_hold_the_whole_sequence() -> None:
    app = open_recommend(view="compose", places="1.0.3", filled="1")
    files = {part.proto.label for part in app.get("download_button")}
    assert files == {"CSV", "JSON"}


@pytest.mark.usefixtures("run")
def test_a_broken_link_is_said_in_plain_words() -> None:
    for places in ("1.99", "x", "1..0", ".".join(["0"] * 500)):
        app = open_recommend(view="compose", places=places)
        assert not app.error or "does not fit this catalogue" in app.error[0].value
        assert cards(app)


def test_a_story_says_whose_model_answers(workspace: Path, run: Run) -> None:
    dataset = prepare_sample("reading", workspace)
    reader = train(dataset, small_settings(n_epochs=1), workspace=workspace, name="reader")
    whose = "Dataset *reading*, a bundled sample. Model: *reader*"
    app = open_recommend(view="show", story="series")
    app.session_state["run_id"] = reader.id
    assert f"{whose}." in texts(app.run())
    app.session_state["run_id"] = run.id
    assert f"{whose}, not the run chosen at the left." in texts(app.run())


def test_a_story_by_a_poor_run_says_so_and_takes_a_better_one_at_a_press(workspace: Path) -> None:
    dataset = prepare_sample("reading", workspace)
    names = ("the better", "the poor")
    better, poor = (
        train(dataset, small_settings(n_epochs=1), workspace=workspace, name=name) for name in names
    )
    summary = read_json(better.folder / "summary.json")
    own = summary["report"]["test"]["bert4rec"]
    own["metrics"]["ndcg@10"], own["intervals"]["ndcg@10"] = 0.9, [0.89, 0.91]
    write_json(better.folder / "summary.json", summary)
    app = open_recommend(view="show", story="series", run=poor.id)
    assert "Model: *the poor*." in texts(app)
    said = "Run the better does clearly better on the test: NDCG@10 0.9000."
    assert said in plain(app)
    press(app, "Take the better run")
    assert "Model: *the better*." in texts(app)
    assert linked(app, "run") == better.id
    assert said not in plain(app)
    # Without another one there is more to train.
    shutil.rmtree(better.folder)
    app = open_recommend(view="show", story="series", run=poor.id)
    assert "On the held-out test items NDCG@10 is" in plain(app)
    assert "Train longer" in labels(app)


def test_the_samples_of_all_stories_are_prepared_at_once(workspace: Path) -> None:
    app = open_recommend(view="show", story="series")
    press(app, "Prepare all three")
    service = state._job_service(str(workspace))
    names = [one.config()["dataset"]["name"] for one in list_runs(workspace)]
    assert sorted(names) == ["courses", "playlists", "reading"]
    assert not {"Prepare all three", "Train on the sample"} & {*labels(app)}
    # Also where the first of them has ended by now.
    service.interrupt()
    assert service.wait(lambda: not service.active(), timeout_s=LIMIT_S)


@pytest.mark.usefixtures("workspace")
def test_a_story_without_a_model_offers_to_train_on_its_sample() -> None:
    app = open_recommend(view="show", story="course")
    assert "Repair this course" in [part.value for part in app.subheader]
    assert "Train on the sample" in labels(app)


def test_a_story_shows_how_far_the_training_is_and_stops_it(workspace: Path) -> None:
    settings = small_settings(n_epochs=100_000, eval_step=0)
    policy = Policy("scoring_policy", settings)
    run = create_run(workspace, prepare_sample("courses", workspace), policy)
    service = state._job_service(str(workspace))
    service.submit(run)
    wait_until(lambda: run.status().state == "running")
    app = open_recommend(view="show", story="course")
    assert {"Stop and keep best", "Watch it live"} <= {*labels(app)}
    assert len(app.get("progress")) == 1
    press(app, "Stop and keep best")
    assert service.wait(lambda: not service.active(), timeout_s=LIMIT_S)
    assert run.status().state == "stopped"


@pytest.mark.usefixtures("workspace")
def test_an_own_dataset_called_like_a_sample_is_not_taken_for_it(workspace: Path) -> None:
    rows = pd.DataFrame({"user": ["a"] * 4 + ["b"] * 4, "item": [1, 2, 3, 4] * 2})
    dataset = prepare(rows, name="reading", workspace=workspace)
    train(dataset, small_settings(n_epochs=1), workspace=workspace)
    app = open_recommend(view="show", story="series")
    assert "Train on the sample" in labels(app)


def test_a_story_passes_over_runs_whose_dataset_is_gone(workspace: Path) -> None:
    dataset = prepare_sample("reading", workspace)
    told = train(dataset, small_settings(n_epochs=1), workspace=workspace)
    newer = shutil.copytree(told.folder, told.folder.with_name("29990101T000000-newer"))
    config = read_json(newer / "config.json")
    config["dataset"]["fingerprint"] = "gone"
    write_json(newer / "config.json", config)
    assert "Find what is missing" in labels(open_recommend(view="show", story="series"))
    shutil.rmtree(workspace / "datasets")
    assert "Train on the sample" in labels(open_recommend(view="show", story="series"))


def test_a_link_to_another_story_is_followed_in_the_same_session(workspace: Path) -> None:
    train(prepare_sample("reading", workspace), small_settings(n_epochs=1), workspace=workspace)
    app = open_recommend(view="show", story="series", task="2")
    press(app, "Another example")
    app.query_params["task"] = "2"
    assert linked(app.run(), "task") == "2"
    app.query_params["story"] = "course"
    assert "Repair this course" in [part.value for part in app.run().subheader]


@pytest.mark.usefixtures("workspace")
def test_a_link_to_a_story_that_there_is_not_says_which_there_are() -> None:
    app = open_recommend(view="show", story="NO*PE")
    (error,) = app.error
    told = error.value.replace("\\", "")
    assert "The address names a story 'NO*PE', which there is not" in told
    assert "By an address they are playlist, series, course." in told
    assert linked(app, "story") == "playlist"
    assert not app.run().error


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("task", ["second", "0", "1000", "-1"])
def test_a_link_to_an_example_that_is_no_number_says_so_and_shows_the_first(task: str) -> None:
    app = open_recommend(view="show", story="series", task=task)
    (error,) = app.error
    assert f"names an example '{task}', which is no number from 1" in error.value.replace("\\", "")
    assert linked(app, "task") == "1"
    assert not app.run().error


@pytest.mark.usefixtures("run")
def test_a_link_to_a_view_that_there_is_not_says_which_there_are() -> None:
    app = open_recommend(view="sh*w")
    (error,) = app.error
    told = error.value.replace("\\", "")
    assert "The address names a view 'sh*w', which there is not" in told
    assert "By an address they are user, compose, show." in told
    assert linked(app, "view") == "user"
    assert not app.run().error


@pytest.mark.usefixtures("workspace")
def test_a_view_that_there_is_not_is_told_once_where_no_model_is() -> None:
    app = open_recommend(view="other")
    assert len(app.error) == 1
    assert not app.run().error


def test_a_story_is_told_in_plain_words_and_goes_on_in_the_composer(workspace: Path) -> None:
    train(prepare_sample("reading", workspace), small_settings(n_epochs=1), workspace=workspace)
    (run,) = list_runs(workspace)
    app = open_recommend(view="show", story="series", task="2")
    assert texts(app).count("#### ?") == 2
    press(app, "Find what is missing")
    shown = texts(app)
    assert "#### ?" not in shown
    assert "%" not in shown
    assert linked(app, "told") == "1"
    press(app, "Show what was there")
    assert "of 2 are what was there" in texts(app)
    press(app, "Another example")
    assert linked(app, "task") == "3"
    assert texts(app).count("#### ?") == 2
    press(app, "Change it in the composer")
    assert linked(app, "view") == "compose"
    assert linked(app, "run") == run.id
    assert linked(app, "order") == "series_number"
    assert "What the model put in: 2 items" in texts(app)
