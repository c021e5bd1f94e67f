from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bert4rec.errors import FormatError, NotFoundError
from bert4rec.runs.checkpoints import load_checkpoint, save_checkpoint

TENSORS = {
    "network.a": torch.arange(6.0).view(2, 3),
    "network.b": torch.zeros(0, 4),
    "optimizer.0.step": torch.tensor(7.0),
    "counts": torch.tensor([1, 2**40], dtype=torch.int64),
}
PLAIN = {"epoch": 3, "best_score": None, "trained_s": 1.25}


def test_a_checkpoint_comes_back_exactly(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "last.safetensors"
    save_checkpoint(path, TENSORS, PLAIN)
    tensors, plain = load_checkpoint(path)
    assert plain == PLAIN
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert torch.equal(tensors[name], tensor)
        assert tensors[name].dtype == tensor.dtype


def test_a_prefix_chooses_tensors_and_is_cut_off(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.safetensors", TENSORS, PLAIN)
    tensors, plain = load_checkpoint(tmp_path / "a.safetensors", prefix="network.")
    assert tensors.keys() == {"a", "b"}
    assert plain == PLAIN


def test_views_and_parameters_are_saved_as_what_they_show(tmp_path: Path) -> None:
    weight = torch.nn.Parameter(torch.randn(4, 3))
    save_checkpoint(tmp_path / "a.safetensors", {"t": weight.T, "row": weight[1]}, {})
    tensors, _ = load_checkpoint(tmp_path / "a.safetensors")
    assert torch.equal(tensors["t"], weight.detach().T)
    assert torch.equal(tensors["row"], weight.detach()[1])


def test_a_failed_save_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, TENSORS, PLAIN)

    def half(tensors: object, target: Path, metadata: object) -> None:
        target.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("bert4rec.runs.checkpoints.save_file", half)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(path, {}, {"epoch": 4})
    assert load_checkpoint(path)[1] == PLAIN
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_missing_checkpoint_says_when_there_will_be_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no checkpoint 'best' yet"):
        load_checkpoint(tmp_path / "run" / "checkpoints" / "best.safetensors")


@pytest.mark.parametrize("damage", [b"", b"\x00" * 100, b"not a checkpoint at all"])
def test_a_damaged_checkpoint_is_told(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(damage)
    with pytest.raises(FormatError):
        load_checkpoint(path)


def test_a_checkpoint_cut_short_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, TENSORS, PLAIN)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(FormatError, match="cannot be read") as caught:
        load_checkpoint(path)
    assert "Clone to the form" in caught.value.fix


def test_safetensors_of_someone_else_are_not_taken_for_ours(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(FormatError, match="format version None"):
        load_checkpoint(tmp_path / "a.safetensors")


def test_what_would_have_to_be_executed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    torch.save({"a": torch.zeros(2)}, path)
    with pytest.raises(FormatError):
        load_checkpoint(path)
