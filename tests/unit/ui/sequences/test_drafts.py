from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import SettingsError
from bert4rec.ui.sequences.drafts import MAX_ITEMS, Draft, parse_items
from bert4rec.ui.sequences.histories_of_items import find_history

VOCABULARY = Vocabulary(
    pd.DataFrame(
        {
            "item_id": ["t1", "t2", "t3", "t4"],
            "title": ["No Orchard, No Hawthorn", "Pale Harbour", "Nine", "t1"],
            "count": [4, 3, 2, 1],
        }
    )
)


def items_of(draft: Draft) -> list[int]:
    return draft.items.tolist()


def test_hiding_is_no_edit_and_a_click_undoes_a_click() -> None:
    draft = Draft.of([5, 6, 7])
    assert draft.toggled(1).hidden == [1]
    assert draft.toggled(1).toggled(1) == draft
    assert not draft.toggled(1).is_edited


def test_hidden_places_move_with_their_items() -> None:
    draft = Draft.of([5, 6, 7, 8], hidden=[2])
    assert draft.without(0).hidden == [1]
    assert draft.inserted(0, 9).hidden == [3]
    assert draft.moved(2, 0).hidden == [0]
    assert draft.replaced(2, 9).hidden == [2]


def test_edits_change_the_sequence_and_leave_the_original_pinned() -> None:
    draft = Draft.of([5, 6, 7]).inserted(3, 8).moved(0, 1).replaced(2, 9)
    assert items_of(draft) == [6, 5, 9, 8]
    assert draft.original == (5, 6, 7)
    assert [slot.origin for slot in draft.slots] == [1, 0, None, None]
    assert items_of(draft.restored()) == [5, 6, 7]


def test_moves_stop_at_the_ends_and_the_last_item_stays() -> None:
    assert items_of(Draft.of([5, 6]).moved(0, -1)) == [5, 6]
    assert items_of(Draft.of([5, 6]).moved(1, 9)) == [5, 6]
    assert items_of(Draft.of([5]).without(0)) == [5]


def test_a_place_that_is_gone_changes_nothing() -> None:
    draft = Draft.of([5, 6], hidden=[1])
    for edited in (draft.replaced(2, 9), draft.moved(2, 0), draft.without(2), draft.hiding([1, 2])):
        assert edited == draft


def test_a_draft_takes_no_more_items_than_its_link() -> None:
    whole = Draft.of(range(1, MAX_ITEMS + 1), "ann", range(MAX_ITEMS)).replaced(0, 9)
    assert Draft.from_link(whole.link(), whole.original, MAX_ITEMS) == whole
    with pytest.raises(SettingsError, match=f"more than {MAX_ITEMS}"):
        whole.inserted(MAX_ITEMS, 5)


def test_back_to_the_original_keeps_what_was_hidden_of_it() -> None:
    draft = Draft.of([5, 6, 7], hidden=[2]).without(0)
    assert draft.restored().hidden == [2]


def test_a_long_history_is_cut_to_its_newest_items() -> None:
    draft = Draft.of(range(1, MAX_ITEMS + 11))
    assert len(draft) == MAX_ITEMS
    assert draft.items[-1] == MAX_ITEMS + 10


def test_places_of_a_long_history_are_numbered_within_all_of_it_and_so_in_a_link() -> None:
    history = range(1, MAX_ITEMS + 101)
    draft = Draft.of(history, "ann", [4])
    assert [draft.number(at) for at in (0, 4, MAX_ITEMS - 1)] == [101, 105, MAX_ITEMS + 100]
    assert draft.link() == {"user": "ann", "mask": "105"}
    assert Draft.from_link(draft.link(), history, 600) == draft
    edited = draft.without(0).inserted(2, 9)
    assert edited.hidden == [4]
    assert (edited.link()["mask"], edited.link()["first"]) == ("105", "100")
    assert Draft.from_link(edited.link(), history, 600) == edited
    assert edited.restored() == draft
    # A history that ends earlier has the same numbers, and its link leads to the same place.
    earlier = Draft.of(history[:-20], "ann", [30])
    assert earlier.link()["mask"] == "111"
    opened = Draft.from_link(earlier.link(), history, 600)
    assert opened.items[opened.hidden].tolist() == earlier.items[earlier.hidden].tolist() == [111]


def test_a_link_to_the_beginning_of_a_long_history_leads_to_the_same_place() -> None:
    history = range(1, MAX_ITEMS + 101)
    beginning = Draft.of(history[:300], "ann", [299])
    assert beginning.link() == {"user": "ann", "mask": "300"}
    opened = Draft.from_link(beginning.link(), history, 600)
    assert opened.items[opened.hidden].tolist() == [300]


def test_a_link_to_places_before_those_that_are_looked_at_hides_the_others() -> None:
    link = {"user": "ann", "mask": "7.105"}
    assert Draft.from_link(link, range(1, MAX_ITEMS + 101), 600).hidden == [4]
    assert Draft.from_link(link, range(1, 10), 600).hidden == [6]
    for first in ("many", "1.2"):
        with pytest.raises(SettingsError):
            Draft.from_link(link | {"first": first}, range(1, 10), 600)


def test_a_pasted_sequence_is_numbered_by_itself() -> None:
    assert Draft.of(range(1, MAX_ITEMS + 11)).number(0) == 1


