from __future__ import annotations

import pandas as pd

from bert4rec.view.worded import worded
from bert4rec.words import size


def test_a_column_is_shown_in_words_and_stays_one_of_numbers() -> None:
    shown = worded(pd.DataFrame({"run": ["a"], "On disk": [2_500_000]}), {"On disk": size})
    assert "2.5 MB" in shown.to_html()
    assert shown.data["On disk"].tolist() == [2_500_000]  # type: ignore[attr-defined]
