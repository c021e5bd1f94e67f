from __future__ import annotations

import pytest

from bert4rec.data import near_names as module
from bert4rec.data.near_names import near_names

NAMES = ["Blue Train", "Airbag", "Cherokee", "blue trail", "Kid A", "the Blue Train", "Trane"]


@pytest.mark.parametrize("text", ["blue trian", "airbags", "herokee", "Kid", "zzz", ""])
def test_of_many_names_the_same_are_found_as_of_few(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [*NAMES, *(f"number {number} of the long list" for number in range(700))]
    expected = near_names(text, many)
    monkeypatch.setattr(module, "MANY", 100)
    assert near_names(text, many) == expected


def test_the_likest_comes_first_whatever_the_case() -> None:
    assert near_names("BLUE TRAIN", NAMES)[:2] == ["Blue Train", "blue trail"]
    assert near_names("quite another", NAMES) == []
    assert near_names("anything", []) == []


def test_among_many_names_only_the_likeliest_are_looked_at_closely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[int] = []

    def look(text: str, names: list[str], **_: float) -> list[str]:
        looked_at.append(len(names))
        return []

    monkeypatch.setattr(module, "MANY", 100)
    monkeypatch.setattr("difflib.get_close_matches", look)
    near_names("number 7", [f"number {number}" for number in range(2000)])
    assert looked_at == [module.N_LIKELY]