@pytest.mark.parametrize(
    "draft",
    [
        Draft.of([1, 2, 3], "ann", [1]),
        Draft.of([1, 2, 3], "ann", [0, 2]).without(1),
        Draft.of([1, 2, 3], "ann", [0]).inserted(1, 9).moved(3, 0),
        Draft.of([4, 4, 2], hidden=[1]),
        Draft.of([4, 4, 2], hidden=[1]).inserted(1, 9),
        Draft.of([5, 6, 7, 8]).moved(3, 0).without(2),
    ],
)
def test_a_link_reproduces_a_draft(draft: Draft) -> None:
    original = draft.original if draft.user else None
    assert Draft.from_link(draft.link(), original, n_items=9) == draft


def test_an_unedited_history_needs_no_items_in_its_link() -> None:
    assert Draft.of([1, 2], "ann", [1]).link() == {"user": "ann", "mask": "2"}


@pytest.mark.parametrize(
    "link",
    [
        {"items": "1.x"},
        {"items": "0"},
        {"items": "10"},
        {"items": "²"},
        {"items": "1" * 5000},
        {},
        {"mask": "1"},
    ],
)
def test_a_link_that_fits_no_sequence_is_refused(link: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        Draft.from_link(link, None, n_items=9)


def test_a_link_that_hides_places_that_are_not_there_hides_the_others() -> None:
    assert Draft.from_link({"items": "1.2", "mask": "2.7"}, None, 9).hidden == [1]


def test_items_are_read_by_id_and_title_and_titles_may_hold_commas() -> None:
    text = "t2, Nine\n\n no orchard, no hawthorn ,pale harbour"
    assert parse_items(text, VOCABULARY) == [2, 3, 1, 2]


def test_an_id_goes_before_a_title_of_the_same_text() -> None:
    assert parse_items("t1", VOCABULARY) == [1]


def test_ids_that_differ_by_case_alone_are_told_apart() -> None:
    table = pd.DataFrame({"item_id": ["AB", "aB"], "title": ["One", "Two"], "count": [1, 1]})
    vocabulary = Vocabulary(table)
    assert parse_items("aB, AB, ab", vocabulary) == [2, 1, 1]


def test_every_unknown_item_gets_a_line_with_its_near_misses() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_items("t1, Pale Harbor\nZzzzzz", VOCABULARY)
    assert caught.value.problems == [
        "'Pale Harbor' is not in the catalogue; did you mean 'Pale Harbour'?",
        "'Zzzzzz' is not in the catalogue",
    ]


def test_a_misspelt_title_with_commas_is_one_problem() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_items("t2, No Orchart, No Hawthorn, t3", VOCABULARY)
    assert caught.value.problems == [
        "'No Orchart, No Hawthorn' is not in the catalogue; did you mean 'No Orchard, No Hawthorn'?"
    ]


def test_the_middle_is_that_of_the_window_and_not_of_the_whole_history() -> None:
    assert Draft.of([1, 2, 3, 4, 5]).middle(window=9) == 2
    assert Draft.of(range(1, 31)).middle(window=10) == 25


def test_a_context_shows_what_lies_in_its_window_and_is_not_hidden() -> None:
    draft = Draft.of(range(1, 16), hidden=[2, 5, 8, 11, 14])
    assert draft.n_shown(5, "both", window=50) == 10
    assert draft.n_shown(5, "past", window=50) == 4
    assert draft.n_shown(5, "future", window=50) == 6
    # The newest four, under every context.
    assert draft.n_shown(11, "both", window=4) == 2
    assert draft.n_shown(11, "past", window=4) == 0
    assert draft.n_shown(11, "future", window=4) == 2
    # The window of a model that sees only the past ends at the place, and gaps take no room in it.
    assert draft.n_shown(5, "past", window=4, sees_future=False) == 3
    assert draft.n_shown(5, "past", window=50, sees_future=False) == 4


def test_every_unknown_name_of_a_line_is_named_unless_a_title_with_commas_is_near() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_items("Pale Harbor, foo", VOCABULARY)
    assert caught.value.problems == [
        "'Pale Harbor' is not in the catalogue; did you mean 'Pale Harbour'?",
        "'foo' is not in the catalogue",
    ]


def test_an_empty_text_asks_for_items() -> None:
    with pytest.raises(SettingsError, match="no item yet"):
        parse_items(" \n, ", VOCABULARY)


def test_titles_that_differ_by_case_alone_are_told_apart() -> None:
    table = pd.DataFrame({"item_id": ["t1", "t2"], "title": ["Nine", "NINE"], "count": [1, 1]})
    assert parse_items("NINE\nNine", Vocabulary(table)) == [2, 1]


def test_a_history_with_an_item_is_found_inside_the_window_and_between_others() -> None:
    dataset = SequenceDataset.from_sequences(
        [[1, 2, 3, 4, 5, 6], [7, 1], [2, 1, 3], [8]], n_items=9
    )
    assert find_history(dataset, 1, window=4) == (2, 1)
    # Nobody else met it: it may stand at an end.
    assert find_history(dataset, 8, window=4) == (3, 0)
    assert find_history(dataset, 9, window=4) is None
    # The only one who met it did so before the window.
    alone = SequenceDataset.from_sequences([[1, 2, 3, 4, 5, 6]])
    assert find_history(alone, 1, window=4) is None


def test_an_original_is_found_again_in_its_history() -> None:
    history = np.array([1, 2, 3, 1, 2])
    assert Draft.of([3, 1]).start_in(history) == 2
    # Of several places the newest.
    assert Draft.of([1, 2]).start_in(history) == 3
    assert Draft.of([9]).start_in(history) is None
