"""Archives of public logs: fetched from their owner when asked, checked, prepared."""

from __future__ import annotations

import csv
import hashlib
import http.client
import shutil
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.prepare import prepare
from bert4rec.data.public_logs import MIRROR_VARIABLE, PublicLog
from bert4rec.errors import LogError, NotFoundError, SettingsError
from bert4rec.files import (
    make_folder,
    remove_abandoned,
    swapped_in,
    temporary_folder_beside,
    writing_explained,
)
from bert4rec.json_files import write_text
from bert4rec.stages import Watch, tell_nobody, within

TIMEOUT_S = 30.0
CHUNK_BYTES = 1 << 18
MAX_MEMBER_BYTES = 2 * 2**30
# Ratings shrink to about a quarter; what shrinks to less than a hundredth is made to fill disks.
MAX_RATIO = 100
# Share of preparing an archive that is done once it is unpacked.
UNPACKED_SHARE = 0.15
# The flags of u.item in their order, as u.genre names them.
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)  # fmt: skip

# Bytes so far, and how many there will be if the server says so.
Progress = Callable[[int, int | None], None]


def prepare_public_log(
    log: PublicLog,
    workspace: Path,
    *,
    url: str | None = None,
    progress: Progress | None = None,
    watch: Watch = tell_nobody,
) -> SequenceDataset:
    """Prepare a public log, from the archive in `workspace/downloads` or else from its owner.

    Args:
        log: The catalogue's entry.
        workspace: The workspace.
        url: Where to fetch the archive from; the owner's address if omitted.
        progress: Called with the bytes so far and, if known, how many there will be.
        watch: Told how far preparing it has come, once it is here.

    Raises:
        NotFoundError: the archive is not there and could not be fetched; says where to put it.
        LogError: the archive is damaged, is another one than the owner's, or lacks a file.
        UnwritableError: the workspace cannot be written.
    """
    place = fetch_public_log(log, workspace, url=url, progress=progress)
    with temporary_folder_beside(place) as folder:
        return _prepare_archive(log, place, folder, workspace, watch)


def fetch_public_log(
    log: PublicLog, workspace: Path, *, url: str | None = None, progress: Progress | None = None
) -> Path:
    """Return where the archive of a public log lies, fetched first where it is not there yet.

    It stays in `downloads`, with its checksum beside it, so that it is fetched once. See
    `prepare_public_log`.
    """
    place = log.place(workspace)
    make_folder(place.parent)
    remove_abandoned(place.parent)
    if place.is_file():
        md5 = _md5_of(place)
        _check_md5(log, md5, place, f"Delete {place} and ask again, or put {url or log.url} there.")
    else:
        md5 = _fetch(log, url or log.url, place, progress)
    write_text(place.with_name(f"{place.name}.md5"), f"{md5}  {place.name}\n")
    return place


def _fetch(log: PublicLog, url: str, place: Path, progress: Progress | None) -> str:
    """Put the archive in its place once it is whole and its checksum right; return the checksum."""
    digest = hashlib.md5(usedforsecurity=False)
    with writing_explained(place.parent), swapped_in(place) as temporary:
        with temporary.open("wb") as file:
            for chunk in _received(log, url, place, progress):
                file.write(chunk)
                digest.update(chunk)
        _check_md5(log, digest.hexdigest(), place, f"Ask again, or {_by_hand(url, place)}")
    return digest.hexdigest()


