"""The browser's way back leads to the page before, and not to the same one with a bare address."""

from __future__ import annotations

from bert4rec.ui.address import FORM_NAMES, IMPORT_NAMES
from bert4rec.ui.scripts import script

_mount = script(__file__)


def keep_way_back() -> None:
    """Let a page name what it shows in its address without a step; takes no place on the page."""
    _mount(key="way_back", data={"form": sorted({*FORM_NAMES, *IMPORT_NAMES})})
