"""All that a report is made of, gathered from runs and their datasets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bert4rec.comparing.verdict import kept_verdict
from bert4rec.data.check import Check
from bert4rec.data.checks import check_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.profile import Profile, profile
from bert4rec.errors import Bert4RecError
from bert4rec.loaded_model import load_model
from bert4rec.moments import now_text
from bert4rec.recommender import Recommender
from bert4rec.report.facts import RunFacts, read_runs
from bert4rec.report.gallery import Gallery, make_gallery
from bert4rec.report.item_map import ItemMap, make_map
from bert4rec.runs.folder import Run
from bert4rec.stages import Watch, tell_nobody, within


@dataclass(frozen=True, eq=False)
class DataGroup:
    """The runs of a report that share a dataset, and what was looked up in it.

    Args:
        name: Of the dataset.
        runs: In the order of the report.
        dataset: None where it is no longer there, and with it the fields below.
        profile: Its figures.
        checks: What to know of it, gravest first.
        gallery: Examples; None without a model.
        maps: Maps of items by the label of the run.
        problems: Why models could not be used, by the label of the run.
    """

    name: str
    runs: tuple[RunFacts, ...]
    dataset: SequenceDataset | None
    profile: Profile | None
    checks: tuple[Check, ...]
    gallery: Gallery | None
    maps: Mapping[str, ItemMap]
    problems: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Report:
    """What is to be told.

    Args:
        runs: What it is about.
        groups: The same runs by dataset.
        verdict: Sentences on what the model is good for and what not; may be empty.
        made_at: ISO moment, UTC.
        better_rival: What that comparison found to be surely better than the model, if anything.
    """

    runs: tuple[RunFacts, ...]
    groups: tuple[DataGroup, ...]
    verdict: tuple[str, ...]
    made_at: str
    better_rival: str = ""


def collect(
    runs: Iterable[Run],
    *,
    verdict: Sequence[str] | None = None,
    seed: int = 0,
    watch: Watch = tell_nobody,
) -> Report:
    """Gather all that a report tells of runs.

    Args:
        runs: One to five, of any state in which there is something to tell.
        verdict: Sentences on what the model is good for and what not; None takes those of the
            newest comparison of these runs.
        seed: Chance behind the choice of examples.
        watch: Told how far it has come.

    Raises:
        RunError: there are too many, one is named twice, or one has nothing to tell yet.
        FormatError: a run is damaged.

    Cost: a pass over each dataset, the ranks of some hundred users, a projection of the items.
    """
    facts = read_runs(runs)
    fingerprints = dict.fromkeys(one.fingerprint for one in facts)
    groups = []
    for at, fingerprint in enumerate(fingerprints):
        part = within(watch, at / len(fingerprints), (at + 1) / len(fingerprints))
        members = tuple(one for one in facts if one.fingerprint == fingerprint)
        groups.append(_group(members, seed, part))
    made_at = now_text()
    better_rival = ""
    if verdict is None:
        kept = kept_verdict([one.run for one in facts])
        verdict = kept.sentences if kept is not None else ()
        better_rival = kept.better_rival if kept is not None else ""
    return Report(facts, tuple(groups), tuple(verdict), made_at, better_rival)


def _group(runs: tuple[RunFacts, ...], seed: int, watch: Watch) -> DataGroup:
    first = runs[0]
    watch("loading models", 0.0)
    dataset = next((one.dataset for one in runs if one.dataset is not None), None)
    models, problems = _load(runs)
    watch("looking at the data", 0.15)
    found = None if dataset is None else _profile(dataset, first)
    checks = check_dataset(dataset, found) if dataset is not None else ()
    two_sided = [one.label for one in runs if one.sees_future and one.label in models]
    gallery = None
    if models:
        gallery = make_gallery(models, two_sided, seed=seed, watch=within(watch, 0.3, 0.8))
    watch("laying out items", 0.8)
    return DataGroup(
        name=first.data_name,
        runs=runs,
        dataset=dataset,
        profile=found,
        checks=checks,
        gallery=gallery,
        maps={label: make_map(model) for label, model in models.items()},
        problems=problems,
    )


def _profile(dataset: SequenceDataset, facts: RunFacts) -> Profile:
    return profile(dataset, max_seq_length=facts.settings.max_seq_length)


def _load(runs: Iterable[RunFacts]) -> tuple[dict[str, Recommender], dict[str, str]]:
    """Return the models by label, and why others cannot be used."""
    models, problems = {}, {}
    for one in runs:
        if not one.has_model:
            continue
        try:
            models[one.label] = load_model(one.run, device="cpu")
        except Bert4RecError as error:
            problems[one.label] = error.message
    return models, problems
