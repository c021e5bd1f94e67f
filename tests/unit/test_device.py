from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import pytest
import torch

from bert4rec import device as device_module
from bert4rec.device import (
    choose_device,
    choose_for,
    describe_machine,
    free_memory_bytes,
    memory_errors_explained,
    n_usable_cores,
    process_memory_bytes,
    return_freed_memory,
)
from bert4rec.errors import DeviceError, DeviceMemoryError
from bert4rec.hyperparameters import Hyperparameters


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture(autouse=True)
def no_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    # Nor is it told whose CPU this is.
    monkeypatch.setattr(device_module, "CPU_INFO", Path("nowhere"))
    monkeypatch.setattr(platform, "processor", str)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("name", ["amx_bf16", "avx512_bf16"])
def test_a_cpu_that_multiplies_bfloat16_uses_it_for_large_steps_and_says_so(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, name: True})
    settings = Hyperparameters(batch_size=100, max_seq_length=100, hidden_size=40, n_threads=2)
    choice = choose_for(settings)
    assert choice.precision == "bfloat16"
    assert name in choice.precision_reason
    assert "400,000 values on 2 threads" in choice.precision_reason
    short = choose_for(settings, mean_length=99)
    assert short.precision == "float32"
    assert "396,000 values on 2 threads is too small" in short.precision_reason
    # Who asks a model does not train, and wants the same answer one at a time and many at once.
    asked = choose_device()
    assert asked.precision == "float32"
    assert name in asked.precision_reason


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    ("cpu", "instructions", "precision"),
    [
        ("Intel Xeon", ["avx512_bf16"], "float32"),
        ("Intel Xeon", ["avx512_bf16", "amx_bf16"], "bfloat16"),
        ("AMD EPYC", ["avx512_bf16"], "bfloat16"),
    ],
)
def test_a_cpu_of_intel_uses_bfloat16_only_where_it_multiplies_matrices_of_it(
    cpu: str, instructions: list[str], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"cpu_name": cpu, **dict.fromkeys(instructions, True)}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told)
    assert choose_for(Hyperparameters(batch_size=5_000)).precision == precision


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    ("info", "processor", "precision"),
    [
        ("processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t: fpu\n", "", "float32"),
        ("processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t: fpu\n", "", "bfloat16"),
        (None, "Intel64 Family 6 Model 207 Stepping 2, GenuineIntel", "float32"),
        (None, "AMD64 Family 25 Model 97 Stepping 2, AuthenticAMD", "bfloat16"),
        # As of Arm, whose makers stand there as numbers.
        ("CPU implementer\t: 0x41\n", "", "bfloat16"),
    ],
)
def test_whose_cpu_it_is_is_read_from_the_system_where_torch_does_not_tell(
    info: str | None,
    processor: str,
    precision: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if info is not None:
        (tmp_path / "cpuinfo").write_text(info)
    monkeypatch.setattr(device_module, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "processor", lambda: processor)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert choose_for(Hyperparameters(batch_size=5_000)).precision == precision


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_precision_asked_for_by_name_is_taken(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    choice = choose_for(Hyperparameters(batch_size=5_000, precision=precision))
    assert (choice.precision, choice.precision_reason) == (precision, "asked for by name")


@pytest.mark.usefixtures("no_gpu")
def test_a_torch_that_cannot_tell_what_the_cpu_has_keeps_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert choose_device().precision == "float32"


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_the_cpu_is_chosen_with_every_core() -> None:
    choice = choose_device()
    assert (choice.device, choice.precision) == ("cpu", "float32")
    assert choice.n_threads == n_usable_cores()
    assert choice.reason == "no GPU was found"
    assert choice.precision_reason


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_is_preferred_and_named() -> None:
    choice = choose_device()
    assert (choice.device, choice.precision) == ("cuda:0", "bfloat16")
    assert "GPU 0" in choice.reason


@pytest.mark.usefixtures("two_gpus")
def test_a_device_is_taken_by_its_name() -> None:
    assert choose_device("cpu").device == "cpu"
    assert choose_device("cuda").device == "cuda:0"
    assert choose_device("cuda:1").device == "cuda:1"
    with pytest.raises(DeviceError, match="2 CUDA devices were found"):
        choose_device("cuda:2")


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps"])
def test_a_device_that_is_not_there_is_an_error_with_advice(name: str) -> None:
    with pytest.raises(DeviceError, match="Use device: auto or cpu") as caught:
        choose_device(name)
    assert name in caught.value.message


@pytest.mark.parametrize("name", ["", "gpu", "cuda:x", "CPU"])
def test_a_device_of_no_known_kind_is_an_error_with_those_there_are(name: str) -> None:
    with pytest.raises(DeviceError, match="auto, cpu, cuda, cuda:N or mps") as caught:
        choose_device(name)
    assert repr(name) in caught.value.message


def test_precision_and_threads_are_taken_as_asked() -> None:
    choice = choose_device("cpu", "bfloat16", 3)
    assert choice.n_threads == 3
    with choice.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    assert choice.precision_reason == "asked for by name"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_running_out_of_memory_says_what_to_make_smaller(error: Exception) -> None:
    with pytest.raises(DeviceMemoryError, match="smaller batch_size"):  # noqa: SIM117
        with memory_errors_explained("cpu"):
            raise error


def test_another_runtime_error_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="shapes") as caught, memory_errors_explained("cpu"):
        raise RuntimeError("shapes do not match")
    assert type(caught.value) is RuntimeError


def test_a_real_allocation_that_is_too_large_is_explained() -> None:
    with pytest.raises(DeviceMemoryError), memory_errors_explained("cpu"):
        torch.empty(2**60, dtype=torch.uint8)


def test_the_machine_is_described_in_plain_data() -> None:
    facts = describe_machine()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["torch"] == torch.__version__
    assert 0 < process_memory_bytes() < facts["memory_bytes"]
    assert 0 < free_memory_bytes("cpu") <= facts["memory_bytes"]


@pytest.mark.parametrize(("batch_size", "expected"), [(64, 1), (128, 2), (256, 3), (2048, 8)])
def test_a_small_step_gets_fewer_threads_than_there_are_cores(
    monkeypatch: pytest.MonkeyPatch, batch_size: int, expected: int
) -> None:
    monkeypatch.setattr(device_module, "n_usable_cores", lambda: 8)
    settings = Hyperparameters(batch_size=batch_size, max_seq_length=50, hidden_size=64)
    choice = choose_for(settings)
    assert choice.n_threads == expected
    assert f"{batch_size * 50 * 64:,} values" in choice.threads_reason


def test_threads_asked_for_are_given() -> None:
    assert choose_for(Hyperparameters(n_threads=3)).n_threads == 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nothing is kept")
def test_freed_memory_in_pieces_goes_back_to_the_system() -> None:
    pieces = [bytearray(100_000) for _ in range(2_000)]
    # What stays between the pieces keeps the C library from giving them back by itself.
    between = [bytearray(1_000) for _ in range(2_000)]
    kept = pieces[1::2]
    full = process_memory_bytes()
    del pieces
    return_freed_memory()
    assert process_memory_bytes() < full - 60_000_000
    assert (len(kept), len(between)) == (1_000, 2_000)


def test_where_the_c_library_cannot_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    # Asked anew: what was found on this machine is kept.
    monkeypatch.setattr(device_module, "_trim", device_module._trim.__wrapped__)
    assert device_module._trim() is None
    return_freed_memory()
