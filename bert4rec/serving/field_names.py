"""Fields of a body that there are not: which others there are, and which was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from bert4rec.serving.messages import Message

# Of a longer name only the beginning is looked at: it may be of a megabyte.
MAX_NAME = 100
LEAST_RATIO = 0.6


def meant_instead(asked: type[Message], loc: Sequence[int | str]) -> str | None:
    """Return the field whose name is nearest to an unknown one.

    Args:
        asked: The message that is the body.
        loc: Where the unknown field stands in it, as pydantic says it.

    Example:
        >>> from bert4rec.serving.messages import FillRequest, RecommendRequest
        >>> meant_instead(RecommendRequest, ("queries", 0, "Sequence", "user_id"))
        'user'
        >>> meant_instead(FillRequest, ("queries", 0, "user_id")) is None
        True
    """
    forms, name = _forms_at(asked, loc[:-1]), str(loc[-1])[:MAX_NAME]
    near = difflib.get_close_matches(name.lower(), _names(forms), n=1, cutoff=LEAST_RATIO)
    return near[0] if near else None


def why_unknown(asked: type[Message], loc: Sequence[int | str]) -> str:
    """Return in words why a field is none, and what would do.

    Args:
        asked: The message that is the body.
        loc: Where the field stands in it, as pydantic says it.

    Example:
        >>> from bert4rec.serving.messages import RecommendRequest
        >>> why_unknown(RecommendRequest, ("topk",))
        'there is no such field; those here are queries, k and remove_seen'
        >>> why_unknown(RecommendRequest, ("items",))
        'it belongs into each of queries'
    """
    forms, name = _forms_at(asked, loc[:-1]), str(loc[-1])
    here = _names(forms)
    if name in here:
        with_it = _names([form for form in forms if name in form.model_fields])
        return f"it cannot stand beside {_listed([one for one in here if one not in with_it])}"
    if inside := [one for one in here if name in _names(_forms_at(asked, (*loc[:-1], one)))]:
        return f"it belongs into each of {_listed(inside)}"
    near = meant_instead(asked, loc)
    if near is not None:
        return f"there is no such field; the nearest name is {near}"
    return f"there is no such field; those here are {_listed(here)}"


def _forms_at(asked: type[Message], loc: Sequence[int | str]) -> list[type[Message]]:
    """Return the messages of which one may stand at a place of a body."""
    forms = [asked]
    for part in loc:
        # Other parts are places in a list and names of forms.
        fields = [form.model_fields[part] for form in forms if part in form.model_fields]
        if fields:
            forms = [one for field in fields for one in _messages_in(field.annotation)]
    return forms


def _messages_in(annotation: Any) -> Iterator[type[Message]]:
    if isinstance(annotation, type) and issubclass(annotation, Message):
        yield annotation
    for part in get_args(annotation):
        yield from _messages_in(part)


def _names(forms: Sequence[type[Message]]) -> list[str]:
    return list(dict.fromkeys(name for form in forms for name in form.model_fields))


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
