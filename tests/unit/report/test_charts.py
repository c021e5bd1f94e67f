from __future__ import annotations

import re

import pytest

from bert4rec.report.charts import histogram

# A letter of a label and half the height of a title that is turned, in units of the drawing.
LETTER, HALF_TITLE, TITLE_AT = 7.5, 7, 13


@pytest.mark.parametrize("most", [9, 900, 2_500, 25_000, 2_500_000])
def test_labels_of_the_upright_axis_keep_clear_of_its_title(most: int) -> None:
    chart = histogram("Lengths", [0, 1, 2], [most, 1], "Few.", titles=("Items", "People"))
    labels = re.findall(r'class="tick end" x="([\d.]+)"[^>]*>([\d,]+)<', str(chart.drawing))
    assert len(labels) > 3
    for end, text in labels:
        assert float(end) - LETTER * len(text) > TITLE_AT + HALF_TITLE
