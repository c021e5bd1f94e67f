from __future__ import annotations

import io
import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.background.findings import FINDERS
from bert4rec.data.prepare import prepare
from bert4rec.held_out.calibration import Calibration
from bert4rec.held_out.future_report import future_report
from bert4rec.loaded_model import load_model
from bert4rec.pipeline import train
from bert4rec.policy import Policy
from bert4rec.recommender import Recommender
from bert4rec.runs.checkpoints import load_checkpoint, save_checkpoint
from bert4rec.runs.folder import Run
from bert4rec.runs.label import rename_run
from bert4rec.runs.registry import create_run
from bert4rec.spreadsheets import csv_text
from bert4rec.stages import Watch
from bert4rec.ui import state
from bert4rec.ui.inspect import inspect_tabs
from bert4rec.ui.inspect.future_view import plain_table
from bert4rec.ui.sequences.drafts import MAX_ITEMS
from bert4rec.words import MINUS, ranged
from tests.addressed import open_page
from tests.divided import keep, paying
from tests.factories import ring_dataset, saved_dataset, small_settings
from tests.reading import table_with, tables, texts
from tests.unfolding import unfolded
from tests.waiting import LIMIT_S
from tests.widgets import press

NASTY = "*Star* [x](http://e.org) :smile: <b>b</b> $a$"


@pytest.fixture
def run(workspace: Path) -> Run:
    """A trained run on 12 users whose histories go around a ring of eight items."""
    rows = [
        {"user": f"u{user}", "item": f"t{(user + step) % 8}", "time": step}
        for user in range(12)
        for step in range(5 + user % 3)
    ]
    items = pd.DataFrame(
        {
            "item_id": [f"t{at}" for at in range(8)],
            "title": [NASTY, *[f"Title {at}, the long" for at in range(1, 8)]],
            "genre": ["calm", "wild"] * 4,
        }
    )
    dataset = prepare(pd.DataFrame(rows), items=items, name="ring", workspace=workspace)
    return train(dataset, small_settings(n_epochs=1), workspace=workspace)


def open_inspect(**query: str) -> AppTest:
    return open_page("inspect", query)


def cards(app: AppTest) -> list[str]:
    return [b.label for b in app.button if str(b.key).startswith("inspect_card_")]


@pytest.mark.usefixtures("workspace")
def test_without_a_model_the_page_says_what_will_appear_and_offers_one_button() -> None:
    app = open_inspect()
    assert [button.label for button in app.button] == ["Train a model"]
    assert "It needs a trained model first." in texts(app)


def test_beside_a_run_without_a_model_the_newest_of_the_same_data_is_named_and_shown(
    run: Run,
) -> None:
    rename_run(run.folder, "of the same data")
    others = saved_dataset(run.workspace, ring_dataset(n_items=9, n_users=12))
    train(others, small_settings(n_epochs=1), workspace=run.workspace, name="of other data")
    policy = Policy(settings=small_settings())
    fresh = create_run(run.workspace, run.dataset(), policy, name="fresh")
    fresh.set_status(state="failed")
    app = open_inspect(run=fresh.id)
    assert "Run fresh has no model; of the same data is shown instead." in texts(app)
    (box,) = [box for box in app.selectbox if box.label == "Model"]
    assert box.value == run.id
    fresh.set_status(state="interrupted")
    assert "Run fresh has no model yet;" in texts(app.run())


def test_a_first_run_that_failed_promises_no_model(workspace: Path) -> None:
    dataset = saved_dataset(workspace, ring_dataset(n_items=9, n_users=12))
    fresh = create_run(workspace, dataset, Policy(settings=small_settings()), name="fresh")
    app = open_inspect()
    assert "that of fresh is saved after the first validation" in texts(app)
    fresh.set_status(state="failed")
    app.run()
    assert "It needs a trained model: fresh ended without one." in texts(app)
    assert [button.label for button in app.button] == ["See how it ended"]


