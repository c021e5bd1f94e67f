from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, get_args

import click
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from bert4rec.cli import log_options, main, settings
from bert4rec.cli.log_options import LogOptions
from bert4rec.cli.logs import find_target
from bert4rec.cli.progress import CountProgress, JudgingProgress, StageProgress, TrainingProgress
from bert4rec.cli.settings import SettingOptions
from bert4rec.cli.terminal import one_line, table
from bert4rec.cli.training import _default_name
from bert4rec.data.item_table import read_item_table
from bert4rec.data.layout import FORMS
from bert4rec.data.prepare import PrepareSettings, parse_prepare_settings, prepare
from bert4rec.data.recipe import recipe_of
from bert4rec.data.roles import DateOrder, Roles
from bert4rec.errors import FormatError, NotFoundError, SettingsError
from bert4rec.item_lists import parse_items
from bert4rec.json_files import write_json
from bert4rec.loaded_model import load_model
from bert4rec.pipeline import train
from bert4rec.policy import POLICY_KINDS
from bert4rec.presets import PRESETS
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import find_run, list_runs
from tests.commands import run
from tests.factories import ring_dataset, small_settings
from tests.waiting import wait_until


def assignments(**changes: Any) -> list[str]:
    given = small_settings(**changes).given()
    return [word for name, value in given.items() for word in ("--set", f"{name}={value}")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one short run on a ring."""
    workspace = tmp_path_factory.mktemp("home")
    ring = ring_dataset(n_items=12, n_users=40)
    train(ring, small_settings(n_epochs=2), workspace=workspace)
    return workspace


@pytest.fixture(scope="module")
def model(home: Path) -> Recommender:
    return load_model(find_run(home, "last"), device="cpu")


# What is written twice so that the help answers at once


def test_the_choices_are_those_of_the_library() -> None:
    assert settings.POLICIES == POLICY_KINDS
    assert tuple(PRESETS) == settings.PRESET_NAMES
    assert log_options.LOG_FORMS == FORMS
    assert get_args(DateOrder) == log_options.DATE_ORDERS


def test_every_setting_of_the_preparation_has_an_option() -> None:
    options = set(LogOptions.__dataclass_fields__) | {"drop_duplicates", "events"}
    assert set(PrepareSettings.model_fields) <= options
    limits = {"min_sequence_length": 4, "max_sequence_length": 90, "min_item_count": 2}
    typed = LogOptions(**limits, min_value=1.0, keep_event=("a", "b"), keep_duplicates=True)
    assert typed.settings() == PrepareSettings(
        **limits, min_value=1.0, events=("a", "b"), drop_duplicates=False
    )
    assert LogOptions().settings() == PrepareSettings()


def test_the_limits_of_the_options_are_those_of_the_library() -> None:
    for name in ("min_sequence_length", "max_sequence_length", "min_item_count"):
        parse_prepare_settings({name: log_options.MOST_ROWS})
        for value in (0, log_options.MOST_ROWS + 1):
            with pytest.raises(SettingsError):
                parse_prepare_settings({name: value})


def test_the_defaults_that_the_help_names_are_those_of_the_library() -> None:
    said = " ".join(run("prepare", "--help").stdout.split())
    for name, noun in (("min_sequence_length", "items"), ("min_item_count", "often")):
        default = PrepareSettings.model_fields[name].default
        assert re.search(rf"{noun}\. \[default: {default}\]", said)


def test_an_option_with_a_default_tells_it() -> None:
    silent = [
        f"{name} {option.opts[0]}"
        for name, command in all_commands(main)
        for option in command.params
        if isinstance(option, click.Option)
        and option.default not in (None, (), False)
        and type(option.default).__name__ != "Sentinel"
        and not option.show_default
        and "default" not in (option.help or "")
    ]
    assert not silent


def all_commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{before}{name}", command
        if isinstance(command, click.Group):
            yield from all_commands(command, f"{before}{name} ")


def test_the_help_loads_no_heavy_library() -> None:
    heavy = "{'torch', 'pandas', 'numpy', 'pydantic', 'streamlit', 'duckdb'}"
    code = f"import sys, bert4rec.cli; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_package_is_a_command_too() -> None:
    command = [sys.executable, "-m", "bert4rec", "train"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "see python -m bert4rec train --help" in done.stderr


def test_runs_are_listed_without_torch(tiny_run: Run) -> None:
    code = (
        "import sys; from bert4rec.cli import main;"
        "main(sys.argv[1:], standalone_mode=False); print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, "runs", "--workspace", str(tiny_run.workspace)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert tiny_run.id in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


# Words on the terminal


def test_a_text_cannot_steer_the_terminal() -> None:
    assert one_line("a\x1b[31m\nb\tc") == "a\ufffd[31m b c"


def test_a_table_sets_numbers_to_the_right_and_text_to_the_left() -> None:
    lines = table(("name", "n"), [("a", 5), ("long", 1234)])
    assert lines == ["name      n", "a         5", "long  1,234"]


def test_the_program_without_a_command_prints_its_help() -> None:
    assert run().exit_code == run("policy").exit_code == 0
    assert "train" in run().stdout
    assert "check" in run("policy").stdout


# Sequences as typed


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a", ["a"]),
        (" a , b ", ["a", "b"]),
        ("_,b,_", [None, "b", None]),
        ('["a, b", null, 3, "_"]', ["a, b", None, "3", "_"]),
        ("[7.0, NaN, 2.5, true]", ["7", None, "2.5", "true"]),
    ],
)
def test_items_are_parted_by_commas_or_are_a_json_list(text: str, items: list[Any]) -> None:
    assert parse_items(text) == items


@pytest.mark.parametrize("text", ["", "a,,b", "a,", "[1, 2", "[oops]"])
def test_items_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(FormatError):
        parse_items(text)


# Settings


def test_assignments_win_over_the_policy_file_and_that_over_the_preset(tmp_path: Path) -> None:
    config = tmp_path / "policy.yaml"
    config.write_text(
        "policy_configs:\n  embedding_policy:\n    policy_type: bert4rec\n"
        "    n_epochs: 7\n    batch_size: 9\n"
    )
    asked = SettingOptions("quick", str(config), ("batch_size=11", "max_minutes=none"))
    policy = asked.policy()
    assert policy.kind == "embedding_policy"
    assert policy.settings.batch_size == 11
    assert policy.settings.n_epochs == 7
    assert policy.settings.max_minutes is None
    untouched = PRESETS["quick"].values.keys() - {"batch_size", "n_epochs"}
    assert untouched
    for name in untouched:
        assert getattr(policy.settings, name) == PRESETS["quick"].values[name]


def test_the_policy_type_of_a_file_wins_over_the_model_of_a_preset(tmp_path: Path) -> None:
    config = tmp_path / "policy.yaml"
    config.write_text("policy_configs:\n  scoring_policy:\n    policy_type: bert4rec\n")
    assert SettingOptions("sasrec", str(config)).policy().settings.attention == "bidirectional"
    assert SettingOptions("sasrec").policy().settings.attention == "causal"
    typed = SettingOptions("sasrec", str(config), ("attention=causal",)).policy()
    assert typed.settings.attention == "causal"


def test_the_policy_option_wins_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "policy.yaml"
    config.write_text("policy_configs:\n  embedding_policy:\n    policy_type: bert4rec\n")
    assert SettingOptions(config=str(config), kind="scoring_policy").policy().kind == (
        "scoring_policy"
    )
    assert SettingOptions().policy().kind == "scoring_policy"


def test_all_wrong_assignments_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        SettingOptions(assignments=("n_epoch=3", "batch_size=many")).policy()
    assert len(caught.value.problems) == 2
    assert caught.value.where == "--set"


# What to train on


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    rows = [f"{user},{item},{item},{user}" for user in range(4) for item in range(5)]
    path.write_text("\n".join(["who,what,when_at,user_id", *rows]) + "\n")
    return path


def test_named_columns_are_taken_and_the_others_are_guessed(log: Path) -> None:
    assert LogOptions().roles(str(log)) is None
    roles = LogOptions(item="what", time="when_at").roles(str(log))
    assert roles == Roles("user_id", "what", "when_at")
    assert LogOptions(user="who", item="what", time="-").roles(str(log)) == Roles("who", "what")


def test_a_log_that_takes_long_is_told_as_it_is_prepared(
    log: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert4rec.cli.progress.LINE_EVERY_S", 0.0)
    words = ("prepare", log, "--user", "who", "--item", "what", "--time", "when_at", "--json")
    result = run(*words, "--workspace", workspace)
    assert json.loads(result.stdout)["n_interactions"] == 20
    first, *lines = result.stderr.splitlines()
    assert first == f"reading {log}"
    shares = [int(line.split("%")[0]) for line in lines]
    assert shares == sorted(shares)
    assert lines[-1].endswith("%  writing the dataset")


def test_a_recipe_replays_and_what_is_typed_goes_before_it(log: Path, workspace: Path) -> None:
    reading = LogOptions(user="who", item="what", time="-", min_item_count=2, keep_duplicates=True)
    made = find_target(str(log), reading, workspace)
    recipe = log.parent / "recipe.json"
    write_json(recipe, recipe_of(made.manifest).document())
    again = find_target(str(log), LogOptions(recipe=recipe), workspace)
    assert again.fingerprint == made.fingerprint
    other = find_target(str(log), LogOptions(recipe=recipe, min_item_count=1), workspace)
    assert other.manifest["settings"] == made.manifest["settings"] | {"min_item_count": 1}
    assert other.manifest["roles"] == made.manifest["roles"]


def test_dates_that_fit_two_orders_are_read_as_told_and_so_by_the_recipe(
    tmp_path: Path, workspace: Path
) -> None:
    log = tmp_path / "log.csv"
    rows = [f"u{n % 4},i{n % 5},0{1 + n % 9}/0{1 + n % 7}/2024" for n in range(40)]
    log.write_text("\n".join(["user,item,time", *rows]) + "\n")
    result = run("prepare", log, "--workspace", workspace)
    assert "--dates month-first or day-first" in result.stderr
    made = {
        order: find_target(str(log), LogOptions(dates=order), workspace)
        for order in ("day-first", "month-first")
    }
    assert "%d/%m/%Y" in made["day-first"].manifest["time_reason"]
    assert "%m/%d/%Y" in made["month-first"].manifest["time_reason"]
    recipe = tmp_path / "recipe.json"
    write_json(recipe, recipe_of(made["day-first"].manifest).document())
    again = find_target(str(log), LogOptions(recipe=recipe), workspace)
    assert again.fingerprint == made["day-first"].fingerprint != made["month-first"].fingerprint


def test_a_smallest_value_of_nought_is_typed_too(log: Path, home: Path, workspace: Path) -> None:
    rated = LogOptions(user="who", item="what", value="when_at", min_value=2.0)
    made = find_target(str(log), rated, workspace)
    recipe = log.parent / "recipe.json"
    write_json(recipe, recipe_of(made.manifest).document())
    all_kept = find_target(str(log), LogOptions(recipe=recipe, min_value=0.0), workspace)
    assert all_kept.manifest["settings"]["min_value"] == 0.0
    result = run("train", "ring", "--min-value", "0", "--workspace", home)
    assert result.exit_code == 2
    assert "--min-value" in result.stderr


def test_a_recipe_with_a_column_that_is_called_as_none_is_refused(
    tmp_path: Path, workspace: Path
) -> None:
    log = tmp_path / "log.csv"
    rows = [f"u{n % 4},i{n % 5},{1_700_000_000 + n}" for n in range(40)]
    log.write_text("\n".join(["user_id,item_id,-", *rows]) + "\n")
    made = find_target(str(log), LogOptions(), workspace)
    assert made.manifest["roles"]["time"] == "-"
    recipe = tmp_path / "recipe.json"
    write_json(recipe, recipe_of(made.manifest).document())
    with pytest.raises(FormatError, match="a column '-', which would be read as none"):
        find_target(str(log), LogOptions(recipe=recipe), workspace)


def test_a_recipe_asks_for_items_that_came_as_a_frame(log: Path, workspace: Path) -> None:
    items = pd.DataFrame({"number": [0, 1], "title": ["Zero", "One"]})
    table = read_item_table(items, key="number")
    made = prepare(log, items=table, roles=Roles("who", "what"), workspace=workspace)
    recipe = log.parent / "recipe.json"
    write_json(recipe, recipe_of(made.manifest).document())
    with pytest.raises(NotFoundError, match="came as a frame") as caught:
        find_target(str(log), LogOptions(recipe=recipe), workspace)
    assert "--items FILE" in str(caught.value.fix)
    items.to_csv(log.parent / "titles.csv", index=False)
    handed = LogOptions(recipe=recipe, items=str(log.parent / "titles.csv"))
    assert find_target(str(log), handed, workspace).fingerprint == made.fingerprint


def test_a_recipe_takes_the_item_table_beside_the_log(log: Path, workspace: Path) -> None:
    titles = log.parent / "titles.csv"
    titles.write_text("number,caption\n0,Zero\n1,One\n")
    named = LogOptions(items=str(titles), items_key="number", items_title="caption")
    made = find_target(str(log), replace(named, user="who", item="what"), workspace)
    assert made.vocabulary.titles[:2] == ["Zero", "One"]
    recipe = log.parent / "recipe.json"
    write_json(recipe, recipe_of(made.manifest).document())
    again = find_target(str(log), LogOptions(recipe=recipe), workspace)
    assert again.fingerprint == made.fingerprint
    moved = titles.rename(log.parent / "moved.csv")
    named_anew = find_target(str(log), LogOptions(recipe=recipe, items=str(moved)), workspace)
    assert named_anew.vocabulary.titles == made.vocabulary.titles
    with pytest.raises(NotFoundError, match=r"titles\.csv"):
        find_target(str(log), LogOptions(recipe=recipe), workspace)


def test_a_named_title_leaves_the_ids_to_the_column_called_as_that_of_the_log(
    log: Path, workspace: Path
) -> None:
    titles = log.parent / "titles.csv"
    titles.write_text("caption,what,item_id\nZero,0,7\nOne,1,8\n")
    reading = LogOptions(user="who", item="what", items=str(titles), items_title="caption")
    assert find_target(str(log), reading, workspace).vocabulary.titles[:2] == ["Zero", "One"]


def test_a_dataset_whose_name_looks_like_a_pattern_is_found(log: Path, workspace: Path) -> None:
    reading = LogOptions(user="who", item="what")
    pattern = f"{log.parent}/l[o]g.csv"
    assert find_target(pattern, reading, workspace).n_items == 5
    made = prepare(log, roles=Roles("who", "what"), name="log [v2]", workspace=workspace)
    assert find_target("log [v2]", LogOptions(), workspace).folder == made.folder


def test_a_path_comes_before_a_dataset_and_that_before_a_sample(
    log: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = LogOptions(user="who", item="what")
    monkeypatch.chdir(log.parent)
    made = find_target("log.csv", reading, workspace)
    assert (made.n_users, made.n_items) == (4, 5)
    assert made.folder is not None
    for text in ("log", made.folder.name, made.fingerprint, str(made.folder)):
        assert find_target(text, LogOptions(), workspace).fingerprint == made.fingerprint
    assert find_target("lo*.csv", reading, workspace).fingerprint == made.fingerprint
    with pytest.raises(NotFoundError, match="playlists"):
        find_target("nosuch", LogOptions(), workspace)


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5000])
def test_a_name_longer_than_any_file_has_is_not_there(name: str, workspace: Path) -> None:
    with pytest.raises(NotFoundError, match="no file, no dataset and no sample"):
        find_target(name, LogOptions(), workspace)


def test_a_sample_is_prepared_once_and_found_by_name(workspace: Path) -> None:
    assert run("samples", "reading").exit_code == 0
    assert find_target("reading", LogOptions(), workspace).manifest["simulated"]


def test_preparing_a_sample_tells_how_far_it_is(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert4rec.cli.progress.LINE_EVERY_S", 0.0)
    result = run("samples", "courses", "--workspace", workspace)
    assert "%  writing the dataset" in result.stderr


def test_options_of_a_log_are_refused_for_a_dataset(home: Path) -> None:
    result = run("train", "ring", "--user", "x", "--workspace", home)
    assert result.exit_code == 2
    assert "--user" in result.stderr


def test_the_lines_that_an_item_table_has_lost_are_told(log: Path, workspace: Path) -> None:
    items = log.parent / "catalogue.csv"
    items.write_text("what,title\n0,zero\n1,one, or two\n2,two\n")
    reading = ("--user", "who", "--item", "what", "--items", items)
    result = run("prepare", log, *reading)
    assert "Rejected in catalogue.csv: 1; the first is line 3, too many columns" in result.stdout
    document = json.loads(run("prepare", log, *reading, "--json").stdout)
    assert document["item_table"]["n_rejected"] == len(document["item_rejects"]) == 1


def test_what_gives_the_order_is_told(log: Path, workspace: Path, tmp_path: Path) -> None:
    reading = ("--user", "who", "--item", "what")
    assert "Times: counters" in run("prepare", log, *reading, "--time", "when_at").stdout
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("user,item\n" + "".join(f"{u},{i}\n" for u in "uvw" for i in "abc"))
    told = "Times: none, so the order of the file is the order"
    assert told in run("prepare", pairs).stdout


def test_the_files_of_a_folder_and_a_guessed_encoding_are_told(
    tmp_path: Path, workspace: Path
) -> None:
    folder = tmp_path / "plays"
    folder.mkdir()
    for part, items in (("part-1.csv", "abc"), ("part-2.csv", "déf")):
        rows = "".join(f"{user},{item}\n" for user in "uv" for item in items)
        (folder / part).write_bytes(f"user,item\n{rows}".encode("latin-1"))
    (folder / "notes.txt").write_text("About the parts\n")
    told = run("prepare", folder).stdout
    assert "Source: 2 files: part-1.csv, part-2.csv; passed over as no part of" in told
    assert "the log: notes.txt" in told
    assert "Encoding: UTF-8; Latin-1, a guess" in told
    source = json.loads(run("prepare", folder, "--json").stdout)["source"]
    assert source["passed_over"] == ["notes.txt"]


def test_a_log_that_is_trained_on_at_once_tells_what_was_left_out(
    log: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reading = LogOptions(user="who", item="what")
    find_target(str(log), reading, workspace)
    assert "left out" not in capsys.readouterr().err
    broken = log.with_name("broken.csv")
    broken.write_text(log.read_text() + ",1,5,9\n" * 3 + "alone,1,5,9\n")
    n_rows = len(broken.read_text().splitlines()) - 1
    find_target(str(broken), reading, workspace)
    told = capsys.readouterr().err
    assert f"left out of {n_rows} rows: 3 rejected (no user, item" in told
    assert "1 short (users with fewer than" in told


def test_the_columns_of_an_item_table_can_be_named(log: Path, workspace: Path) -> None:
    items = log.parent / "catalogue.csv"
    items.write_text("a,b,c\n0,x,zero\n1,y,one\n")
    reading = ("--user", "who", "--item", "what", "--items", items)
    named = ("--items-key", "a", "--items-title", "c")
    result = run("prepare", log, *reading, *named, "--json")
    assert json.loads(result.stdout)["item_table"]["n_matched"] == 2
    assert find_target("log", LogOptions(), workspace).vocabulary.title(1) == "zero"
    assert run("prepare", log, "--items-key", "a").exit_code == 2


# Wrong use


@pytest.mark.parametrize(
    "words",
    [
        ["train"],
        ["train", "ring", "--resume", "last"],
        ["train", "--resume", "last", "--set", "n_epochs=3"],
        ["train", "ring", "--preset", "nosuch"],
        ["train", "ring", "--policy", "nosuch"],
        ["recommend", "last"],
        ["recommend", "last", "--items", "1", "--user", "0"],
        ["recommend", "last", "--items", "1,_"],
        ["recommend", "last", "--items", "1", "-k", "0"],
        ["recommend", "last", "--items", ""],
        ["recommend", "last", "--items", "1,,2"],
        ["fill", "last", "--items", "[1,"],
        ["compose", "last", "--items", "1,_", "--exclude", "1,"],
        ["embed", "last", "--out", "vectors.csv"],
        ["embed", "last", "--out", "v.parquet", "--index", "./v.parquet"],
        ["embed", "last", "--out", "v.parquet", "--sequences", "v.parquet"],
        ["embed", "last", "--out", "v.parquet", "--sequences", "s.csv", "--index", "s.csv"],
        ["nearest", "v.parquet", "--out", "v.parquet"],
        ["nearest", "v.parquet", "--queries", "q.parquet", "--out", "q.parquet"],
        ["nearest", "v.parquet", "--out", "o.txt"],
        ["score", "last", "--pairs", "p.csv", "--out", "o.txt"],
        ["score", "last", "--pairs", "p.csv", "--out", "./p.csv"],
        ["prepare", "log.csv", "--min-sequence-length", "-1"],
        ["prepare", "log.csv", "--min-item-count", "0"],
        ["prepare", "log.csv", "--min-item-count", str(10**42)],
        ["prepare", "log.csv", "--min-value", "nan"],
        ["prepare", "log.csv", "--items", ""],
        ["prepare", "log.csv", "--user", "-"],
        ["prepare", "log.csv", "--item", "-"],
        ["prepare", ""],
        ["train", ""],
        ["train", "ring", "--set", "n_epoch=3"],
        ["train", "ring", "--set", "n_epochs"],
        ["train", "ring", "--set", "n_epochs=0"],
        ["nosuch"],
    ],
)
def test_wrong_use_exits_with_2(words: list[str], home: Path) -> None:
    result = run(*words, *(["--workspace", home] if len(words) > 1 else []))
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--json"],
        ["train", "--nosuch", "--json"],
        ["--json", "--nosuch"],
        ["nosuch", "--json"],
        ["train", "ring", "--json", "--set", "n_epoch=3"],
        ["prepare", "log.csv", "--min-item-count", "0", "--json"],
    ],
)
def test_wrong_use_with_json_is_one_document_too(words: list[str]) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["message"]
    assert len(result.stderr.splitlines()) == 1


def test_a_setting_of_a_file_is_no_wrong_use(home: Path, tmp_path: Path) -> None:
    config = tmp_path / "policy.yaml"
    config.write_text("policy_configs:\n  scoring_policy:\n    n_epoch: 3\n")
    assert run("train", "ring", "--config", config, "--workspace", home).exit_code == 1


@pytest.mark.parametrize(
    "words",
    [["train", "ring", "--config"], ["sweep", "ring", "--config"], ["policy", "check"]],
)
def test_an_empty_name_of_a_file_with_settings_is_not_passed_over(
    words: list[str], home: Path
) -> None:
    result = run(*words, "", "--workspace", home)
    assert result.exit_code == 2
    assert "the name of a file is empty" in result.stderr


def test_a_surprise_is_one_line_unless_asked_for_more(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("bert4rec.runs.registry.list_runs", broken)
    result = run("runs", "--workspace", home)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ZeroDivisionError: by nothing")
    monkeypatch.setenv("BERT4REC_DEBUG", "1")
    assert isinstance(run("runs", "--workspace", home).exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (
            errno.EACCES,
            "Permission denied (/place). Permit it to this user, or name another place.",
        ),
        (errno.ENOSPC, "No space left on device (/place). Make room there"),
        (errno.EMFILE, "Too many open files (/place). Permit more open files, as by ulimit -n."),
        (errno.EIO, "Input/output error (/place). See to the disk that it lies on."),
    ],
)
def test_what_the_operating_system_refuses_is_told_with_place_and_advice(
    number: int, advice: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise OSError(number, os.strerror(number), "/place")

    monkeypatch.setattr("bert4rec.runs.registry.list_runs", refuse)
    result = run("runs", "--json", "--workspace", home)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {advice}")
    told = json.loads(result.stdout)["error"]
    assert told["where"] == "/place"
    assert told["fix"] in result.stderr


def test_a_map_is_not_computed_for_a_place_that_cannot_be_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def computed(*_: object) -> NoReturn:
        raise AssertionError("it was computed")

    monkeypatch.setattr("bert4rec.maps.projection.project_pca", computed)
    (tmp_path / "taken").write_text("in the way")
    words = ("map", "last", "--method", "pca", "--out", tmp_path / "taken" / "map.csv")
    result = run(*words, "--workspace", home)
    assert result.exit_code == 1
    assert f"the folder {tmp_path / 'taken'} cannot be written" in result.stderr


def test_a_damaged_run_does_not_hide_the_others(home: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    (workspace / "runs" / "broken").mkdir(parents=True)
    (workspace / "runs" / "broken" / "config.json").write_text("{")
    (workspace / "runs" / "folder" / "config.json").mkdir(parents=True)
    document = json.loads(run("runs", "--json", "--workspace", workspace).stdout)
    assert [entry["state"] for entry in document["runs"]] == ["damaged"] * 2
    assert "damaged" in run("runs", "--workspace", workspace).stdout


# Answers


def test_a_cell_may_hold_any_sign_that_ends_a_line(home: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text('user_id,item_id,note\n0,1,a\u2028b\x0bc\x85d\n0,2,"e\nf"\n')
    result = run("score", "last", "--pairs", pairs, "--workspace", home)
    notes = pd.read_csv(io.StringIO(result.stdout))["note"].tolist()
    assert notes == ["a\u2028b\x0bc\x85d", "e\nf"]


def test_scores_can_go_to_a_file_of_either_kind(home: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("user_id,item_id,note\n0,1,x\n1,2,y\n")
    for name in ("scores.csv", "scores.parquet"):
        out = tmp_path / name
        words = ("score", "last", "--pairs", pairs, "--out", out, "--workspace", home)
        assert run(*words).exit_code == 0
    as_csv, exact = pd.read_csv(tmp_path / "scores.csv"), pd.read_parquet(out)
    assert (
        list(as_csv.columns)
        == list(exact.columns)
        == [*("user_id", "item_id", "note", "score", "rank")]
    )
    np.testing.assert_allclose(as_csv["score"], exact["score"], rtol=1e-6)


def test_what_was_written_is_told_without_what_could_not_be(home: Path, tmp_path: Path) -> None:
    pairs, sequences = tmp_path / "pairs.csv", tmp_path / "sequences.csv"
    pairs.write_text("user_id,item_id\n0,1\nnosuch,1\n0,nosuch\n")
    sequences.write_text("sequence\n1\nnosuch\n")
    place = ["--skip-unknown", "--workspace", home]
    result = run("score", "last", "--pairs", pairs, "--out", tmp_path / "s.csv", *place)
    assert result.stdout == f"Scored 1 of 3 pairs: {tmp_path / 's.csv'}\n"
    out = tmp_path / "v.parquet"
    result = run("embed", "last", "--items", "--sequences", sequences, "--out", out, *place)
    expected = f"Wrote 12 item and 1 sequence vectors (1 left empty) of 16 dimensions: {out}\n"
    assert result.stdout == expected


def test_an_index_that_cannot_be_written_is_told_before_the_vectors_are(
    home: Path, tmp_path: Path
) -> None:
    pytest.importorskip("usearch.index")
    words = ("embed", "last", "--out", tmp_path / "v.parquet", "--index", tmp_path)
    result = run(*words, "--workspace", home)
    assert (result.exit_code, "is no file that could be replaced" in result.stderr) == (1, True)
    assert not (tmp_path / "v.parquet").exists()


def test_vectors_give_the_scores_as_dot_products(
    home: Path, model: Recommender, tmp_path: Path
) -> None:
    out = tmp_path / "vectors.parquet"
    assert (
        run("embed", "last", "--items", "--users", "--out", out, "--workspace", home).exit_code == 0
    )
    assert pq.read_schema(out).metadata[b"bert4rec.run"] == b"%s" % model.run.id.encode()
    rows = pd.read_parquet(out)
    items = np.stack(rows[rows["kind"] == "item"]["vector"])
    user = np.stack(rows[rows["kind"] == "user"]["vector"])[0]
    assert items.dtype == np.float32
    history = [model.vocabulary.item_id(int(idx)) for idx in model.dataset.history(0)]
    expected = model.score(history, model.vocabulary.item_ids)
    np.testing.assert_allclose(items @ user, expected, rtol=1e-4, atol=1e-5)


def test_a_run_without_a_name_is_called_after_data_and_preset_and_no_two_alike(
    home: Path, tmp_path: Path
) -> None:
    shutil.copytree(home, tmp_path / "home")
    (made,) = list_runs(home)
    name = made.config()["dataset"]["name"]
    asked = SettingOptions(preset="quick")
    assert _default_name(name, asked, tmp_path / "home") == f"{name} quick look"
    own = SettingOptions(preset="quick", assignments=("n_epochs=1",))
    assert made.name == name
    assert _default_name(name, own, tmp_path / "home") == f"{name} 2"


def test_recommending_for_a_user_is_recommending_after_the_users_history(
    home: Path, model: Recommender
) -> None:
    history = [model.vocabulary.item_id(int(idx)) for idx in model.dataset.history(3)]
    place = ("--workspace", home, "--json")
    by_user = json.loads(run("recommend", "last", "--user", "3", *place).stdout)
    by_items = json.loads(run("recommend", "last", "--items", ",".join(history), *place).stdout)
    assert by_user["recommendations"] == by_items["recommendations"]


def test_every_gap_gets_its_list(home: Path) -> None:
    result = run("fill", "last", "--items", "1,_,3,_", "-k", "2", "--workspace", home, "--json")
    gaps = json.loads(result.stdout)["gaps"]
    assert [gap["position"] for gap in gaps] == [1, 3]
    assert [len(gap["suggestions"]) for gap in gaps] == [2, 2]


def test_what_a_sequence_holds_fills_its_gaps_only_where_it_is_asked_for(home: Path) -> None:
    place = ("--items", "1,_,3", "-k", "30", "--workspace", home, "--json")
    for more, expected in (
        ((), set()),
        (("--remove-seen",), set()),
        (("--keep-seen",), {"1", "3"}),
    ):
        (gap,) = json.loads(run("fill", "last", *place, *more).stdout)["gaps"]
        assert {one["item_id"] for one in gap["suggestions"] if one["is_seen"]} == expected


# Progress and interruption


def test_progress_without_a_terminal_is_a_line_now_and_then(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with TrainingProgress(find_run(home, "last"), is_terminal=False) as progress:
        for elapsed_s in (0.1, 1.0, 6.0):
            line = {"event": "train", "step": 1, "loss": 2.0, "elapsed_s": elapsed_s}
            progress(line)
    told = capsys.readouterr()
    assert len(told.err.splitlines()) == 2
    assert told.out == ""


@pytest.mark.parametrize(("suffix", "written"), [("html", "8 of 12"), ("csv", "12")])
def test_a_map_says_where_it_is_and_how_many_points_it_wrote(
    suffix: str, written: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert4rec.maps.projection.MAX_FITTED", 8)
    monkeypatch.setattr("bert4rec.cli.progress.LINE_EVERY_S", 0.0)
    words = ("map", "last", "--method", "pca", "--clusters", "2", "--workspace", home)
    result = run(*words, "--out", tmp_path / f"map.{suffix}")
    assert f"Wrote {written} points" in result.stdout
    assert "groups" not in result.stdout
    stages = [" 95%  judging the map", " 96%  grouping the items"]
    if suffix == "html":
        stages += [" 97%  naming the groups", " 99%  drawing the page"]
    else:
        stages += [" 98%  writing"]
    assert result.stderr.splitlines() == [*stages, "100%  written"]


def test_a_map_says_that_fewer_groups_could_be_told_apart_than_were_asked_for(
    home: Path, tmp_path: Path
) -> None:
    words = ("map", "last", "--method", "pca", "--clusters", "50", "--workspace", home)
    result = run(*words, "--out", tmp_path / "map.csv")
    assert "They are in 12 groups: no more of them could be told apart." in result.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("future", "last"), "looking for hidden items"),
        (("calibration", "last"), "judging probabilities"),
        (("export", "last", "--out", "model.zip"), "packing"),
        (("report", "last", "--out", "report.html"), "drawing the page"),
    ],
)
def test_what_takes_long_with_a_large_run_says_now_and_then_where_it_is(
    words: tuple[str, ...],
    told: str,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bert4rec.cli.progress.LINE_EVERY_S", 0.0)
    lines = run(*words, "--workspace", home).stderr.splitlines()
    # On a busy machine it is told before that the runs are being opened.
    shares = [int(line.split("%")[0]) for line in lines if "%" in line]
    assert shares == sorted(shares)
    assert any(told in line for line in lines)


def test_a_long_judgement_says_now_and_then_how_far_it_has_come(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now_s = iter([0.0, 1.0, 6.0, 6.0, 7.0, 12.0, 12.0])
    monkeypatch.setattr("bert4rec.cli.progress.time.monotonic", lambda: next(now_s))
    with JudgingProgress({"bert4rec": "sasrec"}) as progress:
        for n_done in (1024, 2048, 3072):
            progress("bert4rec", "test", n_done, 240_000)
        progress("popularity", "unseen_users", 50, 60)
    told = capsys.readouterr()
    assert told.err.splitlines() == [
        "judging sasrec, test: 2,048 of 240,000 held-out items",
        "judging popularity, unseen users: 50 of 60 held-out items",
    ]
    assert told.out == ""


def test_a_step_that_tells_nothing_is_named_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bert4rec.cli.progress.FIRST_AFTER_S", 0.0)
    monkeypatch.setattr("bert4rec.cli.progress.LOOK_EVERY_S", 0.01)
    told: list[str] = []

    def said(line: str) -> bool:
        told.extend(capsys.readouterr().err.splitlines())
        return line in told

    with StageProgress("opening the runs") as watch:
        wait_until(lambda: said("opening the runs"))
        # Nothing else follows, as of a library that does not say how far it is.
        monkeypatch.setattr("bert4rec.cli.progress.LINE_EVERY_S", 0.05)
        watch("drawing", 0.5)
        wait_until(lambda: said(" 50%  drawing"))
        never = threading.Event()
        assert not never.wait(0.2)
    assert not said("opening the model")
    # What was told once is not told again, and what ended is not told at all.
    assert told == ["opening the runs", " 50%  drawing"]


def test_what_is_quick_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with StageProgress("opening the runs") as watch:
        watch("drawing", 0.5)
    assert capsys.readouterr().err == ""


def test_progress_shows_the_metric_that_decides_which_epoch_is_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ring = ring_dataset(n_items=12, n_users=40)
    found = train(ring, small_settings(n_epochs=1, valid_metric="hr@10"), workspace=tmp_path)
    metrics = {"hr@10": 0.75, "ndcg@10": 0.25}
    with TrainingProgress(found, is_terminal=False) as progress:
        progress(
            {"event": "valid", "step": 1, "metrics": metrics, "is_best": True, "elapsed_s": 1.0}
        )
    assert "hr@10 0.7500 (best)" in capsys.readouterr().err


def test_a_training_says_how_far_its_judgement_has_come(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {"event": "judging", "part": "test", "n_done": 1024, "n_rows": 240_000}
    with TrainingProgress(find_run(home, "last"), is_terminal=False) as progress:
        progress(line | {"scorer": "bert4rec"})
        progress(line | {"scorer": "popularity", "part": "unseen_users"})
    assert capsys.readouterr().err.splitlines() == [
        "judging bert4rec, test: 1,024 of 240,000 held-out items",
        "judging popularity, unseen users: 1,024 of 240,000 held-out items",
    ]


def test_a_bar_says_how_far_a_judgement_has_come_until_the_next_step(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_run(home, "last")
    events, _ = found.journal.read()
    judging = {"event": "judging", "scorer": "bert4rec", "part": "validation", "n_done": 5}
    with TrainingProgress(found, is_terminal=True) as progress:
        progress(events[0])
        progress(judging | {"n_rows": 9})
        assert progress._figures().endswith("judging bert4rec, validation: 5 of 9 held-out items")
        progress(next(line for line in events if line["event"] == "train"))
        assert "judging" not in progress._figures()


def test_progress_on_a_terminal_is_a_bar(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = find_run(home, "last")
    events, _ = found.journal.read()
    with TrainingProgress(found, is_terminal=True) as progress:
        for event in events:
            progress(event)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_training_can_be_resumed_to_the_same_numbers(
    sent: signal.Signals, status: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", "ring", *assignments(n_epochs=3), "--json", "--workspace", home)
    whole = json.loads(run(*words).stdout)

    def interrupt(_: TrainingProgress, line: dict[str, Any]) -> None:
        if line["event"] == "valid" and line["epoch"] == 2:
            os.kill(os.getpid(), sent)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingProgress, "__call__", interrupt)
        result = run(*words)
    assert result.exit_code == status
    line = result.stderr.splitlines()[-1]
    assert line.startswith("interrupted: ")
    assert "--resume" in line
    halted = find_run(home, "last")
    assert halted.status().state == "interrupted"
    resumed = json.loads(run("train", "--resume", halted.id, "--json", "--workspace", home).stdout)
    assert resumed["run"] == halted.id
    assert resumed["test"] == whole["test"]
    assert resumed["device_reason"] == whole["device_reason"]


# Machine


def test_the_doctor_fails_where_the_workspace_cannot_be(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    result = run("doctor", "--json", "--workspace", blocker / "workspace")
    states = {check["name"]: check["state"] for check in json.loads(result.stdout)["checks"]}
    assert result.exit_code == 1
    assert states["workspace"] == "failed"
    assert {state for name, state in states.items() if name != "workspace"} <= {"ok", "warning"}


def test_the_doctor_warns_of_missing_samples(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert4rec.data.samples.PACKAGE", workspace / "no" / "package")
    result = run("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert result.exit_code == 0
    assert checks["samples"]["state"] == "warning"
    assert "not installed" in checks["samples"]["value"]
    assert checks["samples"]["fix"]


def test_the_app_passes_on_what_was_asked(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr("bert4rec.ui.server.serve", lambda **given: asked.update(given))
    named = ("--host", "0.0.0.0", "--port", "9000", "--login", "login.toml")
    assert run("app", *named, "--no-browser").exit_code == 0
    asked.pop("tell")
    expected = {"workspace": workspace, "host": "0.0.0.0", "port": 9000, "open_browser": False}
    assert asked == expected | {"runner": "thread", "login": Path("login.toml")}


@pytest.mark.parametrize("words", [["app", "--no-browser"], ["serve", "last"]])
def test_an_empty_address_does_not_open_the_door_to_all(words: list[str], home: Path) -> None:
    result = run(*words, "--host", "", "--workspace", home)
    assert result.exit_code == 2
    assert "--host is empty" in result.stderr


def test_an_empty_name_is_not_the_usual_workspace(workspace: Path) -> None:
    result = run("runs", "--workspace", "")
    assert result.exit_code == 2
    assert "Invalid value for '--workspace': The name is empty." in result.stderr


def test_the_app_is_told_where_runs_train_by_option_or_environment(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr("bert4rec.ui.server.serve", lambda **given: asked.update(given))
    monkeypatch.setenv("BERT4REC_RUNNER", "process")
    assert run("app").exit_code == 0
    assert asked["runner"] == "process"
    assert run("app", "--runner", "thread").exit_code == 0
    assert asked["runner"] == "thread"
    monkeypatch.setenv("BERT4REC_RUNNER", "cluster")
    refused = run("app")
    assert refused.exit_code == 2
    assert "'cluster' is not one of 'thread', 'process'" in refused.stderr


def test_the_app_is_told_who_may_use_it_by_the_environment_too(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr("bert4rec.ui.server.serve", lambda **given: asked.update(given))
    for named, expected in (("login.toml", Path("login.toml")), ("", None)):
        monkeypatch.setenv("BERT4REC_LOGIN", named)
        assert run("app").exit_code == 0
        assert asked["login"] == expected


def test_ctrl_c_is_the_end_of_the_app_and_no_second_document(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def serve(*, tell: Any, **_: object) -> None:
        tell("The dashboard is there.")
        raise KeyboardInterrupt

    monkeypatch.setattr("bert4rec.ui.server.serve", serve)
    result = run("app", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["workspace"] == str(workspace)


def test_a_command_that_is_terminated_leaves_nothing_half_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def terminate(progress: CountProgress, _: int) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(CountProgress, "__call__", terminate)
    (tmp_path / "pairs.csv").write_text("user_id,item_id\n1,2\n")
    for words in (
        ["embed", "last", "--out", tmp_path / "v.parquet"],
        ["score", "last", "--pairs", tmp_path / "pairs.csv", "--out", tmp_path / "scored.csv"],
    ):
        result = run(*words, "--workspace", home)
        assert result.exit_code == 143
        assert result.stderr.splitlines()[-1] == "interrupted"
        assert [path.name for path in tmp_path.iterdir()] == ["pairs.csv"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_compose_fills_all_gaps_and_writes_what_it_says(home: Path, tmp_path: Path) -> None:
    place = ["--workspace", home, "--json"]
    out = tmp_path / "ring.json"
    asked = ["--items", "3,_,_,6", "--exclude", "9,10", "--novelty", "0.5", "--length", "6"]
    result = run("compose", "last", *asked, "--out", out, *place)
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    titles = [line["title"] for line in document["places"]]
    assert [titles[0], titles[3], len(set(titles))] == ["3", "6", 6]
    assert not {"9", "10"} & set(titles)
    assert [line["kept"] for line in document["places"]] == [True, False, False, True, False, False]
    assert document["dials"]["novelty"] == 0.5
    assert json.loads(out.read_text("utf-8"))["places"] == document["places"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("map.csv", ["map", "last", "--method", "pca", "--clusters", "2"]),
        ("map.html", ["map", "last", "--method", "pca", "--clusters", "2"]),
        ("list.csv", ["compose", "last", "--items", "3,_"]),
    ],
)
def test_a_place_that_cannot_be_written_is_named_with_what_to_do(
    name: str, words: list[str], home: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("in the way")
    result = run(*words, "--out", tmp_path / "taken" / name, "--workspace", home)
    assert result.exit_code == 1
    assert f"the folder {tmp_path / 'taken'} cannot be written" in result.stderr
    assert "Make room or permit writing there" in result.stderr


def test_compose_goes_on_from_a_user(home: Path, model: Recommender) -> None:
    history = [str(item) for item in model.dataset.history(2)]
    length = len(history) + 1
    result = run("compose", "last", "--user", "2", "--length", length, "--workspace", home)
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == length + 1
    assert "what comes before" in result.stdout or "popular anyway" in result.stdout


def test_compose_goes_on_from_the_newest_items_of_a_long_history(
    home: Path, model: Recommender
) -> None:
    history = [str(item) for item in model.dataset.history(2)]
    asked = ["compose", "last", "--user", "2", "--length", "4", "--workspace", home, "--json"]
    result = run(*asked, "--newest", "3")
    assert result.exit_code == 0, result.stderr
    places = json.loads(result.stdout)["places"]
    assert [line["title"] for line in places if line["kept"]] == history[-3:]
    refused = run(*asked)
    assert refused.exit_code == 2
    assert f"{len(history)} items of user '2' do not fit into 4 places" in refused.stderr
    assert "--newest 10, or raise --length" in refused.stderr


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 2, "either --items or --user"),
        (["--items", "1,_", "--user", "2"], 2, "either --items or --user"),
        (["--items", "1,_", "--limit", "title"], 2, "is not COLUMN=N"),
        (["--items", "1,_", "--out", "x.txt"], 2, "--out should end in .csv, .json, .m3u8"),
        (["--items", "1,_", "--newest", "2"], 2, "--newest goes with --user"),
        (["--items", "1,2"], 1, "no gap to fill"),
        (["--items", "1,_,3", "--length", "2"], 1, "more than the target of 2"),
        (["--items", "1,_", "--keep-order"], 2, "the item table tells no order"),
        (["--items", "1,_", "--exclude", "1"], 1, "both kept and excluded"),
    ],
)
def test_compose_says_what_cannot_be(home: Path, words: list[str], status: int, said: str) -> None:
    result = run("compose", "last", *words, "--workspace", home)
    assert result.exit_code == status
    assert said in result.stderr


# SASRec


def test_a_sasrec_run_is_named_by_every_command(tmp_path: Path) -> None:
    dataset = ring_dataset(n_items=12, n_users=40).save(tmp_path / "datasets" / "ring")
    place = ("--workspace", tmp_path)
    words = ["train", dataset.folder, *assignments(n_epochs=1, attention="causal"), *place]
    trained = run(*words)
    assert trained.exit_code == 0, trained.stderr
    told = "not used, as no item is hidden: mask_rate and next_item_rate"
    assert f"Model SASRec: attention is causal; {told}" in trained.stdout
    judged = run("evaluate", "last", *place)
    listed = run("runs", *place)
    for said in (trained.stdout, judged.stdout, listed.stdout):
        assert "sasrec" in said.casefold()
        assert not any(line.startswith("bert4rec") for line in said.splitlines())
    found = json.loads(run("evaluate", "last", *place, "--json").stdout)
    assert found["model"] == "SASRec"
    one = json.loads(run("fill", "last", "--items", "3,_,9", *place, "--json").stdout)
    other = json.loads(run("fill", "last", "--items", "3,_,5", *place, "--json").stdout)
    assert one["gaps"][0]["suggestions"][0]["score"] == pytest.approx(
        other["gaps"][0]["suggestions"][0]["score"]
    )
