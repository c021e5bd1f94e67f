"""Compositions and their reasons, kept for each model and outline."""

from __future__ import annotations

import streamlit as st

from bert4rec.composer.columns import find_orders, limit_columns
from bert4rec.composer.decoding import Composition, compose
from bert4rec.composer.outline import Order, Outline
from bert4rec.composer.reasons import Reason, find_reasons, strongest_neighbours
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run


def model_key(run: Run, recommender: Recommender) -> str:
    """Return what changes when the run's model does, as it does while it trains."""
    temperatures = sorted(recommender.scorer.temperatures.items())
    return f"{run.folder}@{run.checkpoint_ns('best')}{temperatures}"


def item_columns(dataset: SequenceDataset) -> tuple[list[str], list[Order]]:
    """Return the columns that may be limited, and the orders that the item table tells."""
    return _item_columns(dataset.fingerprint, dataset.vocabulary)


@st.cache_data(max_entries=8, show_spinner=False)
def _item_columns(fingerprint: str, _vocabulary: Vocabulary) -> tuple[list[str], list[Order]]:
    del fingerprint
    # The sign parts names in a link.
    columns = [column for column in limit_columns(_vocabulary) if "~" not in column]
    orders = [order for order in find_orders(_vocabulary) if "~" not in order.told_by]
    return columns, orders


def composed(
    run: Run, recommender: Recommender, outline: Outline, method: str = "confidence"
) -> Composition:
    """Fill an outline.

    Raises:
        SettingsError: the rules cannot be met.
    """
    return _composed(model_key(run, recommender), _key(outline), method, recommender, outline)


@st.cache_data(max_entries=200, show_spinner="Filling the gaps…")
def _composed(
    model: str, asked: str, method: str, _recommender: Recommender, _outline: Outline
) -> Composition:
    del model, asked
    return compose(_recommender, _outline, method=method)


def reasons(run: Run, recommender: Recommender, found: Composition) -> list[Reason]:
    """Return what carries each choice, in order."""
    places = tuple(choice.place for choice in found.choices)
    return _reasons(model_key(run, recommender), found.items, places, recommender)


@st.cache_data(max_entries=200, show_spinner=False)
def _reasons(
    model: str, items: tuple[int, ...], places: tuple[int, ...], _recommender: Recommender
) -> list[Reason]:
    del model
    return find_reasons(_recommender, items, places)


def neighbours(
    run: Run, recommender: Recommender, found: Composition, place: int
) -> list[tuple[int, float]]:
    """Return the positions whose items carry the choice at a place most, with their bits."""
    return _neighbours(model_key(run, recommender), found.items, place, recommender)


@st.cache_data(max_entries=200, show_spinner=False)
def _neighbours(
    model: str, items: tuple[int, ...], place: int, _recommender: Recommender
) -> list[tuple[int, float]]:
    del model
    return strongest_neighbours(_recommender, items, place)


def _key(outline: Outline) -> str:
    rules = outline.rules
    return repr((outline.places, sorted(rules.excluded), rules.limits, rules.orders, outline.dials))