def test_a_run_that_is_shown_stays_and_is_in_the_link_though_nobody_chose_it(run: Run) -> None:
    app = open_inspect()
    assert run.id in app.query_params["run"]
    train(run.dataset(), small_settings(n_epochs=1), workspace=run.workspace, name="of another")
    app.run()
    assert run.id in app.query_params["run"]
    (box,) = [box for box in app.selectbox if box.label == "Model"]
    assert box.value == run.id


@pytest.mark.usefixtures("run")
def test_a_history_is_shown_with_its_middle_hidden_and_three_contexts() -> None:
    app = open_inspect()
    assert len(cards(app)) >= 5
    # Also what a screen reader says of their help.
    assert [metric.label for metric in app.metric] == [
        "← Past only",
        "→ Future only",
        "↔ Both sides",
    ]
    assert "rank the true item" in texts(app)
    # Each context has its own list, with the true item in it.
    assert [sum(table.attrs["tinted"]) for table in tables(app)] == [1, 1, 1]
    assert all(
        table["Item"][table.attrs["tinted"]].str.startswith("✓").all() for table in tables(app)
    )


def test_a_history_longer_than_the_window_opens_with_a_hidden_place_that_is_seen(
    workspace: Path,
) -> None:
    rows = [
        {"user": f"u{user}", "item": f"t{(user + step) % 8}", "time": step}
        for user in range(6)
        for step in range(40)
    ]
    dataset = prepare(pd.DataFrame(rows), name="long", workspace=workspace)
    train(dataset, small_settings(n_epochs=1, max_seq_length=10), workspace=workspace)
    app = open_inspect()
    assert app.query_params["mask"] == "36"
    press(app, "Random")
    assert app.query_params["mask"] == "36"
    app.selectbox(key="inspect_user").set_value("u5").run()
    assert app.query_params["mask"] == "36"
    app.text_area[0].set_value(", ".join(["t1", "t2"] * 15))
    press(app, "Use this sequence")
    assert app.query_params["mask"] == "26"
    assert len(app.metric) == 3


@pytest.mark.usefixtures("run")
def test_the_contexts_count_the_places_that_are_shown() -> None:
    app = open_inspect(user="u3", mask="2.4")
    shown = texts(app)
    assert "Sees the 3 other places that are shown" in shown
    assert "Sees the one place shown before it" in shown
    assert "Sees the 2 places shown after it" in shown


def test_of_a_model_of_the_past_the_page_says_that_it_sees_no_future(
    run: Run, workspace: Path
) -> None:
    assert "sees only the past" not in "".join(box.value for box in open_inspect().info)
    train(run.dataset(), small_settings(n_epochs=1, attention="causal"), workspace=workspace)
    app = open_inspect(user="u3", mask="3")
    assert [box.value for box in app.info if "SASRec sees only the past" in box.value]
    assert "Sees the 2 places shown before it" in texts(app)
    assert "shown after it" not in texts(app)
    assert any(option.endswith(" · SASRec") for option in app.selectbox(key="inspect_run").options)


@pytest.mark.usefixtures("run")
def test_a_link_reproduces_user_and_hidden_places() -> None:
    app = open_inspect(user="u3", mask="2.4")
    assert "User u3: 5 items" in texts(app)
    assert tables(app)[0]["Place"].tolist() == ["2", "4"]
    assert app.query_params["user"] == "u3"
    assert app.query_params["mask"] == "2.4"


@pytest.mark.usefixtures("run")
def test_a_click_on_a_card_hides_its_item_and_another_shows_it() -> None:
    app = open_inspect(user="u3", mask="2")
    app.button(key="inspect_card_3").click().run()
    assert app.query_params["mask"] == "2.4"
    app.button(key="inspect_card_1").click().run()
    assert app.query_params["mask"] == "4"
    press(app, "Show all")
    assert "mask" not in app.query_params
    assert "Hide an item" in app.info[0].value


