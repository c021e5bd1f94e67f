"""Addresses to listen on, and what is wrong with one that cannot be used."""

from __future__ import annotations

import errno
import socket

from bert4rec.errors import DeviceError


def address_error(host: str, port: int, error: Exception) -> DeviceError:
    """Return the error for an address that cannot be listened on.

    Args:
        host: The address.
        port: Its port.
        error: What the operating system says.
    """
    reason = getattr(error, "strerror", None) or error
    number = getattr(error, "errno", None)
    if isinstance(error, socket.gaierror | UnicodeError) or number == errno.EADDRNOTAVAIL:
        return DeviceError(
            f"{host!r} is no address of this machine: {reason}",
            fix="Give one of its own with --host, such as 127.0.0.1, or 0.0.0.0 for all of them.",
            port=port,
        )
    return DeviceError(
        f"port {port} of {host} cannot be used: {reason}",
        fix="Choose another one with --port, or stop what uses it.",
        port=port,
    )
