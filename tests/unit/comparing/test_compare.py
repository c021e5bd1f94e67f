from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pytest

from bert4rec.comparing.cases import N_NEWEST, wins
from bert4rec.comparing.compare import carry_out, compare
from bert4rec.comparing.comparison import (
    Comparison,
    comparison_folder,
    delete_comparison,
    list_comparisons,
    open_comparison,
)
from bert4rec.comparing.figures import MAIN_METRIC, gains_of
from bert4rec.comparing.judging import CancelledError, Step
from bert4rec.comparing.plan import plan_comparison, training_of
from bert4rec.comparing.sampled import TELL_EVERY, sampled_items
from bert4rec.comparing.slicing import BY_PAUSE, slice_members
from bert4rec.comparing.verdict import reach_verdict
from bert4rec.control import Control
from bert4rec.data.collection import rename_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import leave_one_out
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import (
    FormatError,
    NotFoundError,
    RunError,
    SettingsError,
    UnwritableError,
)
from bert4rec.histories import Histories
from bert4rec.json_files import read_json, write_json
from bert4rec.loaded_model import load_model
from bert4rec.pipeline import train
from bert4rec.runs.folder import Run
from bert4rec.runs.label import rename_run
from bert4rec.runs.trash import restore_run, trash_run
from tests.factories import random_dataset, ring_dataset, small_settings, timed_dataset

QUICK_NAMES = {"popularity", "recent", "transitions"}


def with_genres(dataset: SequenceDataset) -> SequenceDataset:
    table = dataset.vocabulary.table
    genres = [("calm", "wild", "calm|wild")[at % 3] for at in range(len(table))]
    return replace(dataset, vocabulary=Vocabulary(table.assign(genre=genres)))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("comparing")


@pytest.fixture(scope="module")
def dataset() -> SequenceDataset:
    made = timed_dataset([4, 7, 12, 30] * 30, n_items=40)
    return with_genres(made)


@pytest.fixture(scope="module")
def runs(home: Path, dataset: SequenceDataset) -> dict[str, Run]:
    def trained(name: str, **changes: Any) -> Run:
        return train(dataset, small_settings(n_epochs=1, **changes), name=name, workspace=home)

    return {
        "one": trained("one"),
        "two": trained("two", seed=8),
        "by time": trained("by time", split_strategy="global_time", held_out_share=0.2),
        "unseen": trained("unseen", sample_strategy="user_based", sample_ratio=0.5),
        "last 3": trained("last 3", split_strategy="last_k", held_out_items=3),
        "removes": trained("removes", seen_items="remove"),
    }


@pytest.fixture(scope="module")
def made(home: Path, runs: dict[str, Run]) -> Comparison:
    return compare([runs["one"], runs["two"]], workspace=home, with_sampled=True)


def test_a_run_has_the_figures_of_its_own_report(made: Comparison, runs: dict[str, Run]) -> None:
    scores = made.scores().set_index(["entrant", "metric"])
    for run in (runs["one"], runs["two"]):
        summary = run.summary()
        assert summary is not None
        report = summary["report"]["test"]
        for metric, value in summary["test"].items():
            assert scores.loc[(run.id, metric), "value"] == pytest.approx(value, abs=1e-12)
        ends = scores.loc[(run.id, MAIN_METRIC)]
        assert [ends["low"], ends["high"]] == report["bert4rec"]["intervals"][MAIN_METRIC]
        for name in ("popularity", "transitions"):
            for metric, value in report[name]["metrics"].items():
                assert scores.loc[(name, metric), "value"] == pytest.approx(value, abs=1e-12)