@pytest.mark.usefixtures("run")
def test_clicks_that_come_before_the_first_of_them_is_drawn_all_count() -> None:
    app = open_inspect(user="u3", mask="2")
    app.button(key="inspect_card_3").click()
    app.button(key="inspect_card_4").click()
    app.run()
    assert app.query_params["mask"] == "2.4.5"


@pytest.mark.usefixtures("run")
def test_a_click_counts_although_the_address_is_still_that_before_the_last_one() -> None:
    app = open_inspect(user="u3", mask="2")
    app.button(key="inspect_card_3").click().run()
    app.query_params["mask"] = "2"
    app.button(key="inspect_card_4").click().run()
    assert app.query_params["mask"] == "2.4.5"


@pytest.mark.usefixtures("run")
def test_a_pasted_sequence_that_is_cut_says_so() -> None:
    app = open_inspect(user="u3", mask="2")
    app.text_area[0].set_value("\n".join(["t1", "t2"] * MAX_ITEMS))
    press(app, "Use this sequence")
    assert f"Own sequence: {MAX_ITEMS} items" in texts(app)
    told = [toast.value for toast in app.toast]
    assert told == [f"Only the newest {MAX_ITEMS} of these {2 * MAX_ITEMS} items are looked at"]


def test_a_place_of_a_long_history_has_one_number_wherever_it_is_named(workspace: Path) -> None:
    n = MAX_ITEMS + 100
    rows = [
        {"user": f"u{user}", "item": f"t{(user + step) % 9}", "time": step}
        for user in range(3)
        for step in range(n)
    ]
    dataset = prepare(pd.DataFrame(rows), name="long", workspace=workspace)
    settings = small_settings(n_epochs=1, max_seq_length=12, attention="causal")
    train(dataset, settings, name="first", workspace=workspace)
    train(dataset, settings, name="second", workspace=workspace)
    app = open_inspect(user="u1", mask=f"{n - 3}.{n - 1}")
    assert "newest 400 of 500 items" in texts(app)
    assert [card.split(" ")[0] for card in cards(app)] == [str(at) for at in range(n - 11, n + 1)]
    assert "The first 488 of 500 items are not shown here" in texts(app)
    assert table_with(app, "Rank by past")["Place"].tolist() == [str(n - 3), str(n - 1)]
    (places,) = [box for box in app.get("button_group") if box.label == "Hidden place"]
    assert places.options == [str(n - 3), str(n - 1)]
    assert f"Which items carry the prediction at place {n - 3}" in texts(app)
    carried = table_with(app, "Bits it adds")["Place"].astype(int)
    assert carried.between(n - 11, n).all()
    open_tab(app, ":material/compare: Another model")
    assert f"At place {n - 3} this model ranks" in texts(app)
    assert table_with(app, "Rank there")["Place"].tolist() == [str(n - 3), str(n - 1)]
    open_tab(app, ":material/edit: Edit the sequence")
    (box,) = [box for box in app.selectbox if box.label == "Place"]
    assert (box.options[0].split(" ")[0], box.options[-1].split(" ")[0]) == ("101", str(n))
    assert app.query_params["mask"] == f"{n - 3}.{n - 1}"


@pytest.mark.usefixtures("run")
def test_an_item_too_many_is_refused_in_words() -> None:
    items = ".".join(["1"] * MAX_ITEMS)
    app = open_inspect(items=items, mask="400")
    app.session_state["inspect_tab"] = ":material/edit: Edit the sequence"
    app.run()
    app.selectbox(key="inspect_edit_item").set_value("Title 1, the long").run()
    press(app, "Insert at the end")
    assert f"more than {MAX_ITEMS}" in app.error[0].value
    assert app.query_params["items"] == items


@pytest.mark.usefixtures("run")
def test_an_unknown_user_in_a_link_is_said_and_another_is_shown() -> None:
    app = open_inspect(user="nobody")
    assert "nobody" in app.error[0].value
    assert cards(app)


