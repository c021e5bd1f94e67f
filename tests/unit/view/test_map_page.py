from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from bert4rec.maps.projection import EmbeddingMap
from bert4rec.view.group_colours import GroupLook
from bert4rec.view.map_charts import HEIGHT, draw_map
from bert4rec.view.map_colours import Colouring, Group
from bert4rec.view.map_labels import Label
from bert4rec.view.map_layer import Circle, Layer
from bert4rec.view.map_page import GROUNDS, map_page

NASTY = '<b>bold</b> <a href="http://e.org">x</a>'
BARE = Layer()


def drawn(titles: list[str], group: str = "all") -> go.Figure:
    n = len(titles)
    points = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    found = EmbeddingMap("pca", points, np.arange(1, n + 1), 0.9, 0.8, n)
    colours = Colouring([Group(group, np.arange(n), GroupLook("#0072B2"))])
    return draw_map(found, colours, titles, "light", counts=np.ones(n, int))


def page_of(
    figure: go.Figure, title: str = "t", about: str = "a", layer: Layer = BARE, **more: Any
) -> str:
    return map_page(figure, title, about, layer=layer, **{"file_stem": "map"} | more)


def test_a_page_shows_titles_as_text_and_asks_no_network() -> None:
    page = page_of(drawn([NASTY, "</script>"]), NASTY, NASTY)
    assert "<b>bold" not in page
    assert '"text":["</script>' not in page
    assert "cdn.plot.ly/plotly" not in page.replace("https://cdn.plot.ly/plotly-locale", "")


def test_a_page_has_a_title_and_a_heading_that_say_what_it_shows() -> None:
    figure = drawn(["a", "b"], "Jazz")
    page = page_of(figure, "Items of songs", "By genre.", file_stem="songs-pca")
    assert "<title>Items of songs</title>" in page
    assert "<h1>Items of songs</h1><p>By genre.</p>" in page
    assert '"name":"Jazz"' in page
    assert '"filename": "songs-pca"' in page


def test_a_map_fills_its_page_and_stays_as_it_was() -> None:
    figure = drawn(["a", "b"])
    page = page_of(figure, theme="dark")
    assert figure.layout.height == HEIGHT
    assert f'"height":{HEIGHT}' not in page
    assert '"responsive": true' in page
    assert f"background: {GROUNDS['dark'][0]}" in page


def test_a_page_brings_what_lies_over_the_map_and_no_title_in_it_ends_its_script() -> None:
    layer = Layer([Circle(1.0, 2.0, 18.0, 2.5)], [Label("</script><b>", 1.0, 2.0, "focus")])
    page = page_of(drawn(["a", "b"]), layer=layer, theme="dark")
    assert '"circles": [{"x": 1.0, "y": 2.0, "size": 18.0, "width": 2.5, "axes": "", ' in page
    assert '"text": "\\u003c/script>\\u003cb>"' in page
    assert f'"ground": "{GROUNDS["dark"][0]}"' in page
