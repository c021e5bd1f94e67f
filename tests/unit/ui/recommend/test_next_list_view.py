from __future__ import annotations

import pandas as pd

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.next_lists import NextItem, NextList
from bert4rec.ui.recommend.next_list_view import Rivals, file_table, finding

VOCABULARY = Vocabulary(
    pd.DataFrame({"item_id": ["a", "b"], "title": ["Alpha", "Beta"], "count": [3, 1]})
)


def test_both_lists_are_one_file_in_which_probabilities_and_counts_are_apart() -> None:
    network = NextList((NextItem(2, 0.25, is_true=True, is_shared=True),), 0, is_network=True)
    counts = NextList((NextItem(2, 7.0, is_true=True, is_shared=True),), 0, is_network=False)
    rivals = Rivals({"run": "mine", "transitions": "Transitions"}, {})
    table = file_table(rivals, {"run": network, "transitions": counts}, VOCABULARY)
    assert table["model"].tolist() == ["mine", "Transitions"]
    assert table[["rank", "item_id", "title"]].to_numpy().tolist() == [[1, "b", "Beta"]] * 2
    assert table["probability"].fillna(-1).tolist() == [0.25, -1]
    assert table["count"].fillna(-1).tolist() == [-1, 7.0]
    assert table["came_next"].all()


def test_what_came_next_again_has_no_rank_where_seen_items_leave_the_lists() -> None:
    lists = {name: NextList((), 20, is_network=False) for name in ("run", "popularity")}
    rivals = Rivals({"run": "mine", "popularity": "Popularity"}, {})
    assert "ranks it 21st" in finding(rivals, lists, 1, VOCABULARY)
    again = finding(rivals, lists, 1, VOCABULARY, is_listed=False)
    assert again.startswith("“Alpha” came next, again: no list holds what the history holds")
    assert "21" not in again
