"""Where a run computes: device, precision and threads, each with the reason for its choice."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import torch

from bert4rec import container
from bert4rec.errors import DeviceError, DeviceMemoryError
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.policy_settings import DEVICES

# Values of a step's hidden states that keep one thread busy long enough to be worth waking it.
VALUES_PER_THREAD = 250_000
# As many for each thread make bfloat16 worth what it takes to get there (decision 0030).
NARROW_VALUES_PER_THREAD = 200_000
# What makes a CPU multiply bfloat16 faster than float32, the fastest first; on Intel's, where the
# other one takes twice as long as float32, the first alone (decision 0030).
BFLOAT16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16")
# Where Linux tells about the CPU.
CPU_INFO = Path("/proc/cpuinfo")
# What to do where a run's own steps do not fit.
SMALLER_STEPS = "Use a smaller batch_size and eval_batch_size, or a shorter max_seq_length."
SMALLER_JUDGING = "Use a smaller eval_batch_size, or a shorter max_seq_length."


@dataclass(frozen=True)
class DeviceChoice:
    """A device with its precision and threads, and why each was chosen."""

    device: str
    reason: str
    precision: str
    precision_reason: str
    n_threads: int
    threads_reason: str

    @property
    def kind(self) -> str:
        """The device without its number: cpu, cuda or mps."""
        return self.device.partition(":")[0]

    @property
    def n_side_by_side(self) -> int:
        """Threads that compute side by side: a GPU is fed by one alone."""
        return self.n_threads if self.device == "cpu" else 1

    def autocast(self) -> torch.autocast:
        """Return a context in which matrix products use the chosen precision."""
        return torch.autocast(self.kind, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")

    def as_dict(self) -> dict[str, Any]:
        """Return the choice as plain data, for the run's configuration."""
        return asdict(self)


def choose_device(
    device: str = "auto", precision: str = "auto", n_threads: int | None = None
) -> DeviceChoice:
    """Choose where to compute.

    Args:
        device: auto, cpu, cuda, cuda:N or mps.
        precision: auto, float32 or bfloat16.
        n_threads: CPU threads; None means every core that this process may use.

    Raises:
        DeviceError: the device was asked for by name and is not there, or of no known kind.
    """
    name, reason = _find_device(device)
    chosen, precision_reason = _find_precision(precision, name)
    threads_reason = "asked for by name" if n_threads else "every core that may be used"
    n_threads = n_threads or n_usable_cores()
    return DeviceChoice(name, reason, chosen, precision_reason, n_threads, threads_reason)


def choose_for(settings: Hyperparameters, mean_length: float | None = None) -> DeviceChoice:
    """Choose where a run of these settings trains.

    A small step gets fewer threads than there are cores: waking them would cost more than they
    give, and a core stays free for the page. On a CPU that is quick at bfloat16 a large step, and
    it alone, uses it.

    Args:
        settings: The settings of the run.
        mean_length: Items of its windows on average; as many as they hold where nothing is given.

    Raises:
        DeviceError: the device was asked for by name and is not there.
    """
    choice = choose_device(settings.device, settings.precision, settings.n_threads)
    n_values = settings.batch_size * settings.max_seq_length * settings.hidden_size
    if settings.n_threads is None:
        n_threads = min(n_usable_cores(), max(1, round(n_values / VALUES_PER_THREAD)))
        reason = f"a step of {n_values:,} values on {n_usable_cores()} cores"
        choice = replace(choice, n_threads=n_threads, threads_reason=reason)
    name = bfloat16_instructions()
    if settings.precision != "auto" or choice.device != "cpu" or name is None:
        return choice
    if mean_length is not None:
        n_values = round(settings.batch_size * mean_length * settings.hidden_size)
    n_each, size = n_values // choice.n_threads, f"a step of {n_values:,} values"
    if n_each < NARROW_VALUES_PER_THREAD:
        reason = f"{size} on {choice.n_threads} threads is too small for bfloat16 to be faster"
        return replace(choice, precision_reason=reason)
    reason = f"this CPU has {name}, for {size} on {choice.n_threads} threads; weights stay float32"
    return replace(choice, precision="bfloat16", precision_reason=reason)


