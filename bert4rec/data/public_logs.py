"""The catalogue of public logs, which their owners publish."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bert4rec.data.roles import Roles
from bert4rec.errors import NotFoundError

OWNER_URL = "https://files.grouplens.org/datasets/movielens"
# Whoever has a mirror in the house names it here; checksums are held all the same.
MIRROR_VARIABLE = "BERT4REC_MOVIELENS_URL"
CITATION = (
    "F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context."
    " ACM Transactions on Interactive Intelligent Systems 5, 4, Article 19."
    " https://doi.org/10.1145/2827872"
)
_RESEARCH = (
    "For research, with the source acknowledged and no endorsement implied; commercial use needs"
    " GroupLens's permission."
)
_KEPT_TO_ONESELF = f"{_RESEARCH} Passing the data on needs permission too."
_PASSED_ON = f"{_RESEARCH} It may be passed on under the same terms."


@dataclass(frozen=True)
class PublicLog:
    """A log that its owner publishes.

    Args:
        name: Name of the archive, of the folder in it, and of the dataset.
        title: What to call it.
        n_users: Users in it, as its owner counts them.
        n_items: Items in it.
        n_interactions: Interactions in it.
        size_bytes: About the size of the archive.
        md5: Checksum that the owner publishes; None where the owner changes the file now and then.
        ratings: The archive's file of interactions.
        movies: The archive's file of titles.
        readme: The owner's page with the whole licence.
        licence: What the owner permits, in a sentence or two.
        roles: The columns of `ratings`; None where they are told by the form.
    """

    name: str
    title: str
    n_users: int
    n_items: int
    n_interactions: int
    size_bytes: int
    md5: str | None
    ratings: str
    movies: str
    readme: str
    licence: str
    roles: Roles | None = None

    @property
    def archive(self) -> str:
        """The file name of the archive."""
        return f"{self.name}.zip"

    @property
    def url(self) -> str:
        """Where the archive is fetched from: its owner, or the mirror that is named."""
        return f"{(os.environ.get(MIRROR_VARIABLE) or OWNER_URL).rstrip('/')}/{self.archive}"

    @property
    def readme_url(self) -> str:
        """The owner's page with the whole licence."""
        return f"{OWNER_URL}/{self.readme}"

    @property
    def max_bytes(self) -> int:
        """More than this is not fetched."""
        return 4 * self.size_bytes

    def place(self, workspace: Path) -> Path:
        """Return where the archive lies, or is to be put by hand."""
        return workspace / "downloads" / self.archive


_CSV_ROLES = Roles("userId", "movieId", "timestamp", "rating")
PUBLIC_LOGS = {
    log.name: log
    for log in (
        PublicLog(
            "ml-latest-small", "MovieLens, small and recent", 610, 9_742, 100_836, 1_000_000,
            None, "ratings.csv", "movies.csv",
            "ml-latest-small-README.html", _PASSED_ON, _CSV_ROLES,
        ),
        PublicLog(
            "ml-100k", "MovieLens 100K", 943, 1_682, 100_000, 4_924_029,
            "0e33842e24a9c977be4e0107933c0723", "u.data", "u.item", "ml-100k-README.txt",
            _KEPT_TO_ONESELF,
        ),
        PublicLog(
            "ml-1m", "MovieLens 1M", 6_040, 3_706, 1_000_209, 5_900_000,
            "c4d9eecfca2ab87c1945afe126590906", "ratings.dat", "movies.dat", "ml-1m-README.txt",
            _KEPT_TO_ONESELF,
        ),
        PublicLog(
            "ml-20m", "MovieLens 20M", 138_493, 27_278, 20_000_263, 198_702_078,
            "cd245b17a1ae2cc31bb14903e1204af3", "ratings.csv", "movies.csv",
            "ml-20m-README.html", _PASSED_ON, _CSV_ROLES,
        ),
        PublicLog(
            "ml-32m", "MovieLens 32M", 200_948, 87_585, 32_000_204, 238_950_008,
            "d472be332d4daa821edc399621853b57", "ratings.csv", "movies.csv",
            "ml-32m-README.html", _PASSED_ON, _CSV_ROLES,
        ),
    )
}  # fmt: skip


def find_public_log(name: str) -> PublicLog:
    """Return the catalogue's entry of a name.

    Raises:
        NotFoundError: there is none.
    """
    if name not in PUBLIC_LOGS:
        raise NotFoundError(
            f"there is no public log {name!r}",
            fix=f"The public logs are {', '.join(PUBLIC_LOGS)}.",
        )
    return PUBLIC_LOGS[name]
