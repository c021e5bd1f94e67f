from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.explain import Prediction
from bert4rec.suggestions import Suggestion
from bert4rec.ui.inspect.explanation_table import (
    left_words,
    occlusion_finding,
    strongest_places,
)
from bert4rec.ui.inspect.second_model import pair_table
from bert4rec.ui.sequences.prediction_cards import (
    bits_finding,
    context_note,
    finding,
    place_table,
    suggestion_table,
    with_true_item,
)
from tests.reading import read_table


def prediction(context: str, rank: int, position: int = 2, n_top: int = 3) -> Prediction:
    """True item is 7; item i stands at rank i - 1, but for the true one."""
    order = [idx for idx in range(1, 30) if idx != 7]
    order.insert(rank, 7)
    top = [
        Suggestion(idx, f"i{idx}", f"Title {idx}", -float(at), 0.1 / (at + 1), at, 10, idx == 2)
        for at, idx in enumerate(order[:n_top])
    ]
    return Prediction(position, context, top, 7, rank, 0.01, 1.5)


def compared(past: int, future: int, both: int, position: int = 2) -> dict[str, Prediction]:
    ranks = {"past": past, "future": future, "both": both}
    found = {context: prediction(context, rank, position) for context, rank in ranks.items()}
    return found | {"both": replace(found["both"], bits=2.0)}


@pytest.mark.parametrize(
    ("ranks", "verdict"),
    [
        ((33, 11, 0), "The two sides complete each other."),
        ((0, 11, 0), "The past alone does as well."),
        ((33, 0, 4), "Here the future alone does better."),
        ((3, 3, 3), "Either side alone does as well."),
        ((3, 3, 5), "Here either side alone does better."),
    ],
)
def test_the_finding_compares_the_contexts(ranks: tuple[int, int, int], verdict: str) -> None:
    past, future, both = (rank + 1 for rank in ranks)
    text = finding(compared(*ranks), n_items=5)
    assert text.endswith(verdict)
    for rank in (past, future, both):
        assert f" {rank}" in text


def test_sides_that_tell_no_more_together_are_not_said_to_complete_each_other() -> None:
    by_context = compared(33, 11, 9)
    for bits in (1.54, 1.9):
        by_context["both"] = replace(by_context["both"], bits=bits)
        assert finding(by_context, 5).endswith("Together they tell hardly more than one alone.")


def test_the_finding_at_an_end_speaks_of_the_side_that_is_there() -> None:
    assert finding(compared(33, 5, 33, position=4), 5) == (
        "The past ranks the true item 34th; nothing comes after it."
    )
    assert finding(compared(9, 0, 0, position=0), 5) == (
        "The future ranks the true item 1st; nothing comes before it."
    )
    assert "nothing around it" in finding(compared(0, 0, 0, position=0), 1)


def test_a_list_alone_is_no_wider_than_it_needs_and_bars_share_one_scale() -> None:
    def draw(is_narrow: bool) -> None:
        import numpy as np
        import pandas as pd

        from bert4rec.ui.sequences.prediction_cards import draw_suggestions

        table = pd.DataFrame(
            {"rank": [1], "item": ["x"], "probability": np.array([0.5]), "count": [3], "note": [""]}
        )
        draw_suggestions(table, alt_text="list", highest=1.0, is_narrow=is_narrow)

    for is_narrow in (False, True):
        app = AppTest.from_function(draw, kwargs={"is_narrow": is_narrow}).run()
        (drawn,) = app.get("html")
        assert "width:50.0%" in drawn.proto.body
        assert read_table(drawn.proto.body).iloc[0].tolist() == ["1", "x", "50%", "3"]


def test_a_context_says_how_many_places_it_sees() -> None:
    assert context_note("both", 10) == "Sees the 10 other places that are shown."
    assert context_note("past", 1) == "Sees the one place shown before it."
    assert context_note("future", 4) == "Sees the 4 places shown after it."
    assert "without history" in context_note("past", 0)
    assert "without history" in context_note("both", 0)


def test_the_true_item_is_marked_in_the_list() -> None:
    both = prediction("both", rank=1)
    table = suggestion_table(both.top, both)
    assert table["note"].tolist() == ["", "true item", "in sequence"]
    assert table["rank"].tolist() == [1, 2, 3]
    assert len(with_true_item(table, both, "Title 7", 10)) == 3


