"""The service as a process: it listens, answers many at once, and ends as it is told."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from bert4rec.bundle.writing import export_bundle
from bert4rec.loaded_model import load_model
from bert4rec.runs.folder import Run
from tests.waiting import LIMIT_S

PROGRAM = str(Path(sys.executable).with_name("bert4rec"))


@contextmanager
def served(*words: object) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A service of its own process: its address, once it listens, and the process."""
    command = [PROGRAM, "serve", *map(str, words)]
    process = subprocess.Popen(
        [*command, "--port", "0", "--json", "--threads", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    try:
        yield _address(process), process
    finally:
        process.kill()
        process.communicate()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    text = ""
    while not text.rstrip().endswith("}"):
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        text += line
    found = json.loads(text)
    return f"http://{found['host']}:{found['port']}"


@pytest.fixture(scope="module")
def bundle(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "ring.zip"
    export_bundle(tiny_run, path)
    return path


def test_a_bundle_is_served_to_many_until_it_is_told_to_end(bundle: Path, tiny_run: Run) -> None:
    with served(bundle) as (address, process):
        histories = [[str(1 + (start + at) % 30) for at in range(5)] for start in range(40)]

        def ask(history: list[str]) -> list[float]:
            pairs = {"queries": [{"items": history, "candidates": ["1", "2"]}]}
            answer = httpx.post(f"{address}/score", json=pairs, timeout=LIMIT_S)
            assert answer.status_code == 200, answer.text
            return list(answer.json()["scores"][0])

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(ask, histories))
        expected = [load_model(tiny_run).score(history, ["1", "2"]) for history in histories]
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
        broken_connections(address)
        assert httpx.get(f"{address}/health", timeout=LIMIT_S).json()["status"] == "ok"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0
        # No request left a line, and no error a trace; what was no HTTP is told.
        told = {line for line in errors.splitlines() if "Serving" not in line}
        assert told <= {"WARNING:  Invalid HTTP request received.", "The service has ended."}


def broken_connections(address: str) -> None:
    """Do what clients do that break off, lie about their length, or speak something else."""
    url = httpx.URL(address)
    head = b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    for sent in (
        b"",
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        head + b"Content-Length: 100\r\n\r\n{",
        head + b"Content-Length: -1\r\n\r\n",
        head + b"Content-Length: 99999999999999\r\n\r\n{}",
        head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ):
        with socket.create_connection((url.host, url.port or 80)) as connection:
            connection.sendall(sent)


def test_a_port_in_use_is_one_line(bundle: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [PROGRAM, "serve", str(bundle), "--port", str(taken.getsockname()[1])]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: port ")
    assert len(ended.stderr.splitlines()) == 1
