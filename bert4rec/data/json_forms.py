"""JSON logs: records one a line, in a list, or nested, told from the head of a file."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from bert4rec.data.heads import Head
from bert4rec.data.layout import Layout, check_columns
from bert4rec.data.roles import ALIASES, guess_roles, plain_name
from bert4rec.errors import LogError

N_SAMPLE_RECORDS = 500
# Lists in lists in lists: playlists of a file, tracks of a playlist, and one to spare.
MOST_LISTS = 3
MOST_NESTED = 4
SIGNS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
CLOSING = {"[": "]", "{": "}"}
HISTORIES = "items tracks songs books history sequence interactions events products courses movies"

Row = tuple[Any, ...]


@dataclass(frozen=True)
class _Nested:
    """Rows of records, the outer ones first, and the lists that were gone through."""

    rows: list[Row]
    lists: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def json_layout(head: Head, form: str | None, *, of_items: bool = False) -> Layout:
    """Tell how the records of a JSON file become rows of columns.

    Records that name no user and item themselves are gone into: a playlist with its tracks gives a
    row a track, with what the playlist says beside what the track says. Records of items are not
    gone into for lists of anything else, such as their genres.

    Raises:
        LogError: the head is no JSON, or holds no records.
    """
    where = head.path.name
    if form == "jsonl" or (form is None and _is_lines(head)):
        kind, reason, records = "jsonl", "lines start with '{'", _line_records(head, where)
    else:
        kind, reason, records = "json", "the file is one JSON document", _document(head, where)
    nested = _Nested([(record,) for record in records[:N_SAMPLE_RECORDS]])
    while len(nested.lists) < MOST_LISTS and not _names_roles(nested, kind):
        inner = _inner(nested, of_items=of_items)
        if inner is None:
            break
        nested = inner
    if not nested.lists and _is_no_record(records) and not _names_roles(nested, kind):
        raise LogError(
            "the JSON file is one object, not a list of records",
            where=where,
            fix='Write records, as pandas does with orient="records":'
            ' [{"user": "u1", "item": "i1", "time": 1700000000}].',
        )
    layout = _layout(nested, kind, reason)
    check_columns(layout.columns, where, "key")
    return replace(layout, is_list=head.text.lstrip()[0] == "[")


def _is_no_record(records: list[dict[str, Any]]) -> bool:
    """Whether all there is is one object of lists or objects, such as pandas' table by columns."""
    values = records[0].values()
    return len(records) == 1 and all(isinstance(value, dict | list) for value in values)


def _is_lines(head: Head) -> bool:
    """Whether the first line is a whole record of a log, or one of several lines that are."""
    lines = [line for line in head.lines if line.strip()]
    first = _object(lines[0])
    if first is None:
        # Bad lines are counted later; what is no JSON as a whole is taken for lines, too.
        return lines[0].lstrip()[0] == "{" and any(_object(line) for line in lines[1:20])
    return len(lines) > 1 or _inner(_Nested([(first,)])) is None