@pytest.mark.usefixtures("run")
def test_a_broken_link_is_said_in_plain_words() -> None:
    app = open_inspect(items="1.99")
    assert "does not fit this catalogue" in app.error[0].value
    assert not open_inspect(user="u3", mask="1").error


@pytest.mark.usefixtures("run")
def test_one_item_alone_can_be_looked_at() -> None:
    app = open_inspect(items="3", mask="1")
    assert "With nothing around it" in texts(app)
    assert "No other item changes this prediction" in texts(app)


@pytest.mark.usefixtures("run")
def test_titles_are_shown_as_they_are() -> None:
    app = open_inspect(items="1.2.3.4.5.6.7.8")
    shown = "\n".join(cards(app))
    assert "*Star*" not in shown
    assert "[x](" not in shown
    assert "\\*Star\\*" in shown


@pytest.mark.usefixtures("run")
def test_a_pasted_sequence_replaces_the_history() -> None:
    app = open_inspect()
    app.text_area[0].set_value("t1, t2\nTitle 3, the long")
    press(app, "Use this sequence")
    assert "Own sequence: 3 items" in texts(app)
    assert app.query_params["items"].count(".") == 2
    assert "user" not in app.query_params


@pytest.mark.usefixtures("run")
def test_an_unknown_item_is_named_with_its_near_misses() -> None:
    app = open_inspect()
    app.text_area[0].set_value("t1, Title 3, the lang")
    press(app, "Use this sequence")
    assert "did you mean" in app.error[0].value


@pytest.mark.usefixtures("run")
def test_an_edited_history_is_compared_with_its_original_and_kept_in_the_link() -> None:
    app = open_inspect(user="u3", mask="2")
    app.session_state["inspect_tab"] = ":material/edit: Edit the sequence"
    app.run()
    press(app, "Remove")
    assert "User u3, edited: 4 items" in texts(app)
    assert "In the original both sides rank it" in texts(app)
    link = {name: app.query_params[name] for name in ("user", "items", "mask")}
    again = open_inspect(**link)
    assert "User u3, edited: 4 items" in texts(again)
    assert cards(again) == cards(app)
    press(again, "Back to the original")
    assert "User u3: 5 items" in texts(again)


@pytest.mark.usefixtures("run")
def test_the_card_of_a_new_item_is_as_tall_as_the_others() -> None:
    app = open_inspect(user="u3", mask="2")
    app.session_state["inspect_tab"] = ":material/edit: Edit the sequence"
    app.run()
    app.selectbox(key="inspect_edit_item").set_value("Title 1, the long").run()
    press(app, "Insert at the end")
    assert "new" in cards(app)[-1]
    assert {card.count("\n") for card in cards(app)} == {1}


def open_tab(app: AppTest, title: str) -> None:
    app.session_state["inspect_tab"] = title
    app.run()
    # Findings are made in the background; the page draws itself anew when they are there.
    state.finding_service()._executor.submit(int).result(timeout=LIMIT_S)
    app.run()
    assert not app.exception


@pytest.mark.usefixtures("run")
def test_what_comes_next_is_listed_and_one_of_it_explained() -> None:
    app = open_inspect(user="u3", mask="2")
    open_tab(app, ":material/skip_next: What comes next")
    assert len(tables(app)[-1]) >= 3
    assert "without it this item" in texts(app) or "No other item changes" in texts(app)
    app.selectbox(key="inspect_next_item").select_index(1).run()
    assert not app.exception


