"""A map as an HTML page of its own, which needs no network; no Streamlit."""

from __future__ import annotations

import html
import json
from dataclasses import asdict

import plotly.graph_objects as go

from bert4rec.plain_text import contained
from bert4rec.recommender import Recommender
from bert4rec.view.group_colours import Theme
from bert4rec.view.map_charts import chart_config
from bert4rec.view.map_layer import SCRIPT, Layer

# Ground and text, as in `.streamlit/config.toml`.
GROUNDS: dict[Theme, tuple[str, str]] = {
    "light": ("#FFFFFF", "#0F1720"),
    "dark": ("#14181D", "#E6E9ED"),
}
FONT = "system-ui, sans-serif"
TEMPLATES: dict[Theme, str] = {"light": "plotly_white", "dark": "plotly_dark"}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
html {{ color-scheme: {theme}; }}
body {{
  background: {ground}; color: {text}; display: flex; flex-direction: column;
  font: 0.95rem/1.5 {font}; height: 100vh; margin: 0;
}}
header {{ padding: 1rem 1.5rem 0.5rem; }}
h1 {{ font-size: 1.35rem; margin: 0; }}
p {{ margin: 0; }}
main {{ flex: 1; min-height: 20rem; padding: 0 1.5rem 0.5rem; }}
</style>
</head>
<body>
<header><h1>{title}</h1><p>{about}</p></header>
<main>{chart}</main>
<script type="module">
{script}
</script>
</body>
</html>
"""


def page_title(recommender: Recommender) -> str:
    """Return whose map of which items it is."""
    items = f"Items of {recommender.dataset.name}"
    return items if recommender.run is None else f"{items} as {recommender.run.name} sees them"


def map_page(
    figure: go.Figure,
    title: str,
    about: str,
    *,
    layer: Layer,
    file_stem: str,
    theme: Theme = "light",
) -> str:
    """Return a map as a page that it fills, as it is drawn.

    Args:
        figure: The map; left as it is.
        title: Of the page, and its heading.
        about: A sentence below.
        layer: What lies over it.
        file_stem: What a picture that is saved from it is called.
        theme: That of the figure.
    """
    ground, text = GROUNDS[theme]
    shown = go.Figure(figure).update_layout(
        template=TEMPLATES[theme],
        height=None,
        paper_bgcolor=ground,
        plot_bgcolor=ground,
        font={"color": text},
    )
    chart = shown.to_html(
        full_html=False,
        include_plotlyjs=True,
        default_height="100%",
        config=chart_config(file_stem) | {"responsive": True},
    )
    words = {"title": _shown(title), "about": _shown(about)}
    script = _layer_script(layer, ground)
    return PAGE.format(
        theme=theme, ground=ground, text=text, font=FONT, chart=chart, script=script, **words
    )


def _layer_script(layer: Layer, ground: str) -> str:
    # A title may hold what ends a script.
    data, looks = (
        json.dumps(each).replace("<", "\\u003c")
        for each in (asdict(layer), {"ground": ground, "family": FONT})
    )
    chart = 'document.querySelector(".js-plotly-plot")'
    return f"{SCRIPT.read_text(encoding='utf-8')}\nlayOver({chart}, {data}, {looks});"


def _shown(text: str) -> str:
    return html.escape(contained(text))
