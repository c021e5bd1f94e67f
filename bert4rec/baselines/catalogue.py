"""The baselines by name: what each is, where it comes from, and how it is fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bert4rec.baselines import ease, factors, item2vec, neighbours, recent
from bert4rec.baselines.popularity import Popularity
from bert4rec.baselines.titles import TITLES
from bert4rec.baselines.training_rows import TrainingRows
from bert4rec.baselines.transitions import Transitions
from bert4rec.errors import SettingsError
from bert4rec.extras import is_installed, pip_install
from bert4rec.score_blocks import Scorer

EXTRA = "baselines"


@dataclass(frozen=True)
class Baseline:
    """A yardstick that can be fitted.

    Args:
        name: What it is called on the command line and in files.
        about: What it goes by, in one sentence.
        source: Where it comes from.
        parameters: What it is fitted with, in words.
        kind: `everyone` (the same list for all), `order` (uses the order of a history) or
            `similarity` (uses what is in it, in whatever order).
        fit: Fits it on training rows.
        package: What has to be installed for it, nothing if it needs no extra.
    """

    name: str
    about: str
    source: str
    parameters: str
    kind: str
    fit: Callable[[TrainingRows], Scorer]
    package: str = ""

    @property
    def title(self) -> str:
        """What a person reads."""
        return TITLES[self.name]

    def obstacle(self, n_items: int) -> str:
        """Return why it cannot be fitted for a catalogue on this machine, or nothing."""
        return self.lacks() or (ease.too_large(n_items) if self.name == "ease" else "")

    def lacks(self) -> str:
        """Return what has to be installed for it first, or nothing."""
        if not self.package or is_installed(self.package):
            return ""
        return packages_lacking([self.package])


def packages_lacking(packages: Iterable[str]) -> str:
    """Return that packages are not installed, each named once, and the command that does it."""
    names = list(dict.fromkeys(packages))
    said = "the package {} is" if len(names) == 1 else "the packages {} are"
    return f"{said.format(' and '.join(names))} not installed: {pip_install(EXTRA)}"


def _popularity(train: TrainingRows) -> Scorer:
    return Popularity(train.counts)


def _transitions(train: TrainingRows) -> Scorer:
    return Transitions.fit(train.histories, train.n_items)


BASELINES = {
    baseline.name: baseline
    for baseline in (
        Baseline(
            "popularity",
            "The same list for everyone: what occurs most often in training.",
            "common practice",
            "none",
            "everyone",
            _popularity,
        ),
        Baseline(
            "recent",
            "The same list for everyone: what occurs most often of late.",
            "Ji et al. 2020",
            f"the newest {recent.RECENT_SHARE:.0%} of the training interactions",
            "everyone",
            recent.fit_recent,
        ),
        Baseline(
            "transitions",
            "What most often came directly after the last item.",
            "as in Rendle et al. 2010",
            "counts, then popularity",
            "order",
            _transitions,
        ),
        Baseline(
            "item-knn",
            "What the people met who met the items of the history, by cosine.",
            "Sarwar et al. 2001",
            f"the {neighbours.N_NEIGHBOURS} nearest of each item, itself the first",
            "similarity",
            neighbours.ItemNeighbours.fit,
            "implicit",
        ),
        Baseline(
            "als",
            "Vectors of users and items whose products tell who meets what.",
            "Hu, Koren & Volinsky 2008",
            f"{factors.N_FACTORS} factors, regularization {factors.REGULARIZATION:g},"
            f" confidence {factors.CONFIDENCE:g}, {factors.N_ITERATIONS} iterations",
            "similarity",
            factors.Factors.fit,
            "implicit",
        ),
        Baseline(
            "item2vec",
            "Items as words: those near each other in histories are alike.",
            "Barkan & Koenigstein 2016",
            f"skip-gram, {item2vec.N_DIMENSIONS} dimensions, window {item2vec.WINDOW},"
            f" {item2vec.N_NEGATIVES} negatives, {item2vec.MIN_EPOCHS} to {item2vec.MAX_EPOCHS}"
            " epochs by the size of the log",
            "similarity",
            item2vec.Item2Vec.fit,
            "gensim",
        ),
        Baseline(
            "ease",
            "Each item told by all others at once, a linear model in closed form.",
            "Steck 2019",
            f"regularization {ease.REGULARIZATION:g}",
            "similarity",
            ease.Ease.fit,
        ),
    )
}
# Fitted in a moment for catalogues of any size, and there without any extra.
QUICK = ("popularity", "recent", "transitions")


def find_baselines(names: Iterable[str]) -> list[Baseline]:
    """Return baselines by name, each once, in the order of the catalogue.

    Raises:
        SettingsError: there is none of a name.
    """
    asked = set(names)
    unknown = sorted(asked - set(BASELINES))
    if unknown:
        raise SettingsError(
            [f"there is no baseline {name!r}" for name in unknown],
            fix=f"There are {', '.join(BASELINES)}.",
        )
    return [baseline for name, baseline in BASELINES.items() if name in asked]