@pytest.mark.usefixtures("run")
def test_what_carries_the_next_item_is_called_as_on_the_cards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The third of five cards is hidden: the last one is the fourth of what the model reads.
    monkeypatch.setattr(inspect_tabs, "occlusion", lambda *_: np.array([0.1, 0.5, -1.0, 2.0, 0.0]))
    app = open_inspect(user="u3", mask="3")
    open_tab(app, ":material/skip_next: What comes next")
    assert "Place 5, “Title 7, the long”, carries most" in texts(app).replace("\\", "")
    told = tables(app)[-1]
    assert list(told["Place"]) == ["5", "4", "2", "1"]
    assert list(told["Side"]) == ["before"] * 4


@pytest.mark.usefixtures("run")
def test_attention_comes_second_and_is_said_to_be_no_explanation() -> None:
    app = open_inspect(user="u3", mask="2")
    assert "Not an explanation" not in texts(app)
    app.toggle(key="inspect_attention").set_value(True).run()
    assert "Not an explanation" in texts(app)
    assert "Over all heads" in texts(app)
    # Beside few rows its lower end would be cut off.
    (chart,) = app.get("vega_lite_chart")
    assert json.loads(chart.proto.spec)["encoding"]["color"]["legend"]["orient"] == "bottom"
    n_before = len(app.dataframe)
    unfolded(app, "As a table")
    assert not app.exception
    (shares,) = (t.value for t in app.dataframe if "mean" in t.value)
    assert len(app.dataframe) == n_before + 1
    assert list(shares) == ["Item", "1.1", "1.2", "mean"]
    assert list(shares["Item"].str.partition(" · ")[0]) == ["1", "3", "4", "5"]
    assert shares["mean"].sum() == pytest.approx(100)


def test_the_run_is_asked_whether_the_future_matters_and_how_sure_it_is(run: Run) -> None:
    app = open_inspect(user="u3", mask="2")
    open_tab(app, ":material/balance: Does the future matter here?")
    shown = texts(app).replace("\\", "")
    assert "This is not enough to tell." in shown
    assert "over 12 places of 12 users" in shown
    assert "validation items" in shown
    # What the chart of groups shows stands in its table.
    added = table_with(app, "Added")["Added"]
    assert added.str.fullmatch(r"[+−]?\d\.\d{3} \(.+ to .+\)").all()
    # Its CSV holds plain numbers, with the intervals that the page shows.
    button = next(one for one in app.get("download_button") if one.proto.label == "Figures (CSV)")
    assert button.proto.help
    text = csv_text(plain_table(future_report(load_model(run))))
    plain = pd.read_csv(io.StringIO(text), keep_default_na=False)
    told = table_with(app, "Mean and 95% interval").set_index("Mean and 95% interval")
    for row in plain[plain["by"] == ""].itertuples():
        digits = 2 if row.metric == "Bits" else 3
        shown = ranged(float(row.mean), float(row.low), float(row.high), digits)
        assert told.loc[row.what, row.metric] == shown
    gains = plain[(plain["by"] != "") & (plain["what"] == "Gain over the past")]
    shown = [ranged(*map(float, row), 3) for row in gains[["mean", "low", "high"]].to_numpy()]
    assert set(added) <= set(shown)
    open_tab(app, ":material/percent: How sure is it?")
    assert "probabilities" in texts(app)
    errors = table_with(app, "Off by")
    assert errors["Context"].tolist() == ["Past only", "Future only", "Both sides"]
    assert errors["Off by"].str.fullmatch(r"\d+\.\d\d").all()
    bins = unfolded(app, "As a table").dataframe[-1].value
    assert bins.groupby("context", sort=False)["n"].sum().nunique() == 1
    assert (bins["low"] <= bins["share"]).all()
    assert (bins["share"] <= bins["high"]).all()


def test_the_calibration_of_a_run_from_before_is_kept_at_a_press(run: Run) -> None:
    keep(run, None)
    app = open_inspect(user="u3", mask="2")
    open_tab(app, ":material/percent: How sure is it?")
    assert "This is not kept with the run" in texts(app)
    press(app, "Keep it for this run")
    found = state.finding_service().ask(run, "calibration").value
    assert run.temperatures() == found.temperatures
    assert "This is not kept with the run" not in texts(app)
    assert "Keep it for this run" not in [one.label for one in app.button]


