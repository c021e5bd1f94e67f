"""A map as files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from bert4rec.maps.export import csv_bytes, map_table, parquet_bytes, projector_bytes
from bert4rec.maps.projection import EmbeddingMap
from bert4rec.recommender import Recommender
from bert4rec.view.group_colours import Theme
from bert4rec.view.map_layer import Layer
from bert4rec.view.map_page import map_page, page_title


@dataclass(frozen=True, eq=False)
class Drawn:
    """A map as it is on the screen.

    Args:
        figure: The chart.
        layer: What lies over it.
        about: What it shows, in a sentence without its stop.
        file_stem: What its files are called.
        theme: That of the chart.
    """

    figure: go.Figure
    layer: Layer
    about: str
    file_stem: str
    theme: Theme

    def page(self, title: str) -> str:
        """Return it as an HTML page."""
        return map_page(
            self.figure,
            title,
            f"{self.about}.",
            layer=self.layer,
            file_stem=self.file_stem,
            theme=self.theme,
        )


def draw_downloads(
    found: EmbeddingMap, recommender: Recommender, clusters: np.ndarray, drawn: Drawn
) -> None:
    """Draw a button a form.

    Args:
        found: The whole map.
        recommender: Knows items and vectors.
        clusters: Cluster of each item, (N,).
        drawn: What of it is on the screen.
    """

    def made(form: str) -> bytes:
        if form == "html":
            return drawn.page(page_title(recommender)).encode()
        table, vectors = (
            map_table(found, recommender.vocabulary, clusters),
            recommender.item_embeddings(),
        )
        if form == "csv":
            return csv_bytes(table)
        return (
            parquet_bytes(table, vectors) if form == "parquet" else projector_bytes(table, vectors)
        )

    forms = (
        ("Parquet", "parquet", "parquet", "With vectors and neighbours; Embedding Atlas reads it."),
        ("CSV", "csv", "csv", "Points and all that is known of the items."),
        ("Projector", "zip", "zip", "Two TSV files for the TensorFlow Projector."),
        ("HTML", "html", "html", "The map above as a page that needs no network."),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, form, suffix, about in forms:
            st.download_button(
                label,
                partial(made, form),
                f"{drawn.file_stem}.{suffix}",
                icon=":material/download:",
                on_click="ignore",
                help=about,
            )
        st.caption(
            "All items; HTML shows those above. The camera at the top right of the map saves it as "
            "PNG."
        )
