from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from bert4rec.bundle import onnx_file
from bert4rec.bundle.onnx_file import export_onnx, questions
from bert4rec.errors import FormatError
from bert4rec.loaded_model import load_model
from bert4rec.policy import Policy
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from tests.factories import random_dataset, small_recommender, small_settings

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def model(tiny_run: Run) -> Recommender:
    return load_model(tiny_run, n_threads=1)


@pytest.fixture(scope="module")
def written(model: Recommender, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "ring.onnx"
    report = export_onnx(model, path)
    assert report.largest_difference <= report.tolerance
    assert report.n_sequences > onnx_file.N_RANDOM
    return path


def test_the_file_recommends_what_the_library_does(model: Recommender, written: Path) -> None:
    session = onnxruntime.InferenceSession(written.read_bytes())
    for history in (["3"], ["1", "2", "3"], [str(1 + at % 30) for at in range(11)]):
        items = [*model.vocabulary.encode(history), model.vocabulary.mask_idx]
        asked = {"items": np.array([items]), "places": np.array([[len(items) - 1]])}
        scores = session.run(["scores"], asked)[0][0, 0]
        assert scores.dtype == np.float32
        best = model.recommend(history, 5, remove_seen=False)
        assert [one.item_idx for one in best] == list(np.argsort(-scores)[:5] + 1)
        np.testing.assert_allclose(
            [one.score for one in best], np.sort(-scores)[:5] * -1, atol=1e-3
        )


def test_the_file_says_what_it_is(model: Recommender, written: Path) -> None:
    session = onnxruntime.InferenceSession(written.read_bytes())
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["bert4rec.mask"]) == model.vocabulary.mask_idx
    assert json.loads(facts["bert4rec.max_seq_length"]) == model.settings.max_seq_length
    assert json.loads(facts["bert4rec.run"]) == (model.run and model.run.id)


def test_hidden_states_times_item_vectors_are_scores(model: Recommender, tmp_path: Path) -> None:
    export_onnx(model, tmp_path / "hidden.onnx", answer="hidden")
    session = onnxruntime.InferenceSession((tmp_path / "hidden.onnx").read_bytes())
    items = np.array([[*model.vocabulary.encode(["1", "2"]), model.vocabulary.mask_idx]])
    hidden = session.run(["hidden"], {"items": items, "places": np.array([[2]])})[0][0, 0]
    expected = model.score(["1", "2"], ["3", "9"])
    np.testing.assert_allclose(model.item_embeddings()[[2, 8]] @ hidden, expected, atol=1e-3)


class ForVectors:
    """A run that is there for its vectors."""

    id, name = "a", "A"

    def policy(self) -> Policy:
        return Policy("embedding_policy", small_settings())


def test_the_file_of_a_run_that_is_there_for_vectors_answers_them(tmp_path: Path) -> None:
    plain = small_recommender(random_dataset([5, 6, 7]))
    model = Recommender(
        plain.scorer.network, plain.dataset, plain.settings, plain.scorer.choice, ForVectors()
    )
    assert export_onnx(model, tmp_path / "vectors.onnx").answer == "hidden"
    assert export_onnx(model, tmp_path / "scores.onnx", answer="scores").answer == "scores"


def test_a_file_that_answers_otherwise_is_not_kept(
    model: Recommender, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_: object, path: Path, __: object) -> None:
        shutil.copy(written, path)

    monkeypatch.setattr(onnx_file, "_write", write)
    plain = onnx_file._plain_answer

    def shifted(*asked: object) -> np.ndarray:
        return plain(*asked) + 1  # type: ignore[arg-type]

    monkeypatch.setattr(onnx_file, "_plain_answer", shifted)
    with pytest.raises(FormatError, match="answers otherwise than the library, by up to"):
        export_onnx(model, tmp_path / "other.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        torch.onnx.OnnxExporterError("step 1 of 3"),
        ModuleNotFoundError("onnxscript.torch_2_11"),
        None,
    ],
)
def test_a_torch_that_cannot_export_is_told_with_what_to_update(
    error: Exception | None, model: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(*_: object, **__: object) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(torch.onnx, "export", export)
    with pytest.raises(FormatError, match="wrote no ONNX program") as caught:
        export_onnx(model, tmp_path / "none.onnx")
    assert "torch, 2.11 or later" in str(caught.value.fix)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_no_file_holds_is_refused(
    model: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "MAX_BYTES", 10)
    with pytest.raises(FormatError, match="an ONNX file holds 10"):
        export_onnx(model, tmp_path / "large.onnx")


@pytest.mark.parametrize(("window", "answer"), [(2, "scores"), (12, "hidden")])
def test_a_network_that_sees_only_the_past_is_exported_as_well(
    window: int, answer: onnx_file.Answer, tmp_path: Path
) -> None:
    dataset = random_dataset([5] * 6)
    causal = small_recommender(dataset, attention="causal", n_layers=2, max_seq_length=window)
    report = export_onnx(causal, tmp_path / "causal.onnx", answer=answer)
    assert report.largest_difference <= report.tolerance
    assert report.n_sequences > onnx_file.N_RANDOM
    session = onnxruntime.InferenceSession((tmp_path / "causal.onnx").read_bytes())
    for history in ([3], [2, 5, 9][: window - 1]):
        asked = {
            "items": np.array([[*history, causal.vocabulary.mask_idx]]),
            "places": np.array([[len(history)]]),
        }
        expected = causal.scorer.hidden(asked["items"], asked["places"])
        if answer == "scores":
            expected = causal.scorer.network.scores(expected)
        found = session.run([answer], asked)[0]
        np.testing.assert_allclose(found, expected.detach().numpy(), atol=report.tolerance)


def test_an_error_of_the_runtime_is_told_in_one_line(
    model: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "_write", lambda _, path, __: path.write_bytes(b"no model"))
    with pytest.raises(FormatError, match="onnxruntime cannot use the ONNX file"):
        export_onnx(model, tmp_path / "odd.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("window", [2, 3, 12])
def test_a_network_that_sees_only_the_past_is_asked_for_what_follows_a_history(window: int) -> None:
    for items, places in questions(9, window, sees_future=False):
        assert 2 <= items.shape[1] <= window
        assert (places == items.shape[1] - 1).all()
        assert (items[:, -1] == 10).all()
        assert items[:, :-1].max() <= 9


@pytest.mark.parametrize("window", [2, 3, 12])
def test_what_is_compared_are_windows_the_network_may_be_asked_about(window: int) -> None:
    n_sequences = 0
    for items, places in questions(9, window, sees_future=True):
        assert items.min() >= 0
        assert items.max() <= 10
        assert items.shape[1] <= window
        assert (np.take_along_axis(items, places, axis=1) == 10).all()
        # Padding is on the left alone.
        is_real = items > 0
        assert (np.diff(is_real.astype(int), axis=1) >= 0).all()
        n_sequences += len(items)
    assert n_sequences > 70


def test_the_exporter_leaves_the_network_as_it_was(model: Recommender, written: Path) -> None:
    del written
    assert not model.scorer.network.training
    assert torch.isfinite(model.scorer.item_vectors()).all()
