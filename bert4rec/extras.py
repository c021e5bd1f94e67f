"""Packages that are installed only on request, imported where they are needed."""

from __future__ import annotations

import shlex
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from bert4rec.errors import MissingExtraError


def load_extra(module: str, extra: str) -> Any:
    """Import a module of a package that only an extra installs.

    Args:
        module: Its dotted name.
        extra: The extra of this package that installs it.

    Raises:
        MissingExtraError: the package is not installed.
    """
    package = module.partition(".")[0]
    if not is_installed(package):
        raise missing_extra("this", package, extra)
    return import_module(module)


def missing_extra(what: str, package: str, extra: str) -> MissingExtraError:
    """Return the error for something that needs a package of an extra.

    Args:
        what: What was asked for.
        package: The package that it needs.
        extra: The extra of this package that installs it.
    """
    return MissingExtraError(
        f"{what} needs the package {package}, which is not installed",
        fix=f"Install it: {pip_install(extra)}",
        package=package,
        extra=extra,
    )


def pip_install(extra: str, *options: str) -> str:
    """Return the command that adds an extra to the environment that runs now.

    A bare `pip` is often that of another one: `make app` makes an environment and leaves the
    shell as it is.
    """
    words = [shlex.quote(sys.executable), "-m", "pip", "install", *options]
    return f"{' '.join(words)} 'bert4rec[{extra}]'"


def is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not imported for that."""
    return find_spec(package) is not None