def _object(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _line_records(head: Head, where: str) -> list[dict[str, Any]]:
    lines = [line for line in head.lines if line.strip()][:N_SAMPLE_RECORDS]
    records = [_object(line) for line in lines]
    good = [record for record in records if record is not None]
    if len(good) * 2 < len(lines):
        raise LogError(
            "the file looks like JSON but does not hold one object a line",
            where=f"{where}, line {records.index(None) + 1}",
            fix='Write JSON Lines: {"user": "u1", "item": "i1", "time": 1700000000} on each line.',
        )
    return good


def _document(head: Head, where: str) -> list[dict[str, Any]]:
    text = head.text if head.is_whole else _closed(head.text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if re.match(r"[\[{\s]+'", text):
            raise LogError(
                "the records are written as Python shows them, with single quotes, and not as JSON",
                where=where,
                fix="Write json.dumps(ast.literal_eval(line)) for each line, in Python.",
            ) from error
        raise LogError(
            f"the file looks like JSON but cannot be read: {_plain(error)}",
            where=where,
            fix='Write a list of records: [{"user": "u1", "item": "i1", "time": 1700000000}], or'
            " one a line.",
        ) from error
    records = value if isinstance(value, list) else [value]
    good = [record for record in records if isinstance(record, dict)]
    if not good or len(good) * 2 < len(records):
        raise LogError(
            "the JSON file is a list of values, not of records",
            where=where,
            fix='Write records with names: [{"user": "u1", "item": "i1"}].',
        )
    return good


def _plain(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else "it is nested too deep"


def _closed(text: str) -> str:
    """Return the start of a JSON document up to its last whole record, with all brackets closed."""
    open_signs: list[str] = []
    end, closers = 0, ""
    for match in SIGNS.finditer(text):
        sign = match.group()
        if sign in CLOSING:
            open_signs.append(sign)
        elif sign in CLOSING.values() and open_signs:
            open_signs.pop()
            if sign == "}" and open_signs and open_signs[-1] == "[":
                end = match.end()
                closers = "".join(CLOSING[opened] for opened in reversed(open_signs))
    return text[:end] + closers


def _names_roles(nested: _Nested, kind: str) -> bool:
    is_wrapper = kind == "json" and not nested.lists and len(nested.rows) == 1
    if is_wrapper and _inner(nested) is not None:
        return False
    layout = _layout(nested, kind, "")
    guesses = guess_roles(layout.described())
    if not all(guesses[role].column and guesses[role].is_certain for role in ("user", "item")):
        return False
    level, pointer = layout.paths[layout.columns.index(str(guesses["item"].column))]
    # A list of items is a history.
    return not any(isinstance(_found(row[level], pointer), list) for row in nested.rows)


def _inner(nested: _Nested, *, of_items: bool = False) -> _Nested | None:
    """Go into the list that most records have: of records first, else of plain items."""
    lists = Counter(
        (isinstance(value[0], dict), key)
        for *_, record in nested.rows
        if isinstance(record, dict)
        for key, value in record.items()
        if isinstance(value, list) and value and not isinstance(value[0], list)
    )
    is_table = of_items and len(nested.rows) > 1
    histories = HISTORIES.split()
    levels = range(len(nested.lists) + 1)
    names = {plain_name(name) for level in levels for name in _fields(nested, level)}
    if names.intersection(ALIASES["user"].split()):
        # Without a user it may be a table of items with lists of titles.
        histories += ALIASES["item"].split()
    known = [
        (is_record, key)
        for is_record, key in lists
        if (is_record and not is_table) or plain_name(key) in histories
    ]
    if not known:
        return None
    _, key = max(known, key=lambda one: (one[0], lists[one]))
    rows = [
        (*row, element)
        for row in nested.rows
        if isinstance(row[-1], dict) and isinstance(row[-1].get(key), list)
        for element in row[-1][key]
    ]
    return _Nested(rows[:N_SAMPLE_RECORDS], (*nested.lists, _pointer(key)), (*nested.keys, key))


def _layout(nested: _Nested, kind: str, reason: str) -> Layout:
    paths: dict[str, tuple[int, str]] = {}
    for level in reversed(range(len(nested.lists) + 1)):
        for name, pointer in _fields(nested, level).items():
            # What the inner record says goes by its name alone. A time of the outer record is the
            # same for all inner ones, so it must not be taken for what orders them.
            is_outer = name in paths or (level < len(nested.lists) and _is_time(name))
            paths[f"outer.{name}" if is_outer else name] = (level, pointer)
    if nested.lists:
        reason += f"; the records lie in {' in '.join(repr(key) for key in reversed(nested.keys))}"
    rows = tuple(
        tuple(_text(_found(row[level], pointer)) for level, pointer in paths.values())
        for row in nested.rows
    )
    columns = tuple(name or f"column{place}" for place, name in enumerate(paths, start=1))
    return Layout(
        kind,
        reason,
        columns,
        rows,
        has_header=False,
        paths=tuple(paths.values()),
        lists=nested.lists,
    )


def _is_time(name: str) -> bool:
    return plain_name(name) in ALIASES["time"].split()


def _fields(nested: _Nested, level: int) -> dict[str, str]:
    fields: dict[str, str] = {}
    for row in nested.rows:
        if isinstance(row[level], dict):
            _add_fields(fields, row[level], "", "")
        else:
            fields["item"] = ""
    inner = nested.lists[level] if level < len(nested.lists) else None
    return {name: pointer for name, pointer in fields.items() if pointer != inner}


def _add_fields(fields: dict[str, str], record: dict[str, Any], name: str, pointer: str) -> None:
    for key, value in record.items():
        inner_name = f"{name}.{key}" if name else key
        inner = pointer + _pointer(key)
        if isinstance(value, dict) and value and inner.count("/") < MOST_NESTED:
            _add_fields(fields, value, inner_name, inner)
        else:
            fields.setdefault(inner_name, inner)


def _pointer(key: str) -> str:
    # A JSON pointer takes any key; only these two signs are special in it.
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _found(record: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        if not isinstance(record, dict):
            return None
        record = record.get(part.replace("~1", "/").replace("~0", "~"))
    return record


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "|".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
