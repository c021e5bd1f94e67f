from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bert4rec.data.collection import list_datasets, rename_dataset
from bert4rec.data.connection import TMP, Connection
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.log import Roles, read_log
from bert4rec.data.origin import MarkedLog
from bert4rec.data.prepare import PrepareSettings, filter_log, parse_prepare_settings, prepare
from bert4rec.errors import DatasetError, FormatError, LogError, SettingsError, UnwritableError
from bert4rec.files import folder_swapped_in
from bert4rec.json_files import write_json
from tests.factories import histories_of

EVERYTHING = PrepareSettings(min_sequence_length=1)


def frame_of(*records: tuple[str, str, int]) -> pd.DataFrame:
    return pd.DataFrame(records, columns=["user", "item", "time"])


def write_log(folder: Path, name: str = "log.csv", n: int = 60) -> Path:
    rows = "".join(f"u{i % 6},i{i * i % 11},{1_700_000_000 + i},{i % 5}\n" for i in range(n))
    (folder / name).write_text("user,item,time,rating\n" + rows)
    return folder / name


def test_a_line_of_no_use_gives_nobody_a_place_in_the_order(tmp_path: Path, workspace: Path):
    log = tmp_path / "log.csv"
    log.write_text("user_id,item_id\n1,\n2,a\n1,b\n")
    made = prepare(log, settings=PrepareSettings(min_sequence_length=1))
    assert made.manifest["report"]["steps"][1]["n_rows"] == 1
    assert list(made.users["user_id"]) == ["2", "1"]


def test_the_manifest_names_the_files_that_were_read_and_those_passed_over(
    tmp_path: Path, workspace: Path
):
    folder = tmp_path / "log"
    folder.mkdir()
    for name in ("part-1.csv", "part-2.csv"):
        write_log(folder, name)
    (folder / "notes.txt").write_text("About the parts\n")
    source = prepare(folder).manifest["source"]
    assert source["n_files"] == 2
    assert source["files"] == ["part-1.csv", "part-2.csv"]
    assert source["passed_over"] == ["notes.txt"]