def test_a_true_item_that_the_list_misses_is_added_with_its_own_rank() -> None:
    past = prediction("past", rank=20)
    table = with_true_item(suggestion_table(past.top, past), past, "Title 7", 10)
    assert table.iloc[-1][["rank", "item", "note"]].tolist() == [21, "Title 7", "true item"]


def test_every_hidden_place_has_a_row_and_an_edit_shows_the_rank_before() -> None:
    by_context = {name: [one] for name, one in compared(33, 11, 0).items()}
    was = replace(prediction("both", rank=4), bits=0.5)
    row = place_table(by_context, ["Title 7"], before={2: was}).iloc[0]
    assert row[["place", "past", "future", "both", "before"]].tolist() == [3, 34, 12, 1, 5]
    assert row["change"] == pytest.approx(1.5)
    assert "before" not in place_table(by_context, ["Title 7"], before=None)


def test_the_bits_say_what_one_side_adds_to_the_other() -> None:
    by_context = compared(5, 5, 0)
    by_context["past"] = replace(by_context["past"], bits=1.0)
    by_context["both"] = replace(by_context["both"], bits=4.0)
    said = bits_finding(by_context)
    assert "past only +1.0, future only +1.5, both sides +4.0" in said
    assert "the future adds +3.0 to the past, the past +2.5 to the future" in said


def test_the_bits_add_up_as_they_are_told() -> None:
    by_context = compared(5, 5, 0)
    by_context["past"] = replace(by_context["past"], bits=1.14)
    by_context["future"] = replace(by_context["future"], bits=1.23)
    by_context["both"] = replace(by_context["both"], bits=1.16)
    said = bits_finding(by_context)
    assert "past only +1.1, future only +1.2, both sides +1.2" in said
    assert "the future adds +0.1 to the past, the past 0.0 to the future." in said


def test_a_network_that_sees_the_past_alone_gets_sentences_too() -> None:
    past = {"past": prediction("past", rank=3)}
    assert finding(past, 5) == "The past ranks the true item 4th; this model sees no future."
    assert bits_finding(past) == "In bits over popularity: past only +1.5."
    row = place_table({"past": [past["past"]]}, ["Title 7"], before=None).iloc[0]
    assert row["past"] == 4


def test_the_item_that_matters_most_is_named_whichever_way_it_works() -> None:
    titles = ["a", "b", "c"]
    assert "“b”, carries most" in occlusion_finding(np.array([0.1, 2.0, -1.0]), titles)
    assert "“c”, speaks against it most" in occlusion_finding(np.array([0.1, 0, -1.0]), titles)


def test_items_that_would_be_told_as_no_bits_are_counted_and_not_listed() -> None:
    fall = np.array([0.02, 2.0, 0.0, -1.0, -0.01])
    assert strongest_places(fall).tolist() == [1, 3]
    assert left_words(fall, 2) == "2 other items change it by less than 0.05 bits each."
    assert left_words(fall[:4], 2) == "1 other item changes it by less than 0.05 bits."
    assert left_words(np.array([0.0, 2.0]), 1) == ""
    many = np.linspace(0.5, 2.0, 15)
    assert len(strongest_places(many)) == 12
    assert left_words(many, 12) == "3 other items change it by no more than 0.7 bits each."


@pytest.mark.parametrize(("highest", "width"), [(0.013, "13.0%"), (0.5, "100.0%")])
def test_a_bar_is_not_full_where_all_probabilities_are_low(highest: float, width: str) -> None:
    def page(highest: float) -> None:
        import pandas as pd

        from bert4rec.ui.sequences.prediction_cards import draw_suggestions

        row = {"rank": 1, "item": "a", "probability": highest, "count": 3, "note": ""}
        draw_suggestions(pd.DataFrame([row]), alt_text="Items")

    app = AppTest.from_function(page, kwargs={"highest": highest}).run()
    assert f"width:{width}" in app.get("html")[0].proto.body


def test_what_two_models_differ_by_is_the_difference_of_the_figures_that_are_told() -> None:
    pair = [[replace(prediction("both", 1), bits=bits)] for bits in (1.04, 1.16)]
    (row,) = pair_table(pair, ["Title 7"]).to_dict("records")
    assert (row["bits"], row["other_bits"], row["gap"]) == (1.0, 1.2, 0.2)
