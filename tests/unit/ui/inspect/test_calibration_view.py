from __future__ import annotations

from streamlit.testing.v1 import AppTest

from bert4rec.held_out.calibration import Calibration, GroupCalibration
from bert4rec.held_out.estimates import Estimate
from bert4rec.held_out.reliability import Bin, Reliability
from tests.reading import plain, tables
from tests.unfolding import unfolded


def made(*, has_groups: bool = True) -> Calibration:
    off, right = (
        Reliability(error, 8.0, (Bin(1000, 0.02, Estimate(0.02, 0.01, 0.03)),))
        for error in (0.0248, 0.0045)
    )
    both = {"past": right, "future": off}
    groups = (
        GroupCalibration("past", 32, 500, 1.09, Estimate(0.018, -0.004, 0.039), False, right, off),
        GroupCalibration("future", 1, 500, 1.71, Estimate(0.798, 0.651, 0.943), True, off, right),
    )
    groups = groups if has_groups else ()
    return Calibration("validation", 500, 500, 500, both, both, groups, most_shown=49)


def _draw(found: object) -> None:
    from bert4rec.held_out.calibration import Calibration
    from bert4rec.ui.inspect.calibration_view import draw_calibration

    assert isinstance(found, Calibration)
    draw_calibration(found)


def test_what_is_shown_has_a_row_each_and_those_in_use_stand_out() -> None:
    app = AppTest.from_function(_draw, kwargs={"found": made()}).run()
    unfolded(app, "By how much is shown")
    assert not app.exception
    contexts, groups = tables(app)
    assert contexts.to_dict("list") == {
        "Context": ["Past only", "Future only"],
        "Off by": ["0.45", "2.48"],
        "As shown": ["0.45", "2.48"],
    }
    assert groups.to_dict("list") == {
        "Context": ["Past only", "Future only"],
        "Shown": ["32 to 49 items", "1 item"],
        "Places": ["500", "500"],
        "Off by": ["0.45", "2.48"],
        "Temperature": ["1.09", "1.71"],
        "With it": ["2.48", "0.45"],
        "Bits saved": ["0.018 (−0.004 to 0.039)", "0.798 (0.651 to 0.943)"],
    }
    assert groups.attrs["tinted"] == [False, True]
    assert "Scores are divided by 1.71 (future only, 1 item)" in plain(app)
    assert "Rows that stand out are in use" in plain(app)


def test_without_groups_the_contexts_say_how_far_they_are_off() -> None:
    app = AppTest.from_function(_draw, kwargs={"found": made(has_groups=False)}).run()
    (table,) = tables(app)
    assert table.to_dict("list") == {
        "Context": ["Past only", "Future only"],
        "Off by": ["0.45", "2.48"],
    }
    assert "By how much is shown" not in [one.label for one in app.button]
