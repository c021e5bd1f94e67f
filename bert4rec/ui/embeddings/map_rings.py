"""Rings and names over a flat map of the page. The map is not drawn anew for them."""

from __future__ import annotations

from dataclasses import asdict

from bert4rec.ui.scripts import script
from bert4rec.view.map_layer import SCRIPT, Layer

_mount = script(__file__, SCRIPT)


def draw_rings(chart_key: str, layer: Layer) -> None:
    """Lay circles and names over a chart of the same block of the page.

    Args:
        chart_key: The key of the chart.
        layer: What lies over it; without circles and names the chart is bare.
    """
    _mount(key=f"{chart_key}_rings", data={"chart": chart_key} | asdict(layer))
