"""Where a model came from: a run, or what was exported of one."""

from __future__ import annotations

from typing import Protocol

from bert4rec.policy import Policy


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

    def policy(self) -> Policy:
        """Return what the run is for, with its settings."""
        ...
