from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bert4rec.errors import NotFoundError, SettingsError
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.own_presets import delete_preset, free_preset_name, own_presets, save_preset
from bert4rec.policy import Policy, read_policy

POLICY = Policy("embedding_policy", Hyperparameters(hidden_size=32, mask_rate=0.4))


def test_a_preset_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    path = save_preset(tmp_path, "wide and slow", POLICY)
    assert path.name == "wide-and-slow.yaml"
    (found,) = own_presets(tmp_path)
    assert (found.name, found.problem) == ("wide-and-slow", "")
    assert found.policy == POLICY == read_policy(path)


def test_presets_are_listed_by_name_with_what_is_wrong_with_them(tmp_path: Path) -> None:
    save_preset(tmp_path, "b", POLICY)
    (tmp_path / "presets" / "a.yaml").write_text("policy_configs: {scoring_policy: {n_epoch: 3}}")
    broken, sound = own_presets(tmp_path)
    assert (broken.name, broken.policy) == ("a", None)
    assert "n_epoch" in broken.problem
    assert sound.policy == POLICY


@pytest.mark.parametrize("name", ["", "  ", "../..", "quick", "Balanced", "mine"])
def test_a_name_that_is_empty_or_taken_is_refused(tmp_path: Path, name: str) -> None:
    kept = save_preset(tmp_path, "mine", POLICY)
    before = kept.read_bytes()
    with pytest.raises(SettingsError, match=r"no name|already"):
        save_preset(tmp_path, name, Policy())
    assert [preset.name for preset in own_presets(tmp_path)] == ["mine"]
    assert kept.read_bytes() == before


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("one", ["one", "one-2", "one-3"]),
        ("Quick", ["Quick-2", "Quick-3"]),
        ("n" * 40, ["n" * 40, "n" * 38 + "-2"]),
    ],
)
def test_a_free_name_is_free(wanted: str, names: list[str], tmp_path: Path) -> None:
    for expected in names:
        name = free_preset_name(tmp_path, wanted)
        assert name == expected
        save_preset(tmp_path, name, POLICY)


def test_of_many_who_want_one_name_at_once_one_gets_it(tmp_path: Path) -> None:
    def save(at: int) -> int | None:
        try:
            save_preset(tmp_path, "mine", Policy(settings=Hyperparameters(n_epochs=1 + at)))
        except SettingsError:
            return None
        return 1 + at

    with ThreadPoolExecutor(8) as pool:
        kept = [n_epochs for n_epochs in pool.map(save, range(40)) if n_epochs]
    (found,) = own_presets(tmp_path)
    assert found.policy is not None
    assert kept == [found.policy.settings.n_epochs]


def test_files_whose_names_no_preset_has_are_not_listed(tmp_path: Path) -> None:
    kept = save_preset(tmp_path, "mine", POLICY)
    for name in ("my preset.yaml", "._mine.yaml"):
        (kept.parent / name).write_bytes(kept.read_bytes())
    assert [preset.name for preset in own_presets(tmp_path)] == ["mine"]


def test_deleting_takes_one_preset_and_nothing_else(tmp_path: Path) -> None:
    save_preset(tmp_path, "a", POLICY)
    save_preset(tmp_path, "b", POLICY)
    delete_preset(tmp_path, "a")
    assert [preset.name for preset in own_presets(tmp_path)] == ["b"]
    for name in ("a", "../presets/b", ""):
        with pytest.raises(NotFoundError):
            delete_preset(tmp_path, name)
    assert [preset.name for preset in own_presets(tmp_path)] == ["b"]
