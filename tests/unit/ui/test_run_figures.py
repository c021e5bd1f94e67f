from __future__ import annotations

from bert4rec.ui.run_figures import seen_words


def test_what_became_of_seen_items_is_told_with_its_reason() -> None:
    removed = {"removes_seen": True, "seen_reason": "asked for by name"}
    assert seen_words(removed) == ", seen items removed (asked for by name)"
    assert seen_words({"removes_seen": False}) == ", seen items kept"


def test_of_an_old_run_nothing_is_said_about_seen_items() -> None:
    assert seen_words({}) == ""
