from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.next_lists import NextItem, NextList
from bert4rec.ui.recommend.next_list_view import Rivals, file_table, finding, legend

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


def test_what_was_met_before_is_said_to_be_in_no_list_and_has_no_rank() -> None:
    one = NextList((NextItem(1, 0.25, is_true=False, is_shared=True),), 4, is_network=True)
    rivals = Rivals({"run": "mine", "transitions": "Transitions"}, {})
    said = finding(rivals, {"run": one, "transitions": one}, 2, VOCABULARY)
    assert said.startswith("“Beta” came next: mine ranks it 5th, Transitions ranks it 5th. The")
    gone = replace(one, true_rank=None)
    said = finding(rivals, {"run": gone, "transitions": gone}, 2, VOCABULARY)
    assert said == (
        "“Beta” came next, which was met before: no list holds what was. The lists share 1 item."
    )
    said = finding(rivals, {"run": gone, "transitions": gone}, 2, VOCABULARY, is_met=False)
    assert said == "“Beta” came next, which is in no chosen group. The lists share 1 item."


def test_the_legend_tells_of_the_signs_that_are_there_alone() -> None:
    alone = NextList((NextItem(1, 0.25, is_true=False, is_shared=False),), 4, is_network=True)
    history = np.array([2])
    assert legend({"run": alone}, history, None) == ""
    assert legend({"run": alone}, history, 1) == "✓ came next"
    both = NextList((NextItem(2, 0.25, is_true=False, is_shared=True),), 4, is_network=True)
    assert legend({"run": both}, history, None) == "= in both lists · ↺ already in the history"
