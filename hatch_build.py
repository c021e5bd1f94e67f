"""Build hook: carry the app's files, which lie beside the package, into the wheel.

An editable install must not get them: it would serve stale copies of the pages under edit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

APP_FILES = ("app.py", "pages", ".streamlit/config.toml", "sample_data")


class AppFiles(BuildHookInterface):  # type: ignore[misc,unused-ignore]  # hatchling only exists while building
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for name in APP_FILES:
            build_data["force_include"][str(Path(self.root, name))] = f"bert4rec/_app/{name}"
