from __future__ import annotations

import errno
import json
import os
import random
import shutil
import stat
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from bert4rec import parcels
from bert4rec.bundle.writing import export_bundle
from bert4rec.errors import FormatError, NotFoundError, RunError, UnwritableError
from bert4rec.files import temporary_folder_beside
from bert4rec.loaded_model import load_model
from bert4rec.runs import archive
from bert4rec.runs.archive import export_run, import_run
from bert4rec.runs.folder import Run
from bert4rec.runs.label import rename_run, tag_run
from bert4rec.runs.registry import create_run, list_runs
from bert4rec.runs.soundness import BEST, LAST, check_run
from tests.factories import abandoned_beside


@pytest.fixture
def run(tiny_run: Run, tmp_path: Path) -> Run:
    """A trained run of its own in another workspace."""
    shutil.copytree(tiny_run.workspace, tmp_path / "there")
    return Run(tmp_path / "there" / "runs" / tiny_run.id)


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def contents(run: Run, **changes: bytes) -> dict[str, bytes]:
    found = {name: (run.folder / name).read_bytes() for name in ("config.json", "status.json")}
    return found | {BEST: run.checkpoint("best").read_bytes()} | changes


def test_a_run_comes_over_whole_with_its_label_and_is_used_once_its_dataset_is_there(
    run: Run, workspace: Path, tmp_path: Path
) -> None:
    rename_run(run.folder, "carried")
    tag_run(run.folder, ["good"])
    names = export_run(run, tmp_path / "run.zip")
    assert BEST in names
    assert LAST not in names
    brought = import_run(workspace, tmp_path / "run.zip")
    assert (brought.name, brought.label().tags) == ("carried", ("good",))
    assert brought.summary() == run.summary()
    assert list_runs(workspace) == [brought]
    shutil.copytree(run.workspace / "datasets", workspace / "datasets")
    assert load_model(brought).item_embeddings().shape == load_model(run).item_embeddings().shape


def test_the_checkpoint_to_go_on_from_comes_when_asked_for(run: Run, tmp_path: Path) -> None:
    assert LAST in export_run(run, tmp_path / "run.zip", with_last=True)


def test_files_older_than_zip_files_are_exported_too(
    run: Run, workspace: Path, tmp_path: Path
) -> None:
    os.utime(run.folder / "config.json", (0, 0))
    export_run(run, tmp_path / "run.zip")
    assert import_run(workspace, tmp_path / "run.zip").summary() == run.summary()


def test_the_same_run_twice_is_two_runs(run: Run, workspace: Path, tmp_path: Path) -> None:
    export_run(run, tmp_path / "run.zip")
    brought = {import_run(workspace, tmp_path / "run.zip").id for _ in range(2)}
    assert len(brought) == len(list_runs(workspace)) == 2
    assert {found.name for found in list_runs(workspace)} == {run.name, f"{run.name} 2"}


def test_what_a_killed_import_left_goes_with_the_next_import_or_run(
    run: Run, workspace: Path, tmp_path: Path
) -> None:
    export_run(run, tmp_path / "run.zip")
    runs = workspace / "runs"
    with temporary_folder_beside(runs / "import") as under_way:
        for make in (
            lambda: import_run(workspace, tmp_path / "run.zip"),
            lambda: create_run(workspace, run.dataset(), run.policy()),
        ):
            left = abandoned_beside(runs / "import")
            (left / "checkpoints").mkdir(parents=True)
            make()
            assert not left.exists()
        assert under_way.exists()
    assert len(list_runs(workspace)) == 2


def test_an_active_run_is_not_exported(run: Run, tmp_path: Path) -> None:
    run.set_status(state="running")
    with pytest.raises(RunError, match="still active"):
        export_run(run, tmp_path / "run.zip")


@pytest.mark.parametrize(
    "name",
    [
        "../escaped.json",
        "/tmp/escaped.json",
        "..\\escaped.json",
        "checkpoints/",
        "checkpoints/../escaped.json",
        "checkpoints/model.pkl",
        "artifacts/map.npz",
        "CONFIG.JSON",
    ],
)
def test_what_a_run_does_not_consist_of_is_refused_and_nothing_is_written(
    name: str, run: Run, workspace: Path, tmp_path: Path
) -> None:
    path = packed(tmp_path / "evil.zip", contents(run) | {name: b"x"})
    with pytest.raises(FormatError, match="not that of a run"):
        import_run(workspace, path)
    assert list((workspace / "runs").iterdir()) == []
    assert not (workspace / "escaped.json").exists()