def test_lists_and_slices_are_those_of_the_runs_report(
    made: Comparison, runs: dict[str, Run]
) -> None:
    run = runs["one"]
    summary = run.summary()
    assert summary is not None
    report = summary["report"]["test"]["bert4rec"]
    lists = made.lists().set_index("entrant").loc[run.id]
    assert lists["coverage"] == pytest.approx(report["lists"]["coverage@10"])
    assert lists["novelty"] == pytest.approx(report["lists"]["novelty@10"])
    assert lists["popular_share"] == pytest.approx(report["lists"]["popular_share@10"])
    assert 0 <= lists["diversity"] <= 1
    assert lists["miscalibration"] >= 0
    found = made.slices()
    found = found[found["entrant"] == run.id]
    kinds = {"history length": "history length", "popularity of the item": None}
    for entry in report["slices"]:
        by = kinds[entry["by"]] or "popularity of the true item"
        row = found[(found["by"] == by) & (found["slice"] == entry["slice"])].iloc[0]
        assert row["n_rows"] == entry["n_rows"]
        assert row[MAIN_METRIC] == pytest.approx(entry["ndcg@10"])
        assert row["hr@10"] == pytest.approx(entry["hr@10"])
    assert set(found["by"]) == {
        "history length",
        "popularity of the true item",
        "category of the true item",
        "time since the last interaction",
    }


def test_slices_of_one_kind_hold_every_row_and_none_is_empty(made: Comparison) -> None:
    members, n_rows = made.members["test"], len(made.parts["test"].rows)
    for by, group in members.groupby("by"):
        if by == "category of the true item":
            # Items of both genres are in both.
            assert len(group) > n_rows
            continue
        assert sorted(group["row"]) == list(range(n_rows))
    assert (made.slices()["n_rows"] > 0).all()


def test_the_slices_of_time_and_category_hold_the_rows_that_they_name(
    made: Comparison, dataset: SequenceDataset
) -> None:
    judged, members = made.parts["test"], made.members["test"]
    assert dataset.times_s is not None
    for row in members[members["slice"] == "under an hour"]["row"]:
        end = judged.rows.ends[row]
        assert dataset.times_s[end] - dataset.times_s[end - 1] < 3600
    genres = dataset.vocabulary.table["genre"]
    calm = members[(members["by"] == "category of the true item") & (members["slice"] == "calm")]
    wanted = [row for row, item in enumerate(judged.targets) if "calm" in genres[item - 1]]
    assert sorted(calm["row"]) == wanted


def test_differences_are_of_the_same_users_against_any_reference(
    made: Comparison, runs: dict[str, Run]
) -> None:
    one, two = runs["one"].id, runs["two"].id
    judged = made.parts["test"]
    found = made.differences().set_index(["entrant", "metric"])
    assert {entrant for entrant, _ in found.index} == {two, *QUICK_NAMES}
    gap = gains_of(judged.ranks[two], "mrr@5") - gains_of(judged.ranks[one], "mrr@5")
    row = found.loc[(two, "mrr@5")]
    assert row["mean"] == pytest.approx(gap.mean())
    assert row["n_better"] == (gap > 0).sum()
    assert row["low"] <= row["mean"] <= row["high"]
    assert row["p"] <= row["p_holm"] <= 1
    turned = made.differences(reference=two).set_index(["entrant", "metric"])
    assert turned.loc[(one, "mrr@5")]["mean"] == pytest.approx(-row["mean"])
    by_title = made.differences(reference="Popularity")
    assert "popularity" not in set(by_title["entrant"])
    with pytest.raises(SettingsError, match="not among"):
        made.differences(reference="nobody")


def test_a_comparison_is_kept_and_opened_again_as_it_was(
    made: Comparison, home: Path, runs: dict[str, Run]
) -> None:
    again = compare([runs["one"], runs["two"]], workspace=home, with_sampled=True)
    assert again.facts == made.facts
    pd.testing.assert_frame_equal(again.scores(), made.scores())
    pd.testing.assert_frame_equal(again.slices(), made.slices())
    pd.testing.assert_frame_equal(again.sampled(), made.sampled())
    for key, top in made.parts["test"].lists.items():
        assert np.array_equal(again.parts["test"].lists[key], top)
    other = compare(
        [runs["one"], runs["two"]], workspace=home, with_sampled=True, reference="transitions"
    )
    assert other.id == made.id
    assert other.reference == "transitions"
    assert made.id in [facts["id"] for facts in list_comparisons(home)]
    json.dumps(made.document(), allow_nan=False)


