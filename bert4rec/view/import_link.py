"""What is filled in on the way from a log to a dataset, as part of an address; no Streamlit.

Only what is not as the page offers it by itself is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bert4rec.data.collection import MAX_NAME
from bert4rec.data.filters import PrepareSettings, parse_prepare_settings
from bert4rec.data.log import FORMS
from bert4rec.data.roles import ROLE_NAMES
from bert4rec.errors import SettingsError
from bert4rec.setting_values import typed_value
from bert4rec.view.form_link import (
    BETWEEN,
    MAX_TEXT,
    joined,
    misfit,
    number,
    parts_of,
    switch,
    whole_number,
)

# The columns of an item table that are asked for, beside the roles of the log.
ITEM_COLUMNS = ("id", "title")
DATES = "dates"
EVENTS = "events"
READERS: dict[str, Callable[[str], Any]] = {
    "drop_duplicates": switch,
    "min_sequence_length": whole_number,
    "max_sequence_length": whole_number,
    "min_item_count": whole_number,
    "min_value": number,
}


@dataclass(frozen=True)
class ImportDraft:
    """What differs from what the page offers.

    Args:
        form: The form of the log, empty for the one that is detected.
        columns: Columns by role, or by `id` and `title` of the item table, empty for none; and by
            `dates` the order of dates.
        settings: What is left out, by the names of `PrepareSettings`.
        name: The name of the dataset, empty for that of its log.
    """

    form: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


def import_link(draft: ImportDraft) -> dict[str, str]:
    """Return the parameters of an address that fill the form again; none while it is as it came.

    A text that is longer than an address should hold is not written.

    Example:
        >>> import_link(ImportDraft(columns={"user": "reader"}, settings={"min_item_count": 5}))
        {'columns': 'user:reader', 'keep': 'min_item_count:5'}
    """
    link = {
        "form": draft.form,
        "columns": BETWEEN.join(_written(draft.columns)),
        "keep": BETWEEN.join(_written(draft.settings)),
        "name": draft.name.strip(),
    }
    return {name: value for name, value in link.items() if value}


def _written(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        texts = value if name == EVENTS else (typed_value(value),)
        if all(len(text) <= MAX_TEXT for text in texts):
            yield joined(name, *texts)


def import_from_link(link: Mapping[str, str]) -> ImportDraft:
    """Return what an address fills in.

    Args:
        link: See `import_link`.

    Raises:
        SettingsError: it is malformed, or names what the form does not have.
    """
    form, name = link.get("form", ""), link.get("name", "")
    if form not in ("", *FORMS) or len(name) > MAX_NAME:
        raise misfit()
    return ImportDraft(form, dict(_columns(link)), _settings(link), name)


def _parts(text: str) -> list[list[str]]:
    return [parts_of(part) for part in text.split(BETWEEN) if part]


def _columns(link: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, *values in _parts(link.get("columns", "")):
        if name not in (*ROLE_NAMES, *ITEM_COLUMNS, DATES) or len(values) != 1:
            raise misfit()
        yield name, values[0]


def _settings(link: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, *values in _parts(link.get("keep", "")):
        if name == EVENTS:
            found[name] = tuple(values)
        elif name in READERS and len(values) == 1:
            found[name] = READERS[name](values[0])
        else:
            raise misfit()
    try:
        checked: PrepareSettings = parse_prepare_settings(found)
    except SettingsError:
        raise misfit() from None
    return {name: getattr(checked, name) for name in found}
