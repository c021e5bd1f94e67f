"""What a trained network can do: fill gaps, recommend, score, and give vectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import chain, islice

import numpy as np
import torch
from torch import Tensor

from bert4rec.contexts import CONTEXTS, newest_window, window_around
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.vocabulary import Vocabulary, check_listed
from bert4rec.device import DeviceChoice
from bert4rec.errors import SettingsError
from bert4rec.evaluation import choose_seen
from bert4rec.histories import Histories
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.model import Network
from bert4rec.model_source import Source
from bert4rec.ranking import Removal
from bert4rec.score_blocks import product_blocks, score_blocks
from bert4rec.scorer import NetworkScorer
from bert4rec.suggestions import Suggestion, check_length, suggestion_lists
from bert4rec.temperatures import Temperatures
from bert4rec.threads import side_by_side
from bert4rec.training_part import TrainingPart

# Histories that are scored at once: bounds memory, not the number that may be asked for.
BATCH_ROWS = 1024


class Recommender:
    """A trained network with its dataset's items. Several threads may use one.

    Args:
        network: Put into evaluation mode and left there.
        dataset: Names the items; its users can be asked for by id.
        settings: The run's own.
        choice: Device and precision.
        run: Where it came from, if from a run.
        epoch: Epochs that were completed when it was saved, if that is known.
        temperatures: What logits are divided by before the softmax, by what is shown; empty where
            probabilities are known to be true enough without. None for the network's own, of which
            nobody knows how true they are.
    """

    def __init__(
        self,
        network: Network,
        dataset: SequenceDataset,
        settings: Hyperparameters,
        choice: DeviceChoice,
        run: Source | None = None,
        epoch: int | None = None,
        temperatures: Temperatures | None = None,
    ) -> None:
        self.scorer = NetworkScorer(network, choice, temperatures=temperatures)
        self.dataset = dataset
        self.settings = settings
        self.run = run
        self.epoch = epoch
        # Whether somebody has found out how true its probabilities are.
        self.is_calibrated = temperatures is not None

    def with_temperatures(self, temperatures: Temperatures | None) -> Recommender:
        """Return the same network with other probabilities; ranks, logits and vectors stay."""
        choice, network = self.scorer.choice, self.scorer.network
        known = self.dataset, self.settings, choice, self.run, self.epoch
        other = Recommender(network, *known, temperatures)
        # Counted once for both.
        other.training = self.training
        return other

    def calibrated(self) -> Recommender:
        """Return the same with the temperatures that were kept with its run, if there are.

        They are those of the best weights; see `held_out.calibration`.
        """
        kept = None if self.run is None else self.run.temperatures()
        return self if kept is None else self.with_temperatures(kept)

    @property
    def vocabulary(self) -> Vocabulary:
        """The items that the network knows."""
        return self.dataset.vocabulary

    @property
    def contexts(self) -> tuple[str, ...]:
        """The contexts from which this network can be asked for a hidden item, in their order."""
        return CONTEXTS if self.settings.sees_future else ("past",)

    @cached_property
    def removes_seen(self) -> bool:
        """Whether seen items leave recommendations by default, as they did in the evaluation."""
        told = None if self.run is None else self.run.removes_seen
        return choose_seen(self.training, self.settings.seen_items)[0] if told is None else told

    @cached_property
    def training(self) -> TrainingPart:
        """What the network could learn from, counted; of a bundle nothing is known of it."""
        return TrainingPart.of(self.dataset, self.settings)

    @torch.inference_mode()
    def fill(
        self, items: Sequence[str | None], k: int = 10, *, remove_seen: bool | None = None
    ) -> list[list[Suggestion]]:
        """Fill the gaps of a sequence from both sides, or from the past alone.

        A model that sees only the past (`attention: causal`) fills each gap from the items that
        stand before it, as if the gaps among them were not there; what comes after changes no
        score.

        Each gap is filled by itself, so that two may get the same item; `compose` fills them to fit
        each other.

        Args:
            items: Raw ids or titles, None for a gap, oldest first.
            k: Suggestions a gap.
            remove_seen: Whether items that the sequence holds are left out; None: as in the run's
                evaluation.

        Returns:
            One list for each gap, in order, best first.

        Raises:
            UnknownIdError: an item is not in the catalogue.
            SettingsError: there is no gap, or one outside the window, or `k` is below 1.

        Example:
            >>> model.fill(["a", None, "c"], k=3)  # doctest: +SKIP
        """
        check_listed(items)
        mask_idx, idx = self.vocabulary.mask_idx, self.vocabulary.idx
        encoded = np.array([mask_idx if item is None else idx(item) for item in items])
        return self.fill_encoded([encoded], k, remove_seen=remove_seen)[0]

    @torch.inference_mode()
    def fill_encoded(
        self, sequences: Sequence[np.ndarray], k: int = 10, *, remove_seen: bool | None = None
    ) -> list[list[list[Suggestion]]]:
        """Return what `fill` says of each sequence of item indices, MASK where a gap is.

        Raises:
            SettingsError: a sequence has no gap, or one outside the window, or `k` is below 1.
        """
        check_length(k)
        if not sequences:
            return []
        gaps = [self.gaps(whole) for whole in sequences]
        shown = [whole[whole != self.vocabulary.mask_idx] for whole in sequences]
        seen = [held for held, places in zip(shown, gaps, strict=True) for _ in places]
        removes = self.removes_seen if remove_seen is None else remove_seen
        states_md, divisors = self._expected_at(sequences, gaps)
        lists = self.suggestions_for(states_md, k, seen=seen, divisors=divisors, removes=removes)
        found = iter(lists)
        return [list(islice(found, len(places))) for places in gaps]

    def gaps(self, items: np.ndarray) -> list[int]:
        """Return the places of the gaps of a sequence of item indices.

        Raises:
            SettingsError: there is none, or one outside the network's window.
        """
        gaps = np.flatnonzero(items == self.vocabulary.mask_idx).tolist()
        if not gaps:
            raise SettingsError(["there is no gap to fill"], fix="Put None, or _, where one is.")
        self.window_start(items, gaps)
        return gaps

    def scores_at(self, items: np.ndarray, places: Sequence[int]) -> Tensor:
        """Return logits over temperatures at places of a sequence, float32 (M, N).

        Args:
            items: Item indices, MASK where the item is asked for, (n,).
            places: Positions in `items`, see `window_start`.

        Raises:
            SettingsError: a place lies outside the window.
        """
        states_md, _ = self._expected_at([items], [places])
        return states_md @ self.scorer.item_vectors().T

    def _expected_at(
        self, sequences: Sequence[np.ndarray], places: Sequence[Sequence[int]]
    ) -> tuple[Tensor, np.ndarray]:
        """Return what `NetworkScorer.at` says of places of sequences, in their windows."""
        starts = [self.window_start(*asked) for asked in zip(sequences, places, strict=True)]
        windows = [whole[at:] for whole, at in zip(sequences, starts, strict=True)]
        inside = [[place - at for place in row] for row, at in zip(places, starts, strict=True)]
        return self.scorer.at(windows, inside)

    def window_start(self, items: np.ndarray, places: Sequence[int]) -> int:
        """Return where the window of a sequence starts: it holds the newest items.

        A network that sees only the past has a window for each place, which ends there: returned is
        where that of the first one starts.

        Args:
            items: A sequence, MASK for what is hidden, (n,).
            places: Positions in it that must lie inside the window, else a SettingsError is raised.
        """
        if self.settings.sees_future:
            return newest_window(len(items), places, self.settings.max_seq_length)
        newest_window(len(items), places, len(items))
        return min((int(self.window_around(items, place).start) for place in places), default=0)

    def window_around(self, items: np.ndarray, place: int) -> slice:
        """Return the window around a place of a sequence, MASK for what is hidden, (n,)."""
        is_shown, settings = items != self.vocabulary.mask_idx, self.settings
        length, sees_future = settings.max_seq_length, settings.sees_future
        return window_around(is_shown, place, length, sees_future=sees_future)

    @torch.inference_mode()
    def suggestions_for(
        self,
        states_md: Tensor,
        k: int,
        *,
        seen: Sequence[np.ndarray],
        divisors: np.ndarray,
        removes: bool = False,
    ) -> list[list[Suggestion]]:
        """Return the `k` best items for each hidden state, best first.

        Args:
            states_md: What the network expects at places, over its temperatures, (M, D).
            k: Length of each list.
            seen: Item indices to mark as seen, for each state.
            divisors: Those temperatures, float32 (M,).
            removes: Whether seen items are left out, not just marked.
        """
        lists: list[list[Suggestion]] = []
        for rows, blocks in product_blocks(states_md, self.scorer.item_vectors()):
            marks = seen[rows], divisors[rows]
            removal = Removal(Histories.of(seen[rows]) if removes else None)
            lists += suggestion_lists(self.vocabulary, blocks, k, *marks, removal)
        return lists

    def recommend(
        self, items: Sequence[str], k: int = 10, *, remove_seen: bool | None = None
    ) -> list[Suggestion]:
        """Return what comes next after a sequence of raw ids or titles, best first."""
        return self.recommend_many([items], k, remove_seen=remove_seen)[0]

    def recommend_many(
        self, sequences: Sequence[Sequence[str]], k: int = 10, *, remove_seen: bool | None = None
    ) -> list[list[Suggestion]]:
        """Return what comes next after each sequence, best first.

        Args:
            sequences: Raw ids or titles, oldest first; an empty one gets the network's prior.
            k: Suggestions a sequence.
            remove_seen: Whether the sequence's own items are left out; None: as in the run's
                evaluation.

        Raises:
            UnknownIdError: an item is not in the catalogue.
            SettingsError: `k` is below 1.
        """
        encoded = [self.vocabulary.encode(sequence) for sequence in sequences]
        return self.recommend_encoded(encoded, k, remove_seen=remove_seen)

    def recommend_encoded(
        self, encoded: Sequence[np.ndarray], k: int = 10, *, remove_seen: bool | None = None
    ) -> list[list[Suggestion]]:
        """Return what `recommend_many` says of sequences of item indices."""
        check_length(k)
        removes = self.removes_seen if remove_seen is None else remove_seen

        @torch.inference_mode()
        def lists_of(batch: slice) -> list[list[Suggestion]]:
            histories, lists = Histories.of(encoded[batch]), []
            divisors = self.scorer.divisors(histories)
            for rows, blocks in score_blocks(self.scorer, histories, len(self.vocabulary)):
                removal = Removal(histories.take(rows) if removes else None)
                marks = encoded[batch][rows], divisors[rows]
                lists += suggestion_lists(self.vocabulary, blocks, k, *marks, removal)
            return lists

        n_threads = self.scorer.choice.n_side_by_side
        return list(chain(*side_by_side(lists_of, len(encoded), BATCH_ROWS, n_threads)))

    @torch.inference_mode()
    def score(self, items: Sequence[str], candidates: Sequence[str]) -> np.ndarray:
        """Return the score of each candidate as the next item, float32 (n_candidates,).

        Raises:
            UnknownIdError: an item or candidate is not in the catalogue.
        """
        at = torch.from_numpy(self.vocabulary.encode(candidates) - 1)
        vector_1d = self.scorer.undivided(Histories.of([self.vocabulary.encode(items)]))
        item_vectors = self.scorer.item_vectors()
        scores = vector_1d @ item_vectors[at.to(item_vectors.device)].T
        return np.array(scores[0].cpu().numpy(), copy=True)

    def item_embeddings(self) -> np.ndarray:
        """Return the vectors of items 1..N, float32 (N, D); row i - 1 is item i."""
        vectors = self.scorer.item_vectors().cpu()
        return np.array(vectors.numpy(), copy=True)

    def user_embeddings(self, users: Sequence[str] | None = None) -> np.ndarray:
        """Return users' vectors, float32 (n, D): a dot product with an item vector is its score.

        Args:
            users: Raw ids; None means every user of the dataset, in index order.

        Raises:
            UnknownIdError: a user is not in the dataset.
        """
        dataset = self.dataset
        idxs = range(dataset.n_users) if users is None else [dataset.user_idx(u) for u in users]
        return self.vectors_of([dataset.history(idx) for idx in idxs])

    def sequence_embeddings(self, sequences: Sequence[Sequence[str]]) -> np.ndarray:
        """Return the vector of each sequence of raw ids or titles, float32 (n, D)."""
        return self.vectors_of([self.vocabulary.encode(sequence) for sequence in sequences])

    def vectors_of(self, sequences: Histories | Sequence[np.ndarray]) -> np.ndarray:
        """Return the vector of each sequence of item indices, float32 (n, D)."""

        def read(batch: slice) -> np.ndarray:
            if isinstance(sequences, Histories):
                histories = sequences.take(batch)
            else:
                histories = Histories.of(sequences[batch])
            return np.asarray(self.scorer.undivided(histories).cpu().numpy())

        n_threads = self.scorer.choice.n_side_by_side
        parts = side_by_side(read, len(sequences), BATCH_ROWS, n_threads)
        width = self.settings.hidden_size
        empty = np.empty((0, width), dtype=np.float32)
        return np.concatenate([empty, *parts])
