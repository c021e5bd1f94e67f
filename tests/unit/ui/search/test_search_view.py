from __future__ import annotations

from dataclasses import replace

from bert4rec.search.plan import SearchPlan
from bert4rec.search.trials import Trial
from bert4rec.ui.search.search_view import _under_way
from tests.factories import small_settings


def test_a_trial_under_way_says_how_far_its_validation_has_come() -> None:
    plan = SearchPlan(small_settings(n_epochs=4), {})
    trial = Trial(2, "running", {"n_layers": 1}, 0.25, ((1, 0.25),), 60.0, "")
    assert "epoch 1 of 4 judged, best 0.2500" in _under_way(trial, plan)
    judged = replace(trial, judged=(20_000, 240_000))
    wanted = "epoch 1 of 4 judged, validating (20,000 of 240,000 held-out items), best 0.2500"
    assert wanted in _under_way(judged, plan)
    first = replace(judged, curve=(), score=None)
    assert "under way, validating (20,000 of 240,000 held-out items):" in _under_way(first, plan)
