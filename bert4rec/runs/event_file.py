"""TensorBoard's event files, written without TensorBoard.

A file is a sequence of records, each an `Event` of protocol buffers between its length and two
checksums. Only what a run needs is known here: scalars, a text, and the settings of a run.
Source: `record_writer.h`, `event.proto`, `summary.proto` of TensorFlow and `plugin_data.proto` of
TensorBoard's hparams plugin.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

# Castagnoli's polynomial, bits in reverse.
CRC32C = 0x82F63B78
MASK_DELTA = 0xA282EAD8
VERSION = "brain.Event:2"
HPARAMS_TAG = "_hparams_/session_start_info"
FLOAT_TENSOR, STRING_TENSOR = 1, 7


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (CRC32C if value & 1 else 0)
        table.append(value)
    return tuple(table)


CRC_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """Return the CRC-32C checksum of some bytes.

    Example:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """Return bytes as one record of a file."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF)


def first_event(wall_time_s: float) -> bytes:
    """Return the record that a file has to begin with."""
    return record(_double(1, wall_time_s) + _string(3, VERSION))


def scalars(wall_time_s: float, step: int, values: Mapping[str, float]) -> bytes:
    """Return the record of some numbers at a step, by tag."""
    summary = b"".join(
        _bytes(1, _string(1, tag) + _tagged(2, 5) + struct.pack("<f", value))
        for tag, value in values.items()
    )
    return _summary_event(wall_time_s, step, summary)


def text(wall_time_s: float, tag: str, markdown: str) -> bytes:
    """Return the record of a text in Markdown, shown under a tag."""
    tensor = _int(1, STRING_TENSOR) + _bytes(2, _bytes(2, _int(1, 1))) + _string(8, markdown)
    value = _string(1, f"{tag}/text_summary") + _bytes(8, tensor) + _bytes(9, _plugin("text"))
    return _summary_event(wall_time_s, 0, _bytes(1, value))


def settings(wall_time_s: float, values: Mapping[str, object]) -> bytes:
    """Return the record of a run's settings, by which its HParams page compares runs."""
    entries = b"".join(
        _bytes(1, _string(1, name) + _bytes(2, _plain_value(value)))
        for name, value in values.items()
    )
    # Its version, zero, is left out as every zero is.
    content = _bytes(3, entries)
    tensor = _int(1, FLOAT_TENSOR) + _bytes(2, _bytes(2, b""))
    value = _string(1, HPARAMS_TAG) + _bytes(8, tensor) + _bytes(9, _plugin("hparams", content))
    return _summary_event(wall_time_s, 0, _bytes(1, value))


def _plain_value(value: object) -> bytes:
    if isinstance(value, bool):
        return _int(4, int(value))
    if isinstance(value, int | float):
        return _double(2, float(value))
    return _string(3, str(value))


def _plugin(name: str, content: bytes = b"") -> bytes:
    return _bytes(1, _string(1, name) + (_bytes(2, content) if content else b""))


def _summary_event(wall_time_s: float, step: int, summary: bytes) -> bytes:
    at = _int(2, step) if step else b""
    return record(_double(1, wall_time_s) + at + _bytes(5, summary))


def _varint(value: int) -> bytes:
    """Return a whole number, not negative, in sevens of bits, the last ones first."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _tagged(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _int(field: int, value: int) -> bytes:
    return _tagged(field, 0) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _tagged(field, 1) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _tagged(field, 2) + _varint(len(value)) + value


def _string(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
