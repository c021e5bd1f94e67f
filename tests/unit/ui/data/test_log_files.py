from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bert4rec.data.collection import list_datasets, versions
from bert4rec.data.prepare import prepare
from bert4rec.errors import NotFoundError, UnwritableError
from bert4rec.ui.data.log_files import (
    data_folder,
    data_path,
    forget_old_uploads,
    forget_upload,
    list_data,
    safe_file_name,
    spool,
    spooled,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An open folder with a log, a hidden file, a link out of it and a link within."""
    root = tmp_path / "open"
    (root / "deep").mkdir(parents=True)
    (root / "deep" / "log.csv").write_text("user,item\n")
    (root / ".secret").write_text("x")
    (tmp_path / "outside.csv").write_text("user,item\n")
    (root / "out.csv").symlink_to(tmp_path / "outside.csv")
    (root / "in.csv").symlink_to(root / "deep" / "log.csv")
    return root


def test_files_in_the_open_folder_are_listed_without_hidden_ones_and_links_out(
    folder: Path,
) -> None:
    assert list_data(folder).files == ["deep/log.csv", "in.csv"]


@pytest.mark.parametrize(
    "relative", ["../outside.csv", "out.csv", "/etc/hostname", "deep", "nothing.csv", "", "a\0b"]
)
def test_what_leads_out_of_the_open_folder_is_refused(folder: Path, relative: str) -> None:
    with pytest.raises(NotFoundError, match="no file"):
        data_path(folder, relative)


def test_a_link_within_the_open_folder_is_followed(folder: Path) -> None:
    assert data_path(folder, "in.csv") == folder.resolve() / "deep" / "log.csv"


def test_folders_of_several_files_are_offered_as_one_log(folder: Path) -> None:
    (folder / "deep" / "log-2.csv").write_text("user,item\n")
    (folder / "single").mkdir()
    (folder / "single" / "log.csv").write_text("user,item\n")
    assert list_data(folder).folders == ["deep/"]
    assert data_path(folder, "deep/") == folder.resolve() / "deep"


@pytest.mark.parametrize("name", ["part.parquet", "part.csv.gz", "000000_0"])
@pytest.mark.parametrize("beside", [(), ("_SUCCESS",), ("README.md", "_SUCCESS")])
def test_a_folder_of_partitions_is_offered_whatever_lies_beside_them(
    name: str, beside: tuple[str, ...], tmp_path: Path
) -> None:
    for file in (f"plays/day=1/{name}", *(f"plays/{other}" for other in beside)):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert list_data(tmp_path).folders == ["plays/"]


@pytest.mark.parametrize("target", ["outside.csv", "."])
def test_a_folder_with_a_link_out_of_the_open_one_is_not_read(
    folder: Path, tmp_path: Path, target: str
) -> None:
    for n in range(3):
        (folder / "deep" / f"log-{n}.csv").write_text("user,item\n")
    (folder / "deep" / "link").symlink_to(tmp_path / target)
    assert list_data(folder).folders == []
    with pytest.raises(NotFoundError, match="no file"):
        data_path(folder, "deep/")


@pytest.mark.parametrize("relative", ["../", "./", "/", "deep/../", "../open/../", "nothing/"])
def test_only_folders_below_the_open_one_can_be_read(folder: Path, relative: str) -> None:
    with pytest.raises(NotFoundError, match="no file"):
        data_path(folder, relative)


def test_the_open_folder_is_the_inbox_unless_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BERT4REC_DATA_DIR", raising=False)
    assert data_folder(tmp_path) == (tmp_path / "inbox").resolve()
    monkeypatch.setenv("BERT4REC_DATA_DIR", str(tmp_path / "logs"))
    assert data_folder(tmp_path) == (tmp_path / "logs").resolve()


@pytest.mark.parametrize("name", ["../../evil.csv", "..\\evil.csv", "/evil.csv", "a b/evil.csv"])
def test_an_upload_lands_in_a_folder_of_its_own_whatever_its_name(
    tmp_path: Path, name: str
) -> None:
    path = spool(io.BytesIO(b"user,item\n"), name, tmp_path)
    assert path.parent.parent.parent == tmp_path / "uploads"
    assert path.name == "evil.csv"
    assert path.read_bytes() == b"user,item\n"


def test_two_uploads_of_one_name_do_not_meet(tmp_path: Path) -> None:
    paths = {spool(io.BytesIO(b"x"), "log.csv", tmp_path) for _ in range(2)}
    assert len(paths) == 2


LOG = "user,item,time\n" + "".join(f"u{n % 50},i{n % 70},{n}\n" for n in range(3000))


def test_the_same_upload_twice_is_one_dataset_that_is_written_once(tmp_path: Path) -> None:
    first = prepare(spool(io.BytesIO(LOG.encode()), "log.csv", tmp_path), workspace=tmp_path)
    assert first.folder is not None
    made_at = (first.folder / "items.npy").stat().st_mtime_ns
    second = prepare(spool(io.BytesIO(LOG.encode()), "log.csv", tmp_path), workspace=tmp_path)
    assert second.folder == first.folder
    assert (first.folder / "items.npy").stat().st_mtime_ns == made_at
    assert len(list_datasets(tmp_path)) == 1


def test_the_same_upload_of_two_visitors_at_once_is_one_dataset(tmp_path: Path) -> None:
    paths = [spool(io.BytesIO(LOG.encode()), "log.csv", tmp_path) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda path: prepare(path, workspace=tmp_path), paths)
    assert one.folder is not None
    assert one.folder == other.folder
    assert one.n_interactions == other.n_interactions == 3000
    assert [path.name for path in (tmp_path / "datasets").iterdir()] == [one.folder.name]


def test_endings_are_kept_because_they_tell_the_form() -> None:
    assert safe_file_name("my log.inter.gz") == "my-log.inter.gz"
    assert safe_file_name("…") == "log"
    assert len(f"{safe_file_name('𝒳' * 99 + '.csv.gz')}".encode()) < 255
    assert safe_file_name("𝒳" * 99 + ".csv.gz").endswith(".csv.gz")


def test_uploads_with_names_of_any_script_are_not_versions_of_each_other(tmp_path: Path) -> None:
    paths = [spool(io.BytesIO(LOG.encode()), name, tmp_path) for name in ("音楽.csv", "本.csv")]
    assert [path.name for path in paths] == ["音楽.csv", "本.csv"]
    for path in paths:
        prepare(path, workspace=tmp_path)
    one, other = list_datasets(tmp_path)
    assert {one["name"], other["name"]} == {"音楽", "本"}
    assert versions(one, [one, other]) == []


def test_forgetting_deletes_uploads_only(tmp_path: Path) -> None:
    own = tmp_path / "inbox" / "log.csv"
    own.parent.mkdir()
    own.write_text("x")
    forget_upload(own, tmp_path)
    assert own.exists()
    upload = spool(io.BytesIO(b"x"), "log.csv", tmp_path)
    forget_upload(upload, tmp_path)
    assert not upload.parent.exists()


def test_an_upload_is_found_by_its_key_alone(tmp_path: Path) -> None:
    path = spool(io.BytesIO(b"x"), "log.csv", tmp_path)
    key = path.parent.name
    assert spooled(key, tmp_path) == path
    way_round = f"../{path.parent.parent.name}/{key}"
    others = ("", ".", "..", way_round, str(path.parent), "0" * len(key), f"{key}\n", f"{key}/")
    for other in others:
        assert spooled(other, tmp_path) is None
    forget_upload(path, tmp_path)
    assert spooled(key, tmp_path) is None


def test_uploads_left_for_more_than_a_day_go(tmp_path: Path) -> None:
    old, new = (spool(io.BytesIO(b"x"), "log.csv", tmp_path) for _ in range(2))
    os.utime(old.parent, (0, 0))
    forget_old_uploads(new.parent.parent, now_s=new.parent.stat().st_mtime + 60)
    assert not old.exists()
    assert new.exists()


def test_an_upload_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(UnwritableError, match="cannot be written"):
            spool(io.BytesIO(bytes(5000)), "log.csv", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list((tmp_path / "uploads").rglob("*.csv"))


KILLED = """
import io, os, pathlib, signal, sys
from bert4rec.ui.data.log_files import spool
spool(io.BytesIO(b"left behind"), "left.csv", pathlib.Path(sys.argv[1]))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_uploads_of_a_killed_server_go_with_the_next_one_and_those_of_this_one_stay(
    tmp_path: Path,
) -> None:
    mine = spool(io.BytesIO(b"mine"), "mine.csv", tmp_path)
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert list((tmp_path / "uploads").rglob("left.csv"))
    other = spool(io.BytesIO(b"other"), "other.csv", tmp_path)
    assert sorted((tmp_path / "uploads").rglob("*.csv")) == sorted([mine, other])


def test_the_folder_of_a_parted_table_is_offered_with_one_file_a_part(folder: Path) -> None:
    for part in ("day=1/hour=1", "day=1/hour=2", "day=2/hour=1"):
        (folder / "events" / part).mkdir(parents=True)
        (folder / "events" / part / "p0.parquet").touch()
    assert list_data(folder).folders == ["events/"]
    # One part alone is no folder of them.
    (folder / "single").mkdir()
    (folder / "single" / "p0.parquet").touch()
    assert list_data(folder).folders == ["events/"]


def test_more_files_than_are_listed_are_counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert4rec.ui.data.log_files.N_LISTED", 3)
    for n in range(9):
        (folder / "deep" / f"{n}.csv").touch()
    found = list_data(folder)
    assert found.files == ["deep/0.csv", "deep/1.csv", "deep/2.csv"]
    assert found.n_files == 11


def test_a_hidden_folder_is_not_listed_but_may_hold_a_way_out(folder: Path, tmp_path: Path) -> None:
    (folder / "deep" / ".kept").mkdir()
    for n in range(2):
        (folder / "deep" / ".kept" / f"{n}.csv").touch()
        (folder / "deep" / f"{n}.csv").touch()
    assert list_data(folder).folders == ["deep/"]
    (folder / "deep" / ".kept" / "link").symlink_to(tmp_path)
    assert list_data(folder).folders == []
    assert list_data(tmp_path / "nothing") == ([], [], 0)
