from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bert4rec.errors import NotFoundError, UnwritableError
from bert4rec.files import (
    TEMPORARY_LOCK,
    WORKSPACE_VARIABLE,
    child_of,
    delete_folder,
    file_to_write,
    find_workspace,
    folder_swapped_in,
    is_file,
    make_folder,
    move_where_free,
    refuse_unwritable,
    remove_abandoned,
    safe_name,
    swapped_in,
    temporary_beside,
    writing_explained,
)
from bert4rec.journal import Journal
from bert4rec.json_files import write_text
from tests.factories import abandoned_beside


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fill_half(temporary: Path, name: str) -> None:
    """Write something and fail, as a power cut would."""
    (temporary / name if name else temporary).write_text("half of the n")
    raise RuntimeError("power cut")


def test_a_written_text_replaces_the_old_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "note.txt"
    write_text(path, "old")
    write_text(path, "günther ✓")
    assert path.read_text("utf-8") == "günther ✓"
    assert names_in(path.parent) == ["note.txt"]


def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="power cut"), swapped_in(path) as temporary:
        fill_half(temporary, "")
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["note.txt"]


def test_the_old_file_is_whole_until_the_new_one_is(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_text(path, "old")
    with swapped_in(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_whoever_is_reading_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_text(path, "old")
    with path.open() as reader:
        write_text(path, "new and longer")
        assert reader.read() == "old"


def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    file, link = tmp_path / "far" / "a.txt", tmp_path / "link.txt"
    for text in ("one", "two"):
        link.unlink(missing_ok=True)
        link.symlink_to("far/a.txt")
        write_text(link, text)
        assert link.is_symlink()
        assert file.read_text() == text
    assert names_in(tmp_path) == ["far", "link.txt"]
    assert names_in(tmp_path / "far") == ["a.txt"]


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(os.devnull)
    for name in ("pipe", "folder", "link"):
        with pytest.raises(UnwritableError, match="no file that could be replaced"):
            write_text(tmp_path / name, "text")
    assert names_in(tmp_path) == ["folder", "link", "pipe"]
    assert (tmp_path / "pipe").is_fifo()


def test_a_home_folder_is_meant_where_a_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert file_to_write("~/a.csv") == (tmp_path / "a.csv").resolve()


def test_an_error_while_filling_a_folder_leaves_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with folder_swapped_in(folder) as new:
        (new / "a").write_text("1")
    with pytest.raises(RuntimeError, match="power cut"), folder_swapped_in(folder) as new:
        fill_half(new, "b")
    assert names_in(folder) == ["a"]
    assert names_in(tmp_path) == ["data"]


def test_a_swapped_folder_keeps_nothing_of_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for name in ("a", "b"):
        with folder_swapped_in(folder) as new:
            (new / name).write_text(name)
    assert names_in(folder) == ["b"]


def test_a_folder_that_another_process_put_there_meanwhile_stays(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with folder_swapped_in(folder) as slow:
        (slow / "a").write_text("slow")
        with folder_swapped_in(folder) as fast:
            (fast / "a").write_text("fast")
    assert (folder / "a").read_text() == "fast"
    assert names_in(tmp_path) == ["data"]


def test_two_processes_that_replace_one_folder_leave_a_whole_one(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for name in ("old", "slow"):
        with folder_swapped_in(folder) as outer:
            (outer / name).write_text(name)
            if name == "slow":
                with folder_swapped_in(folder) as inner:
                    (inner / "fast").write_text("fast")
    assert names_in(folder) == ["fast"]
    assert names_in(tmp_path) == ["data"]


def test_the_old_folder_is_back_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    with folder_swapped_in(folder) as new:
        (new / "a").write_text("old")
    rename, n_calls = Path.rename, iter(range(9))

    def refuse_the_second(self: Path, target: Path) -> Path:
        if next(n_calls) == 1:
            raise PermissionError(13, "in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_second)
    with pytest.raises(PermissionError, match="in use"), folder_swapped_in(folder) as new:
        (new / "a").write_text("new")
    assert (folder / "a").read_text() == "old"
    assert names_in(tmp_path) == ["data"]


def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "workspace"
    for act in (
        lambda: make_folder(folder),
        lambda: write_text(folder / "a.txt", "text"),
        lambda: Journal(folder / "a.jsonl").append({"n": 1}),
        lambda: folder_swapped_in(folder / "data").__enter__(),
    ):
        with pytest.raises(UnwritableError, match=r"workspace.* cannot be written") as caught:
            act()
        assert "--workspace" in str(caught.value)


def test_a_place_is_refused_before_what_goes_there_is_made(tmp_path: Path) -> None:
    refuse_unwritable(tmp_path / "new" / "map.csv")
    assert names_in(tmp_path / "new") == []
    (tmp_path / "taken").write_text("in the way")
    with pytest.raises(UnwritableError, match="taken cannot be written: File exists"):
        refuse_unwritable(tmp_path / "taken" / "map.csv")


def test_a_disk_that_is_full_is_told_with_the_folder(tmp_path: Path) -> None:
    with pytest.raises(UnwritableError, match="No space left"), writing_explained(tmp_path):
        raise OSError(28, "No space left on device")
    with pytest.raises(NotFoundError, match="mine"), writing_explained(tmp_path):
        raise NotFoundError("mine")


@pytest.mark.parametrize("name", ["x" * 300, "a\x00b"])
def test_a_name_that_no_file_can_have_is_not_there(name: str, tmp_path: Path) -> None:
    assert not is_file(tmp_path / name)
    assert not is_file(tmp_path / name / "config.json")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My run 1", "My-run-1"),
        ("../../etc/passwd", "etc-passwd"),
        ("", "unnamed"),
        ("...", "unnamed"),
        ("日本", "unnamed"),
        ("a\x00b\nc", "a-b-c"),
        ("x" * 99, "x" * 40),
        ("-rf", "rf"),
    ],
)
def test_a_safe_name_is_one_plain_path_part(text: str, name: str, tmp_path: Path) -> None:
    assert safe_name(text) == name
    assert child_of(tmp_path, safe_name(text)).parent == tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "/etc",
        ".hidden",
        "a..b",
        "a\n",
        "a b",
        "-rf",
        "C:x",
        "x" * 300,
    ],
)
def test_a_child_never_leaves_its_parent(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="not a valid name"):
        child_of(tmp_path, name)


def test_the_workspace_is_the_one_given_else_the_environments_else_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path / "there"))
    assert find_workspace(tmp_path / "given") == (tmp_path / "given").resolve()
    assert find_workspace() == (tmp_path / "there").resolve()
    monkeypatch.delenv(WORKSPACE_VARIABLE)
    monkeypatch.chdir(tmp_path)
    assert find_workspace() == (tmp_path / "workspace").resolve()


