"""The keyboard stays at a button that is pressed, also where the press gives it another look."""

from __future__ import annotations

from bert4rec.ui.scripts import script

_mount = script(__file__)


def keep_focus() -> None:
    """Let buttons with a key keep the focus; takes no place on the page."""
    _mount(key="kept_focus")
