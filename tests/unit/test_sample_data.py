from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "sample_data"
NAMES = ("playlists", "reading", "courses")
MODULES = {path.stem for path in FOLDER.glob("*.py")}


@pytest.fixture(scope="module")
def scripts() -> Iterator[dict[str, ModuleType]]:
    """The scripts import one another from their own folder, as they do when run."""
    sys.path.insert(0, str(FOLDER))
    import ceilings
    import course_process
    import playlist_process
    import process
    import reading_process
    import simulate

    yield {
        "ceilings": ceilings,
        "courses": course_process,
        "playlists": playlist_process,
        "process": process,
        "reading": reading_process,
        "simulate": simulate,
    }
    sys.path.remove(str(FOLDER))
    for name in MODULES:
        sys.modules.pop(name, None)


def tables(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    items = pd.read_csv(FOLDER / name / "items.csv", keep_default_na=False)
    return pd.read_csv(FOLDER / name / "interactions.csv"), items


def stored_ceiling(name: str) -> dict[str, object]:
    stored: dict[str, object] = json.loads((FOLDER / name / "ceiling.json").read_text("utf-8"))
    return stored


@pytest.fixture(scope="module", params=["playlists", "reading"])
def sample(request: pytest.FixtureRequest, scripts: dict[str, ModuleType]) -> object:
    return scripts["simulate"].SAMPLES[request.param]()


def test_the_script_writes_the_committed_tables_byte_for_byte(
    sample, scripts, tmp_path: Path
) -> None:
    scripts["simulate"].write_tables(sample, tmp_path)
    for file in ("interactions.csv", "items.csv"):
        assert (tmp_path / file).read_bytes() == (FOLDER / sample.name / file).read_bytes()


def test_ceilings_of_some_sequences_agree_with_the_stored_ones(sample, scripts) -> None:
    some = scripts["ceilings"].ceiling(sample, sample.sequences[:: len(sample.sequences) // 40])
    stored = stored_ceiling(sample.name)
    for task in ("next_item", "masked_middle_item", "masked_middle_item_past_only"):
        assert some[task]["ndcg_at_10"] == pytest.approx(stored[task]["ndcg_at_10"], abs=0.1)


def test_the_script_writes_the_first_committed_courses(scripts) -> None:
    courses, process = scripts["courses"], scripts["process"]
    rng = np.random.default_rng([courses.SEED, 1])
    lessons = courses.curriculum(np.random.default_rng([courses.SEED, 0]))
    lengths = rng.integers(courses.SHORTEST, courses.LONGEST + 1, size=courses.N_LEARNERS)
    rule = courses.CourseProcess(lessons)
    drawn = [process.draw_sequence(rule, int(length), rng) for length in lengths[:100]]
    committed = tables("courses")[0].groupby("user_id", sort=False)["item_id"].agg(list)
    assert [[f"l{i + 1:03d}" for i in items] for items in drawn] == committed[:100].tolist()
    titles = [str(row["title"]) for row in courses.describe(lessons)]
    assert titles == tables("courses")[1]["title"].tolist()


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_of_handy_size(name: str) -> None:
    interactions, items = tables(name)
    assert 1_500 <= interactions["user_id"].nunique() <= 3_000
    assert 400 <= len(items) <= 1_500
    assert interactions["item_id"].value_counts().reindex(items["item_id"]).min() >= 5
    assert sum(file.stat().st_size for file in (FOLDER / name).iterdir()) < 3_000_000


@pytest.mark.parametrize("name", NAMES)
def test_every_item_has_a_title_of_its_own(name: str) -> None:
    _, items = tables(name)
    titles = items["title"].str.strip().str.casefold()
    assert (titles != "").all()
    assert titles.is_unique
    assert items["item_id"].is_unique


@pytest.mark.parametrize("name", NAMES)
def test_sequences_move_on_in_time_and_never_repeat_an_item(name: str) -> None:
    interactions, items = tables(name)
    users = interactions.groupby("user_id", sort=False)
    assert (users["timestamp"].diff().dropna() > 0).all()
    assert not interactions.duplicated(["user_id", "item_id"]).any()
    assert set(interactions["item_id"]) <= set(items["item_id"])
    assert users.size().between(12, 40).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_future_raises_the_ceiling(name: str) -> None:
    stored = stored_ceiling(name)
    assert stored["simulated"] is True
    both, past = stored["masked_middle_item"], stored["masked_middle_item_past_only"]
    assert both["ndcg_at_10"] > past["ndcg_at_10"] + 0.1
    assert both["recall_at_10"] > past["recall_at_10"]


@pytest.mark.parametrize("name", NAMES)
def test_ceilings_agree_with_what_was_drawn_up_to_chance(name: str) -> None:
    stored = stored_ceiling(name)
    for task in ("next_item", "masked_middle_item", "masked_middle_item_past_only"):
        expected, drawn = stored[task], stored[task]["realised"]
        # About four standard errors of a mean over more than two thousand sequences.
        assert drawn["ndcg_at_10"] == pytest.approx(expected["ndcg_at_10"], abs=0.035)


def test_lessons_come_after_what_they_require() -> None:
    interactions, items = tables("courses")
    required = dict(zip(items["item_id"], items["prerequisites"].str.split(";"), strict=True))
    for _, taken in interactions.groupby("user_id")["item_id"]:
        seen = {""}
        for item_id in taken:
            assert seen.issuperset(required[item_id])
            seen.add(item_id)


def test_chances_of_the_next_item_sum_to_one_and_spare_seen_items(sample, scripts) -> None:
    process, sequence = sample.process, sample.sequences[0]
    for n in range(len(sequence)):
        chances = process.probabilities(scripts["process"].replay(process, sequence[:n]))
        assert chances.sum() == pytest.approx(1.0)
        assert not chances[sequence[:n]].any()


def test_the_posterior_of_a_two_item_world_is_bayes_rule(scripts) -> None:
    class Pair:
        """The second item is 2 after 0 with chance 0.9 and after 1 with chance 0.3, else 3."""

        def start(self) -> tuple[int, ...]:
            return ()

        def probabilities(self, state: tuple[int, ...]) -> np.ndarray:
            if not state:
                return np.array([0.25, 0.75, 0.0, 0.0])
            likely = 0.9 if state[0] == 0 else 0.3
            return np.array([0.0, 0.0, likely, 1 - likely])

        def advance(self, state: tuple[int, ...], item: int) -> tuple[int, ...]:
            return (*state, item)

    posterior = scripts["ceilings"].posterior_from_both_sides(Pair(), [0, 2], 0)
    assert posterior == pytest.approx([0.5, 0.5, 0.0, 0.0])


def test_tied_items_share_their_ranks(scripts) -> None:
    recall, ndcg = scripts["ceilings"].realised_scores(np.array([0.5, 0.25, 0.25]), 2)
    assert recall == 1.0
    assert ndcg == pytest.approx((1 / np.log2(3) + 1 / np.log2(4)) / 2)


def test_an_unknown_sample_is_refused_with_the_names_there_are(scripts, capsys) -> None:
    with pytest.raises(SystemExit):
        scripts["simulate"].main(["films"])
    assert "playlists, reading, courses" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_shows_the_stored_ceilings(name: str) -> None:
    stored = stored_ceiling(name)
    rows = (FOLDER / "README.md").read_text("utf-8").splitlines()
    row = next(row for row in rows if row.startswith(f"| `{name}` | {stored['n_sequences']:,}"))
    for task in ("next_item", "masked_middle_item", "masked_middle_item_past_only"):
        figures = stored[task]
        assert f"{figures['ndcg_at_10']:.3f} ({figures['recall_at_10']:.3f})" in row
