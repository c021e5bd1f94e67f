"""Hold docs/hyperparameters.md to the settings model."""

from __future__ import annotations

from docs.generate_hyperparameters import TARGET, render


def test_the_document_is_the_one_that_is_made_from_the_settings() -> None:
    again = "run: python docs/generate_hyperparameters.py"
    assert TARGET.read_text("utf-8") == render(), again
