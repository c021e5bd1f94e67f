from __future__ import annotations

from pathlib import Path

import bert4rec
from bert4rec.ui import cache


def test_all_that_is_kept_is_let_go_of_at_once() -> None:
    @cache.kept(max_entries=2)
    def made(name: str) -> list[str]:
        return [name]

    first = made("a")
    assert made("a") is first
    cache.forget_all()
    assert made("a") is not first


def test_nothing_of_data_is_kept_that_would_not_be_let_go_of() -> None:
    package = Path(bert4rec.__file__).parent
    # What state.py and pace.py keep are the services of the process, one each.
    elsewhere = [
        path.name
        for path in (package / "ui").rglob("*.py")
        if path.name != "cache.py" and "cache_resource(max_entries=" in path.read_text("utf-8")
    ]
    assert elsewhere == []
