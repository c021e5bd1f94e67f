from __future__ import annotations

import re

import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.profile import profile
from bert4rec.report.charts import histogram
from bert4rec.report.collect import DataGroup
from bert4rec.report.pictures import data_charts
from bert4rec.view.svg import Scale

# A letter of a label and half the height of a title that is turned, in units of the drawing.
LETTER, HALF_TITLE, TITLE_AT = 7.5, 7, 13


@pytest.mark.parametrize("most", [9, 900, 2_500, 25_000, 2_500_000])
def test_labels_of_the_upright_axis_keep_clear_of_its_title(most: int) -> None:
    chart = histogram("Lengths", [0, 1, 2], [most, 1], "Few.", titles=("Items", "People"))
    labels = re.findall(r'class="tick end" x="([\d.]+)"[^>]*>([\d,]+)<', str(chart.drawing))
    assert len(labels) > 3
    for end, text in labels:
        assert float(end) - LETTER * len(text) > TITLE_AT + HALF_TITLE


def bars(drawing: object) -> list[tuple[float, float]]:
    """Return the left end and the width of each bar."""
    found = re.findall(r'class="bar" x="([\d.]+)"[^>]* width="([\d.]+)"', str(drawing))
    return [(float(x), float(width)) for x, width in found]


def test_a_long_tail_of_history_lengths_is_drawn_by_ratios_as_on_the_data_page() -> None:
    def lengths(numbers: list[int]) -> tuple[str, list[float]]:
        dataset = SequenceDataset.from_sequences([[1] * n for n in numbers])
        group = DataGroup("long", (), dataset, profile(dataset), (), None, {}, {})
        drawn = str(data_charts(group)[0].drawing)
        return drawn, [width for _, width in bars(drawn)]

    long, widths = lengths([*[2, 3, 4, 5] * 20, 30, 400, 5000])
    assert "Items in a history, logarithmic" in long
    assert max(widths) < 5 * min(widths)
    assert re.findall(r'class="tick middle"[^>]*>([\d,]+)<', long) == ["10", "100", "1,000"]
    even, widths = lengths(list(range(1, 400)))
    assert "logarithmic" not in even
    assert max(widths) == pytest.approx(min(widths), abs=0.1)


def test_a_scale_of_ratios_tells_tens_alone_where_there_is_no_room_for_more() -> None:
    assert Scale(2, 300, 0, 400, is_log=True).marks() == [2, 5, 10, 20, 50, 100, 200]
    assert Scale(2, 3_000, 0, 330, is_log=True).marks() == [10, 100, 1_000]
    assert Scale(1, 100, 0, 100, is_log=True)(10) == pytest.approx(50)
