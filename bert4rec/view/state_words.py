"""The states of runs and trials in words, icons and signs."""

from __future__ import annotations

from typing import NamedTuple


class StateWord(NamedTuple):
    """How a run's state is shown; never by its colour alone."""

    label: str
    icon: str
    color: str


STATE_WORDS = {
    "queued": StateWord("Queued", ":material/schedule:", "gray"),
    "running": StateWord("Running", ":material/play_circle:", "blue"),
    "paused": StateWord("Paused", ":material/pause_circle:", "orange"),
    "finished": StateWord("Finished", ":material/check_circle:", "green"),
    "stopped": StateWord("Stopped", ":material/stop_circle:", "violet"),
    "failed": StateWord("Failed", ":material/error:", "red"),
    "interrupted": StateWord("Interrupted", ":material/power_off:", "orange"),
    # Of trials alone.
    "pruned": StateWord("Pruned", ":material/content_cut:", "violet"),
    "waiting": StateWord("Waiting", ":material/schedule:", "gray"),
}
# For cells of tables, which draw no icons.
STATE_SIGNS = {
    "queued": "○",
    "running": "►",
    "paused": "‖",
    "finished": "✓",
    "stopped": "■",
    "failed": "✗",
    "interrupted": "▲",
    "pruned": "↓",
    "waiting": "○",
}


def state_word(state: str) -> StateWord:
    """Return how a state is shown, also one that this version does not know."""
    return STATE_WORDS.get(state, StateWord(state.capitalize(), ":material/help:", "gray"))


def state_cell(state: str) -> str:
    """Return a state as a sign and a word, for a cell of a table.

    Example:
        >>> state_cell("finished"), state_cell("unreadable")
        ('✓ Finished', '? Unreadable')
    """
    return f"{STATE_SIGNS.get(state, '?')} {state_word(state).label}"
