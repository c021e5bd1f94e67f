from __future__ import annotations

import struct

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from bert4rec.runs.event_file import crc32c, first_event, record, scalars, settings, text

# What TensorBoard 2.21.0 itself writes (its RecordWriter and messages) for the four events below.
BY_TENSORBOARD = bytes.fromhex(
    "1800000000000000a37f4b220900001040fc54d9411a0d627261696e2e4576656e743a32338d2fe93600000000"
    "0000004f578cef0900006040fc54d94110142a290a110a0a747261696e2f6c6f737315000050400a140a0d7661"
    "6c69642f6e64636740313015cdcccc3d1f5b11f24300000000000000b18525a00900006040fc54d9412a380a36"
    "0a1573657474696e67732f746578745f73756d6d6172794213080712041202080142097c2061207c2062207c4a"
    "080a060a0474657874533db78d7e00000000000000d8c65c750900006040fc54d9412a730a710a1c5f68706172"
    "616d735f2f73657373696f6e5f73746172745f696e666f42060801120212004a490a470a0768706172616d7312"
    "3c1a3a0a0d0a07636f6d70696c65120220010a110a096c6f73735f7479706512041a0243450a160a096d61736b"
    "5f726174651209119a9999999999c93fed87ba7a"
)


def test_the_bytes_are_those_that_tensorboard_writes() -> None:
    at_s = 1700000001.5
    written = (
        first_event(1700000000.25)
        + scalars(at_s, 20, {"train/loss": 3.25, "valid/ndcg@10": 0.1})
        + text(at_s, "settings", "| a | b |")
        + settings(at_s, {"compile": True, "loss_type": "CE", "mask_rate": 0.2})
    )
    assert written == BY_TENSORBOARD


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        # From RFC 3720, appendix B.4.
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_checksums_are_those_of_the_standard(data: bytes, checksum: int) -> None:
    assert crc32c(data) == checksum


def test_a_record_says_its_length_first() -> None:
    made = record(b"abc")
    assert struct.unpack("<Q", made[:8]) == (3,)
    assert (made[12:15], len(made)) == (b"abc", 8 + 4 + 3 + 4)


def event_type() -> type:
    """The message as protobuf's own library reads it, from a description of our own."""
    kind = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="event.proto", syntax="proto3")
    value = file.message_type.add(name="Value")
    value.field.add(name="tag", number=1, type=kind.TYPE_STRING, label=kind.LABEL_OPTIONAL)
    value.field.add(name="simple", number=2, type=kind.TYPE_FLOAT, label=kind.LABEL_OPTIONAL)
    summary = file.message_type.add(name="Summary")
    summary.field.add(
        name="value", number=1, type=kind.TYPE_MESSAGE, type_name="Value", label=kind.LABEL_REPEATED
    )
    event = file.message_type.add(name="Event")
    event.field.add(name="wall", number=1, type=kind.TYPE_DOUBLE, label=kind.LABEL_OPTIONAL)
    event.field.add(name="step", number=2, type=kind.TYPE_INT64, label=kind.LABEL_OPTIONAL)
    event.field.add(
        name="summary",
        number=5,
        type=kind.TYPE_MESSAGE,
        type_name="Summary",
        label=kind.LABEL_OPTIONAL,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Event"))


EVENT = event_type()
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(
    st.integers(0, 2**53),
    st.floats(0, 4e9),
    st.dictionaries(st.text(max_size=200), FLOATS, max_size=4),
)
def test_whatever_is_written_another_reader_gets_back(
    step: int, at_s: float, values: dict[str, float]
) -> None:
    data = scalars(at_s, step, values)[12:-4]
    found = EVENT.FromString(data)  # type: ignore[attr-defined]
    assert (found.step, found.wall) == (step, at_s)
    assert {value.tag: value.simple for value in found.summary.value} == values
