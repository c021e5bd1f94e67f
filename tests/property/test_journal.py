from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bert4rec.journal import Journal

VALUES = st.one_of(
    st.none(), st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
EVENTS = st.lists(
    st.dictionaries(st.text(max_size=4), VALUES, min_size=1, max_size=3), min_size=1, max_size=4
)


@settings(max_examples=25)
@given(EVENTS)
def test_a_cut_at_any_byte_loses_no_whole_line_and_swallows_no_later_one(
    events: list[dict[str, object]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "metrics.jsonl")
        for event in events:
            journal.append(event)
        whole = journal.path.read_bytes()
        for cut in range(len(whole) + 1):
            journal.path.write_bytes(whole[:cut])
            n_whole = whole[:cut].count(b"\n")
            before, offset = journal.read()
            assert before == events[:n_whole]
            journal.append({"after": "the cut"})
            after, _ = journal.read(offset)
            # A line that lost its end only is whole again; one that lost more is passed over.
            is_complete = cut < len(whole) and whole[cut : cut + 1] == b"\n"
            closed = [events[n_whole]] if is_complete else []
            assert after == [*closed, {"after": "the cut"}]


@given(EVENTS, st.data())
def test_reading_in_pieces_equals_reading_at_once(
    events: list[dict[str, object]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "metrics.jsonl")
        seen: list[dict[str, object]] = []
        offset = 0
        for event in events:
            journal.append(event)
            if data.draw(st.booleans()):
                new, offset = journal.read(offset)
                seen += new
        seen += journal.read(offset)[0]
        assert seen == events == journal.read()[0]
