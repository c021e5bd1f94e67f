"""Whoever lacks a package of an extra is told which extra brings it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bert4rec.bulk.vector_index import write_index
from bert4rec.bundle.onnx_file import export_onnx
from bert4rec.errors import MissingExtraError
from bert4rec.serving.server import serve
from tests.factories import shelf_recommender

USES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "index": ("usearch.index", lambda path: write_index(np.eye(3, dtype=np.float32), path)),
    "onnx": ("onnxscript", lambda path: export_onnx(shelf_recommender(), path)),
    "serve": ("fastapi", lambda _: serve(shelf_recommender(), port=0)),
}


@pytest.mark.parametrize("extra", USES)
def test_a_missing_package_names_its_extra(
    extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, use = USES[extra]
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "bert4rec.serving.service", raising=False)
    with pytest.raises(MissingExtraError, match=rf"bert4rec\[{extra}\]") as caught:
        use(tmp_path / "out")
    assert isinstance(caught.value, ImportError)
    assert list(tmp_path.iterdir()) == []
