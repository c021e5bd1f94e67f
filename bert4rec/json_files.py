"""JSON and text as files: written whole, read with an error that names the file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from bert4rec.errors import FormatError, NotFoundError, SettingsError
from bert4rec.files import swapped_in


def is_writable(value: Any) -> bool:
    """Whether a value of JSON is not too deep to be written, and all text in it is text.

    Half of a pair of surrogates is none: it comes from an escape in JSON, or from what was typed
    in another encoding.
    """
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8.

    Raises:
        SettingsError: it holds what is no text, as a name does that was not typed in UTF-8.
    """
    if not is_writable(text):
        raise SettingsError(
            ["what is to be written holds signs that are no text"],
            where=path.name,
            fix="Type names and notes in UTF-8.",
        )
    with swapped_in(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as indented JSON, atomically; NaN and infinity are refused.

    Raises:
        SettingsError: a text in it is none, as for `write_text`.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path, fix: str | None = None) -> Any:
    """Read a JSON file.

    Args:
        path: The file.
        fix: What to do where it is damaged.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it cannot be read, or does not hold JSON, or what we never write: NaN,
            infinity, half a sign.
    """
    try:
        text = path.read_text(encoding="utf-8")
        value = json.loads(text, parse_constant=_finite, parse_float=_finite)
        # Only an escape can bring such a half: the text itself was UTF-8.
        if "\\u" in text and not is_writable(value):
            raise ValueError("half of a pair of surrogates is no sign")
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path.name}", where=str(path.parent)) from error
    except OSError as error:
        reason = error.strerror or error
        raise FormatError(
            f"the file {path.name} cannot be read: {reason}", where=str(path), fix=fix
        ) from error
    except (ValueError, RecursionError) as error:
        raise FormatError(
            f"the file {path.name} is not valid JSON: {error}", where=str(path), fix=fix
        ) from error
    return value


def _finite(text: str) -> float:
    """Return a number of a JSON file; NaN and infinity, which we never write, are damage."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a number")
    return value


def check_format(document: Any, newest: int, where: Path) -> int:
    """Return the document's `format_version` after checking that this version can read it.

    Raises:
        FormatError: it is no object, or the version is missing or newer than `newest`.
    """
    version = document.get("format_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or not 1 <= version <= newest:
        raise FormatError(
            f"format version {version!r} is not one that this version of bert4rec reads",
            where=str(where),
            fix=f"Update bert4rec, or make the folder again (versions 1 to {newest} are read).",
        )
    return version