def test_a_run_that_is_deleted_leaves_the_comparison_readable(
    home: Path, runs: dict[str, Run]
) -> None:
    made = compare(runs["two"], "none", workspace=home)
    assert list(made.entrants) == [runs["two"].id]
    assert not len(made.differences())
    assert set(made.slices()["entrant"]) == {runs["two"].id}
    delete_comparison(home, made.id)
    assert made.id not in [facts["id"] for facts in list_comparisons(home)]
    with pytest.raises(NotFoundError):
        delete_comparison(home, made.id)
    with pytest.raises(NotFoundError):
        delete_comparison(home, "../runs")


def test_a_kept_comparison_calls_its_runs_as_they_are_called_now(
    dataset: SequenceDataset, tmp_path: Path
) -> None:
    one, other = (
        train(dataset, small_settings(n_epochs=1, seed=seed), name=name, workspace=tmp_path)
        for seed, name in enumerate(("one", "other"))
    )
    made = compare([one, other], "none", workspace=tmp_path)
    rename_run(one.folder, "renamed")

    def titles(facts: dict[str, Any]) -> list[str]:
        return [told["title"] for told in facts["entrants"]]

    assert titles(list_comparisons(tmp_path)[0]) == ["renamed", "other"]
    assert titles(made.retitled(tmp_path).facts) == ["renamed", "other"]
    # Asked for again, it is the same one under the new name.
    again = compare([one, other], "none", workspace=tmp_path)
    assert (again.id, titles(again.facts)) == (made.id, ["renamed", "other"])
    rename_run(one.folder, "other")
    assert titles(list_comparisons(tmp_path)[0]) == [f"other ({one.id})", f"other ({other.id})"]
    trash_run(tmp_path, other.id)
    assert titles(list_comparisons(tmp_path)[0]) == ["other", "other (gone)"]
    restore_run(tmp_path, other.id)
    assert "gone" not in str(titles(list_comparisons(tmp_path)[0]))
    write_json(comparison_folder(tmp_path, "empty") / "comparison.json", {"format_version": 1})
    assert [facts["id"] for facts in list_comparisons(tmp_path)] == [made.id]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("comparison.json", b"{}"),
        ("comparison.json", b"{"),
        ("rows.parquet", b"PAR1"),
        ("lists.parquet", b"PAR1"),
    ],
)
def test_a_damaged_folder_is_one_error_and_is_made_anew(
    name: str, content: bytes, home: Path, runs: dict[str, Run]
) -> None:
    plan = plan_comparison([runs["one"]], "none", seed=len(name))
    folder = comparison_folder(home, plan.id)
    made = carry_out(plan, home)
    (folder / name).write_bytes(content)
    with pytest.raises(FormatError) as caught:
        open_comparison(folder)
    assert caught.value.fix
    again = carry_out(plan, home)
    pd.testing.assert_frame_equal(again.scores(), made.scores())


def test_baselines_fitted_otherwise_make_another_comparison(runs: dict[str, Run]) -> None:
    plan = plan_comparison([runs["one"]], ["transitions"])
    tuned = tuple(replace(one, parameters="pairs of items") for one in plan.baselines)
    assert replace(plan, baselines=tuned).id != plan.id == replace(plan).id


def test_a_run_that_went_on_without_gain_makes_another_comparison(runs: dict[str, Run]) -> None:
    run = runs["one"]
    before, summary = plan_comparison([run]).id, read_json(run.folder / "summary.json")
    write_json(run.folder / "summary.json", summary | {"n_epochs_done": 5})
    try:
        assert plan_comparison([run]).id != before
    finally:
        write_json(run.folder / "summary.json", summary)
    assert plan_comparison([run]).id == before


@pytest.mark.parametrize(
    ("reason", "n_done", "last"), [("stopped", 7, 6), ("completed", 7, 7), ("time limit", 6, 6)]
)
def test_a_run_tells_which_epoch_was_validated_last(
    tmp_path: Path, reason: str, n_done: int, last: int
) -> None:
    run = train(
        ring_dataset(n_users=20), small_settings(n_epochs=2, eval_step=2), workspace=tmp_path
    )
    ended = {"reason": reason, "n_epochs_done": n_done, "best_epoch": 6}
    write_json(run.folder / "summary.json", (run.summary() or {}) | ended)
    told = training_of(run)
    assert told.pop("trend")["state"] == "unknown"
    assert told == ended | {"last_valid_epoch": last}


