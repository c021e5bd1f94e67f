"""Invented books and series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from titles import ADJECTIVES, FIRST_NAMES, PLACES, distinct, pick

BOOK_NOUNS = {
    "Fantasy": "Crown;Dragon;Oath;Sword;Tower;Witch;Forest;Throne;Rune;Mage;Raven;Thorn",
    "Science Fiction": "Orbit;Colony;Signal;Engine;Star;Machine;Voyage;Archive;Void;Beacon;Drift",
    "Mystery": "Alibi;Inquest;Locked Room;Witness;Letter;Motive;Vicar;Clue;Wager;Key;Suspect",
    "Romance": "Promise;Summer;Wedding;Letter;Waltz;Garden;Kiss;Stranger;Cottage;Dance;Season",
    "Historical": "Regent;Mill;Courier;Harbour;Siege;Merchant;Loom;Cathedral;Governess;Frontier",
    "Thriller": "Cipher;Asset;Deadline;Border;Protocol;Sniper;Ransom;Safe House;Double;Verdict",
    "Young Adult": "Summer;Secret;Rooftop;Outsider;Map;Bonfire;Promise;Island;Rule;Band;Dare",
    "Horror": "Cellar;Hollow;Whisper;Marsh;Doll;Chapel;Bone;Visitor;Lantern;Attic;Well;Fog",
}
SERIES_FORMS = (
    "The {noun} Cycle", "Chronicles of {place}", "The {place} Novels", "The {adjective} {noun}",
    "{name} of {place}", "The {noun} and {other} Books",
)  # fmt: skip
BOOK_FORMS = (
    "The {noun} of {place}", "A {adjective} {noun}", "The {adjective} {noun}",
    "{noun} and {other}", "{name}'s {noun}", "The {noun} at {place}", "The Last {noun}",
    "What the {noun} Knew", "Under the {adjective} {noun}", "Beyond {place}",
)  # fmt: skip


def book_titles(genres: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Invent one distinct title for each book, in words that suit its genre."""
    taken: set[str] = set()
    return [distinct(_candidates(BOOK_FORMS, genre, rng), taken) for genre in genres]


def series_names(genres: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Invent one distinct name for each series."""
    taken: set[str] = set()
    return [distinct(_candidates(SERIES_FORMS, genre, rng), taken) for genre in genres]


def _candidates(forms: Sequence[str], genre: str, rng: np.random.Generator) -> Iterator[str]:
    nouns = BOOK_NOUNS[genre].split(";")
    while True:
        first, second = (nouns[i] for i in rng.permutation(len(nouns))[:2])
        adjective = pick(ADJECTIVES, rng)
        title = pick(forms, rng).format(
            noun=first,
            other=second,
            adjective=adjective,
            place=pick(PLACES, rng),
            name=pick(FIRST_NAMES, rng),
        )
        if title.startswith("A ") and adjective[0] in "AEIOU":
            title = f"An {title[2:]}"
        yield title