def test_a_workspace_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    with pytest.raises(UnwritableError, match="its path is no text in UTF-8") as caught:
        find_workspace(folder)
    assert r"caf\udce9" in str(caught.value)
    assert find_workspace(tmp_path / "café").name == "café"


def test_a_workspace_that_can_be_no_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnwritableError, match="cannot be used: File name too long") as caught:
        find_workspace(tmp_path / ("a" * 300))
    assert caught.value.fix == f"Name another folder, as by --workspace or {WORKSPACE_VARIABLE}."
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(UnwritableError, match=r"cannot be used: .*([Ll]oop|symbolic links)"):
        find_workspace(tmp_path / "circle")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UnwritableError, match="cannot be used: No such file or directory"):
        find_workspace("here")


def test_only_what_a_dead_process_left_is_removed(tmp_path: Path) -> None:
    left, folder = (abandoned_beside(tmp_path / name) for name in ("last.safetensors", "folder"))
    left.write_text("half")
    folder.mkdir()
    (folder / "part").write_text("half")
    foreign = tmp_path / ".last.safetensors.0a0b0c0d.tmp"
    foreign.write_text("half")
    with temporary_beside(tmp_path / "last.safetensors") as mine:
        mine.write_text("half")
        remove_abandoned(tmp_path)
        assert set(tmp_path.iterdir()) == {mine, mine.with_suffix(TEMPORARY_LOCK), foreign}
    assert names_in(tmp_path) == [foreign.name]