def test_no_two_that_are_compared_have_one_title(home: Path, dataset: SequenceDataset) -> None:
    settings = small_settings(n_epochs=1)
    named = ("Popularity", "same", "same", "other")
    runs = [train(dataset, settings, name=name, workspace=home) for name in named]
    titles = [one.title for one in plan_comparison(runs, ["popularity"]).entrants]
    told_apart = [f"{run.name} ({run.id})" for run in runs[:3]]
    assert titles == [*told_apart, "other", "Popularity"]


def test_categories_by_another_column_make_another_comparison(runs: dict[str, Run]) -> None:
    run = runs["one"]
    ids = {plan_comparison([run], category=column).id for column in (None, "genre")}
    assert len(ids) == 2
    with pytest.raises(SettingsError, match="no categories by 'mood'"):
        plan_comparison([run], category="mood")


def test_runs_of_different_splits_are_never_put_into_one_table(runs: dict[str, Run]) -> None:
    for name in ("by time", "unseen", "last 3"):
        with pytest.raises(RunError, match="split differently") as error:
            plan_comparison([runs["one"], runs[name]])
        assert len(str(error.value).splitlines()) == 1
    with pytest.raises(RunError, match="seen items"):
        plan_comparison([runs["one"], runs["removes"]])


def test_the_same_split_under_another_name_is_the_same(
    runs: dict[str, Run], home: Path, dataset: SequenceDataset
) -> None:
    settings = small_settings(n_epochs=1, split_strategy="last_k", held_out_items=1)
    same = train(dataset, settings, name="last one", workspace=home)
    assert plan_comparison([runs["one"], same]).runs == (runs["one"], same)


def test_runs_of_different_datasets_are_refused(runs: dict[str, Run], home: Path) -> None:
    other = train(random_dataset([9] * 40), small_settings(n_epochs=1), workspace=home)
    with pytest.raises(RunError, match="different datasets"):
        plan_comparison([runs["one"], other])


def test_what_cannot_be_compared_is_told_before_anything_is_computed(
    runs: dict[str, Run], home: Path
) -> None:
    with pytest.raises(SettingsError, match="no run"):
        plan_comparison([])
    with pytest.raises(SettingsError, match="no baseline 'sas'"):
        plan_comparison([runs["one"]], ["sas"])
    with pytest.raises(SettingsError, match="'all' or 'none'"):
        plan_comparison([runs["one"]], "some")
    with pytest.raises(SettingsError, match="reference 'als' is not among"):
        plan_comparison([runs["one"]], reference="als")
    assert plan_comparison([runs["one"], runs["two"]], reference="two").reference == runs["two"].id
    with pytest.raises(RunError, match=f"run '{runs['one'].id}' is named twice"):
        plan_comparison([runs["one"], runs["two"], runs["one"]])
    one = runs["one"]
    one.set_status(state="failed")
    try:
        with pytest.raises(RunError, match="failed and cannot be compared"):
            plan_comparison([one])
    finally:
        one.set_status(state="finished")


