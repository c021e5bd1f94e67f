"""The keyboard stays at a button or heading that is pressed, also if that makes it anew."""

from __future__ import annotations

from bert4rec.ui.scripts import script

_mount = script(__file__)


def keep_focus() -> None:
    """Let buttons and sections with a key keep the focus; takes no place on the page."""
    _mount(key="kept_focus")
