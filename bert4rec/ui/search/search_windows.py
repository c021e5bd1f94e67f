"""Window lengths of a search that are longer than all histories, and others in their place."""

from __future__ import annotations

from dataclasses import replace

from bert4rec.search.space import Choices, Domain, Range, Space
from bert4rec.ui.search.search_draft import SearchDraft, typed
from bert4rec.view import forms
from bert4rec.view.forms import shown_value


def windows_alike(space: Space, longest: int) -> str:
    """Return that some windows of a space are longer than all histories, which makes them one.

    Example:
        >>> windows_alike({"max_seq_length": Choices((50, 100, 200))}, 60)
        'No history is longer than 60, so windows of 100 and 200 are the same.'
    """
    domain, said = space.get("max_seq_length"), f"No history is longer than {longest:,}, so "
    if isinstance(domain, Range):
        return f"{said}longer windows are all the same." if domain.high > longest else ""
    values = domain.values if isinstance(domain, Choices) else ()
    beyond = [f"{value:,}" for value in values if isinstance(value, int) and value > longest]
    if len(beyond) < 2:
        return ""
    return f"{said}windows of {', '.join(beyond[:-1])} and {beyond[-1]} are the same."


def windows_apart(domain: Domain, longest: int) -> Domain | int:
    """Return windows that differ, in place of some that are longer than all histories.

    Args:
        domain: Between what the window's length varies.
        longest: Length of the longest history.

    Returns:
        The shorter ones and the one that holds every history whole; that one where it is alone.

    Example:
        >>> windows_apart(Choices((50, 100, 200)), 60), windows_apart(Range(10, 90), 60)
        (Choices(values=(50, 60)), Range(low=10, high=60, step=None, is_log=False))
        >>> windows_apart(Choices((50, 100)), 19)
        19
    """
    whole = max(longest, 2)
    if isinstance(domain, Choices):
        shorter = [value for value in domain.values if isinstance(value, int) and value < whole]
        return Choices((*shorter, whole)) if shorter else whole
    if domain.low >= whole:
        return whole
    if domain.step is not None and domain.low + domain.step > whole:
        return Choices((domain.low, whole))
    return replace(domain, high=whole)


def with_windows(draft: SearchDraft, windows: Domain | int) -> SearchDraft:
    """Return the draft with other window lengths, the first trial's being among them."""
    name = "max_seq_length"
    space = {key: varied for key, varied in draft.space.items() if key != name}
    if not isinstance(windows, int):
        space = {**draft.space, name: typed(windows)}
    largest = windows if isinstance(windows, int) else _largest(windows)
    window = min(shown_value(name, draft.base), largest)
    base = forms.changed_draft(draft.base, draft.kept, name, window)
    return replace(draft, base=base, space=space)


def _largest(domain: Domain) -> int:
    return int(max(domain.values) if isinstance(domain, Choices) else domain.high)