def _find_device(device: str) -> tuple[str, str]:
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda:0", f"a GPU is there: {torch.cuda.get_device_name(0)}"
        if torch.backends.mps.is_available():
            return "mps", "an Apple GPU is there"
        return "cpu", "no GPU was found"
    if not re.fullmatch(DEVICES, device):
        raise DeviceError(
            f"there is no kind of device {device!r}", fix="Use auto, cpu, cuda, cuda:N or mps."
        )
    if device.startswith("cuda"):
        index = int(device.partition(":")[2] or 0)
        n_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if index >= n_devices:
            raise DeviceError(
                f"device {device!r} is not there: {n_devices} CUDA devices were found",
                fix="Use device: auto or cpu.",
            )
        return f"cuda:{index}", "asked for by name"
    if device == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device 'mps' is not there", fix="Use device: auto or cpu.")
    return device, "asked for by name"


def _find_precision(precision: str, device: str) -> tuple[str, str]:
    if precision != "auto":
        return precision, "asked for by name"
    if device.startswith("cuda") and torch.cuda.is_bf16_supported():
        return "bfloat16", "this GPU computes bfloat16 fast; weights stay float32"
    if device == "cpu" and (name := bfloat16_instructions()):
        return "float32", f"exact; large steps of a training use bfloat16, by {name}"
    return "float32", "exact, and nothing is faster on this device"


def bfloat16_instructions() -> str | None:
    """Return the CPU's instructions for bfloat16 products; without them float32 is faster."""
    # Older versions of torch cannot tell.
    ask: Callable[[], Mapping[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)
    capabilities = ask()
    is_intel = "intel" in str(capabilities.get("cpu_name") or _cpu_maker()).lower()
    fast = BFLOAT16_INSTRUCTIONS[:1] if is_intel else BFLOAT16_INSTRUCTIONS
    return next((name for name in fast if capabilities.get(name)), None)


def _cpu_maker() -> str:
    """Return whose CPU it is as the system tells it; nothing where it does not."""
    with suppress(OSError):
        told = re.search(r"^vendor_id\s*:(.*)", CPU_INFO.read_text("utf-8", "replace"), re.M)
        if told:
            return told[1].strip()
    # Windows tells it there.
    return platform.processor()


def n_usable_cores() -> int:
    """Return the number of CPU cores that this process may use, in its container too."""
    is_told = hasattr(os, "sched_getaffinity")
    n_here = len(os.sched_getaffinity(0)) if is_told else os.cpu_count() or 1
    return int(min(n_here, container.n_cores()))


def process_memory_bytes() -> int:
    """Return the resident memory of this process."""
    return int(psutil.Process().memory_info().rss)


def return_freed_memory() -> None:
    """Give memory that was freed back to the system; does nothing where that needs no asking.

    The C library of Linux keeps what was freed for what comes next. Tensors of ever other shapes
    rarely fit into it, so that a process grows to twice what it holds. Takes 15 ms a call, and as
    long again until what is needed anew is there.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    # Not in every C library.
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def device_memory_bytes(device: str) -> int:
    """Return what tensors hold on a CUDA device; 0 on other devices."""
    return int(torch.cuda.memory_allocated(device)) if device.startswith("cuda") else 0


def free_memory_bytes(device: str) -> int:
    """Return how much memory is free on the device; for a CPU in the machine and its container."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    return int(min(psutil.virtual_memory().available, container.free_bytes()))


def describe_machine() -> dict[str, Any]:
    """Return the facts about this machine that belong beside a measured figure."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "n_cores": n_usable_cores(),
        "memory_bytes": int(psutil.virtual_memory().total),
        "gpus": [torch.cuda.get_device_name(index) for index in range(gpus)],
    }


@contextmanager
def memory_errors_explained(
    device: str, *, what: str = "it", fix: str = SMALLER_STEPS
) -> Iterator[None]:
    """Turn an out-of-memory error of torch into ours, which says what to do.

    Args:
        device: Whose memory it is; auto means the one that is chosen then.
        what: What needs the memory.
        fix: What to do.

    Raises:
        DeviceMemoryError: the block ran out of memory.
    """
    try:
        yield
    except DeviceMemoryError:
        raise
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _memory_error(device, what, fix) from error
    except RuntimeError as error:
        # The CPU allocator reports itself as a plain RuntimeError.
        if "can't allocate memory" not in str(error):
            raise
        raise _memory_error(device, what, fix) from error


def _memory_error(device: str, what: str, fix: str) -> DeviceMemoryError:
    name, _ = _find_device(device)
    whose = "this machine" if name == "cpu" else name
    return DeviceMemoryError(f"{what} did not fit the memory of {whose}", fix=fix, device=name)
