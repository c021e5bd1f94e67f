"""A comparison that version 1 wrote must open for ever and give what it gave.

`comparison_v1` is a small one with users held out whole and sampled ranks, as it was written; it
is never written anew. A later format gets a folder of its own beside it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bert4rec.comparing.comparison import list_comparisons, open_comparison
from bert4rec.comparing.verdict import reach_verdict

GOLDEN = Path(__file__).with_name("comparison_v1")
RUN = "20261126T161924-golden"
NDCG = {RUN: 0.332369, "popularity": 0.455077, "transitions": 0.435775}


def test_it_opens_and_gives_what_it_gave() -> None:
    made = open_comparison(GOLDEN)
    assert made.reference == RUN
    assert list(made.parts) == ["test", "unseen_users"]
    scores = made.scores("test", ("ndcg@10",)).set_index("entrant")["value"].to_dict()
    assert scores == pytest.approx(NDCG, abs=1e-6)
    gap = made.differences("test", metrics=("ndcg@10",)).set_index("entrant")["mean"].to_dict()
    wanted = {name: value - NDCG[RUN] for name, value in NDCG.items() if name != RUN}
    assert gap == pytest.approx(wanted, abs=1e-6)
    assert set(made.lists()["entrant"]) == set(made.sampled("unseen_users")["entrant"]) == set(NDCG)
    assert not made.slices().empty
    assert reach_verdict(made).name == "not_enough"


def test_it_is_listed(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path / "comparisons" / "09c7ec985e51")
    assert [facts["id"] for facts in list_comparisons(tmp_path)] == ["09c7ec985e51"]
