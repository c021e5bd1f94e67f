"""Signals: whatever ends a command ends it once and cleanly."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import threading
import tomllib
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from bert4rec.__main__ import main as entrance
from bert4rec.cli.signals import HungUp, Terminated, signals_heard, status_of
from tests.waiting import LIMIT_S

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("name", "raised", "status"),
    [("SIGINT", KeyboardInterrupt, 130), ("SIGTERM", Terminated, 143), ("SIGHUP", HungUp, 129)],
)
def test_a_signal_that_ends_a_command_is_an_interrupt_with_its_own_status(
    name: str, raised: type[KeyboardInterrupt], status: int
) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with pytest.raises(raised) as caught, signals_heard():
        signal.raise_signal(number)
    assert status_of(caught.value) == status
    assert signal.getsignal(number) is before


def test_a_signal_that_somebody_else_sees_to_is_left_to_them() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_heard():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_server_that_ends_by_sigterm_ends_so_when_its_terminal_is_closed() -> None:
    heard: list[int] = []
    with signals_heard():
        ours = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
        signal.raise_signal(signal.SIGHUP)
        signal.signal(signal.SIGTERM, ours)
    assert heard == [signal.SIGTERM]


def test_an_interrupt_that_a_library_in_c_ignores_comes_again() -> None:
    call_back = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGINT))
    before = sys.unraisablehook

    def work() -> None:
        call_back()
        # It was ignored there, and nothing else would end this.
        threading.Event().wait(LIMIT_S)

    with pytest.raises(KeyboardInterrupt), signals_heard():
        work()
    assert sys.unraisablehook is before


def test_what_else_is_ignored_is_told_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ValueError("of the library")

    told: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda ignored: told.append(str(ignored.exc_value)))
    with signals_heard():
        ctypes.CFUNCTYPE(None)(fail)()
    assert told == ["of the library"]


def test_a_signal_waits_until_torch_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    # An exception in the middle of that import ended in an abort by C++.
    torch = ModuleType("torch")
    torch.__spec__ = ModuleSpec("torch", None)
    torch.__spec__._initializing = True  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)

    def load() -> None:
        with signals_heard():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            torch.__spec__._initializing = False  # type: ignore[union-attr]
            # Woken by the signal, long before that.
            threading.Event().wait(60)

    with pytest.raises(KeyboardInterrupt):
        load()


@pytest.mark.parametrize("package", ["bert4rec.cli", "click"])
@pytest.mark.parametrize("streams", ["", "2>&-"])
def test_ctrl_c_while_the_command_line_is_loaded_is_one_line_and_no_traceback(
    package: str, streams: str
) -> None:
    code = (
        "import signal, sys\n"
        "class Pressed:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {package!r}: signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "from bert4rec.__main__ import main\n"
        "main()"
    )
    words = ["sh", "-c", f'exec "$@" {streams}', "sh", sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stdout == ""
    assert done.stderr == ("" if streams else "interrupted\n")


def test_the_command_begins_where_ctrl_c_is_heard_before_anything_is_loaded() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["scripts"]["bert4rec"] == "bert4rec.__main__:main"


def test_little_is_loaded_before_ctrl_c_is_heard() -> None:
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import bert4rec.__main__\n"
        "print(*set(sys.modules) - before)"
    )
    words = [sys.executable, "-c", code]
    loaded = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert "bert4rec.__main__" in loaded
    assert not {"typing", "re", "threading", "contextlib", "importlib"} & set(loaded)


def test_a_thread_that_cannot_hear_signals_carries_a_command_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bert4rec", "--version"])
    ended: list[object] = []

    def work() -> None:
        try:
            entrance()
        except SystemExit as error:
            ended.append(error.code)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [0]
    assert "version" in capsys.readouterr().out


def test_signals_are_left_alone_outside_the_main_thread() -> None:
    found: list[object] = []

    def look() -> None:
        with signals_heard():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]