def test_what_cannot_be_fitted_is_left_out_of_all_and_refused_by_name(
    runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert4rec.baselines.ease.MAX_BYTES", 1)
    plan = plan_comparison([runs["one"]], "all")
    assert "ease" in plan.left_out
    assert "ease" not in [one.name for one in plan.baselines]
    with pytest.raises(SettingsError, match="for all pairs of 40 items"):
        plan_comparison([runs["one"]], ["ease"])


def test_several_items_a_user_are_one_user_in_differences(home: Path, runs: dict[str, Run]) -> None:
    made = compare(runs["last 3"], ["popularity"], workspace=home)
    judged = made.parts["test"]
    assert len(judged.rows) > len(np.unique(judged.rows.user_idx))
    row = made.differences().iloc[0]
    n_users = row["n_better"] + row["n_worse"] + row["n_same"]
    assert n_users == len(np.unique(judged.rows.user_idx))
    summary = runs["last 3"].summary()
    assert summary is not None
    scores = made.scores().set_index(["entrant", "metric"])["value"]
    assert scores[runs["last 3"].id, "ndcg@20"] == pytest.approx(summary["test"]["ndcg@20"])


def test_users_held_out_whole_are_a_part_of_their_own(home: Path, runs: dict[str, Run]) -> None:
    made = compare(runs["unseen"], "all", workspace=home)
    assert set(made.parts) == {"test", "unseen_users"}
    users = [set(part.rows.user_idx.tolist()) for part in made.parts.values()]
    assert not users[0] & users[1]
    summary = runs["unseen"].summary()
    assert summary is not None
    wanted = summary["report"]["unseen_users"]["bert4rec"]["metrics"][MAIN_METRIC]
    scores = made.scores("unseen_users").set_index(["entrant", "metric"])["value"]
    assert scores[runs["unseen"].id, MAIN_METRIC] == pytest.approx(wanted)
    assert set(made.document()["parts"]) == {"test", "unseen_users"}


def test_a_split_by_time_is_compared_on_its_own_rows(home: Path, runs: dict[str, Run]) -> None:
    made = compare(runs["by time"], workspace=home)
    assert made.facts["split"]["strategy"] == "global_time"
    assert "second cut" in made.facts["asked"]


def test_many_rows_are_drawn_from(runs: dict[str, Run]) -> None:
    plan = plan_comparison([runs["one"]], max_rows=20)
    from bert4rec.comparing.judging import Judging

    judging = Judging(plan, Control(), lambda step: None)
    part = judging.parts["test"]
    assert (len(part.rows), part.n_all) == (20, len(plan.split.test))
    assert (np.diff(part.rows.user_idx) > 0).all()


def test_sampled_items_are_none_that_the_user_met(
    runs: dict[str, Run], made: Comparison, dataset: SequenceDataset
) -> None:
    plan = plan_comparison([runs["one"]])
    rows, told = plan.split.test, list[int]()
    drawn = sampled_items(rows, plan, dataset.vocabulary.counts, told.append)
    assert drawn.shape == (len(rows), 100)
    assert told == list(range(0, len(rows), TELL_EVERY))
    for user_idx, items in zip(rows.user_idx, drawn, strict=True):
        met = set(dataset.history(int(user_idx)).tolist())
        if len(met) < dataset.n_items:
            assert not met & set(items.tolist())
    found = made.sampled().set_index(["entrant", "metric"])["value"]
    ranks = made.parts["test"].sampled[runs["one"].id]
    assert found[runs["one"].id, "hr@5"] == pytest.approx((ranks < 5).mean())
    assert found[runs["one"].id, "mrr"] == pytest.approx((1 / (ranks + 1)).mean())


def test_sampled_ranks_count_the_sampled_items_that_score_no_less(
    runs: dict[str, Run], made: Comparison, dataset: SequenceDataset
) -> None:
    run, plan = runs["one"], plan_comparison([runs["one"]])
    rows = plan.split.test
    train_counts = np.bincount(Histories.at(dataset, plan.split.train).items, minlength=41)[1:]
    drawn = sampled_items(rows, plan, train_counts, lambda n: None)
    scores = load_model(run).scorer.scores(Histories.at(dataset, rows)).numpy()
    judged = made.parts["test"]
    for row in range(0, len(rows), 17):
        true = scores[row, judged.targets[row] - 1]
        gap = scores[row, drawn[row] - 1] - true
        wanted = (gap >= 0).sum()
        # Products in other batches may differ in their last digits.
        slack = (np.abs(gap) < 1e-5).sum()
        assert abs(judged.sampled[run.id][row] - wanted) <= slack


def test_wins_are_the_widest_gaps_one_a_user_and_losses_their_mirror(
    made: Comparison, dataset: SequenceDataset, runs: dict[str, Run]
) -> None:
    one = runs["one"].id
    found = wins(made, dataset, one, "Popularity", n=5)
    assert len(found) == len({case.user_idx for case in found}) == 5
    gaps = [1 / np.log2(case.one_rank + 2) - 1 / np.log2(case.other_rank + 2) for case in found]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] > 0
    judged = made.parts["test"]
    all_gaps = 1 / np.log2(judged.ranks[one] + 2) - 1 / np.log2(judged.ranks["popularity"] + 2)
    assert gaps[0] == pytest.approx(all_gaps.max())
    for case in found:
        history = dataset.history(case.user_idx).tolist()
        assert case.true_idx == history[-1]
        assert list(case.newest) == history[-1 - N_NEWEST : -1][-N_NEWEST:]
        assert case.n_before + len(case.newest) == len(history) - 1
        in_list = case.true_idx in case.one_list
        assert in_list == (case.one_rank < 10)
    losses = wins(made, dataset, "popularity", one, n=200)
    assert not {case.user_idx for case in losses} & {case.user_idx for case in found}
    assert wins(made, dataset, one, one) == []


