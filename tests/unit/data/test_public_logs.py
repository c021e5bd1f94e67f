from __future__ import annotations

import hashlib
import io
import socket
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from bert4rec.cli import main
from bert4rec.data.collection import list_datasets
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.public_archives import GENRES, prepare_public_log
from bert4rec.data.public_logs import (
    MIRROR_VARIABLE,
    OWNER_URL,
    PUBLIC_LOGS,
    PublicLog,
    find_public_log,
)
from bert4rec.errors import Bert4RecError, LogError, NotFoundError

ROWS = [
    (user, 1 + (user + step) % 9, 3 + step % 3, 978_300_000 + 60 * step + user)
    for user in range(1, 31)
    for step in range(6)
]


def members_of(log: PublicLog) -> dict[str, bytes]:
    """The two files of an archive, small but in the owner's form."""
    if log.ratings.endswith(".csv"):
        ratings = "userId,movieId,rating,timestamp\n" + "".join(
            f"{user},{item},{value}.0,{at}\n" for user, item, value, at in ROWS
        )
        movies = "movieId,title,genres\n" + "".join(
            f'{item},"Film {item}, The (1995)",Drama|War\n' for item in range(1, 10)
        )
    else:
        sign = "\t" if log.ratings == "u.data" else "::"
        ratings = "".join(sign.join(map(str, row)) + "\n" for row in ROWS)
        flags = "|".join("1" if genre in ("Drama", "War") else "0" for genre in GENRES)
        movies = "".join(
            f"{item}|Caf\xe9 {item} (1995)|01-Jan-1995||http://example.org|{flags}\n"
            if log.movies == "u.item"
            else f"{item}::Caf\xe9 {item} (1995)::Drama|War\n"
            for item in range(1, 10)
        )
    return {
        f"{log.name}/{log.ratings}": ratings.encode(),
        f"{log.name}/{log.movies}": movies.encode("latin-1"),
        f"{log.name}/README": b"Usage licence",
    }