@pytest.mark.usefixtures("run")
def test_what_failed_to_be_found_out_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(recommender: object, *, watch: object) -> None:
        raise MemoryError

    calibrate = FINDERS["calibration"]
    monkeypatch.setitem(FINDERS, "calibration", full)
    app = open_inspect(user="u3", mask="2")
    open_tab(app, ":material/percent: How sure is it?")
    assert len(app.metric) == 3
    assert "did not fit the memory" in app.error[0].value
    monkeypatch.setitem(FINDERS, "calibration", calibrate)
    press(app, "Try again")
    state.finding_service()._executor.submit(int).result(timeout=LIMIT_S)
    app.run()
    assert not app.error
    assert len(table_with(app, "Off by")) == 3


def test_what_takes_long_shows_how_far_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # As one from before: its temperatures are looked for when it is looked at.
    keep(run, None)
    may_end, has_told, calibrate = threading.Event(), threading.Event(), FINDERS["calibration"]

    def slow(recommender: Recommender, *, watch: Watch) -> object:
        watch("judging probabilities", 0.25)
        has_told.set()
        assert may_end.wait(LIMIT_S)
        return calibrate(recommender)

    monkeypatch.setitem(FINDERS, "calibration", slow)
    app = open_inspect(user="u3", mask="2")
    try:
        assert has_told.wait(LIMIT_S)
        app.run()
        bars = [[(bar.proto.value, bar.proto.text) for bar in app.get("progress")]]
        app.session_state["inspect_tab"] = ":material/percent: How sure is it?"
        app.run()
        bars.append([(bar.proto.value, bar.proto.text) for bar in app.get("progress")])
    finally:
        may_end.set()
    # Where the tab tells it as well, it is told there alone.
    assert bars == 2 * [[(25, "Judging probabilities, 25% of all.")]]
    state.finding_service()._executor.submit(int).result(timeout=LIMIT_S)
    app.run()
    assert not app.get("progress")


@pytest.mark.usefixtures("run")
def test_the_best_and_worst_ranked_held_out_items_are_offered() -> None:
    app = open_inspect(user="u3", mask="2")
    app.session_state["inspect_gallery"] = True
    app.run()
    state.finding_service()._executor.submit(int).result(timeout=LIMIT_S)
    app.run()
    table = next(frame.value for frame in app.dataframe if "last" in frame.value.columns)
    assert table["rank"].tolist() == sorted(table["rank"])
    assert set(table["user"]) == {f"u{at}" for at in range(12)}


def test_two_models_are_compared_on_the_same_sequence(run: Run, workspace: Path) -> None:
    app = open_inspect(user="u3", mask="2.4")
    open_tab(app, ":material/compare: Another model")
    assert "no other model of this dataset" in texts(app)
    train(run.dataset(), small_settings(n_epochs=1, seed=9), workspace=workspace, name=run.name)
    app = open_inspect(user="u3", mask="2.4")
    open_tab(app, ":material/compare: Another model")
    table = table_with(app, "Rank there")
    assert table["Place"].tolist() == ["2", "4"]
    told = table[["Bits here", "Bits there", "Gained there"]]
    bits = told.map(lambda words: float(words.replace(MINUS, "-"))).to_numpy()
    np.testing.assert_allclose(bits[:, 1] - bits[:, 0], bits[:, 2], atol=1e-9)
    assert "Of 2 hidden places" in texts(app)
    # Two runs of one name are told apart.
    heads = [one.value for one in app.markdown if one.value.endswith("** · Both sides")]
    assert len(set(heads)) == 2
    assert "split otherwise" not in texts(app)


