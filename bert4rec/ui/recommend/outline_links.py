"""An outline as part of an address, and as typed text; pure functions, no Streamlit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bert4rec.composer.outline import MAX_PLACES, OPEN, Dials, Limit, Order, Outline, Rules
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import SettingsError
from bert4rec.ui.sequences.drafts import link_numbers, misfit, parse_items

LINK_NAMES = (
    *("places", "exclude", "limit", "order"),
    *("novelty", "diversity", "chance", "seed", "filled", "from"),
)
# An edit is made to the outline as it is by then: a click may come before the last one is drawn.
Edit = Callable[[Outline], Outline]
GAP_SIGN = re.compile(r"(?:^|(?<=[,\n]))[ \t]*_[ \t]*(?=[,\n]|$)")


@dataclass(frozen=True)
class Sheet:
    """What a visitor of the composer has in hand.

    Args:
        outline: The sequence with its rules and dials.
        is_filled: Whether the gaps are to be shown filled.
        user: The user whose history it began with, empty for none.
    """

    outline: Outline
    is_filled: bool = False
    user: str = ""

    def edited(self, edit: Edit) -> Sheet:
        """Return the sheet with its outline edited; it stays filled or empty."""
        return replace(self, outline=edit(self.outline))


def sheet_link(sheet: Sheet) -> dict[str, str]:
    """Return the parameters of an address that shows this sheet again."""
    rules, dials = sheet.outline.rules, sheet.outline.dials
    link = {
        "places": ".".join(map(str, sheet.outline.places)),
        "exclude": ".".join(map(str, sorted(rules.excluded))),
        "limit": "~".join(f"{limit.n}:{limit.column}" for limit in rules.limits),
        "order": "~".join(order.told_by for order in rules.orders),
        "novelty": f"{dials.novelty:g}" if dials.novelty else "",
        "diversity": f"{dials.diversity:g}" if dials.diversity else "",
        "chance": f"{dials.temperature:g}" if dials.temperature else "",
        "seed": str(dials.seed) if dials.temperature else "",
        "filled": "1" if sheet.is_filled else "",
        "from": sheet.user,
    }
    return {name: value for name, value in link.items() if value}


def sheet_from_link(
    link: Mapping[str, str], vocabulary: Vocabulary, orders: list[Order], columns: list[str]
) -> Sheet:
    """Build the sheet that an address names.

    Args:
        link: See `sheet_link`.
        vocabulary: The catalogue that it has to fit.
        orders: The orders that the item table tells.
        columns: The columns that may be limited.

    Raises:
        SettingsError: the address does not fit the catalogue, or is malformed.
    """
    places = link_numbers(link.get("places", ""), 0, len(vocabulary))
    if not places or len(places) > MAX_PLACES:
        raise misfit()
    known = {order.told_by: order for order in orders}
    named = [name for name in link.get("order", "").split("~") if name]
    limits = [_limit(text, columns) for text in link.get("limit", "").split("~") if text]
    if any(name not in known for name in named):
        raise misfit()
    rules = Rules(
        frozenset(link_numbers(link.get("exclude", ""), 1, len(vocabulary))),
        tuple(limits),
        tuple(known[name] for name in named),
    )
    dials = Dials(
        _share(link.get("novelty", "0")),
        _share(link.get("diversity", "0")),
        _share(link.get("chance", "0")),
        _number(link.get("seed", "0"), 0, 10**9 - 1),
    )
    return Sheet(Outline(tuple(places), rules, dials), "filled" in link, link.get("from", ""))


def _number(text: str, lowest: int, highest: int) -> int:
    numbers = link_numbers(text, lowest, highest)
    if len(numbers) != 1:
        raise misfit()
    return numbers[0]


def _limit(text: str, columns: list[str]) -> Limit:
    n, _, column = text.partition(":")
    if column not in columns:
        raise misfit()
    return Limit(column, _number(n, 1, MAX_PLACES))


def _share(text: str) -> float:
    if not re.fullmatch(r"[01](\.[0-9]{1,4})?", text) or float(text) > 1:
        raise misfit()
    return float(text)


def parse_places(text: str, vocabulary: Vocabulary) -> tuple[int, ...]:
    """Read pasted ids or titles, `_` for a gap, separated by new lines or commas.

    Raises:
        SettingsError: items are unknown, or there is nothing.
    """
    places: list[int] = []
    parts = GAP_SIGN.split(text)
    for n, part in enumerate(parts):
        places += [OPEN] if n else []
        if part.strip(" \t\n,"):
            places += parse_items(part.strip(" \t\n,"), vocabulary)
    if not places:
        raise SettingsError(["there is no item yet"], fix="Put in ids or titles, _ for a gap.")
    return tuple(places)
