from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.data.collection import rename_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.json_files import write_json
from bert4rec.loaded_model import load_model
from bert4rec.pipeline import train
from bert4rec.policy import Policy
from bert4rec.runs.archive import export_run, import_run
from bert4rec.runs.folder import Run
from bert4rec.runs.label import note_run, rename_run, tag_run
from bert4rec.runs.registry import create_run, list_runs
from bert4rec.runs.trash import list_trash, trash_run
from bert4rec.ui import presses, state
from bert4rec.ui.name_room import name_room, text_px
from bert4rec.ui.runs import run_downloads
from bert4rec.words import percent
from tests.divided import alike, keep
from tests.factories import random_dataset, saved_dataset, small_settings
from tests.reading import plain, shown_cells, table_with, texts
from tests.unfolding import unfolded
from tests.waiting import LIMIT_S

APP = Path(__file__).resolve().parents[2] / "app.py"
NASTY = "*Star* [x](http://e.org) :smile:"
Make = Callable[..., Run]


@pytest.fixture
def dataset(workspace: Path) -> SequenceDataset:
    return saved_dataset(workspace, random_dataset([5, 6, 7, 8]))


@pytest.fixture
def make(workspace: Path, dataset: SequenceDataset) -> Make:
    def made(
        name: str, state: str = "finished", dataset: SequenceDataset = dataset, **settings: object
    ) -> Run:
        policy = Policy("embedding_policy", small_settings(**settings))
        run = create_run(workspace, dataset, policy, name=name)
        run.set_status(state=state, best_score=0.25, epoch=3, trained_s=90.0)
        for epoch in (1, 2, 3):
            score = {"ndcg@10": epoch / 12, "hr@10": epoch / 6}
            at = {"epoch": epoch, "step": epoch}
            run.journal.append({"event": "train", "loss": 3.0 / epoch, **at})
            run.journal.append({"event": "valid", "metrics": score, "is_best": True, **at})
        return run

    return made


def open_runs(marked: list[Run] | None = None, **query: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=LIMIT_S).run()
    for name, value in query.items():
        app.query_params[name] = value
    if marked is not None:
        app.session_state["runs_chosen"] = [run.id for run in marked]
    return drawn(app.switch_page("pages/runs.py"))


