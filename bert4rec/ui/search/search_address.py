"""The form of a new search in its address."""

from __future__ import annotations

from collections.abc import Mapping

from bert4rec.search.plan import DEFAULT_TRIALS
from bert4rec.ui.address import FORM_NAMES, write_address
from bert4rec.ui.form_address import FormAddress
from bert4rec.ui.search import search_form
from bert4rec.ui.search.search_actions import NAME_KEY, show_new
from bert4rec.ui.search.search_draft import (
    DEFAULT_SEED,
    FIXED,
    LIST,
    SearchDraft,
    Varied,
    first_draft,
    may_vary,
    modes_of,
)
from bert4rec.view.form_link import (
    BETWEEN,
    joined,
    misfit,
    number,
    parts_of,
    settings_from_link,
    settings_link,
    whole_number,
)
from bert4rec.view.forms import form_fields, preset_draft

# In place of what varies: nothing does.
NOTHING = "none"
# Low, high and step of a range.
N_ENDS = 3


def draft_link(draft: SearchDraft) -> dict[str, str]:
    """Return the parameters of an address that fill the form again; none while it is as it came.

    Example:
        >>> draft_link(first_draft())
        {}
    """
    usual = first_draft()
    varied = [_varied_part(name, varied) for name, varied in draft.space.items()]
    link = {
        "vary": "" if draft.space == usual.space else BETWEEN.join(varied) or NOTHING,
        "trials": "" if draft.n_trials == DEFAULT_TRIALS else str(draft.n_trials),
        "minutes": "" if draft.minutes is None else str(draft.minutes),
        "points": "" if draft.seed == DEFAULT_SEED else str(draft.seed),
    }
    is_usual = (draft.base, draft.source) == (usual.base, usual.source)
    settings = {} if is_usual else settings_link(draft.base, draft.source)
    return settings | {name: value for name, value in link.items() if value}


def draft_from_link(link: Mapping[str, str]) -> SearchDraft:
    """Return the draft that an address names.

    Args:
        link: See `draft_link`.

    Raises:
        SettingsError: it is malformed, or names what is no setting or cannot vary.
    """
    base, preset = settings_from_link(link)
    return SearchDraft(
        base=base,
        kept=tuple(preset_draft(preset) if preset else base),
        space=_space(link["vary"]) if "vary" in link else first_draft().space,
        n_trials=whole_number(link.get("trials", str(DEFAULT_TRIALS))),
        minutes=number(link["minutes"]) if "minutes" in link else None,
        seed=whole_number(link.get("points", str(DEFAULT_SEED))),
        source=preset,
    )


def _varied_part(name: str, varied: Varied) -> str:
    values = varied.values if varied.mode == LIST else (varied.low, varied.high, varied.step)
    return joined(name, varied.mode, *values)


def _space(text: str) -> dict[str, Varied]:
    parts = [] if text == NOTHING else text.split(BETWEEN)
    return dict(_varied(part) for part in parts)


def _varied(part: str) -> tuple[str, Varied]:
    name, *told = parts_of(part)
    mode, *values = told or [FIXED]
    found = form_fields().get(name)
    if found is None or not may_vary(name) or mode not in set(modes_of(found)) - {FIXED}:
        raise misfit()
    if mode == LIST:
        return name, Varied(LIST, tuple(values))
    if len(values) != N_ENDS:
        raise misfit()
    return name, Varied(mode, (), *values)


def _fill(link: Mapping[str, str]) -> None:
    search_form.fill(draft_from_link(link))


def _link() -> dict[str, str]:
    return draft_link(search_form.draft())


SEARCH_FORM = FormAddress(NAME_KEY, search_form.is_begun, show_new, _fill, _link)


def leave_form() -> None:
    """Take the form out of the address, of a page that shows a search."""
    write_address({}, FORM_NAMES)
