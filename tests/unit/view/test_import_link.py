from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bert4rec.data.filters import PrepareSettings
from bert4rec.data.roles import ROLE_NAMES
from bert4rec.view.import_link import (
    DATES,
    ITEM_COLUMNS,
    READERS,
    ImportDraft,
    import_from_link,
    import_link,
)

counts = st.integers(1, 10**9)
drafts = st.builds(
    ImportDraft,
    form=st.sampled_from(["", "csv", "movielens"]),
    columns=st.dictionaries(
        st.sampled_from((*ROLE_NAMES, *ITEM_COLUMNS, DATES)), st.text(max_size=100)
    ),
    settings=st.fixed_dictionaries(
        {},
        optional={
            "drop_duplicates": st.booleans(),
            "min_sequence_length": counts,
            "max_sequence_length": counts,
            "min_item_count": counts,
            "min_value": st.floats(allow_nan=False, allow_infinity=False),
            "events": st.lists(st.text(max_size=100), min_size=1, max_size=4).map(tuple),
        },
    ),
    name=st.text(max_size=60).map(str.strip),
)


@given(drafts)
def test_what_is_written_into_an_address_is_read_from_it_again(draft: ImportDraft) -> None:
    assert import_from_link(import_link(draft)) == draft


def test_a_text_that_an_address_would_not_hold_is_left_out() -> None:
    draft = ImportDraft(columns={"user": "u" * 101, "item": "i"}, settings={"events": ("e" * 101,)})
    assert import_link(draft) == {"columns": "item:i"}


def test_every_setting_of_a_preparation_has_its_place_in_an_address() -> None:
    assert {*READERS, "events"} == {*PrepareSettings.model_fields}
