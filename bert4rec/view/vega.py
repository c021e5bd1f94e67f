"""What all charts of Vega-Lite have in common: a table with a description, margins, axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

# The theme's own margins leave the lines half of the height.
PADDING_PX = {"left": 4, "right": 8, "top": 4, "bottom": 4}
AXIS = {"labelPadding": 6, "titlePadding": 8}
# For what belongs to no line; holds on a light and a dark page.
GREY = "#8A929B"


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart to hand to `st.vega_lite_chart`.

    Args:
        points: Its table.
        spec: The Vega-Lite description. While a run goes on it stays the same, but for layers that
            have no point yet.
    """

    points: pd.DataFrame
    spec: dict[str, Any]
