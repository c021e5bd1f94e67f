from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bert4rec.errors import FormatError, LabelError, NotFoundError
from bert4rec.json_files import read_json
from bert4rec.names import MAX_NOTE
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.label import (
    LABEL_NAME,
    MAX_NAME,
    MAX_TAGS,
    Label,
    change_label,
    note_run,
    read_label,
    rename_run,
    tag_run,
)
from bert4rec.runs.registry import create_run, find_run
from tests.factories import random_dataset, saved_dataset, small_settings


@pytest.fixture
def run(workspace: Path) -> Run:
    dataset = saved_dataset(workspace, random_dataset([5, 6]))
    return create_run(workspace, dataset, Policy(settings=small_settings()), name="made")


def test_a_run_has_an_empty_label_until_something_is_said_of_it(run: Run) -> None:
    assert run.label() == Label()
    assert run.name == "made"


def test_a_renamed_run_is_found_by_its_new_name_and_its_configuration_stays_frozen(
    run: Run, workspace: Path
) -> None:
    before = (run.folder / "config.json").read_bytes()
    rename_run(run.folder, "  another\n name ")
    assert run.name == "another name"
    assert find_run(workspace, "another name") == run
    assert (run.folder / "config.json").read_bytes() == before


def test_each_change_leaves_the_other_fields_as_they_are(run: Run) -> None:
    rename_run(run.folder, "new")
    note_run(run.folder, " of May ")
    tag_run(run.folder, ["good", "May"])
    assert run.label() == Label("new", "of May", ("good", "May"))
    note_run(run.folder, "")
    assert run.label() == Label("new", "", ("good", "May"))


def test_a_tag_is_given_once_whatever_its_case_and_taken_away_by_name(run: Run) -> None:
    tag_run(run.folder, ["Good", "good ", "slow"])
    tag_run(run.folder, ["GOOD"])
    assert run.label().tags == ("Good", "slow")
    assert tag_run(run.folder, ["new"], remove=["good", "nosuch"]).tags == ("slow", "new")


@pytest.mark.parametrize("name", ["", " \n ", "x" * (MAX_NAME + 1)])
def test_an_empty_or_endless_name_is_refused(run: Run, name: str) -> None:
    with pytest.raises(LabelError, match="a name has 1 to"):
        rename_run(run.folder, name)
    assert not (run.folder / LABEL_NAME).exists()


@pytest.mark.parametrize("tag", ["", "  ", "a,b", "x" * 31])
def test_a_tag_is_short_and_has_no_comma(run: Run, tag: str) -> None:
    with pytest.raises(LabelError, match="a tag has 1 to"):
        tag_run(run.folder, [tag])


def test_too_many_tags_and_too_long_notes_are_refused_and_change_nothing(run: Run) -> None:
    tag_run(run.folder, ["one"])
    with pytest.raises(LabelError, match="up to 12 tags"):
        tag_run(run.folder, map(str, range(MAX_TAGS)))
    with pytest.raises(LabelError, match="up to 2,000 signs"):
        note_run(run.folder, "x" * (MAX_NOTE + 1))
    assert run.label() == Label(tags=("one",))


def test_visitors_who_write_at_once_lose_nothing_of_each_other(run: Run) -> None:
    def write(number: int) -> None:
        if number == 0:
            rename_run(run.folder, "new")
        elif number == 1:
            note_run(run.folder, "noted")
        else:
            tag_run(run.folder, [f"tag {number}"])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(10)))
    label = run.label()
    assert (label.name, label.note) == ("new", "noted")
    assert set(label.tags) == {f"tag {number}" for number in range(2, 10)}


def test_only_what_a_person_changed_is_written_over_what_another_wrote(run: Run) -> None:
    tag_run(run.folder, ["old", "kept"])
    shown = Label("made", "", ("old", "kept"))
    rename_run(run.folder, "theirs")
    tag_run(run.folder, ["their tag"])
    change_label(run.folder, shown, Label("made", " mine ", ("kept", "my tag")))
    assert run.label() == Label("theirs", "mine", ("kept", "their tag", "my tag"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format_version": 2, "name": "later"}',
        '{"format_version": 1, "name": 3}',
        '{"format_version": 1, "tags": "abc"}',
        '{"format_version": 1, "tags": [1]}',
    ],
)
def test_a_damaged_label_is_passed_over_and_never_written_over(run: Run, text: str) -> None:
    (run.folder / LABEL_NAME).write_text(text)
    assert read_label(run.folder) == Label()
    assert run.name == "made"
    with pytest.raises(FormatError) as caught:
        rename_run(run.folder, "new")
    assert caught.value.fix
    assert (run.folder / LABEL_NAME).read_text() == text


def test_a_label_says_which_version_wrote_it(run: Run) -> None:
    tag_run(run.folder, ["a"])
    expected = {"format_version": 1, "name": "", "note": "", "tags": ["a"]}
    assert read_json(run.folder / LABEL_NAME) == expected


def test_a_run_that_is_gone_cannot_be_named(workspace: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no run"):
        rename_run(workspace / "runs" / "gone", "new")
