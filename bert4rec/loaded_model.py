"""A run's network as it was saved, loaded to be used."""

from __future__ import annotations

from pathlib import Path

from bert4rec.device import choose_device
from bert4rec.files import expanded
from bert4rec.recommender import Recommender
from bert4rec.runs.checkpoints import load_checkpoint, misfits_explained
from bert4rec.runs.folder import Run, open_run
from bert4rec.sasrec import new_network


def load_model(
    run: Run | str | Path,
    *,
    checkpoint: str = "best",
    device: str = "auto",
    n_threads: int | None = None,
) -> Recommender:
    """Load a run's network, ready to use.

    Args:
        run: A run, or the path of its folder.
        checkpoint: `best`, or `last` for a run that is still training.
        device: Where to compute, in the precision that the run's settings ask for.
        n_threads: Threads; None means every core that this process may use.

    Raises:
        NotFoundError: the run, its dataset or its checkpoint is not there.
        FormatError: the checkpoint is damaged or does not fit the dataset.
    """
    found = run if isinstance(run, Run) else open_run(expanded(run).resolve())
    settings, dataset = found.hyperparameters(), found.dataset()
    choice = choose_device(device, settings.precision, n_threads)
    network = new_network(dataset.n_items, settings)
    weights, plain = load_checkpoint(found.checkpoint(checkpoint), prefix="network.")
    with misfits_explained(found.id):
        network.load_state_dict(weights)
    epoch = plain.get("epoch")
    return Recommender(network.to(choice.device), dataset, settings, choice, found, epoch)
