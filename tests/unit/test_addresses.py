"""Addresses that cannot be listened on: which of address and port is wrong."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from bert4rec.addresses import address_error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL)),
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        UnicodeError("label too long"),
    ],
)
def test_an_address_of_elsewhere_is_told_from_a_port_that_is_taken(error: Exception) -> None:
    told = address_error("elsewhere", 8501, error)
    assert told.message.startswith("'elsewhere' is no address of this machine: ")
    assert "--host" in str(told.fix)


def test_a_port_that_is_taken_asks_for_another_one() -> None:
    told = address_error("127.0.0.1", 8501, OSError(errno.EADDRINUSE, "Address already in use"))
    assert told.message == "port 8501 of 127.0.0.1 cannot be used: Address already in use"
    assert "--port" in str(told.fix)
