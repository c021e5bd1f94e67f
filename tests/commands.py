"""Commands as somebody types them, and what they answer."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from bert4rec.cli import main


def run(*words: object) -> Result:
    """Carry a command out."""
    return CliRunner().invoke(main, [str(word) for word in words])


def document(result: Result) -> dict[str, Any]:
    """Return the one JSON document that standard output holds."""
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found
