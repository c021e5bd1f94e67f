"""What raw ids and titles give away: ids that are none, tell the time, or are two of one item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bert4rec.data.check import Check
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.id_signs import dated_ids, first_times, gaps_among, time_correlation
from bert4rec.data.like_ids import like_ids
from bert4rec.data.title_signs import shared_titles
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.words import counted, percent

MANY_DATED_IDS = 0.5
IDS_IN_ORDER = 0.95
# Shares of the interactions with items that share a title with others.
MANY_LIKE_IDS = 0.01
MANY_SHARED_TITLES, SOME_SHARED_TITLES = 0.01, 0.001


def name_checks(dataset: SequenceDataset) -> Iterator[Check]:
    """Yield what to know of the names of users and items."""
    yield from _gap_checks(dataset)
    yield from _id_checks(dataset)
    titles = list(_title_checks(dataset.vocabulary))
    yield from titles
    # Without titles of their own the check above has told of them as such.
    nouns = ("user",) if titles and _has_no_titles(dataset.vocabulary) else ("user", "item")
    yield from _like_id_checks(dataset, nouns)


def _has_no_titles(vocabulary: Vocabulary) -> bool:
    return list(vocabulary.titles) == list(vocabulary.item_ids)


def _like_id_checks(dataset: SequenceDataset, nouns: Sequence[str]) -> Iterator[Check]:
    for noun, ids, counts in _named(dataset):
        found = like_ids(ids) if noun in nouns else None
        if found is None:
            continue
        share = float(counts[found.rows].sum() / max(counts.sum(), 1))
        one, other = (repr(ids[row]) for row in found.example)
        yield Check(
            "warning" if share > MANY_LIKE_IDS else "info",
            f"{counted(len(found.rows), noun)} have ids that differ only in {found.ways} from one"
            f" another, such as {one} and {other}; {percent(share, 1)} of the interactions are"
            f" {'theirs' if noun == 'user' else 'with them'}",
            f"If they are {counted(found.n_meant, noun)}, write each id in one way in the log and"
            " prepare that again, so that all interactions of one count together.",
            len(found.rows),
        )


def _named(dataset: SequenceDataset) -> Iterator[tuple[str, list[str], np.ndarray]]:
    """Yield what is named, the raw ids, and the number of interactions of each."""
    yield "user", dataset.users["user_id"].tolist(), dataset.lengths
    yield "item", list(dataset.vocabulary.item_ids), dataset.vocabulary.counts


def _gap_checks(dataset: SequenceDataset) -> Iterator[Check]:
    for noun, ids, counts in _named(dataset):
        for place in gaps_among(ids):
            n = int(counts[place])
            yield Check(
                "warning",
                f"{ids[place]!r} is the {noun} of {counted(n, 'interaction')}, and how many"
                " programs write that there is none",
                "If it is no id, leave such cells empty in the log: their lines are then rejected.",
                n,
            )
        name = dataset.manifest.get("roles", {}).get(noun)
        if name in ids:
            n = int(counts[ids.index(name)])
            yield Check(
                "warning",
                f"{name!r} is the {noun} of {counted(n, 'interaction')}, and the name of the"
                " column",
                "The line that names the columns may come again where files were joined: take it"
                " out of the log and prepare that again.",
                n,
            )


def _id_checks(dataset: SequenceDataset) -> Iterator[Check]:
    users_s, items_s = first_times(dataset)
    user_ids = dataset.users["user_id"].tolist()
    for noun, ids, first_s in (
        ("item", dataset.vocabulary.item_ids, items_s),
        ("user", user_ids, users_s),
    ):
        share_dated, example = dated_ids(ids)
        if share_dated > MANY_DATED_IDS:
            yield Check(
                "warning",
                f"{percent(share_dated)} of the {noun} ids contain a date, such as {example!r}",
                f"Check that one {noun} keeps one id over the days; such an id tells the time.",
                round(share_dated * len(ids)),
            )
        correlation = time_correlation(ids, first_s)
        if abs(correlation) >= IDS_IN_ORDER:
            yield Check(
                "info",
                f"{noun} ids follow the time at which they are first met (rank correlation"
                f" {correlation:.2f})",
                "The model sees no ids, but features made of them would tell it the future.",
                len(ids),
            )


def _title_checks(vocabulary: Vocabulary) -> Iterator[Check]:
    found = shared_titles(vocabulary.titles)
    if found is None:
        return
    share = float(vocabulary.counts[found.rows].sum() / max(vocabulary.counts.sum(), 1))
    if share < SOME_SHARED_TITLES:
        return
    titles, ids = vocabulary.titles, vocabulary.item_ids
    one, other = (f"{titles[row]!r} ({ids[row]})" for row in found.example)
    is_unlike = titles[found.example[0]] != titles[found.example[1]]
    aside = ", case, accents and spaces aside" if is_unlike else ""
    yield Check(
        "warning" if share > MANY_SHARED_TITLES else "info",
        f"{counted(len(found.rows), 'item')} share {counted(found.n_titles, 'title')}{aside}, such"
        f" as {one} and {other}; {percent(share, 1)} of the interactions are with them",
        "If they are one item under several ids, give it one id in the log and prepare that again,"
        " so that all its interactions count together. If not, give them titles that tell them"
        " apart.",
        len(found.rows),
    )
