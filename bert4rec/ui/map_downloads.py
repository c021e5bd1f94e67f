"""A map as files."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from bert4rec.files import safe_name
from bert4rec.maps.export import csv_bytes, map_table, parquet_bytes, projector_bytes
from bert4rec.maps.projection import EmbeddingMap
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.ui.map_charts import map_page


def draw_downloads(
    run: Run, found: EmbeddingMap, recommender: Recommender, clusters: np.ndarray
) -> None:
    """Draw a button a form.

    Args:
        run: Names the files.
        found: The whole map.
        recommender: Knows items and vectors.
        clusters: Cluster of each item, (N,).
    """
    name = f"{safe_name(run.name)}-{found.method}"

    def made(form: str) -> bytes:
        if form == "html":
            return map_page(found, recommender.vocabulary, clusters).encode()
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
        ("HTML", "html", "html", "A page that needs no network."),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, form, suffix, about in forms:
            st.download_button(
                label,
                partial(made, form),
                f"{name}.{suffix}",
                icon=":material/download:",
                on_click="ignore",
                help=about,
            )
        st.caption("All items. The camera at the top right of the map saves it as PNG.")