def test_progress_is_told_and_a_stop_keeps_nothing(home: Path, runs: dict[str, Run]) -> None:
    plan = plan_comparison([runs["one"]], ["popularity"], seed=77)
    steps: list[Step] = []
    control = Control()

    def watch(step: Step) -> None:
        steps.append(step)
        if step.done == 1:
            control.stop()

    with pytest.raises(CancelledError):
        carry_out(plan, home, control=control, watch=watch)
    assert not comparison_folder(home, plan.id).exists()
    steps.clear()
    carry_out(plan, home, watch=steps.append)
    shares = [step.share for step in steps]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert "Popularity" in " ".join(step.doing for step in steps)
    asking = [step.share for step in steps if step.doing.startswith("Asking one")]
    assert len(set(asking)) > 2


def test_every_stage_of_a_comparison_moves_its_progress_on(
    home: Path, dataset: SequenceDataset
) -> None:
    settings = small_settings(n_epochs=1, sample_strategy="user_based")
    run = train(dataset, settings, name="parts", workspace=home)
    plan = plan_comparison([run], ["popularity"], seed=81, with_sampled=True)
    steps: list[Step] = []
    carry_out(plan, home, watch=steps.append)
    assert list(plan.split.unseen.user_idx)
    shares = [step.share for step in steps]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    told = [step.doing for step in steps[:2]]
    assert told == ["Reading what was trained on", "Drawing sampled items, 0% done"]
    # No stage ends where it began.
    first = {step.doing: step.share for step in reversed(steps)}
    loading = next(share for doing, share in first.items() if doing.startswith("Loading"))
    assert 0 < loading < first["Reading the categories of the items"] < 1


def test_a_stop_is_heard_while_items_are_sampled(home: Path, runs: dict[str, Run]) -> None:
    plan = plan_comparison([runs["one"]], ["popularity"], seed=78, with_sampled=True)
    steps: list[Step] = []
    control = Control()

    def watch(step: Step) -> None:
        steps.append(step)
        if step.doing.startswith("Drawing"):
            control.stop()

    with pytest.raises(CancelledError):
        carry_out(plan, home, control=control, watch=watch)
    assert steps[-1].doing == "Drawing sampled items, 0% done"


@pytest.mark.parametrize(
    "at", ["Working out figures of Popularity", "Asking one whether the future matters"]
)
def test_a_stop_is_heard_once_everybody_is_judged(
    home: Path, runs: dict[str, Run], at: str
) -> None:
    plan = plan_comparison([runs["one"]], ["popularity"], seed=79)
    control = Control()

    def watch(step: Step) -> None:
        if step.doing == at:
            control.stop()

    with pytest.raises(CancelledError):
        carry_out(plan, home, control=control, watch=watch)
    assert not comparison_folder(home, plan.id).exists()


