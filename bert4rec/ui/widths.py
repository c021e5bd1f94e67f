"""How narrow what stands side by side may get before it goes below, in pixels."""

from __future__ import annotations

MIN_CHART_PX = 380
MIN_METRIC_PX = 150
