from __future__ import annotations

from io import BytesIO
from pathlib import Path

from bert4rec.examination import Part, examine, workspace_parts
from bert4rec.ui.data.log_files import spool


def test_parts_are_told_by_size_and_links_are_not_followed(tmp_path: Path):
    for name, n_bytes in (("runs", 10), ("datasets", 300)):
        (tmp_path / name / "one").mkdir(parents=True)
        (tmp_path / name / "one" / "file").write_bytes(b"x" * n_bytes)
    (tmp_path / "runs" / "runs.lock").touch()
    (tmp_path / "note").write_bytes(b"x" * 20)
    (tmp_path / "link").symlink_to(tmp_path / "datasets")
    assert workspace_parts(tmp_path) == [
        Part("datasets", 1, 300),
        Part("", 1, 20),
        Part("runs", 1, 10),
    ]
    assert workspace_parts(tmp_path / "not there") == []


def test_uploads_are_counted_in_the_folder_of_the_server_that_took_them(tmp_path: Path):
    for name in ("one.csv", "two.csv"):
        spool(BytesIO(b"user,item"), name, tmp_path)
    (uploads,) = workspace_parts(tmp_path)
    assert (uploads.name, uploads.n_entries, uploads.n_bytes) == ("uploads", 2, 18)


def test_a_workspace_that_cannot_be_made_is_told_from_one_that_is_to_be_made(
    tmp_path: Path,
):
    found = {finding.name: finding for finding in examine(tmp_path / "new")}
    assert found["workspace"].state == "ok"
    assert "which is made when it is needed" in found["workspace"].value
    (tmp_path / "file").write_text("")
    found = {finding.name: finding for finding in examine(tmp_path / "file" / "below")}
    assert found["workspace"].state == "failed"