def test_the_bundle_of_a_model_is_called_one_and_the_way_to_a_run_is_named(
    run: Run, workspace: Path, tmp_path: Path
) -> None:
    export_bundle(run, tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive_:
        archive_.extractall(tmp_path / "model")
    for name in ("model.zip", "model"):
        with pytest.raises(FormatError, match="is a model bundle and not a run") as refused:
            import_run(workspace, tmp_path / name)
        assert "Run as zip" in str(refused.value.fix)
    assert list((workspace / "runs").iterdir()) == []


def test_a_file_that_unpacks_to_too_much_is_refused(
    run: Run, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(archive.MAX_BYTES, "log.txt", 1_000)
    path = packed(tmp_path / "big.zip", contents(run) | {"log.txt": b"x" * 1_001})
    with pytest.raises(FormatError, match=r"log.txt: it would be 1,001 bytes"):
        import_run(workspace, path)


def test_a_bomb_is_refused_by_how_much_it_would_grow(
    run: Run, workspace: Path, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in (contents(run) | {BEST: bytes(2**27)}).items():
            made.writestr(name, content)
    assert path.stat().st_size < 2**20
    with pytest.raises(FormatError, match=r"would become 134,.* as those of a zip bomb"):
        import_run(workspace, path)
    assert list((workspace / "runs").iterdir()) == []


def test_a_zip_file_with_an_endless_list_of_contents_is_refused_before_it_is_read(
    run: Run, workspace: Path, tmp_path: Path
) -> None:
    many = {f"{'x' * 200}{number}": b"" for number in range(5_000)}
    with pytest.raises(FormatError, match="its list of contents is too long"):
        import_run(workspace, packed(tmp_path / "many.zip", many))


def test_without_room_on_the_disk_nothing_is_unpacked(
    run: Run, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parcels, "SPARE_BYTES", 2**60)
    with pytest.raises(UnwritableError, match="no room for a run"):
        import_run(workspace, packed(tmp_path / "run.zip", contents(run)))
    assert list((workspace / "runs").iterdir()) == []


def test_a_disk_that_fills_while_it_is_unpacked_leaves_nothing(
    run: Run, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(parcels, "_write", write)
    with pytest.raises(UnwritableError, match="No space left"):
        import_run(workspace, packed(tmp_path / "run.zip", contents(run)))
    assert list((workspace / "runs").iterdir()) == []


def test_a_link_in_a_zip_file_is_refused(run: Run, workspace: Path, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("log.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = packed(tmp_path / "link.zip", contents(run))
    with zipfile.ZipFile(path, "a") as made:
        made.writestr(link, "/etc/passwd")
    with pytest.raises(FormatError, match=r"log.txt: it is a link"):
        import_run(workspace, path)


def test_a_file_that_is_there_twice_is_refused(run: Run, workspace: Path, tmp_path: Path) -> None:
    path = packed(tmp_path / "twice.zip", contents(run))
    with zipfile.ZipFile(path, "a") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.writestr("config.json", "{}")
    with pytest.raises(FormatError, match=r"holds config.json twice"):
        import_run(workspace, path)


@pytest.mark.parametrize("seed", range(8))
def test_a_zip_file_with_a_flipped_byte_gives_a_whole_run_or_nothing(
    seed: int, run: Run, workspace: Path, tmp_path: Path
) -> None:
    path = packed(tmp_path / "run.zip", contents(run))
    content = bytearray(path.read_bytes())
    chance = random.Random(seed)
    for _ in range(3):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    with suppress(FormatError):
        import_run(workspace, path)
    assert all(check_run(one) is None for one in list_runs(workspace))
    assert len(list((workspace / "runs").iterdir())) == len(list_runs(workspace))


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_is_damage_however_a_zip_file_was_packed(
    packing: int, run: Run, workspace: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run.zip"
    with zipfile.ZipFile(path, "w", packing) as made:
        for name, content in contents(run).items():
            made.writestr(name, content)
    brought = import_run(workspace, path)
    assert brought.checkpoint("best").read_bytes() == run.checkpoint("best").read_bytes()
    content, start = path.read_bytes(), path.read_bytes().index(b"config.json") + 30
    chance = random.Random(1)
    for _ in range(40):
        damaged = bytearray(content)
        damaged[start + chance.randrange(len(content) - start)] ^= 0xFF
        path.write_bytes(damaged)
        with suppress(FormatError):
            import_run(workspace, path)
    assert all(check_run(one) is None for one in list_runs(workspace))
    assert len(list((workspace / "runs").iterdir())) == len(list_runs(workspace))


def test_a_zip_file_whose_list_leads_nowhere_is_damaged(
    run: Run, workspace: Path, tmp_path: Path
) -> None:
    path = packed(tmp_path / "run.zip", contents(run))
    content = bytearray(path.read_bytes())
    # Where the list of contents begins: from there, the places of the files are reckoned.
    place = content.rindex(b"PK\x05\x06") + 16
    content[place : place + 4] = (10**9).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(FormatError, match="cannot be read"):
        import_run(workspace, path)


def test_a_run_comes_from_a_folder_too_without_what_is_computed_from_it(
    run: Run, workspace: Path
) -> None:
    run.artifacts.mkdir(exist_ok=True)
    (run.artifacts / "map.npz").write_bytes(b"PK")
    brought = import_run(workspace, run.folder)
    assert brought.summary() == run.summary()
    names = {path.name for path in brought.folder.rglob("*") if path.is_file()}
    assert {"best.safetensors", "last.safetensors", "metrics.jsonl"} <= names
    assert not names & {"map.npz", "run.lock"}


@pytest.mark.parametrize("name", ["config.json", "log.txt", BEST, "checkpoints"])
def test_a_link_in_a_folder_is_refused(
    name: str, run: Run, workspace: Path, tmp_path: Path
) -> None:
    (run.folder / name).rename(tmp_path / "target")
    (run.folder / name).symlink_to(tmp_path / "target")
    with pytest.raises(FormatError, match=r"the folder is not that of a run: .* it is a link"):
        import_run(workspace, run.folder)
    assert list((workspace / "runs").iterdir()) == []


def test_a_folder_that_is_no_run_is_told(workspace: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"the folder is not that of a run: it holds no config"):
        import_run(workspace, tmp_path)


def test_a_file_that_claims_to_be_smaller_than_it_is_gives_nothing(
    run: Run, workspace: Path, tmp_path: Path
) -> None:
    path = packed(tmp_path / "liar.zip", contents(run) | {"log.txt": b"x" * 5_000})
    size = (5_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (50).to_bytes(4, "little")))
    with pytest.raises(FormatError):
        import_run(workspace, path)
    assert list((workspace / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"{"),
        ("config.json", b'{"format_version": 99}'),
        ("label.json", rb'{"format_version": 1, "name": "\ud800x"}'),
        ("status.json", b"[]"),
        ("summary.json", b'{"test": 3}'),
        (BEST, b"\x80\x04pickle"),
    ],
)
def test_a_part_that_cannot_be_read_is_refused(
    name: str, content: bytes, run: Run, workspace: Path, tmp_path: Path
) -> None:
    with pytest.raises(FormatError, match="not that of a run") as caught:
        import_run(workspace, packed(tmp_path / "bad.zip", contents(run) | {name: content}))
    assert caught.value.where == "bad.zip"
    assert str(workspace) not in str(caught.value)
    assert list((workspace / "runs").iterdir()) == []


@pytest.mark.parametrize("changes", [{"state": "running"}, {"state": "queued"}])
def test_an_active_run_is_not_imported(
    changes: dict[str, str], run: Run, workspace: Path, tmp_path: Path
) -> None:
    run.set_status(**changes)
    with pytest.raises(FormatError, match="its run is"):
        import_run(workspace, packed(tmp_path / "active.zip", contents(run)))


def test_a_moment_or_a_name_of_the_archive_never_becomes_a_path(
    run: Run, workspace: Path, tmp_path: Path
) -> None:
    config = json.loads((run.folder / "config.json").read_text()) | {"name": "../../out"}
    named = contents(run) | {"config.json": json.dumps(config).encode()}
    assert import_run(workspace, packed(tmp_path / "a.zip", named)).folder.parent == (
        workspace / "runs"
    )
    config["created_at"] = "../../then"
    dated = contents(run) | {"config.json": json.dumps(config).encode()}
    with pytest.raises(FormatError, match="no known moment"):
        import_run(workspace, packed(tmp_path / "b.zip", dated))


def test_what_is_no_zip_file_or_lacks_its_configuration_is_told(
    run: Run, workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(FormatError, match="cannot be read"):
        import_run(workspace, tmp_path / "text.zip")
    with pytest.raises(FormatError, match=r"holds no config\.json"):
        import_run(workspace, packed(tmp_path / "part.zip", {BEST: b""}))
    with pytest.raises(NotFoundError, match="there is no file"):
        import_run(workspace, tmp_path / "nowhere.zip")
