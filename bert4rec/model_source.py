"""Where a model came from: a run, or what was exported of one."""

from __future__ import annotations

from typing import Protocol

from bert4rec.policy import Policy
from bert4rec.temperatures import Temperatures


class Source(Protocol):
    """Where a model came from: a run, or what was exported of one."""

    @property
    def id(self) -> str:
        """The run's id."""
        ...

    @property
    def name(self) -> str:
        """The run's name."""
        ...

    @property
    def removes_seen(self) -> bool | None:
        """Whether seen items left the run's rankings, None where that was not recorded."""
        ...

    def temperatures(self) -> Temperatures | None:
        """Return what divides its scores where that pays; None where nobody looked for it."""
        ...

    def policy(self) -> Policy:
        """Return what the run is for, with its settings."""
        ...
