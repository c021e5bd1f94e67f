from __future__ import annotations

import re
from base64 import b64decode
from xml.etree import ElementTree

import pytest

from bert4rec.runs.curves import Curves
from bert4rec.ui.train.small_curves import DARK, LIGHT, MAX_POINTS, SMALL, small_cards, small_curves
from bert4rec.view import curve_findings
from tests.curves import curves_of

SVG = "{http://www.w3.org/2000/svg}"


def paths(drawing: str, kind: str) -> list[str]:
    found = ElementTree.fromstring(drawing).iter(f"{SVG}path")
    return [path.get("d", "") for path in found if path.get("class") == kind]


def texts(drawing: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(drawing).iter(f"{SVG}text")]


def test_a_run_of_the_time_before_gradient_norms_has_all_other_charts() -> None:
    curves = curves_of(2)
    assert list(small_curves(curves)) == ["learning_rate", "grad_norm", "speed", "memory"]
    for row in curves.train:
        del row["grad_norm"]
    assert list(small_curves(curves)) == ["learning_rate", "speed", "memory"]
    assert "Gradient norm" not in curve_findings.small_table(curves)


@pytest.mark.parametrize("smoothing", [0.0, 0.6])
def test_the_only_point_of_a_line_is_a_dot(smoothing: float) -> None:
    for drawing in small_curves(curves_of(1, n_lines=1), smoothing).values():
        (dot,) = paths(drawing, "dot")
        assert re.fullmatch(r"M(\S+ \S+)L\1", dot)
        assert not paths(drawing, "line") + paths(drawing, "measured")
    for drawing in small_curves(curves_of(1, n_lines=2), smoothing).values():
        assert not paths(drawing, "dot")


def test_a_large_figure_at_the_axis_is_as_short_as_its_room() -> None:
    curves = curves_of(2)
    for row in curves.train:
        row["learning_rate"], row["grad_norm"] = 1e6, 2.5e9
    drawn = small_curves(curves)
    assert {"0", "500,000", "1e+06"} <= set(texts(drawn["learning_rate"]))
    for name in ("learning_rate", "grad_norm"):
        assert max(len(text) for text in texts(drawn[name])) <= 7


def test_the_memory_of_a_device_is_a_line_beside_that_of_the_process() -> None:
    curves = curves_of(2)
    assert len(paths(small_curves(curves)["memory"], "line")) == 1
    for row in curves.train:
        row["device_memory_bytes"] = 2_000_000_000
    drawing = small_curves(curves)["memory"]
    # Two lines and their signs in the legend.
    assert len(paths(drawing, "line")) == 4
    assert {"Process", "Device", "2.0 GB"} <= set(texts(drawing))
    assert "3.0 GB" not in texts(drawing)
    assert set(curve_findings.small_table(curves)["Memory of the device"]) == {"2.0 GB"}
    told = curve_findings.small_finding(curves, "memory")
    assert told == "1.0 kB of the process, 2.0 GB of the device"


def test_what_is_drawn_small_is_a_table_too_the_newest_line_first() -> None:
    table = curve_findings.small_table(curves_of(3))
    assert table.iloc[0].to_dict() == {
        "Epoch": 3.0,
        "Step": 60,
        "Learning rate": 1e-3,
        "Gradient norm": 1.0,
        "Sequences/s": 100.0,
        "Memory of the process": "1.0 kB",
    }
    assert len(table) == 60
    # As of a part of a run that told no memory yet.
    curves = curves_of(1, n_lines=2)
    del curves.train[0]["memory_bytes"]
    assert list(curve_findings.small_table(curves)["Memory of the process"].isna()) == [False, True]
    assert curve_findings.small_table(Curves()).empty


def test_what_is_noisy_is_smoothed_before_what_was_measured_and_the_rest_is_not() -> None:
    drawn = small_curves(curves_of(2), 0.6)
    n_measured = {name: len(paths(drawing, "measured")) for name, drawing in drawn.items()}
    assert n_measured == {"learning_rate": 0, "grad_norm": 1, "speed": 1, "memory": 0}
    assert not paths(small_curves(curves_of(2))["speed"], "measured")


def test_however_long_the_run_a_chart_stays_small() -> None:
    for drawing in small_curves(curves_of(3000), 0.6).values():
        assert all(path.count("L") <= MAX_POINTS for path in paths(drawing, "line"))
        assert len(drawing) < 20_000


def test_a_line_runs_from_the_left_to_the_right_and_stays_inside() -> None:
    curves = curves_of(4)
    (line,) = paths(small_curves(curves)["learning_rate"], "line")
    places = [tuple(map(float, place.split())) for place in line.removeprefix("M").split("L")]
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert places[-1][0] == pytest.approx(1000)
    assert all(0 < y < 150 for _, y in places)


def test_text_holds_on_a_light_and_a_dark_page() -> None:
    curves = curves_of(2)
    assert LIGHT[0] in small_curves(curves)["speed"]
    dark = small_curves(curves, is_dark=True)["speed"]
    assert DARK[0] in dark
    assert LIGHT[0] not in dark


def test_a_run_that_has_not_begun_has_none() -> None:
    assert small_curves(Curves()) == {}


def test_the_cards_hold_title_drawing_and_finding_and_no_more_than_text() -> None:
    finding = '1 < 2 <b src="x">'
    drawings = small_curves(curves_of(2))
    body = small_cards(drawings, dict.fromkeys(drawings, finding))
    cards = ElementTree.fromstring(re.sub("(<img [^>]*)>", r"\1/>", str(body)))
    assert [card.findtext("strong") for card in cards] == [SMALL[name].title for name in drawings]
    assert {card.findtext("figcaption") for card in cards} == {finding}
    for card, drawing in zip(cards, drawings.values(), strict=True):
        (image,) = card.findall("img")
        assert b64decode(image.get("src", "").partition(",")[2]).decode() == drawing
        assert image.get("alt") == card.findtext("strong")
