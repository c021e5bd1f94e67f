"""What a study has come to, in figures: best so far, time saved, importance, settings by score."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from bert4rec.search.study import Study, quiet
from bert4rec.search.trials import COUNTED_STATES, Trial

# A forest over fewer points tells more of chance than of settings.
MIN_FOR_IMPORTANCE = 10
SEED = 0
# Scores that differ by less differ in their last digits alone.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Saving:
    """What ending trials early has saved.

    Args:
        n_ended: Trials that count: finished, pruned or failed.
        n_pruned: Those that were ended early.
        spent_s: Seconds that all of these took.
        saved_s: Seconds that the pruned ones would still have taken, about; None while no
            trial has finished.
    """

    n_ended: int
    n_pruned: int
    spent_s: float
    saved_s: float | None

    @property
    def share(self) -> float:
        """Pruned trials among those that count."""
        return self.n_pruned / self.n_ended if self.n_ended else 0.0


def saving(trials: Sequence[Trial]) -> Saving:
    """Return what ending trials early has saved.

    A pruned trial would have gone on, at its own pace, for as many epochs as finished ones do in
    the middle.
    """
    ended = [trial for trial in trials if trial.state in COUNTED_STATES]
    pruned = [trial for trial in ended if trial.state == "pruned"]
    lengths = [trial.epoch for trial in ended if trial.state == "finished" and trial.epoch]
    saved = None
    if lengths:
        usual = statistics.median(lengths)
        left = (
            trial.seconds * (usual / trial.epoch - 1) for trial in pruned if 0 < trial.epoch < usual
        )
        saved = sum(left)
    return Saving(len(ended), len(pruned), sum(trial.seconds for trial in ended), saved)


def best_so_far(trials: Sequence[Trial]) -> list[tuple[int, float]]:
    """Return number and best score of the finished trials up to each, in their order."""
    found: list[tuple[int, float]] = []
    for trial in trials:
        if trial.state == "finished" and trial.score is not None:
            best = max(trial.score, found[-1][1]) if found else trial.score
            found.append((trial.number, best))
    return found


def n_finished(trials: Sequence[Trial]) -> int:
    """Return how many trials ran to their end."""
    return sum(trial.state == "finished" for trial in trials)


def importance(study: Study) -> dict[str, float]:
    """Return the share of the scores' variance that each setting explains, the largest first.

    Finished trials alone count: a pruned one has no score that could be compared. All shares are
    0 where the scores do not differ.

    Cost: about a second for hundreds of trials.

    Source: functional ANOVA (Hutter et al., 2014), as Optuna computes it with a seeded forest.
    """
    scores = [trial.score or 0.0 for trial in study.trials() if trial.state == "finished"]
    if max(scores, default=0.0) - min(scores, default=0.0) <= ROUNDING:
        return dict.fromkeys(study.plan().space, 0.0)
    with quiet(), study.explained():
        found = get_param_importances(
            study.optuna_study, evaluator=FanovaImportanceEvaluator(seed=SEED)
        )
    return dict(sorted(found.items(), key=lambda item: -item[1]))