def test_how_the_other_model_is_calibrated_is_told_and_waited_for(
    run: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As one from before: its temperatures are looked for when it is looked at.
    keep(run, None)
    newest = train(run.dataset(), small_settings(n_epochs=1), workspace=workspace, name="newest")
    keep(newest, {})
    may_end, calibrate = threading.Event(), FINDERS["calibration"]

    def slow(recommender: Recommender, *, watch: Watch) -> Calibration:
        assert may_end.wait(LIMIT_S)
        return paying(calibrate(recommender), 2.0)

    monkeypatch.setitem(FINDERS, "calibration", slow)
    app = open_inspect(user="u3", mask="2")
    app.session_state["inspect_tab"] = ":material/compare: Another model"
    try:
        app.run()
        assert "Calibrating probabilities…" in texts(app)
        own = bits_there(app)
    finally:
        may_end.set()
    state.finding_service()._executor.submit(int).result(timeout=LIMIT_S)
    app.run()
    assert "Calibrating probabilities…" not in texts(app)
    assert f"scores are divided by 2.00 ({run.name}), by what is shown" in texts(app)
    assert bits_there(app) != own


def bits_there(app: AppTest) -> list[str]:
    return [str(words) for words in table_with(app, "Bits there")["Bits there"]]


def test_of_two_models_that_learned_unlike_parts_of_a_history_both_parts_are_told(
    run: Run, workspace: Path
) -> None:
    settings = small_settings(n_epochs=1, split_strategy="last_k", held_out_items=2)
    train(run.dataset(), settings, workspace=workspace, name="other")
    app = open_inspect(user="u3", mask="2.4", run=run.id)
    open_tab(app, ":material/compare: Another model")
    n_items = int(run.dataset().lengths[run.dataset().user_idx("u3")])
    assert "Their runs are split otherwise." in texts(app)
    assert f"of this history's {n_items} items".lower() in texts(app).lower()
    assert f"{run.name} was trained on the first {n_items - 2}" in texts(app)
    assert "other was trained on the first 1" in texts(app)


def test_a_run_that_trains_is_shown_with_its_newest_checkpoint(run: Run) -> None:
    app = open_inspect(user="u3", mask="2.4")
    app.button(key="inspect_card_2").click().run()
    run.set_status(state="running")
    shutil.copy(run.checkpoint("best"), run.checkpoint("last"))
    app.run()
    assert not app.exception
    assert "This run is training" in texts(app)
    # The draft is what it was.
    assert app.query_params["mask"] == "2.3.4"
    open_tab(app, ":material/percent: How sure is it?")
    assert "an answer takes seconds of its time" in texts(app)
    assert not [frame for frame in app.dataframe if "plain" in frame.value.columns]


def test_a_run_that_is_deleted_while_it_is_followed_draws_the_page_anew(tmp_path: Path) -> None:
    def page(folder: str) -> None:
        from pathlib import Path

        import streamlit as st

        from bert4rec.runs.folder import Run
        from bert4rec.ui.inspect.inspected_model import _follow

        n_drawn = st.session_state["n_drawn"] = st.session_state.get("n_drawn", 0) + 1
        if n_drawn == 1:
            _follow(Run(Path(folder)), "last", 0)

    app = AppTest.from_function(page, kwargs={"folder": str(tmp_path / "gone")})
    app.run(timeout=LIMIT_S)
    assert not app.exception
    assert app.session_state["n_drawn"] == 2


TRAINING_ASKS = {
    "calibration": (":material/percent: How sure is it?", "Off by"),
    "future": (":material/balance: Does the future matter here?", "Mean and 95% interval"),
    "extremes": (None, "last"),
}


@pytest.mark.parametrize("kind", TRAINING_ASKS)
def test_a_run_that_trains_answers_at_a_press_and_says_of_which_epoch(run: Run, kind: str) -> None:
    run.set_status(state="running")
    app = open_inspect(user="u3", mask="2.4")
    tab, column = TRAINING_ASKS[kind]
    if tab is None:
        app.session_state["inspect_gallery"] = True
        app.run()
    else:
        open_tab(app, tab)

    def answers() -> list[pd.DataFrame]:
        drawn = [*tables(app), *(frame.value for frame in app.dataframe)]
        return [table for table in drawn if column in table.columns]

    def ask(label: str) -> None:
        # Not before the page is drawn: Python 3.11 parses in one thread at a time.
        may_begin, executor = threading.Event(), state.finding_service()._executor
        executor.submit(may_begin.wait, LIMIT_S)
        press(app, label)
        assert ":shimmer[" in texts(app)
        may_begin.set()
        executor.submit(int).result(timeout=LIMIT_S)
        app.run()
        assert not app.exception

    assert not answers()
    ask("Ask its newest checkpoint")
    assert len(answers()) == 1
    assert "at epoch 1." in texts(app)
    assert f"inspect_request_{kind}" not in [button.key for button in app.button]
    # It goes on: the answer stays, and says that it is not of the newest checkpoint.
    tensors, plain = load_checkpoint(run.checkpoint("last"))
    save_checkpoint(run.checkpoint("last"), tensors, plain | {"epoch": 2})
    app.run()
    assert len(answers()) == 1
    assert "at epoch 1; it has learned more since." in texts(app)
    ask("Redo")
    assert "at epoch 2." in texts(app)
    # Once it has ended its best checkpoint is asked by itself.
    run.set_status(state="finished")
    app.run()
    state.finding_service()._executor.submit(int).result(timeout=LIMIT_S)
    app.run()
    assert len(answers()) == 1
    assert "Made while the run trains" not in texts(app)


def type_user(app: AppTest, text: str) -> None:
    box = app.selectbox(key="inspect_user")
    # AppTest knows only what is listed.
    box.options.append(text)
    box.set_value(text).run()
    assert not app.exception


@pytest.mark.usefixtures("run")
def test_a_title_in_the_box_of_users_finds_somebody_who_met_it() -> None:
    app = open_inspect(user="u3", mask="2")
    type_user(app, "the long")
    assert not app.error
    shown = cards(app)[int(app.query_params["mask"]) - 1]
    assert "the long" in shown.replace("\\", "")
    type_user(app, "nobody and nothing")
    assert "nobody and nothing" in app.error[0].value


def test_cards_tell_the_day_and_the_category(run: Run) -> None:
    app = open_inspect(user="u3", mask="2")
    assert "1 Jan 1970" in cards(app)[0]
    assert ':color[●]{foreground="#' in cards(app)[0]
    # Hidden cards have a colour of their own.
    assert "●" not in cards(app)[1]
    assert run.dataset().times_s is not None


@pytest.mark.usefixtures("run")
def test_a_random_user_and_a_typed_one_are_taken() -> None:
    app = open_inspect()
    press(app, "Random")
    app.selectbox(key="inspect_user").set_value("u5").run()
    assert app.query_params["user"] == "u5"
    assert "User u5" in texts(app)


def test_a_long_sequence_is_shown_in_parts_which_follow_what_is_hidden(workspace: Path) -> None:
    settings = small_settings(n_epochs=1, max_seq_length=60)
    train(saved_dataset(workspace, ring_dataset()), settings, workspace=workspace)
    app = open_inspect(items=".".join(["1", "2", "3", "4", "5"] * 8), mask="38")
    part = app.button_group(key="inspect_part")
    assert (part.options, part.value) == (["1–12", "13–24", "25–40, 1 hidden"], 2)
    assert len(cards(app)) == 16
    app.button(key="inspect_card_30").click().run()
    assert cards(app)[6].startswith("31 · ")
    part = app.button_group(key="inspect_part")
    assert (part.options[2], part.value) == ("25–40, 2 hidden", 2)
    part.set_value(0).run()
    assert cards(app)[0].startswith("1 · ")
    press(app, "Hide the last")
    assert cards(app)[-1].startswith("40 · ")
    assert not app.exception