def drawn(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception
    return app


def press(app: AppTest, *labels: str) -> AppTest:
    """Press a button, or the one that opens a dialog and then both it and one in the dialog.

    A run of the whole page draws a dialog only if what opens it is pressed in the same run.
    """
    if len(labels) > 1 and labels[-1] not in {
        word for b in app.button for word in (b.label, b.key)
    }:
        press(app, *labels[:-1])
    for label in labels:
        next(button for button in app.button if label in (button.label, button.key)).click()
    return drawn(app)


def labelled(boxes: Iterable[Any], label: str) -> Any:
    return next(box for box in boxes if box.label == label)


def listed(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["Run"])


@pytest.mark.usefixtures("workspace")
def test_without_runs_the_page_says_what_will_appear_and_offers_one_way_on() -> None:
    app = open_runs()
    assert "will be listed here" in texts(app)
    assert [button.label for button in app.button] == ["Start a first run", "Bring it in"]
    press(app, "Start a first run")
    assert app.title[0].value == "Train"


def test_every_run_is_a_line_newest_first_and_a_damaged_one_says_so(make: Make) -> None:
    make("A first")
    make(NASTY)
    broken = make("zzz")
    (broken.folder / "config.json").write_text("{")
    app = open_runs()
    assert listed(app) == [broken.id, NASTY, "A first"]
    assert list(app.dataframe[0].value["State"]) == ["? Unreadable", "✓ Finished", "✓ Finished"]
    assert "3 of 3 runs" in texts(app)


def test_the_list_is_narrowed_by_text_state_and_tag(make: Make) -> None:
    good, failed = make("good"), make("bad", "failed")
    tag_run(good.folder, ["May"])
    note_run(failed.folder, "too wide")
    app = open_runs()
    app.text_input(key="runs_text").set_value("WIDE")
    drawn(app)
    assert listed(app) == ["bad"]
    app.text_input(key="runs_text").set_value("")
    app.multiselect(key="runs_states").set_value(["finished"])
    drawn(app)
    assert listed(app) == ["good"]
    app.multiselect(key="runs_tags").set_value(["May"])
    drawn(app)
    assert listed(app) == ["good"]
    app.text_input(key="runs_text").set_value("nothing like it")
    drawn(app)
    assert "No run is like that" in texts(app)


def test_a_marked_run_shows_its_figures_and_what_differs_from_the_defaults(make: Make) -> None:
    run = make(NASTY, hidden_size=24)
    write_json(run.folder / "summary.json", {"test": {"ndcg@10": 0.2}})
    note_run(run.folder, "see [this](http://e.org)")
    app = open_runs([run])
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["NDCG@10 on test"] == "0.2000"
    assert figures["Best NDCG@10"] == "0.2500"
    assert figures["Training time"] == "1 min 30 s"
    assert "[this](http" not in texts(app)
    settings = app.dataframe[1].value
    assert settings.iloc[0]["Differs"]
    row = settings[settings["Setting"] == "Hidden size"].iloc[0]
    assert (row["Value"], row["Default"]) == ("24", "64")


def test_a_failed_or_interrupted_run_says_why_and_what_to_do(make: Make) -> None:
    failed = make("failed", "failed")
    failed.set_status(message="a step did not fit [memory](x)", fix="Use a smaller batch.")
    shown = texts(open_runs([failed])).replace("\\", "")
    assert "A step did not fit [memory](x)." in shown
    assert "What to do: Use a smaller batch." in shown
    cut = make("cut", "interrupted")
    cut.set_status(message="the process that ran it is gone")
    app = open_runs([cut])
    assert "The process that ran it is gone" in app.warning[0].value
    assert "begins with its first step" in app.warning[0].value
    labels = {button.label for button in app.button}
    assert "Start again" in labels
    assert "Resume" not in labels


def test_a_run_that_lost_its_last_checkpoint_says_so_in_place_of_going_on(make: Make) -> None:
    lost = make("lost", "interrupted")
    lost.journal.append({"event": "checkpoint", "step": 2})
    app = open_runs([lost])
    resume = labelled(app.button, "Resume")
    assert resume.disabled
    assert "has no last checkpoint to go on from" in resume.help
    assert "Clone it to the form" in app.warning[0].value
    assert labelled(press(app, "Open").button, "Resume").disabled


def test_a_damaged_run_is_explained_and_can_be_deleted(make: Make, workspace: Path) -> None:
    run = make("zzz")
    (run.folder / "status.json").write_text("{")
    app = open_runs([run])
    assert "The file status.json is not valid JSON" in texts(app).replace("\\", "")
    press(app, "Delete", "really_delete")
    assert list_runs(workspace) == []


def test_a_run_is_renamed_noted_and_tagged(make: Make) -> None:
    run = make("first")
    tag_run(run.folder, ["old"])
    app = press(open_runs([run]), "Rename, note, tags")
    labelled(app.text_input, "Name").set_value("second")
    labelled(app.text_area, "Note").set_value("of May")
    next(box for box in app.multiselect if box.key.startswith("tags_")).set_value(["new"])
    press(app, "Rename, note, tags", "Save")
    label = run.label()
    assert (label.name, label.note) == ("second", "of May")
    assert label.tags == ("new",)
    assert listed(open_runs()) == ["second"]


def test_a_label_that_is_changed_meanwhile_is_shown_when_it_is_asked_for_again(make: Make) -> None:
    run = make("first")
    app = press(open_runs([run]), "Rename, note, tags")
    rename_run(run.folder, "theirs")
    press(app, "Rename, note, tags")
    assert labelled(app.text_input, "Name").value == "theirs"
    press(app, "Rename, note, tags", "Save")
    assert run.name == "theirs"


def test_an_empty_name_is_told_in_the_dialog(make: Make) -> None:
    run = make("first")
    app = press(open_runs([run]), "Rename, note, tags")
    labelled(app.text_input, "Name").set_value(" ")
    press(app, "Rename, note, tags", "Save")
    assert "A name has 1 to 80 signs" in texts(app)
    assert run.name == "first"


def test_a_dialog_that_asks_before_what_destroys_is_left_by_cancel(
    make: Make, workspace: Path
) -> None:
    run = make("first")
    app = press(open_runs([run]), "Delete", "Cancel")
    assert list_runs(workspace) == [run]
    assert "Cancel" not in [button.label for button in app.button]


def test_a_deleted_run_comes_back_by_undo_until_the_page_is_left(
    make: Make, workspace: Path
) -> None:
    run = make("first")
    app = press(open_runs([run], run=run.id), "Delete", "really_delete")
    assert list_runs(workspace) == []
    assert "1 run went into the trash" in texts(app)
    assert "run" not in app.query_params
    press(app, "Undo")
    assert list_runs(workspace) == [run]
    app = press(open_runs([run]), "Delete", "really_delete")
    drawn(app.switch_page("app.py"))
    drawn(app.switch_page("pages/runs.py"))
    assert "went into the trash" not in texts(app)
    # The only one needs no choice.
    assert f"first · {run.id}" in texts(unfolded(app, "Trash")).replace("\\", "")
    press(app, "Restore")
    assert list_runs(workspace) == [run]


def test_the_trash_stays_open_when_a_run_is_restored_from_it(make: Make, workspace: Path) -> None:
    kept, first, second = make("kept"), make("first"), make("second")
    for run in (first, second):
        trash_run(workspace, run.id)
    app = open_runs([kept])
    assert "Trash · 2" in [box.label for box in app.expander]
    assert next(b for b in unfolded(app, "Trash").button if b.label == "Restore").disabled
    app.multiselect(key="runs_trash").set_value([first.id])
    drawn(app)
    # Streamlit shuts a section whose heading becomes another one.
    before = [box.label for box in app.expander]
    press(app, "Restore")
    assert [box.label for box in app.expander] == before
    assert "1 run restored" in [toast.value for toast in app.toast]
    # The second press of two brings nothing else back.
    assert next(b for b in app.button if b.label == "Restore").disabled
    assert [run.id for run in list_trash(workspace)] == [second.id]
    app.multiselect(key="runs_trash").set_value([second.id])
    drawn(app)
    press(app, "Restore")
    assert list_trash(workspace) == []


def test_the_trash_is_emptied_after_a_question(make: Make, workspace: Path) -> None:
    run = make("first")
    app = press(open_runs([run]), "Delete", "really_delete")
    press(unfolded(app, "Trash"), "Delete 1 run for good", "really_delete")
    assert list_trash(workspace) == []
    assert "Undo" not in [button.label for button in app.button]


def test_what_is_purged_takes_no_undo_away_from_another_run(make: Make, workspace: Path) -> None:
    first, second = make("first"), make("second")
    trash_run(workspace, second.id)
    app = press(open_runs([first]), "Delete", "really_delete")
    unfolded(app, "Trash").multiselect(key="runs_trash").set_value([second.id])
    drawn(app)
    press(app, "Delete 1 run for good", "really_delete")
    assert [run.id for run in list_trash(workspace)] == [first.id]
    press(app, "Undo")
    assert list_runs(workspace) == [first]


def test_an_active_run_is_not_deleted_here(make: Make) -> None:
    run = make("first", "running")
    app = open_runs([run])
    assert next(button for button in app.button if button.label == "Delete").disabled


def test_a_run_opens_on_train(make: Make) -> None:
    old = make("old")
    make("new")
    app = press(open_runs([old]), "Open")
    assert app.title[0].value == "Train"
    assert "old" in [heading.value for heading in app.subheader]


def test_a_clone_fills_the_form_of_a_new_run(make: Make) -> None:
    old = make("old", hidden_size=24, n_heads=3)
    app = open_runs([old], run=make("in use").id)
    press(app, "Clone to the form")
    assert app.title[0].value == "Train"
    assert app.session_state["train_draft"]["hidden_size"] == 24
    assert app.session_state["train_kind"] == "embedding_policy"
    assert app.text_input(key="train_name").value == "old 2"
    assert "Filled from the run old." in [caption.value for caption in app.caption]
    assert "run" not in app.query_params


def test_what_all_runs_share_is_told_once_above_the_list(make: Make) -> None:
    make("first")
    make("second")
    app = open_runs()
    assert "metric NDCG@10, seed 7" in texts(app)
    shown = list(app.dataframe[0].proto.column_order)
    assert not {"Metric", "Seed", "Tags"} & set(shown)
    tag_run(make("third", seed=8).folder, ["good"])
    app = open_runs()
    shown = list(app.dataframe[0].proto.column_order)
    assert {"Seed", "Tags"} <= set(shown)
    assert "seed 7" not in texts(app)


def test_rows_are_as_tall_as_names_need_and_of_many_a_few_long_ones_lose_their_middle(
    make: Make,
) -> None:
    make("short")
    assert open_runs().dataframe[0].proto.row_height == 35
    long = make("the same with half of the width and no dropout, all events kept")
    frame = open_runs().dataframe[0]
    assert frame.proto.row_height == 66
    assert shown_cells(frame, "Run") == list(frame.value["Run"])
    assert text_px(long.name) < 3 * name_room(frame.value["Run"]).width
    for n in range(7):
        make(f"short {n}")
    frame = open_runs().dataframe[0]
    assert frame.proto.row_height == 35
    assert shown_cells(frame, "Run")[-2:] == ["the same with…ll events kept", "short"]
    # Whole it is in the table's own file, beneath a cell that is clicked twice, and where marked.
    assert list(frame.value["Run"])[-2:] == [long.name, "short"]
    assert long.name in plain(open_runs([long]))


def test_long_names_that_would_look_alike_are_broken_into_lines(make: Make) -> None:
    for name in (*"abcdefg", *(f"all events kept, {n}, half the width" for n in "12")):
        make(name)
    frame = open_runs().dataframe[0]
    assert frame.proto.row_height == 66
    assert shown_cells(frame, "Run") == list(frame.value["Run"])


def test_of_a_long_name_of_data_the_cell_leaves_out_the_middle(
    make: Make, workspace: Path, dataset: SequenceDataset
) -> None:
    make("short")
    rename_dataset(workspace, dataset.folder.name, "Playlists of the spring campaign, cleaned")
    frame = open_runs().dataframe[0]
    assert list(frame.value["Data"]) == ["Playlists of the spring campaign, cleaned"]
    assert shown_cells(frame, "Data") == ["Playlist…cleaned"]


def test_pruning_says_what_it_frees_and_keeps_the_model(make: Make) -> None:
    run = make("first")
    run.checkpoint("best").parent.mkdir()
    for kind in ("best", "last"):
        run.checkpoint(kind).write_bytes(b"x" * 2_000)
    app = press(open_runs([run]), "Free old checkpoints (2.0 kB)")
    assert run.checkpoint("best").exists()
    assert not run.checkpoint("last").exists()
    assert next(button for button in app.button if button.label == "Free old checkpoints").disabled


@pytest.fixture
def trained(tiny_run: Run, workspace: Path) -> Run:
    """A run with its dataset and both checkpoints, of its own."""
    for kind in ("datasets", "runs"):
        shutil.copytree(tiny_run.workspace / kind, workspace / kind)
    return Run(workspace / "runs" / tiny_run.id)


def ended(run: Run) -> bool:
    return state.job_service().wait(lambda: run.id not in state.job_service().active(), LIMIT_S)


def test_a_run_is_trained_longer_as_a_new_one(trained: Run, workspace: Path) -> None:
    app = press(open_runs([trained]), "Train longer")
    app.number_input(key=f"further_{trained.id}").set_value(2)
    name = app.text_input(key=f"longer_name_{trained.id}")
    assert name.value == "tiny 2"
    name.set_value("longer")
    press(app, f"longer_{trained.id}")
    assert "up to epoch 10" in texts(app)
    assert "that of 10 epochs in one go" in texts(app)
    press(app, f"longer_{trained.id}", "really_longer")
    assert app.title[0].value == "Train"
    (longer,) = [run for run in list_runs(workspace) if run.id != trained.id]
    assert ended(longer)
    assert (longer.name, longer.status().state, longer.status().epoch) == ("longer", "finished", 10)
    app = open_runs([longer])
    assert "Went on from tiny after epoch 8" in texts(app)
    rename_run(trained.folder, "short")
    assert "Went on from short after epoch 8" in texts(app.run())
    trash_run(workspace, trained.id)
    assert "Went on from tiny after epoch 8" in texts(app.run())


def test_training_longer_is_refused_in_words(trained: Run, workspace: Path) -> None:
    app = press(open_runs([trained]), "Train longer")
    app.text_input(key=f"longer_name_{trained.id}").set_value(" ")
    press(app, f"longer_{trained.id}", "really_longer")
    assert "A name has 1 to 80 signs" in texts(app)
    shutil.rmtree(workspace / "datasets")
    app = press(open_runs([trained]), f"longer_{trained.id}", "really_longer")
    assert "What to do" in texts(app)
    assert list_runs(workspace) == [trained]


def test_a_run_is_trained_longer_only_from_an_end(make: Make) -> None:
    labels = [button.label for button in open_runs([make("failed", "failed")]).button]
    assert "Train longer" not in labels
    app = open_runs([make("pruned")])
    assert next(button for button in app.button if button.label == "Train longer").disabled


def test_marked_runs_are_compared_by_what_differs_and_by_a_link(make: Make) -> None:
    first, second = make(NASTY, hidden_size=24), make("second", hidden_size=32)
    report = {"metrics": {"ndcg@10": 0.2}, "intervals": {"ndcg@10": [0.1, 0.3]}}
    summary = {"test": {"ndcg@10": 0.2}, "report": {"test": {"bert4rec": report}}}
    write_json(first.folder / "summary.json", summary)
    app = open_runs(compare=f"{first.id},{second.id}")
    assert "2 runs marked" in texts(app)
    differing = table_with(app, "Setting")
    assert list(differing["Setting"]) == ["Hidden size"]
    assert list(differing.iloc[0])[1:] == ["24", "32"]
    assert len(app.get("vega_lite_chart")) == 2
    final = table_with(app, "Metric").set_index("Metric")
    assert final.loc["NDCG@10", NASTY] == "0.2000 (0.1000 to 0.3000)"
    assert final.loc["NDCG@10", "second"] == "–"
    assert app.query_params["compare"] == f"{first.id},{second.id}"
    assert "Comparison (CSV)" in [one.proto.label for one in app.get("download_button")]


def test_marked_runs_are_named_in_the_address_where_they_are_not_too_many(make: Make) -> None:
    runs = [make(name) for name in "abcdef"]
    app = open_runs(runs[:3])
    assert app.query_params["compare"].count(",") == 2
    for marked in ([], runs):
        assert "compare" not in open_runs(marked).query_params


def test_one_marked_run_is_marked_again_by_its_address(make: Make) -> None:
    one, _ = make("one"), make("two")
    assert open_runs([one]).query_params["compare"] == one.id
    app = open_runs(compare=one.id)
    assert [heading.value for heading in app.subheader] == ["one"]
    assert app.query_params["compare"] == one.id


def test_runs_of_a_link_that_are_not_here_are_named(make: Make) -> None:
    here = make("here")
    app = open_runs(compare=f"{here.id},gone_1,gone_2")
    (error,) = app.error
    told = error.value.replace("\\", "")
    assert "The address names 2 runs that are not here: gone_1, gone_2" in told
    assert "here" in [heading.value for heading in app.subheader]
    assert not drawn(app).error
    assert not open_runs(compare=here.id).error


def test_a_mark_outlasts_a_filter_that_hides_its_run(make: Make) -> None:
    one, two = make("one"), make("two")
    app = open_runs([one, two])
    for hidden, text in ((1, "one"), (2, "none of them")):
        app.text_input(key="runs_text").set_value(text)
        drawn(app)
        assert f"{hidden} marked, but hidden by the filter" in texts(app)
        assert "2 runs marked" not in texts(app)
    app.text_input(key="runs_text").set_value("")
    drawn(app)
    assert "hidden by the filter" not in texts(app)
    assert "2 runs marked" in texts(app)
    assert sorted(app.query_params["compare"].split(",")) == sorted([one.id, two.id])


def test_damaged_runs_are_left_out_of_a_comparison_and_too_many_are_none(make: Make) -> None:
    runs = [make(f"run {number}") for number in range(6)]
    assert "Mark two to five" in texts(open_runs(runs))
    (runs[5].folder / "config.json").write_text("{")
    app = open_runs(runs)
    assert "1 run that cannot be read left out" in texts(app)
    assert len(app.get("vega_lite_chart")) == 2


def test_marked_runs_of_one_dataset_are_evaluated_together_once_all_were_judged(
    make: Make,
) -> None:
    runs = [make("a"), make("b")]
    assert labelled(open_runs(runs).button, "Evaluate these").disabled
    for run in runs:
        write_json(run.folder / "summary.json", {"test": {"ndcg@10": 0.4}})
    app = press(open_runs(runs), "Evaluate these")
    assert app.title[0].value == "Evaluate"
    assert sorted(app.session_state["evaluate_runs"]) == sorted(run.id for run in runs)


def test_runs_of_different_splits_are_not_sent_to_be_evaluated_together(make: Make) -> None:
    runs = [make("a"), make("b", split_strategy="last_k", held_out_items=2)]
    for run in runs:
        write_json(run.folder / "summary.json", {"test": {"ndcg@10": 0.4}})
    button = labelled(open_runs(runs).button, "Evaluate these")
    assert button.disabled
    assert "some are of another split" in button.help


def test_several_runs_are_deleted_at_once_and_come_back(make: Make, workspace: Path) -> None:
    runs = [make("a"), make("b")]
    app = press(open_runs(runs), "Delete these", "really_delete")
    assert list_runs(workspace) == []
    press(app, "Undo")
    assert sorted(run.id for run in list_runs(workspace)) == sorted(run.id for run in runs)


def test_many_runs_of_one_dataset_are_drawn_by_settings_when_asked(make: Make) -> None:
    for size in (8, 16, 24):
        make(f"run {size}", hidden_size=size)
    assert "Settings against results" not in str(open_runs().expander)
    make("run 32", hidden_size=32)
    app = open_runs()
    assert not app.get("plotly_chart")
    app.session_state["runs_settings"] = True
    drawn(app)
    assert len(app.get("plotly_chart")) == 1
    assert "Best of 4" in texts(app)
    assert "Left out" not in texts(app)
    make("of another split", split_strategy="last_k", held_out_items=2)
    drawn(app)
    assert "Best of 4" in texts(app)
    assert "Left out: 1 run judged by another metric or on other items." in texts(app)


def test_data_of_one_name_are_told_apart_by_the_filter(make: Make, workspace: Path) -> None:
    other = saved_dataset(workspace, random_dataset([4, 5, 6]))
    for size in (8, 16, 24, 32):
        make(f"run {size}", hidden_size=size)
        make(f"other {size}", hidden_size=size, dataset=other)
    app = open_runs()
    app.session_state["runs_settings"] = True
    drawn(app)
    assert "Choose one under Data above" in texts(app)
    data = app.multiselect(key="runs_data")
    assert len(set(data.options)) == 2
    data.set_value([other.fingerprint])
    drawn(app)
    assert set(listed(app)) == {f"other {size}" for size in (8, 16, 24, 32)}
    assert "Best of 4" in texts(app)


def test_compared_runs_of_different_data_are_not_ranked_under_their_curves(
    make: Make, workspace: Path
) -> None:
    other = saved_dataset(workspace, random_dataset([4, 5, 6]))
    one, two, apart = make("one"), make("two"), make("apart", dataset=other)
    assert "Best NDCG@10: " in plain(open_runs([one, two]))
    told = plain(open_runs([one, apart]))
    assert "Best NDCG@10 of each: " in told
    assert "different validation items, so their figures cannot be compared" in told


def test_compared_runs_say_what_they_expect_for_the_same_user(
    trained: Run,
) -> None:
    app = open_runs([trained, twin(trained)])
    app.session_state["runs_predictions"] = True
    drawn(app)
    expected = table_with(app, "Rank")
    assert expected["Rank"].tolist() == [f"{rank}" for rank in range(1, 9)]
    assert (expected.iloc[:, 1] == expected.iloc[:, 2]).all()
    assert "8 of the 8 items are named by all" in texts(app).replace("\\", "")
    app.session_state[f"runs_user_{trained.dataset().fingerprint}"] = "nobody"
    drawn(app)
    assert "nobody" in texts(app)


def test_probabilities_of_compared_runs_are_calibrated_as_on_inspect(trained: Run) -> None:
    keep(trained, alike(2.0))
    app = open_runs([trained, twin(trained)])
    app.session_state["runs_predictions"] = True
    drawn(app)
    model = load_model(trained).with_temperatures(alike(2.0))
    history = [model.vocabulary.item_id(int(item)) for item in model.dataset.history(0)]
    likely = percent(model.recommend(history, 1)[0].probability)
    assert table_with(app, "Rank").iloc[0, 1].endswith(f"({likely})")
    assert "scores are divided by 2.00 (" in texts(app)


def test_a_user_of_one_dataset_is_not_asked_of_another(trained: Run, workspace: Path) -> None:
    other = train(random_dataset([5] * 9), small_settings(n_epochs=1), workspace=workspace)
    app = open_runs([trained, twin(trained)])
    app.session_state["runs_predictions"] = True
    drawn(app)
    labelled(app.selectbox, "User").set_value("99")
    drawn(app)
    assert not app.error
    drawn(app.switch_page("pages/home.py"))
    app.session_state["runs_chosen"] = [other.id, twin(other).id]
    app.session_state["runs_predictions"] = True
    drawn(app.switch_page("pages/runs.py"))
    assert labelled(app.selectbox, "User").value == other.dataset().user_id(0)
    assert not app.error


def twin(run: Run) -> Run:
    """A copy of a run under another id."""
    copied = Run(run.folder.with_name(f"{run.id}-2"))
    shutil.copytree(run.folder, copied.folder)
    return copied


def test_compared_curves_are_tables_too_when_they_are_asked_for(trained: Run) -> None:
    app = open_runs([trained, twin(trained)])
    n_before = len(app.dataframe)
    unfolded(app, "As a table")
    assert not app.exception
    tables = [table.value for table in app.dataframe if table.value.index.name == "Epoch"]
    assert len(app.dataframe) == n_before + len(tables) == n_before + 2
    assert all(len(table.columns) == 2 for table in tables)


def test_curves_are_those_of_the_run_that_has_the_id_now(
    trained: Run, make: Make, workspace: Path, tmp_path: Path
) -> None:
    export_run(trained, tmp_path / "early.zip")
    # More than any other validation comes to.
    late = {"epoch": 9, "step": 999, "metrics": {"ndcg@10": 2.0}, "is_best": True}
    trained.journal.append({"event": "valid", **late})
    app = open_runs([trained, make("another")])
    assert "epoch 9" in texts(app)
    trash_run(workspace, trained.id)
    assert import_run(workspace, tmp_path / "early.zip").id == trained.id
    drawn(app)
    assert "epoch 9" not in texts(app)
    assert "epoch 8" in texts(app)


@pytest.mark.parametrize("what", ["Model as bundle", "Vectors of items and users"])
def test_what_a_model_knows_is_offered_where_its_items_are_known(trained: Run, what: str) -> None:
    def button(app: AppTest) -> Any:
        return next(one for one in app.get("download_button") if what in one.proto.label)

    app = open_runs([trained])
    assert not button(app).proto.disabled
    shutil.rmtree(trained.workspace / "datasets")
    drawn(app)
    assert button(app).proto.disabled
    assert "dataset" in button(app).proto.help


def test_vectors_are_those_of_all_items_and_users_and_too_many_are_left_to_the_command_line(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = trained.dataset()
    run_downloads._write_vectors(trained, tmp_path / "vectors.parquet")
    rows = pq.read_table(tmp_path / "vectors.parquet").to_pylist()
    assert [row["id"] for row in rows if row["kind"] == "item"] == dataset.vocabulary.item_ids
    assert sum(row["kind"] == "user" for row in rows) == dataset.n_users
    monkeypatch.setattr(run_downloads, "MAX_USERS", dataset.n_users - 1)
    app = open_runs([trained])
    (button,) = (one for one in app.get("download_button") if "Vectors" in one.proto.label)
    assert button.proto.disabled
    assert "bert4rec embed" in button.proto.help


def test_a_run_is_brought_in_from_a_zip_file_and_another_file_is_refused_in_words(
    tiny_run: Run, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every press is one of its own, however soon it follows.
    monkeypatch.setattr(presses, "TWICE_S", -1.0)
    export_run(tiny_run, tmp_path / "run.zip")
    app = open_runs()
    content = (tmp_path / "run.zip").read_bytes()
    app.file_uploader(key="runs_upload").set_value(("run.zip", content, "application/zip"))
    drawn(app)
    press(app, "Bring it in")
    assert listed(app) == ["tiny"]
    assert len(list_runs(workspace)) == 1
    assert [told.value for told in app.success] == ["Run tiny is in the list."]
    press(app, "Bring it in")
    assert len(list_runs(workspace)) == 2
    assert "was here already and is now listed twice" in app.success[0].value
    # Another run of the same second is no copy.
    for run in list_runs(workspace):
        write_json(run.folder / "config.json", run.config() | {"name": "another"})
    press(app, "Bring it in")
    assert [told.value for told in app.success] == ["Run tiny is in the list."]
    # Another file is another press, as soon as it may follow.
    monkeypatch.setattr(presses, "TWICE_S", 1_000.0)
    app.file_uploader(key="runs_upload").set_value(("other.zip", b"no zip", "application/zip"))
    drawn(app)
    press(app, "Bring it in")
    assert "File is not a zip file" in texts(app)
    assert "Where: other.zip" in texts(app).replace("\\", "")


def test_a_report_is_offered_for_one_run_and_for_those_that_are_compared(make: Make) -> None:
    one, two = make("one"), make("two", mask_rate=0.4)
    assert report_buttons(open_runs([one])) == [False]
    assert report_buttons(open_runs([one, two])) == [False]


def test_no_report_is_offered_on_a_run_that_has_not_begun(
    workspace: Path, dataset: SequenceDataset
) -> None:
    run = create_run(workspace, dataset, Policy(settings=small_settings()), name="waiting")
    assert report_buttons(open_runs([run])) == [True]


def report_buttons(app: AppTest) -> list[bool]:
    """Whether each button for a report is disabled."""
    buttons = [button.proto for button in app.get("download_button")]
    return [button.disabled for button in buttons if button.label == "Report"]