def packed(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def small(name: str, content: bytes | None = None) -> tuple[PublicLog, bytes]:
    """An entry of the catalogue with the checksum of a small archive, and that archive."""
    log = find_public_log(name)
    content = packed(members_of(log)) if content is None else content
    return replace(log, md5=hashlib.md5(content).hexdigest()), content


class QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class CutShort(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(b"PK" * 100)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler] | partial[QuietFiles]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    return folder


@pytest.fixture
def owner(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that hands out what lies on the shelf, named as the mirror."""
    with serving(partial(QuietFiles, directory=str(shelf))) as url:
        monkeypatch.setenv(MIRROR_VARIABLE, url)
        yield url


def refused(log: PublicLog, workspace: Path, url: str | None = None) -> Bert4RecError:
    with pytest.raises(Bert4RecError) as caught:
        prepare_public_log(log, workspace, url=url)
    left = [path.name for path in log.place(workspace).parent.iterdir() if path.name[0] == "."]
    assert not left
    return caught.value


def titles(dataset: SequenceDataset) -> set[str]:
    return set(dataset.vocabulary.table["title"])


@pytest.mark.parametrize("name", PUBLIC_LOGS)
def test_each_public_log_is_fetched_and_prepared_with_its_titles(
    name: str, owner: str, shelf: Path, workspace: Path
) -> None:
    log, content = small(name)
    (shelf / log.archive).write_bytes(content)
    told: list[tuple[int, int | None]] = []
    dataset = prepare_public_log(log, workspace, progress=lambda n, of: told.append((n, of)))
    assert (dataset.name, dataset.n_users, dataset.n_items) == (name, 30, 9)
    assert dataset.n_interactions == len(ROWS)
    assert dataset.times_s is not None
    assert titles(dataset) & {"Café 3 (1995)", "Film 3, The (1995)"}
    assert "Drama|War" in dataset.vocabulary.table.astype(str).to_numpy()
    assert told[-1] == (len(content), len(content))
    note = log.place(workspace).with_name(f"{log.archive}.md5")
    assert note.read_text() == f"{log.md5}  {log.archive}\n"


def test_an_archive_put_there_by_hand_is_used_without_asking_anyone(workspace: Path) -> None:
    log, content = small("ml-1m")
    log.place(workspace).parent.mkdir()
    log.place(workspace).write_bytes(content)
    first = prepare_public_log(log, workspace, url="http://127.0.0.1:9/nobody")
    again = prepare_public_log(log, workspace, url="http://127.0.0.1:9/nobody")
    assert first.fingerprint == again.fingerprint
    assert len(list_datasets(workspace)) == 1


def test_another_archive_put_there_by_hand_is_refused_and_left(workspace: Path) -> None:
    log, content = small("ml-1m")
    log.place(workspace).parent.mkdir()
    log.place(workspace).write_bytes(content + b"more")
    error = refused(log, workspace)
    assert isinstance(error, LogError)
    assert log.md5 in error.message
    assert str(log.place(workspace)) in str(error.fix)
    assert log.place(workspace).is_file()


def test_a_wrong_checksum_leaves_nothing_behind(owner: str, shelf: Path, workspace: Path) -> None:
    log, content = small("ml-100k")
    (shelf / log.archive).write_bytes(content[:-1] + b"x")
    assert "MD5" in refused(log, workspace).message
    assert not log.place(workspace).exists()


def test_a_body_that_is_cut_short_is_told(workspace: Path) -> None:
    with serving(CutShort) as url:
        error = refused(find_public_log("ml-latest-small"), workspace, f"{url}/x.zip")
    assert "the connection ended after 200 of 5,000 bytes" in error.message
    assert not list_datasets(workspace)


def test_a_missing_page_is_told(owner: str, workspace: Path) -> None:
    error = refused(find_public_log("ml-1m"), workspace)
    assert "the server answered 404" in error.message


def test_without_a_network_one_line_says_where_to_put_the_file(workspace: Path) -> None:
    log = find_public_log("ml-1m")
    # Held, so that nobody else can listen there.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/ml-1m.zip"
        error = refused(log, workspace, url)
    assert isinstance(error, NotFoundError)
    assert error.message.endswith(
        "of ml-1m could not be fetched: no connection: Connection refused"
    )
    assert url in str(error.fix)
    assert str(workspace / "downloads" / "ml-1m.zip") in str(error.fix)
    assert "\n" not in str(error)


def test_an_address_that_is_no_web_address_is_refused(workspace: Path) -> None:
    assert "web address" in refused(find_public_log("ml-1m"), workspace, "file:///etc/x").message


def test_more_than_the_archive_can_be_is_not_fetched(
    owner: str, shelf: Path, workspace: Path
) -> None:
    log, content = small("ml-1m")
    (shelf / log.archive).write_bytes(content)
    assert "more than" in refused(replace(log, size_bytes=10), workspace).message


@pytest.mark.parametrize("missing", ["ratings.csv", "movies.csv"])
def test_an_archive_that_lacks_a_file_is_refused(
    missing: str, owner: str, shelf: Path, workspace: Path
) -> None:
    members = members_of(find_public_log("ml-latest-small"))
    del members[f"ml-latest-small/{missing}"]
    (shelf / "ml-latest-small.zip").write_bytes(packed(members))
    error = refused(find_public_log("ml-latest-small"), workspace)
    assert error.message == f"the archive lacks ml-latest-small/{missing}"


def test_what_is_no_archive_is_refused(owner: str, shelf: Path, workspace: Path) -> None:
    (shelf / "ml-latest-small.zip").write_bytes(b"<html>Sign in to the network</html>")
    error = refused(find_public_log("ml-latest-small"), workspace)
    assert "cannot be unpacked" in error.message
    assert error.fix is not None


def test_evil_names_in_an_archive_are_never_paths(
    owner: str, shelf: Path, workspace: Path, tmp_path: Path
) -> None:
    members = members_of(find_public_log("ml-latest-small"))
    evil = {"../../evil.csv": b"x", str(tmp_path / "evil.csv"): b"x"}
    (shelf / "ml-latest-small.zip").write_bytes(packed(evil | members))
    prepare_public_log(find_public_log("ml-latest-small"), workspace)
    assert not list(tmp_path.rglob("evil.csv"))
    climbing = {name.replace("/", "/../"): content for name, content in members.items()}
    (workspace / "downloads" / "ml-latest-small.zip").write_bytes(packed(climbing))
    assert "lacks" in refused(find_public_log("ml-latest-small"), workspace).message


def test_a_file_that_unpacks_to_far_more_than_it_is_is_refused(
    owner: str, shelf: Path, workspace: Path
) -> None:
    members = members_of(find_public_log("ml-latest-small"))
    members["ml-latest-small/ratings.csv"] = b"0" * 2**24
    (shelf / "ml-latest-small.zip").write_bytes(packed(members))
    assert (
        "more than is plausible" in refused(find_public_log("ml-latest-small"), workspace).message
    )


def test_an_archive_with_a_damaged_file_is_refused(
    owner: str, shelf: Path, workspace: Path
) -> None:
    content = bytearray(packed(members_of(find_public_log("ml-latest-small"))))
    content[200] ^= 0xFF
    (shelf / "ml-latest-small.zip").write_bytes(content)
    assert "cannot be unpacked" in refused(find_public_log("ml-latest-small"), workspace).message


def test_every_entry_names_its_owner_and_licence() -> None:
    for log in PUBLIC_LOGS.values():
        assert log.readme_url.startswith(OWNER_URL)
        assert log.url == f"{OWNER_URL}/{log.name}.zip"
        assert "acknowledged" in log.licence
    assert [name for name, log in PUBLIC_LOGS.items() if log.md5 is None] == ["ml-latest-small"]


def test_the_command_fetches_shows_the_licence_and_prepares(
    owner: str, shelf: Path, workspace: Path
) -> None:
    content = packed(members_of(find_public_log("ml-latest-small")))
    (shelf / "ml-latest-small.zip").write_bytes(content)
    result = CliRunner().invoke(main, ["samples", "ml-latest-small"])
    assert result.exit_code == 0, result.output
    assert f"fetching {owner}/ml-latest-small.zip, about 1.0 MB" in result.stderr
    assert "licence: For research" in result.stderr
    assert f"{len(content):,} bytes of {len(content):,}" in result.stderr
    assert "30 users, 9 items" in result.stdout


def test_training_on_a_public_log_that_is_not_here_says_how_to_get_it(workspace: Path) -> None:
    result = CliRunner().invoke(main, ["train", "ml-1m"])
    assert result.exit_code != 0
    assert "bert4rec samples ml-1m" in str(result.exception) + result.output
    assert not (workspace / "downloads").exists()
