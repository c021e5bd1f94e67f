"""How far a map can be trusted, as figures below it."""

from __future__ import annotations

import streamlit as st

from bert4rec.maps.projection import EmbeddingMap
from bert4rec.recommender import Recommender
from bert4rec.words import number, percent


def draw_quality(whole: EmbeddingMap, found: EmbeddingMap, recommender: Recommender) -> None:
    """Draw how far a map can be trusted, and how much of the catalogue it shows.

    Args:
        whole: The map of all items that were placed.
        found: What of it is drawn.
        recommender: Knows how many items there are.
    """
    n_items, n_shown = recommender.dataset.n_items, len(found.item_idx)
    trust, kept, shown = st.columns(3)
    trust.metric(
        "Trustworthiness",
        f"{whole.trustworthiness:.2f}",
        help="Between 0 and 1: how far neighbours on the map are neighbours in truth; 0.5 is "
        "about chance. From 10 neighbours of up to 2,000 drawn items (Venna and Kaski 2001).",
        border=True,
    )
    kept.metric(
        "Neighbours kept",
        percent(whole.recall),
        help="Share of an item's 10 nearest in the original space that are also among its 10 "
        "nearest on the map, over up to 2,000 drawn items.",
        border=True,
    )
    shown.metric(
        "Items shown",
        f"{number(n_shown)} of {number(n_items)}",
        help="Of larger catalogues an even sample is shown, and every item that is looked for or "
        "chosen.",
        border=True,
    )
    placed = f" {number(whole.n_fitted)} items were laid out, the others placed among them."
    st.caption(
        f"{lost_words(whole)}: trust the list of nearest items more than distances on it."
        + (placed if whole.n_fitted < n_items else "")
    )


def lost_words(whole: EmbeddingMap) -> str:
    """Return how many neighbours a map parts, in a sentence without its stop."""
    n_lost = round(10 * (1 - whole.recall))
    # Not all of them where some are kept, nor none where some are lost.
    rounded = {0: "hardly one lies", 1: "about one lies", 10: "nearly all lie"}
    told = rounded.get(n_lost, f"about {n_lost} lie")
    return f"Of ten true neighbours, {told} elsewhere on this map"
