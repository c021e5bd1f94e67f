"""A composition as rows, and as files: CSV, JSON and M3U8."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from bert4rec.composer.decoding import Composition
from bert4rec.composer.reasons import Reason
from bert4rec.contexts import CONTEXTS
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.spreadsheets import csv_text

OWN_COLUMNS = ("position", "item_id", "title", "kept", "probability", "round", "carried_by")
PLACE_COLUMNS = ("path", "file", "url", "uri", "location")
ARTIST_COLUMNS = ("artist", "author", "creator", "composer")
SECONDS_COLUMNS = ("duration", "duration_s", "seconds", "length_s")
# Books to read have authors as well: of who made an item, an artist alone says that it is played.
PLAYER_COLUMNS = (*PLACE_COLUMNS, "artist", *SECONDS_COLUMNS)
# They part letters in Persian and hold pictures of several signs together.
JOINERS = "\u200c\u200d"


def offered_forms(vocabulary: Vocabulary) -> list[str]:
    """Return the forms worth offering: a playlist only where a column holds what players read."""
    columns = {str(column).casefold() for column in vocabulary.table.columns}
    return ["csv", "json", *(["m3u8"] if columns.intersection(PLAYER_COLUMNS) else [])]


def composition_rows(
    composition: Composition, reasons: Sequence[Reason], vocabulary: Vocabulary
) -> list[dict[str, Any]]:
    """Return one row a place, in order, as plain data.

    Returns:
        `position` from 1, `item_id`, `title`, `kept`; and for what was chosen `probability` among
        the items allowed there, `round` from 1, `carried_by`, and `past`, `future`, `both`: the
        network's probabilities over the whole catalogue. None where an item was kept, and in a
        context that the network does not see.
    """
    choices = {choice.place: choice for choice in composition.choices}
    why = {reason.place: reason for reason in reasons}
    rows = []
    for place, item in enumerate(composition.items):
        choice, reason = choices.get(place), why.get(place)
        row: dict[str, Any] = {
            "position": place + 1,
            "item_id": vocabulary.item_id(item),
            "title": vocabulary.title(item),
            "kept": choice is None,
            "probability": choice and choice.probability,
            "round": choice and choice.round + 1,
            "carried_by": reason and reason.carried_by,
        }
        said = {context: math.exp(p) for context, p in reason.log_p.items()} if reason else {}
        row |= {context: said.get(context) for context in CONTEXTS}
        rows.append(row)
    return rows


def composition_document(
    composition: Composition, reasons: Sequence[Reason], vocabulary: Vocabulary
) -> dict[str, Any]:
    """Return a composition with what was asked for, as plain data for JSON."""
    rules = composition.outline.rules
    excluded = [vocabulary.item_id(item) for item in sorted(rules.excluded)]
    return {
        "places": composition_rows(composition, reasons, vocabulary),
        "fit": composition.fit,
        "n_rounds": composition.n_rounds,
        "n_changed": composition.n_changed,
        "notes": list(composition.notes),
        "excluded": excluded,
        "limits": [asdict(limit) for limit in rules.limits],
        "orders": [asdict(order) for order in rules.orders],
        "dials": asdict(composition.outline.dials),
    }


def as_text(
    form: str, composition: Composition, reasons: Sequence[Reason], vocabulary: Vocabulary
) -> str:
    """Return a composition as the text of a file.

    Args:
        form: csv, json or m3u8.
        composition: What is written.
        reasons: Why each choice was made.
        vocabulary: Names the items.
    """
    if form == "m3u8":
        return as_m3u8(composition.items, vocabulary)
    write = {"csv": as_csv, "json": as_json}[form]
    return write(composition, reasons, vocabulary)


def as_json(composition: Composition, reasons: Sequence[Reason], vocabulary: Vocabulary) -> str:
    """Return the document as JSON text."""
    document = composition_document(composition, reasons, vocabulary)
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(composition: Composition, reasons: Sequence[Reason], vocabulary: Vocabulary) -> str:
    """Return one line a place, with what else the item table knows; nothing starts a formula."""
    rows = composition_rows(composition, reasons, vocabulary)
    own = pd.DataFrame(rows)[list(OWN_COLUMNS)]
    # Without a type of its own, a column with empty cells would hold 3.0.
    own["round"] = own["round"].astype("Int64")
    own["kept"] = own["kept"].map({True: "yes", False: "no"})
    at = [item - 1 for item in composition.items]
    known = vocabulary.table.iloc[at].reset_index(drop=True)
    more = known.drop(columns=["item_id", "title", "count"])
    names = {name: f"table_{name}" for name in more.columns if name in OWN_COLUMNS}
    return csv_text(pd.concat([own, more.rename(columns=names)], axis=1))


def as_m3u8(items: Sequence[int], vocabulary: Vocabulary) -> str:
    """Return a playlist that players read: for each item its name, then where it lies.

    Where it lies is told by a column of the item table (`path`, `file`, `url`, `uri` or
    `location`), else the item's id stands there. Each of them is put on one line; a place stays as
    it is otherwise, as it names a file sign by sign.

    Source: RFC 8216 (UTF-8, line by line) with the `#EXTINF` lines of players.
    """
    table = vocabulary.table
    columns = {str(column).casefold(): column for column in table.columns}
    place, artist, seconds = (
        next((columns[name] for name in names if name in columns), None)
        for names in (PLACE_COLUMNS, ARTIST_COLUMNS, SECONDS_COLUMNS)
    )
    lines = ["#EXTM3U"]
    for item in items:
        row = table.iloc[item - 1]
        who = _text(row[artist]) if artist is not None else ""
        title = f"{who} - {vocabulary.title(item)}" if who else vocabulary.title(item)
        length = _seconds(row[seconds]) if seconds is not None else -1
        where = _text(row[place]) if place is not None else ""
        where = " ".join((where or vocabulary.item_id(item)).splitlines())
        # A line that starts with # would be a comment.
        lines += [f"#EXTINF:{length},{_line(title)}", f"./{where}" if where[:1] == "#" else where]
    return "\n".join(lines) + "\n"


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value).strip()


def _seconds(value: Any) -> int:
    number = pd.to_numeric(value, errors="coerce")
    return round(number) if pd.notna(number) and math.isfinite(number) and number >= 0 else -1


def _line(text: str) -> str:
    """Return text on one line, without signs that a player would obey."""
    flat = " ".join(text.split())
    return "".join(sign for sign in flat if sign.isprintable() or sign in JOINERS)