def test_a_stop_is_heard_while_a_run_is_asked_whether_the_future_matters(
    home: Path, runs: dict[str, Run]
) -> None:
    plan = plan_comparison([runs["one"]], ["popularity"], seed=80)
    control, told = Control(), []

    def watch(step: Step) -> None:
        told.append(step.doing)
        # Once before it is asked, then by what it tells itself.
        if told.count("Asking one whether the future matters") == 2:
            control.stop()

    with pytest.raises(CancelledError):
        carry_out(plan, home, control=control, watch=watch)
    assert told[-2:] == ["Asking one whether the future matters"] * 2


def test_order_numbers_are_no_pauses(dataset: SequenceDataset) -> None:
    rows, counts = leave_one_out(dataset).test, dataset.vocabulary.counts
    assert dataset.times_s is not None
    counted = replace(dataset, times_s=dataset.times_s - 1.7e9)
    assert BY_PAUSE in set(slice_members(dataset, rows, counts, None)["by"])
    assert BY_PAUSE not in set(slice_members(counted, rows, counts, None)["by"])


def test_one_user_can_be_compared(home: Path) -> None:
    lonely = SequenceDataset.from_sequences([[1, 2, 3, 4, 5]], n_items=8, name="lonely")
    run = train(lonely, small_settings(n_epochs=1), workspace=home)
    made = compare(run, "all", workspace=home)
    assert len(made.parts["test"].rows) == 1
    assert (made.differences()["p"] == 1).all()
    scores = made.scores()
    assert (scores["low"] == 0).all()
    assert (scores["high"] >= scores["value"]).all()


def test_histories_in_one_order_are_told_beside_the_verdict(home: Path) -> None:
    rng = np.random.default_rng(3)
    taken = [rng.permutation(30)[:8] + 1 for _ in range(120)]
    for name, wanted, is_told in (
        ("by taste", [items.tolist() for items in taken], False),
        ("by item", [sorted(items.tolist()) for items in taken], True),
    ):
        log = SequenceDataset.from_sequences(wanted, n_items=30, name=name)
        run = train(log, small_settings(n_epochs=1), workspace=home)
        made = compare(run, ["popularity"], workspace=home)
        assert (made.facts["dataset"]["share_in_one_order"] == 1) is is_told
        told = " ".join(reach_verdict(made).sentences)
        assert ("Nearly all histories hold the same items in the same order" in told) is is_told


def test_ties_count_against_whoever_cannot_tell_items_apart(home: Path) -> None:
    # All items occur once in training: popularity knows nothing, and gains nothing.
    ring = ring_dataset(n_items=60, n_users=40, min_length=3, max_length=3)
    run = train(ring, small_settings(n_epochs=1), workspace=home)
    made = compare(run, ["popularity"], workspace=home)
    judged = made.parts["test"]
    counts = np.bincount(Histories.at(ring, plan_comparison([run]).split.train).items, minlength=61)
    for row, item in enumerate(judged.targets):
        seen = set(ring.history(int(judged.rows.user_idx[row]))[:-1].tolist())
        rivals = [i for i in range(1, 61) if i != item and i not in seen]
        wanted = sum(counts[i] >= counts[item] for i in rivals)
        assert judged.ranks["popularity"][row] == wanted


def test_a_kept_comparison_calls_its_dataset_as_it_is_called_now(
    dataset: SequenceDataset, tmp_path: Path
) -> None:
    run = train(dataset, small_settings(n_epochs=1), workspace=tmp_path)
    made = compare([run], ["popularity"], workspace=tmp_path)
    rename_dataset(tmp_path, run.config()["dataset"]["folder"], "better")
    assert list_comparisons(tmp_path)[0]["dataset"]["name"] == "better"
    assert made.retitled(tmp_path).facts["dataset"]["name"] == "better"


def test_nothing_is_judged_where_the_comparison_cannot_be_kept(
    runs: dict[str, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All was worked out, and then lost.
    def judged(_: object) -> NoReturn:
        raise AssertionError("it was judged")

    monkeypatch.setattr("bert4rec.comparing.compare.Judging.carry_out", judged)
    (tmp_path / "comparisons").write_text("in the way")
    with pytest.raises(UnwritableError, match="comparisons cannot be written"):
        compare(runs["one"], "none", workspace=tmp_path)
