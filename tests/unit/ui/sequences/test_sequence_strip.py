from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.ui.sequences.drafts import MAX_ITEMS, Draft
from bert4rec.ui.sequences.sequence_strip import (
    CARDS_A_ROW,
    MAX_CARDS,
    length_words,
    part_to_show,
    parts_of,
)


@given(st.integers(0, 500), st.integers(1, 400))
def test_parts_follow_each_other_and_none_is_too_long(start: int, n: int) -> None:
    parts = parts_of(start, start + n)
    assert [place for part in parts for place in part] == list(range(start, start + n))
    lengths = [len(part) for part in parts]
    assert max(lengths) <= MAX_CARDS
    # All but the last have full rows.
    assert not any(length % CARDS_A_ROW for length in lengths[:-1])
    assert max(lengths) - min(lengths[:-1] or lengths) <= CARDS_A_ROW
    assert (len(parts) == 1) == (n <= MAX_CARDS)


def test_another_sequence_begins_where_it_is_hidden_or_else_with_the_newest() -> None:
    parts = parts_of(0, 100)
    assert part_to_show(parts, None, [40, 90], [3]) == 2
    assert part_to_show(parts, None, [], []) == 5


def test_the_part_stays_while_places_in_it_are_hidden_and_shown() -> None:
    parts = parts_of(0, 100)
    assert part_to_show(parts, 2, [31, 40], [40]) == 2
    assert part_to_show(parts, 2, [90], [40, 90]) == 2
    assert part_to_show(parts, 2, [2, 30, 90], []) == 2


def test_a_place_hidden_elsewhere_brings_its_part() -> None:
    parts = parts_of(0, 100)
    assert part_to_show(parts, 2, [40, 99], [40]) == 5


def test_a_part_that_is_gone_is_not_shown() -> None:
    assert part_to_show(parts_of(0, 40), 3, [5], [5]) == 0


def test_a_history_that_is_longer_than_what_is_shown_is_told_whole() -> None:
    log = SequenceDataset.from_sequences([[1, 2, 3] * 200, [1, 2]])
    whole = Draft.of(log.history(0), log.user_id(0))
    assert length_words(whole, log) == f"newest {MAX_ITEMS} of 600 items"
    cut = whole.without(0)
    assert length_words(cut, log) == f"{MAX_ITEMS - 1} items, from the newest {MAX_ITEMS} of 600"
    assert length_words(Draft.of(log.history(1), log.user_id(1)), log) == "2 items"
    assert length_words(Draft.of([1]), log) == "1 item"
