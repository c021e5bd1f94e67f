"""The bundled samples: simulated logs with known patterns, to try everything on in a minute."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.origin import MarkedLog
from bert4rec.data.prepare import prepare
from bert4rec.data.roles import Roles
from bert4rec.errors import NotFoundError
from bert4rec.json_files import read_json
from bert4rec.stages import Watch, tell_nobody

PACKAGE = Path(__file__).resolve().parents[1]
ROLES = Roles("user_id", "item_id", "timestamp")


@dataclass(frozen=True)
class Sample:
    """A bundled log.

    Args:
        name: Name of its folder.
        title: What to call it.
        description: What is in it and what it shows, in a sentence or two.
    """

    name: str
    title: str
    description: str

    @property
    def folder(self) -> Path:
        """The folder with `interactions.csv`, `items.csv`, `ceiling.json` and `README.md`."""
        return sample_folder() / self.name

    @cached_property
    def ceiling(self) -> dict[str, Any]:
        """Return the best figures that any model can reach, from `ceiling.json`."""
        document: dict[str, Any] = read_json(self.folder / "ceiling.json")
        return document


SAMPLES = {
    sample.name: sample
    for sample in (
        Sample(
            "playlists",
            "Playlists",
            "3,000 playlists over 400 tracks. Bridge tracks lead from one genre to the next: what"
            " is missing in the middle shows only from both sides.",
        ),
        Sample(
            "reading",
            "Reading lists",
            "2,400 readers and 400 books. Series are read in order, with detours to single books"
            " by the same author.",
        ),
        Sample(
            "courses",
            "Courses",
            "2,400 learners and 400 lessons. A lesson comes after what it requires; a learner's"
            " goal shows at the end and tells what must have come before.",
        ),
    )
}


def sample_folder() -> Path:
    """Return the folder of the samples: beside the package in a checkout, inside it in a wheel.

    Raises:
        NotFoundError: the samples are not installed.
    """
    for folder in (PACKAGE.parent / "sample_data", PACKAGE / "_app" / "sample_data"):
        if (folder / "playlists" / "interactions.csv").is_file():
            return folder
    raise NotFoundError(
        "the bundled samples are not installed",
        where=str(PACKAGE),
        fix="Install bert4rec from a wheel, or run it in a checkout.",
    )


def prepare_sample(name: str, workspace: Path, *, watch: Watch = tell_nobody) -> SequenceDataset:
    """Prepare a bundled sample in the workspace; a second call opens what is there.

    Args:
        name: One of `SAMPLES`.
        workspace: The dataset lies in its `datasets` folder.
        watch: Told how far it has come.

    Raises:
        NotFoundError: there is no sample of this name.
    """
    sample = SAMPLES.get(name)
    if sample is None:
        raise NotFoundError(
            f"there is no sample {name!r}", fix=f"The samples are {', '.join(SAMPLES)}."
        )
    return prepare(
        MarkedLog(sample.folder / "interactions.csv", {"simulated": True}),
        items=sample.folder / "items.csv",
        roles=ROLES,
        name=name,
        workspace=workspace,
        watch=watch,
    )