@pytest.mark.parametrize("is_dated", [False, True])
def test_a_preparation_tells_how_far_it_is(
    tmp_path: Path, workspace: Path, is_dated: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bert4rec.data.row_order.ROWS_SORTED", 20)
    log = write_log(tmp_path)
    if is_dated:
        rows = pd.read_csv(log)
        rows["time"] = pd.to_datetime(rows["time"], unit="s").dt.strftime("%d.%m.%Y %H:%M:%S")
        rows.to_csv(log, index=False)
    told: list[tuple[str, float]] = []
    prepare(log, watch=lambda *step: told.append(step))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert 0.9 < shares[-1] <= 1
    assert list(dict.fromkeys(doing for doing, _ in told)) == [
        "reading what is known of the items",
        "looking whether this is prepared already",
        "looking the files through",
        "reading",
        "parting rows by users",
        "putting rows in order",
        "leaving out what is too short or too rare",
        "numbering users and items",
        "writing the dataset",
    ]


def test_filters_that_leave_too_little_say_which_of_them_to_loosen(workspace: Path):
    frame = frame_of(*((user, item, 1) for user in "uvw" for item in "abcde"))
    with pytest.raises(DatasetError, match="filters leave 0 users") as caught:
        prepare(frame, settings=PrepareSettings(max_sequence_length=3))
    assert caught.value.fix == "To keep more: raise the longest history (max_sequence_length)."


def test_a_value_that_is_no_number_is_not_counted_among_the_small_ones(
    tmp_path: Path, workspace: Path
):
    values = ("5", "4,5", "", "3", "4.5", "5")
    rows = "".join(f"{'uv'[n % 2]};i{n};{value}\n" for n, value in enumerate(values))
    (tmp_path / "log.csv").write_text("user;item;rating\n" + rows)
    settings = PrepareSettings(min_sequence_length=1, min_value=4)
    roles = Roles("user", "item", value="rating")
    report = prepare(tmp_path / "log.csv", roles=roles, settings=settings).manifest["report"]
    n_of = {step["step"]: step["n_rows"] for step in report["steps"]}
    assert (n_of["no number"], n_of["value"], n_of["kept"]) == (1, 2, 3)
    assert report["read"] == report["kept"] + report["filtered"]


def test_equal_times_keep_the_order_of_the_log_not_of_the_ids(workspace: Path):
    log = frame_of(("u", "z", 5), ("v", "a", 1), ("u", "a", 5), ("u", "m", 5), ("u", "b", 1))
    dataset = prepare(log, workspace=workspace, settings=EVERYTHING)
    assert histories_of(dataset) == {"u": ["b", "z", "a", "m"], "v": ["a"]}


def test_users_and_items_are_numbered_as_the_log_first_names_them(workspace: Path):
    log = frame_of(("v", "z", 9), ("u", "b", 1), ("v", "a", 2), ("u", "z", 3))
    dataset = prepare(log, workspace=workspace, settings=EVERYTHING)
    assert dataset.users["user_id"].tolist() == ["v", "u"]
    assert dataset.vocabulary.item_ids == ["z", "b", "a"]
    assert dataset.vocabulary.counts.tolist() == [2, 1, 1]
    assert dataset.items.min() == 1
    assert dataset.items.dtype == np.int32
    assert dataset.offsets.tolist() == [0, 2, 4]
    assert dataset.times_s is not None
    assert dataset.times_s.tolist() == [2, 9, 1, 3]


def test_only_the_same_user_item_and_time_is_a_duplicate(workspace: Path):
    log = frame_of(("u", "a", 1), ("u", "b", 2), ("u", "a", 1), ("u", "a", 3), ("v", "a", 1))
    dataset = prepare(log, workspace=workspace, settings=EVERYTHING)
    assert histories_of(dataset) == {"u": ["a", "b", "a"], "v": ["a"]}
    assert dataset.manifest["report"]["duplicate"] == 1
    settings = PrepareSettings(min_sequence_length=1, drop_duplicates=False)
    kept = prepare(log, workspace=workspace, settings=settings)
    assert histories_of(kept)["u"] == ["a", "a", "b", "a"]


def test_without_times_a_repeat_in_a_row_is_no_duplicate(workspace: Path):
    log = frame_of(("u", "a", 1), ("u", "a", 1), ("v", "b", 1))[["user", "item"]]
    dataset = prepare(log, workspace=workspace, settings=EVERYTHING)
    assert histories_of(dataset) == {"u": ["a", "a"], "v": ["b"]}
    assert dataset.times_s is None
    assert dataset.manifest["has_times"] is False


def test_short_histories_are_left_out_and_reported(workspace: Path):
    log = frame_of(*(("u", f"i{n}", n) for n in range(3)), *(("v", f"i{n}", n) for n in range(4)),
                   ("w", "i0", 1), ("w", "i1", 2))  # fmt: skip
    dataset = prepare(log, workspace=workspace)
    assert list(histories_of(dataset)) == ["u", "v"]
    report = dataset.manifest["report"]
    assert report["filtered"] == 2
    assert report["steps"][-2]["reason"] == "users with fewer than 3 interactions"


def test_short_histories_and_rare_items_are_dropped_until_neither_is_left(workspace: Path):
    # Without d the user y is too short; without y the item c is too rare; x, z and w stay.
    log = frame_of(
        ("x", "a", 1), ("x", "b", 2), ("z", "a", 1), ("z", "b", 2), ("x", "c", 3),
        ("y", "c", 1), ("y", "d", 2), ("w", "b", 1), ("w", "a", 2),
    )  # fmt: skip
    settings = PrepareSettings(min_sequence_length=2, min_item_count=2)
    dataset = prepare(log, workspace=workspace, settings=settings)
    assert histories_of(dataset) == {"x": ["a", "b"], "z": ["a", "b"], "w": ["b", "a"]}
    steps = {step["step"]: step["n_rows"] for step in dataset.manifest["report"]["steps"]}
    assert (steps["short"], steps["rare"]) == (1, 2)


def test_a_smallest_value_drops_what_is_below_it_or_missing(tmp_path: Path, workspace: Path):
    path = tmp_path / "log.csv"
    path.write_text("user,item,rating\nu,a,5\nu,b,2\nu,c,\nv,a,3\nv,b,4\nv,c,x\n")
    settings = PrepareSettings(min_sequence_length=1, min_value=3)
    dataset = prepare(
        path, workspace=workspace, settings=settings, roles=Roles("user", "item", value="rating")
    )
    assert histories_of(dataset) == {"u": ["a"], "v": ["a", "b"]}
    assert dataset.manifest["report"]["filtered"] == 3


def test_a_value_that_is_not_finite_is_missing(workspace: Path):
    values = [5.0, float("nan"), float("inf"), 5.0]
    log = pd.DataFrame({"user": list("uuvv"), "item": list("abab"), "rating": values})
    settings = PrepareSettings(min_sequence_length=1, min_value=3)
    roles = Roles("user", "item", value="rating")
    dataset = prepare(log, workspace=workspace, settings=settings, roles=roles)
    assert histories_of(dataset) == {"u": ["a"], "v": ["b"]}


def test_a_smallest_value_needs_a_column_of_values(workspace: Path):
    log = frame_of(("u", "a", 1), ("v", "b", 2))
    with pytest.raises(LogError, match="no column holds values"):
        prepare(log, workspace=workspace, settings=PrepareSettings(min_value=1))


def test_filters_that_leave_too_little_say_what_each_dropped(workspace: Path):
    with pytest.raises(DatasetError, match="leave 0 users and 0 items") as caught:
        prepare(frame_of(("u", "a", 1), ("v", "b", 2), ("u", "b", 3)), workspace=workspace)
    assert "min_sequence_length" in str(caught.value.fix)
    assert caught.value.details["report"][0]["n_rows"] == 3
    assert not (workspace / "datasets").exists()


def test_of_a_list_in_which_each_user_occurs_once_no_filter_is_to_blame(workspace: Path):
    # A table of items that was taken for a log, or a wrong column.
    with pytest.raises(DatasetError, match="leave 0 users and 0 items") as caught:
        prepare(frame_of(("u", "a", 1), ("v", "b", 2)), workspace=workspace)
    assert caught.value.fix == "Check which column holds the user: each one here occurs once."


def test_the_same_log_and_settings_are_prepared_once(tmp_path: Path, workspace: Path):
    first = prepare(write_log(tmp_path), workspace=workspace)
    assert first.folder is not None
    made_at = (first.folder / "items.npy").stat().st_mtime_ns
    again = prepare(write_log(tmp_path), workspace=workspace)
    assert again.folder == first.folder
    assert (first.folder / "items.npy").stat().st_mtime_ns == made_at
    with read_log(tmp_path / "log.csv") as log:
        assert prepare(log, workspace=workspace).folder == first.folder
    assert len(list_datasets(workspace)) == 1


def test_a_damaged_dataset_is_made_again(tmp_path: Path, workspace: Path):
    first = prepare(write_log(tmp_path), workspace=workspace)
    assert first.folder is not None
    (first.folder / "items.parquet").write_bytes(b"PAR1")
    again = prepare(write_log(tmp_path), workspace=workspace)
    assert again.folder == first.folder
    assert histories_of(again) == histories_of(first)


def test_a_dataset_of_a_newer_version_is_not_made_again(tmp_path: Path, workspace: Path):
    first = prepare(write_log(tmp_path), workspace=workspace)
    assert first.folder is not None
    write_json(first.folder / "manifest.json", first.manifest | {"format_version": 99})
    with pytest.raises(FormatError, match="99"):
        prepare(write_log(tmp_path), workspace=workspace)


@pytest.mark.parametrize(
    "change",
    [
        {"settings": PrepareSettings(min_sequence_length=2)},
        {"roles": Roles("user", "item")},
        {"items": pd.DataFrame({"item": ["i0", "i1"], "title": ["A", "B"]})},
    ],
)
def test_another_setting_role_or_item_table_is_another_dataset(
    change: dict[str, object], tmp_path: Path, workspace: Path
):
    path = write_log(tmp_path)
    first = prepare(path, workspace=workspace)
    other = prepare(path, workspace=workspace, **change)  # type: ignore[arg-type]
    assert other.fingerprint != first.fingerprint
    assert len(list_datasets(workspace)) == 2


def test_another_content_is_another_dataset(tmp_path: Path, workspace: Path):
    first = prepare(write_log(tmp_path), workspace=workspace)
    second = prepare(write_log(tmp_path, n=61), workspace=workspace)
    assert first.fingerprint != second.fingerprint


def test_a_frame_and_its_file_give_the_same_histories(tmp_path: Path, workspace: Path):
    path = write_log(tmp_path)
    from_file = prepare(path, workspace=workspace)
    from_frame = prepare(pd.read_csv(path), workspace=workspace, name="frame")
    assert histories_of(from_file) == histories_of(from_frame)
    assert from_frame.folder is not None
    assert from_frame.folder.name.startswith("frame-")


def test_a_frame_may_hold_moments_and_mixed_ids(workspace: Path):
    log = pd.DataFrame(
        {
            "user": pd.Series([1, "b", 1, "b"], dtype=object),
            "item": pd.Categorical(["x", "y", "y", "x"]),
            "time": pd.to_datetime(
                ["2024-01-02", "2024-01-01", "2024-01-01", "2024-01-03"], utc=True
            ),
        }
    )
    dataset = prepare(log, workspace=workspace, settings=EVERYTHING)
    assert histories_of(dataset) == {"1": ["y", "x"], "b": ["y", "x"]}


def test_a_name_never_becomes_a_path(workspace: Path):
    log = frame_of(("u", "a", 1), ("v", "b", 2))
    dataset = prepare(log, workspace=workspace, name="../../x y", settings=EVERYTHING)
    assert dataset.folder is not None
    assert dataset.folder.parent == workspace / "datasets"
    assert dataset.name == "../../x y"


def test_titles_join_and_what_is_missing_is_called_by_its_id(workspace: Path):
    log = frame_of(("u", "1", 1), ("u", "2", 2), ("v", "1", 3))
    items = pd.DataFrame({"item": [1, 9], "title": ["One", "Nine"], "genre": ["Folk", "Jazz"]})
    dataset = prepare(log, items=items, workspace=workspace, settings=EVERYTHING)
    assert dataset.vocabulary.titles == ["One", "2"]
    assert dataset.vocabulary.table["genre"].tolist()[0] == "Folk"
    assert dataset.manifest["item_table"] == {
        "name": "items",
        "form": "frame",
        "key": "item",
        "title": "title",
        "n_matched": 1,
        "columns": ["title", "genre"],
        "token_lists": [],
        "n_rejected": 0,
    }


def test_the_manifest_counts_the_lines_that_the_item_table_has_lost(
    tmp_path: Path, workspace: Path
):
    (tmp_path / "items.csv").write_text("item,title\nx,X\ny,Y, the second\nz,Z\n")
    log = pd.DataFrame({"user": list("aaabbb"), "item": list("xyzzyx")})
    manifest = prepare(log, items=tmp_path / "items.csv", workspace=workspace).manifest
    assert manifest["item_table"]["n_matched"] == 2
    assert manifest["item_table"]["n_rejected"] == 1
    (reject,) = manifest["item_rejects"]
    assert (reject["line"], reject["reason"]) == (3, "too many columns")


def test_a_recbole_item_file_is_found_beside_its_log(tmp_path: Path, workspace: Path):
    (tmp_path / "x.inter").write_text("user_id:token\titem_id:token\nu\t1\nu\t2\nv\t1\n")
    (tmp_path / "x.item").write_text("item_id:token\tmovie_title:token_seq\n1\tOne\n2\tTwo\n")
    for path in (tmp_path / "x.inter", tmp_path):
        dataset = prepare(path, workspace=workspace, settings=EVERYTHING)
        assert dataset.vocabulary.titles == ["One", "Two"]


def test_the_manifest_says_where_everything_comes_from(tmp_path: Path, workspace: Path):
    path = write_log(tmp_path)
    with path.open("a") as file:
        file.write("u1,i1\n")
    manifest = prepare(MarkedLog(path, {"simulated": True}), workspace=workspace).manifest
    assert manifest["simulated"] is True
    assert manifest["source"]["name"] == "log.csv"
    assert manifest["source"]["size_bytes"] == path.stat().st_size
    assert manifest["roles"] == {
        "user": "user",
        "item": "item",
        "time": "time",
        "value": "rating",
        "event": None,
    }
    assert manifest["counts"] == {"n_users": 6, "n_items": 6, "n_interactions": 60}
    assert manifest["rejects"][0]["line"] == 62
    assert "Unix seconds" in manifest["time_reason"]
    assert str(tmp_path) not in str(manifest), "a path of this machine got into the manifest"


def test_settings_can_be_tried_one_after_the_other_on_one_log(tmp_path: Path):
    with read_log(write_log(tmp_path)) as log:
        strict = filter_log(log, PrepareSettings(min_value=4))
        mild = filter_log(log, EVERYTHING)
        assert strict.n_kept < mild.n_kept == 60
        assert filter_log(log, PrepareSettings(min_value=4)).steps == strict.steps


def test_columns_and_form_of_a_log_that_was_read_are_what_they_are(tmp_path: Path, workspace: Path):
    path = tmp_path / "log.csv"
    path.write_text("user,item,other\na,x,y\na,y,x\nb,x,y\nb,y,y\n")
    with read_log(path) as log:
        for asked in ({"roles": Roles("user", "other")}, {"form": "tsv"}):
            with pytest.raises(LogError, match=r"was read .* already"):
                prepare(log, workspace=workspace, settings=EVERYTHING, **asked)
        same = prepare(log, workspace=workspace, settings=EVERYTHING, roles=log.roles, form="csv")
    assert same.n_items == 2


def test_nothing_but_the_dataset_stays_in_the_workspace(tmp_path: Path, workspace: Path):
    dataset = prepare(write_log(tmp_path), workspace=workspace)
    assert dataset.folder is not None
    files = {path for path in workspace.rglob("*") if path.is_file()}
    assert files == set(dataset.folder.iterdir())


def test_visitors_who_prepare_the_same_log_at_once_share_the_dataset(
    tmp_path: Path, workspace: Path
):
    path = write_log(tmp_path, n=3000)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: prepare(path, workspace=workspace), range(4)))
    assert len({dataset.folder for dataset in made}) == 1
    assert all(dataset.n_interactions == 3000 for dataset in made)
    assert len(list((workspace / "datasets").iterdir())) == 1


