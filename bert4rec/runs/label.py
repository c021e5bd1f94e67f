"""What people call a run and say of it: name, note and tags, beside its frozen configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bert4rec.errors import FormatError, LabelError, NotFoundError
from bert4rec.files import is_file
from bert4rec.json_files import check_format, read_json, write_json
from bert4rec.locks import changing
from bert4rec.names import checked_name, checked_note

FORMAT_VERSION = 1
LABEL_NAME = "label.json"
RESTORE = "Restore the file, or delete it: the run loses its name, note and tags alone."
MAX_NAME, MAX_TAG, MAX_TAGS = 80, 30, 12


@dataclass(frozen=True)
class Label:
    """What was said of a run since it was made.

    Args:
        name: In place of the one it was made with; empty for that one.
        note: Free text.
        tags: Words to find it by, in the order in which they were given.
    """

    name: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()


def read_label(folder: Path) -> Label:
    """Return the label of the run in a folder.

    A run without one has an empty one. So has a run whose label is damaged: it is only words, and
    the run itself is whole.
    """
    try:
        return check_label(folder)
    except (FormatError, NotFoundError):
        return Label()


def check_label(folder: Path) -> Label:
    """Return the label of the run in a folder, an empty one for a run without.

    Raises:
        FormatError: it is damaged or of a newer version.
    """
    path = folder / LABEL_NAME
    if not is_file(path):
        return Label()
    document = read_json(path, RESTORE)
    check_format(document, FORMAT_VERSION, path)
    return _parse(document, path)


def _parse(document: dict[str, Any], path: Path) -> Label:
    name, note, tags = (document.get(key, "") for key in ("name", "note", "tags"))
    tags = tags or []
    is_whole = isinstance(name, str) and isinstance(note, str) and isinstance(tags, list)
    if not is_whole or not all(isinstance(tag, str) for tag in tags):
        raise FormatError(
            "the label of the run is damaged",
            where=str(path),
            fix=RESTORE,
        )
    return Label(name, note, tuple(tags))


def rename_run(folder: Path, name: str) -> Label:
    """Call a run by another name; its id stays.

    Raises:
        LabelError: the name is empty or too long.
        NotFoundError: there is no such run.
        FormatError: the label there is damaged or of a newer version.
    """
    shown = checked_name(name, MAX_NAME, refusal=LabelError, where=folder.name)
    return _change(folder, lambda label: replace(label, name=shown))


def note_run(folder: Path, text: str) -> Label:
    """Write a note on a run in place of the one before; an empty one takes it away.

    Raises:
        LabelError: the note is too long.
        NotFoundError: there is no such run.
        FormatError: the label there is damaged or of a newer version.
    """
    note = checked_note(text, refusal=LabelError, where=folder.name)
    return _change(folder, lambda label: replace(label, note=note))


def tag_run(folder: Path, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Label:
    """Give a run tags and take others away; those not named stay, whoever gave them.

    Raises:
        LabelError: a tag is empty, too long or has a comma, or there are too many.
        NotFoundError: there is no such run.
        FormatError: the label there is damaged or of a newer version.
    """
    added = [_checked_tag(tag, folder) for tag in add]
    gone = {_plain(tag) for tag in remove}

    def change(label: Label) -> Label:
        kept = [tag for tag in label.tags if _plain(tag) not in gone]
        # The first spelling stays: a tag is given once, whatever its case.
        by_plain = {_plain(tag): tag for tag in reversed([*kept, *added])}
        tags = tuple(dict.fromkeys(by_plain[_plain(tag)] for tag in (*kept, *added)))
        if len(tags) > MAX_TAGS:
            raise LabelError(
                f"a run has up to {MAX_TAGS} tags, not {len(tags)}",
                where=folder.name,
                fix="Take some away.",
            )
        return replace(label, tags=tags)

    return _change(folder, change)


def _plain(tag: str) -> str:
    return " ".join(tag.split()).casefold()


def _checked_tag(tag: str, folder: Path) -> str:
    shown = " ".join(tag.split())
    if not 1 <= len(shown) <= MAX_TAG or "," in shown:
        raise LabelError(
            f"a tag has 1 to {MAX_TAG} signs and no comma, unlike {tag[: 2 * MAX_TAG]!r}",
            where=folder.name,
            fix="Give another tag.",
        )
    return shown


def change_label(folder: Path, shown: Label, wanted: Label) -> None:
    """Write what a person changed of a label, and leave what they saw and did not touch.

    Args:
        folder: That of the run.
        shown: The label as it was shown, its name filled in.
        wanted: The label as it was left.

    Raises:
        LabelError: a part of it is empty or too long.
        NotFoundError: there is no such run.
        FormatError: the label there is damaged or of a newer version.
    """
    if wanted.name != shown.name:
        rename_run(folder, wanted.name)
    if wanted.note.strip() != shown.note:
        note_run(folder, wanted.note)
    added = [tag for tag in wanted.tags if tag not in shown.tags]
    removed = [tag for tag in shown.tags if tag not in wanted.tags]
    if added or removed:
        tag_run(folder, added, removed)


def _change(folder: Path, change: Callable[[Label], Label]) -> Label:
    """Change the label as it is now, so that what another visitor just wrote of it stays."""
    with changing(folder / LABEL_NAME, "run"):
        label = change(check_label(folder))
        document = asdict(label) | {"tags": list(label.tags)}
        write_json(folder / LABEL_NAME, {"format_version": FORMAT_VERSION} | document)
    return label