def _received(log: PublicLog, url: str, place: Path, progress: Progress | None) -> Iterator[bytes]:
    if not url.startswith(("https://", "http://")):
        raise SettingsError(
            [f"{url!r} is no web address"], where=MIRROR_VARIABLE, fix="Begin it with https://."
        )
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
            length = response.headers.get("Content-Length") or ""
            total = int(length) if length.isdecimal() else None
            n_bytes = 0
            while chunk := response.read(CHUNK_BYTES):
                n_bytes += len(chunk)
                if max(n_bytes, total or 0) > log.max_bytes:
                    raise LogError(
                        f"the server sends more than {log.max_bytes:,} bytes as {log.archive}",
                        where=url,
                        fix=f"Look what is there, then {_by_hand(url, place)}",
                    )
                yield chunk
                if progress is not None:
                    progress(n_bytes, total)
    except (OSError, http.client.HTTPException) as error:
        raise _unreached(log, url, place, _reason(error)) from error
    if total is not None and n_bytes < total:
        raise _unreached(
            log, url, place, f"the connection ended after {n_bytes:,} of {total:,} bytes"
        )


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        # It holds the answer, and with it the connection, open.
        error.close()
        return f"the server answered {error.code} {error.reason}"
    cause = getattr(error, "reason", error)
    return f"no connection: {getattr(cause, 'strerror', None) or cause or type(error).__name__}"


def _by_hand(url: str, place: Path) -> str:
    return f"get {url} by other means and put it, still packed, at {place}."


def _unreached(log: PublicLog, url: str, place: Path, reason: str) -> NotFoundError:
    advice = _by_hand(url, place)
    return NotFoundError(
        f"the archive of {log.name} could not be fetched: {reason}",
        where=url,
        fix=f"{advice[0].upper()}{advice[1:]}",
        url=url,
        place=str(place),
    )


def _md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _check_md5(log: PublicLog, md5: str, place: Path, fix: str) -> None:
    if log.md5 is not None and md5 != log.md5:
        raise LogError(
            f"the archive is not the one that its owner published: its MD5 is {md5}, not {log.md5}",
            where=str(place),
            fix=fix,
        )


def _prepare_archive(
    log: PublicLog, archive: Path, folder: Path, workspace: Path, watch: Watch
) -> SequenceDataset:
    watch("unpacking", 0.0)
    _unpack(log, archive, folder)
    ratings, movies = folder / log.ratings, folder / log.movies
    if log.movies == "u.item":
        movies = _as_csv(movies)
    return prepare(
        ratings,
        items=movies,
        roles=log.roles,
        form="csv" if log.ratings.endswith(".csv") else "movielens",
        name=log.name,
        workspace=workspace,
        watch=within(watch, UNPACKED_SHARE, 1.0),
    )


def _unpack(log: PublicLog, archive: Path, folder: Path) -> None:
    """Unpack the two files that are needed, to names of ours: none of the archive's is a path."""
    try:
        with zipfile.ZipFile(archive) as packed:
            for name in (log.ratings, log.movies):
                member = packed.getinfo(f"{log.name}/{name}")
                if member.file_size > min(MAX_MEMBER_BYTES, MAX_RATIO * member.compress_size):
                    raise LogError(
                        f"{name} unpacks to {member.file_size:,} bytes, more than is plausible",
                        where=str(archive),
                        fix=f"Delete it and get it again from {log.url}.",
                    )
                # zipfile reads no further than the size that was just checked.
                with (
                    packed.open(member) as source,
                    writing_explained(folder),
                    (folder / name).open("wb") as target,
                ):
                    shutil.copyfileobj(source, target, CHUNK_BYTES)
    except KeyError as error:
        raise LogError(
            f"the archive lacks {log.name}/{name}",
            where=str(archive),
            fix=f"Delete it and get {log.archive} again from {log.url}.",
        ) from error
    # RuntimeError: a password; NotImplementedError, one of its kind: an unknown packing.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise LogError(
            f"the archive cannot be unpacked: {error}",
            where=str(archive),
            fix=f"Delete it and get it again from {log.url}.",
        ) from error


def _as_csv(path: Path) -> Path:
    """Write `u.item`, bars and Latin-1 without a header, as a table with its header."""
    table = path.with_name("movies.csv")
    with path.open(encoding="latin-1") as file, table.open("w", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(("item_id", "title", "category"))
        for line in file:
            fields = line.rstrip("\r\n").split("|")
            if len(fields) == 5 + len(GENRES):
                genres = (g for g, is_one in zip(GENRES, fields[5:], strict=True) if is_one == "1")
                writer.writerow((fields[0], fields[1], "|".join(genres)))
    return table