def test_bad_settings_are_all_named():
    with pytest.raises(SettingsError) as caught:
        parse_prepare_settings({"min_sequence_length": 0, "k_core": 5})
    assert len(caught.value.problems) == 2
    assert "k_core" in str(caught.value)


def test_a_log_that_does_not_fit_the_memory_spills_to_the_workspace(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
):
    spilled = []

    def run_in_little_memory(self: Connection, sql: str, parameters: object = None) -> None:
        self.duckdb.execute("SET memory_limit = '60MB'")
        self.duckdb.execute(sql, parameters or {})
        spilled.extend(self.spill_folder.iterdir())

    monkeypatch.setattr(Connection, "run", run_in_little_memory)
    ids = np.arange(600_000)
    # Dates are told from all of them, so that the whole log goes through a table.
    text = "".join(
        f"user-number-{n % 1000},item-number-{n % 997},2024-05-{n % 28 + 1:02} 10:{n % 60:02}\n"
        for n in ids
    )
    (tmp_path / "log.csv").write_text("user,item,time\n" + text)
    dataset = prepare(tmp_path / "log.csv", workspace=workspace / "new")
    assert dataset.n_interactions == len(ids)
    assert spilled
    assert not list((workspace / "new" / TMP).iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from bert4rec.data.connection import Connection
from bert4rec.files import folder_swapped_in

home = Path(sys.argv[1])
connection = Connection(home)
(connection.spill_folder / "spilled").write_bytes(bytes(1000))
with folder_swapped_in(home / "datasets" / "log-12345678") as folder:
    (folder / "items.npy").write_bytes(bytes(1000))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_at_the_next_preparation(tmp_path: Path, workspace: Path):
    subprocess.run([sys.executable, "-c", KILLED, str(workspace)], check=False)
    left = {path.name for path in workspace.rglob("*") if path.is_file()}
    assert {"spilled", "items.npy"} < left
    with (
        closing(Connection(workspace)) as living,
        folder_swapped_in(workspace / "datasets" / "other") as new,
    ):
        dataset = prepare(write_log(tmp_path), workspace=workspace)
        assert new.is_dir()
        assert living.spill_folder.is_dir()
    assert dataset.folder is not None
    assert set(workspace.iterdir()) == {workspace / "datasets", workspace / TMP}
    assert not list((workspace / TMP).iterdir())
    assert set((workspace / "datasets").iterdir()) == {
        dataset.folder,
        workspace / "datasets" / "other",
    }


def test_what_somebody_else_put_beside_the_datasets_stays(tmp_path: Path, workspace: Path):
    foreign = workspace / "datasets" / ".log-12345678.0a0b0c0d.tmp"
    named_alike = workspace / "datasets" / "log.bert4rec-0a0b0c0d.tmp"
    for folder in (foreign, named_alike):
        folder.mkdir(parents=True)
    prepare(write_log(tmp_path), workspace=workspace)
    assert foreign.is_dir()
    assert named_alike.is_dir()


def test_rejected_rows_are_counted_by_reason_however_many_there_are(tmp_path: Path) -> None:
    good = [f"u{n % 30},i{n % 9},{n}" for n in range(300)]
    bad = [*["u1,,5"] * 30, *["u1,i1,soon"] * 50, *[",,soon"] * 3, *["u1"] * 40]
    path = tmp_path / "log.csv"
    path.write_text("user,item,time\n" + "\n".join(good + bad))
    dataset = prepare(path, workspace=tmp_path / "w")
    assert dataset.manifest["reject_reasons"] == {
        "no item id": 30,
        "no readable time": 50,
        "no user id": 3,
        "missing columns": 40,
    }


@contextmanager
def files_up_to(n_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size, as a full disk would not."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# Too few for the codes, for the times, for those with a head before them, for what is saved.
@pytest.mark.parametrize("n_bytes", [0, 1000, 4 * 3000, 8 * 3000 - 1, 8 * 3000 + 10])
def test_a_full_disk_is_told_in_words_and_nothing_stays(
    n_bytes: int, tmp_path: Path, workspace: Path
) -> None:
    text = "".join(f"u{n % 50},i{n * 7 % 30},{1_700_000_000 + n}\n" for n in range(3000))
    (tmp_path / "log.csv").write_text("user,item,time\n" + text)
    with files_up_to(n_bytes), pytest.raises(UnwritableError, match="cannot be written"):
        prepare(tmp_path / "log.csv", workspace=workspace)
    assert not [path for path in workspace.rglob("*") if path.is_file()]


def test_an_array_saved_is_that_which_numpy_would_save(tmp_path: Path) -> None:
    dataset = SequenceDataset.from_sequences([[1, 2, 3], [2, 3]])
    saved = dataset.save(tmp_path / "made")
    for name, array in (("items", saved.items), ("offsets", saved.offsets)):
        np.save(tmp_path / f"{name}.npy", array)
        written = (tmp_path / "made" / f"{name}.npy").read_bytes()
        assert written == (tmp_path / f"{name}.npy").read_bytes()


@pytest.mark.parametrize(
    "names", [("音楽", "課程"), ("my log (2024)", "my log 2024"), ("x" * 59, "x" * 58)]
)
def test_a_log_keeps_each_name_that_it_is_given(
    names: tuple[str, str], tmp_path: Path, workspace: Path
) -> None:
    path = write_log(tmp_path)
    made = [prepare(path, name=name, workspace=workspace) for name in (*names, *names)]
    assert [dataset.name for dataset in made] == [*names, *names]
    assert made[0].folder == made[2].folder != made[1].folder == made[3].folder
    assert made[0].fingerprint == made[1].fingerprint


def test_a_name_is_free_again_once_its_dataset_was_renamed(tmp_path: Path, workspace: Path) -> None:
    path = write_log(tmp_path)
    first = prepare(path, name="mine", workspace=workspace)
    assert first.folder is not None
    rename_dataset(workspace, first.folder.name, "archive")
    again = prepare(path, name="mine", workspace=workspace)
    assert (again.name, again.folder) == ("mine", first.folder.with_name(f"{first.folder.name}-2"))
    assert prepare(path, name="mine", workspace=workspace).folder == again.folder
    assert prepare(path, name="archive", workspace=workspace).folder == first.folder
    assert {found["name"] for found in list_datasets(workspace)} == {"mine", "archive"}


@pytest.mark.parametrize(("file", "name"), [("  .csv", ".csv"), (".csv", ".csv"), ("a .csv", "a")])
def test_a_dataset_has_a_name_that_shows_whatever_its_file_is_called(
    file: str, name: str, tmp_path: Path, workspace: Path
) -> None:
    assert prepare(write_log(tmp_path, file), workspace=workspace).name == name


def test_a_name_is_one_line_of_up_to_sixty_signs(tmp_path: Path, workspace: Path) -> None:
    path = write_log(tmp_path, "y" * 90 + ".csv")
    assert prepare(path, name=" a\n b ", workspace=workspace).name == "a b"
    assert prepare(path, workspace=workspace).name == "y" * 60
    for name in ("", " \n", "x" * 61):
        with pytest.raises(DatasetError, match="1 to 60 signs"):
            prepare(path, name=name, workspace=workspace)