def test_what_is_temporary_without_a_lock_has_lost_its_maker(tmp_path: Path) -> None:
    left = abandoned_beside(tmp_path / "folder")
    left.mkdir()
    left.with_suffix(TEMPORARY_LOCK).unlink()
    remove_abandoned(tmp_path)
    assert names_in(tmp_path) == []


def test_a_lock_without_what_it_locks_goes_once_nobody_can_be_about_to_take_it(
    tmp_path: Path,
) -> None:
    old, fresh = (
        abandoned_beside(tmp_path / name).with_suffix(TEMPORARY_LOCK) for name in ("old", "fresh")
    )
    a_week_ago = fresh.stat().st_mtime - 7 * 24 * 3600
    os.utime(old, (a_week_ago, a_week_ago))
    with temporary_beside(tmp_path / "slow") as slow:
        held = slow.with_suffix(TEMPORARY_LOCK)
        os.utime(held, (a_week_ago, a_week_ago))
        remove_abandoned(tmp_path)
        assert set(tmp_path.iterdir()) == {fresh, held}


NAMESAKE = """
import os, sys
from pathlib import Path
from bert4rec import files

# In another container a process may have this very number.
os.getpid = lambda: int(sys.argv[2])
with files.temporary_folder_beside(Path(sys.argv[1]) / "log") as folder:
    print("made", flush=True)
    sys.stdin.readline()
    if sys.argv[3] == "dies":
        os._exit(1)
    (folder / "whole").touch()
    print("whole", flush=True)
"""


@pytest.mark.parametrize("ending", ["dies", "ends"])
def test_a_process_of_the_same_number_elsewhere_is_told_by_its_lock(
    ending: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", NAMESAKE, str(tmp_path), str(os.getpid()), ending]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "made\n"
        remove_abandoned(tmp_path)
        assert len(names_in(tmp_path)) == 2
        said, _ = other.communicate("go on\n")
    assert said == ("" if ending == "dies" else "whole\n")
    remove_abandoned(tmp_path)
    assert names_in(tmp_path) == []


def test_folders_that_want_one_name_at_once_get_numbers(tmp_path: Path) -> None:
    folders = [tmp_path / "from" / str(at) for at in range(24)]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "of").write_text(folder.name)
    (tmp_path / "to").mkdir()
    with ThreadPoolExecutor(8) as pool:
        places = list(
            pool.map(lambda folder: move_where_free(folder, tmp_path / "to", "a"), folders)
        )
    assert [(place / "of").read_text() for place in places] == [folder.name for folder in folders]
    assert {place.name for place in places} == {"a", *(f"a-{at}" for at in range(2, 25))}


def test_a_folder_that_cannot_be_moved_is_not_tried_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        move_where_free(tmp_path / "none", tmp_path, "a")


# Deleting a folder


def filled(folder: Path) -> Path:
    (folder / "deep").mkdir(parents=True)
    for name in ("a", "b", "deep/c"):
        (folder / name).write_text("text")
    return folder


def test_a_deleted_folder_leaves_nothing(tmp_path: Path) -> None:
    delete_folder(filled(tmp_path / "made"))
    assert names_in(tmp_path) == []
    with pytest.raises(NotFoundError, match="'made' is gone already"):
        delete_folder(tmp_path / "made")
    assert names_in(tmp_path) == []


def test_a_folder_is_never_seen_half_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In place the first files went one by one, and a second Ctrl+C left the others.
    def interrupted(path: Path, **_: object) -> None:
        (path / "a").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("bert4rec.files.shutil.rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            delete_folder(filled(tmp_path / "made"))
    assert not (tmp_path / "made").exists()
    delete_folder(filled(tmp_path / "other"))
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("part", ["made", "made/deep"])
def test_a_folder_that_cannot_be_deleted_stays_whole(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = filled(tmp_path / "made")
    closed = tmp_path / part
    monkeypatch.setattr("bert4rec.files.os.access", lambda path, _: path != closed)
    with pytest.raises(UnwritableError, match=r"made cannot be written: Permission denied\. Make"):
        delete_folder(folder)
    assert names_in(tmp_path) == ["made"]
    assert names_in(folder) == ["a", "b", "deep"]
