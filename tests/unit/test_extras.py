"""Whoever lacks a package of an extra is told which extra brings it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bert4rec.baselines.catalogue import packages_lacking
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
    # A bare pip may be that of another environment.
    assert f"{shlex.quote(sys.executable)} -m pip install" in caught.value.fix
    assert isinstance(caught.value, ImportError)
    assert list(tmp_path.iterdir()) == []


def test_all_packages_that_baselines_lack_are_named_with_one_command() -> None:
    said = packages_lacking(["implicit", "implicit", "gensim"])
    assert said.startswith("the packages implicit and gensim are not installed: ")
    assert said.endswith("-m pip install 'bert4rec[baselines]'")
    assert packages_lacking(["gensim"]).startswith("the package gensim is not installed: ")
