from __future__ import annotations

import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import bert4rec
from bert4rec.bulk.vectors import Wanted, write_vectors
from bert4rec.bundle import reading, vocabulary_file
from bert4rec.bundle.model_card import code, model_card
from bert4rec.bundle.reading import MANIFEST, VOCABULARY, WEIGHTS, load_bundle, sha256
from bert4rec.bundle.vocabulary_file import read_vocabulary, write_vocabulary
from bert4rec.bundle.writing import export_bundle, lacking
from bert4rec.cli import main
from bert4rec.cli.bulk import Asked
from bert4rec.composer.outline import Dials
from bert4rec.composer.reasons import find_reasons
from bert4rec.composer.taste import Taste
from bert4rec.data.collection import rename_dataset
from bert4rec.data.item_cells import texts_of
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import (
    Bert4RecError,
    FormatError,
    NotFoundError,
    RunError,
    UnknownIdError,
    UnwritableError,
)
from bert4rec.json_files import read_json, write_json
from bert4rec.loaded_model import load_model
from bert4rec.pipeline import train
from bert4rec.recommender import Recommender
from bert4rec.runs.checkpoints import load_checkpoint, save_checkpoint
from bert4rec.runs.folder import Run
from tests.divided import alike, keep
from tests.factories import SHELF, copied, ring_dataset, small_settings

# How often each book of the shelf trained.
COUNTS = np.arange(len(SHELF))


@pytest.fixture(scope="module")
def packed(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "ring.zip"
    export_bundle(tiny_run, path)
    return path


@pytest.fixture
def folder(packed: Path, tmp_path: Path) -> Path:
    """The bundle unpacked, to be damaged."""
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "ring")
    return tmp_path / "ring"


def seal(folder: Path, **changes: Any) -> Path:
    """Write the hashes again, as somebody would who changed the files on purpose."""
    manifest = json.loads((folder / MANIFEST).read_text())
    for name in manifest["files"]:
        manifest["files"][name]["sha256"] = sha256(folder / name)
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))
    return folder


def test_a_bundle_answers_as_the_run_does_without_the_dataset(
    packed: Path, folder: Path, tiny_run: Run
) -> None:
    original = bert4rec.load(tiny_run)
    for opened in (bert4rec.load(packed), bert4rec.load(str(folder)), load_bundle(packed)):
        assert isinstance(opened, Recommender)
        assert opened.recommend(["1", "2"], 5) == original.recommend(["1", "2"], 5)
        assert opened.fill(["1", None, "3"], 5) == original.fill(["1", None, "3"], 5)
        np.testing.assert_array_equal(opened.score(["4"], ["5"]), original.score(["4"], ["5"]))
        np.testing.assert_array_equal(opened.item_embeddings(), original.item_embeddings())
        assert opened.removes_seen == original.removes_seen
        assert opened.run is not None
        assert (opened.run.id, opened.run.name) == (tiny_run.id, tiny_run.name)
        assert opened.run.policy() == tiny_run.policy()
        with pytest.raises(UnknownIdError, match=r"bundle, which has none.*Give the items"):
            opened.user_embeddings(["0"])


def test_a_bundle_knows_how_often_each_item_trained(folder: Path, tiny_run: Run) -> None:
    original, items = load_model(tiny_run), [1, 2, 3, 4, 5]
    (told,) = find_reasons(original, items, [2])
    opened = bert4rec.load(folder)
    assert opened.training.counts.tolist() == original.training.counts.tolist()
    assert find_reasons(opened, items, [2])[0].log_share == told.log_share
    novel = [Taste(one, Dials(novelty=1.0), 5).log_shares for one in (opened, original)]
    np.testing.assert_array_equal(*novel)
    # One of before these counts goes by all interactions, as it did.
    document = read_json(folder / VOCABULARY)
    del document["training_counts"]
    write_json(folder / VOCABULARY, document)
    old = bert4rec.load(seal(folder))
    counts = original.vocabulary.counts
    shares = old.training.log_shares(np.arange(1, len(counts) + 1))
    assert shares == pytest.approx(np.log2(counts / counts.sum()))
    assert find_reasons(old, items, [2])[0].log_share != told.log_share


@pytest.mark.parametrize("counts", [3, [1], [1, -1], [1, 2.5], [1, True], [1, 10**40]])
def test_training_counts_of_another_shape_are_refused(counts: Any, tmp_path: Path) -> None:
    columns = {"item_id": ["a", "b"], "title": ["A", "B"], "count": [1, 1]}
    document = {"columns": columns, "training_counts": counts}
    (tmp_path / VOCABULARY).write_text(json.dumps(document))
    with pytest.raises(FormatError, match="training_counts"):
        read_vocabulary(tmp_path / VOCABULARY)


def test_a_bundle_is_written_where_a_text_says(tiny_run: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "model.zip")
    assert set(export_bundle(tiny_run, path)) == set(zipfile.ZipFile(path).namelist())


def test_a_home_folder_may_be_short_for_where_a_bundle_is(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(packed.parent))
    monkeypatch.setenv("USERPROFILE", str(packed.parent))
    result = CliRunner().invoke(main, ["recommend", f"~/{packed.name}", "--items", "1"])
    assert result.exit_code == 0, result.output


def test_load_still_opens_runs(tiny_run: Run) -> None:
    by_path = bert4rec.load(tiny_run.folder)
    assert by_path.recommend(["1"]) == bert4rec.load(tiny_run).recommend(["1"])


def test_commands_take_a_bundle_in_place_of_a_run(packed: Path, tmp_path: Path) -> None:
    def run(*words: object) -> Any:
        result = CliRunner().invoke(
            main, [*map(str, words), "--json", "--workspace", str(tmp_path)]
        )
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    (tmp_path / "pairs.csv").write_text('sequence,item_id\n"1,2",3\n')
    assert run("recommend", packed, "--items", "1,2", "-k", "2")["recommendations"]
    assert run("fill", packed, "--items", "1,_,3")["gaps"]
    assert run("compose", packed, "--items", "1,_,_,4")["places"]
    assert run("score", packed, "--pairs", tmp_path / "pairs.csv")["n_unknown"] == 0
    assert run("embed", packed, "--out", tmp_path / "v.parquet")["n_items"] == 30


def test_vectors_of_users_are_not_to_be_had_from_a_bundle(packed: Path, tmp_path: Path) -> None:
    out = tmp_path / "v.parquet"
    with pytest.raises(NotFoundError, match="there are no users in tiny"):
        write_vectors(load_bundle(packed), out, Wanted(users=True))
    assert not out.exists()


def test_what_the_policy_is_for_comes_along(workspace: Path, tmp_path: Path) -> None:
    settings = small_settings(n_epochs=1)
    run = train(ring_dataset(n_users=30), settings, workspace=workspace, policy="embedding_policy")
    files = export_bundle(run, tmp_path / "vectors.zip")
    assert set(files) == set(reading.MAX_BYTES)
    opened = load_bundle(tmp_path / "vectors.zip")
    assert Asked(False, False, None, False, False, None).wanted(opened) == Wanted()
    assert opened.run is not None
    assert opened.run.policy() == run.policy()
    run.set_status(state="running")
    with pytest.raises(RunError, match="still active"):
        export_bundle(run, tmp_path / "again.zip")
    assert not (tmp_path / "again.zip").exists()


def test_the_settings_of_a_bundle_are_those_that_trained(workspace: Path, tmp_path: Path) -> None:
    settings = small_settings(n_epochs=1, dropout_rate=0.1)
    run = train(ring_dataset(n_users=30), settings, workspace=workspace)
    export_bundle(run, tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as packed:
        told = json.loads(packed.read("settings.json"))
    assert (told["dropout_rate"], told["hidden_dropout_prob"]) == (0.1, 0.1)
    opened = load_bundle(tmp_path / "model.zip")
    assert opened.run is not None
    assert opened.run.settings.in_effect() == settings.in_effect()
    assert opened.run.settings.given() == settings.given()


def test_the_vocabulary_keeps_what_is_known_of_the_items(tmp_path: Path) -> None:
    table = SHELF.assign(
        published=np.array(["2001-02-03"] * len(SHELF), dtype="datetime64[s]"),
        tags=[["a", "b"]] * len(SHELF),
        score=[1.5, float("nan")] * 5,
    )
    write_vocabulary(Vocabulary(table, ["series"]), tmp_path / VOCABULARY, COUNTS)
    again = read_vocabulary(tmp_path / VOCABULARY).vocabulary
    assert again.token_lists == {"series"}
    assert again.item_ids == list(SHELF["item_id"])
    assert again.counts.tolist() == list(SHELF["count"])
    assert again.table["tags"].iloc[0] == ["a", "b"]
    assert str(again.table["published"][0]).startswith("2001-02-03")
    known = again.table["series"].notna() == SHELF["series"].notna()
    assert known.all()


@pytest.mark.parametrize("number", [7, 2**60, -(2**63)])
def test_whole_numbers_beside_a_gap_stay_apart_and_whole(number: int, tmp_path: Path) -> None:
    numbers = pd.array([number, number + 1, None, number, None] * 2, dtype="Int64")
    vocabulary = Vocabulary(SHELF.assign(number=numbers))
    write_vocabulary(vocabulary, tmp_path / VOCABULARY, COUNTS)
    again = read_vocabulary(tmp_path / VOCABULARY).vocabulary
    assert texts_of(again, "number") == texts_of(vocabulary, "number")
    assert again.table["number"].dtype == "Int64"


def test_large_whole_numbers_without_a_sign_stay_apart_beside_a_gap(tmp_path: Path) -> None:
    numbers = pd.array([2**64 - 1, 2**64 - 2, None, 1, None] * 2, dtype="UInt64")
    vocabulary = Vocabulary(SHELF.assign(number=numbers))
    write_vocabulary(vocabulary, tmp_path / VOCABULARY, COUNTS)
    again = read_vocabulary(tmp_path / VOCABULARY).vocabulary
    assert texts_of(again, "number") == texts_of(vocabulary, "number")


def test_numbers_of_more_than_64_bits_are_read(tmp_path: Path) -> None:
    columns = {"item_id": ["a", "b"], "title": ["A", "B"], "count": [1, 1], "more": [2**70, None]}
    (tmp_path / VOCABULARY).write_text(json.dumps({"columns": columns}))
    assert read_vocabulary(tmp_path / VOCABULARY).vocabulary.table["more"].isna().tolist() == [
        False,
        True,
    ]


def test_lists_of_lists_become_lists_of_texts(tmp_path: Path) -> None:
    nested = [np.array([np.array([1, 2]), np.array([3])], dtype=object), [["a", None], "b"]]
    table = SHELF.assign(points=nested * 5)
    write_vocabulary(Vocabulary(table), tmp_path / VOCABULARY, COUNTS)
    again = read_vocabulary(tmp_path / VOCABULARY).vocabulary.table["points"]
    assert again.tolist()[:2] == [["[1, 2]", "[3]"], ["['a', None]", "b"]]


def test_columns_are_written_as_cell_by_cell(tmp_path: Path) -> None:
    """What is taken over all at once is what each cell alone would be."""
    table = SHELF.assign(
        whole=range(10),
        small=np.arange(10, dtype="int8"),
        truth=[True, False] * 5,
        fraction=[0.1, float("inf"), -0.0, float("nan"), 1e300] * 2,
        narrow=np.array([0.1] * 10, dtype="float32"),
        gap=pd.array([1, None] * 5, dtype="Int64"),
        mixed=[1, "a", None, 2.5, True, ["x", 1], b"y", pd.NaT, np.int64(3), 2**70],
        text=pd.array(["a", None] * 5, dtype="string"),
        moment=pd.to_datetime(["2001-02-03", None] * 5),
        label=pd.Categorical(["a", "b"] * 5),
    )
    write_vocabulary(Vocabulary(table), tmp_path / VOCABULARY, COUNTS)
    columns = read_json(tmp_path / VOCABULARY)["columns"]
    assert columns.keys() == {*table.columns}
    for name in set(columns) - {"item_id", "title", "count"}:
        assert columns[name] == [vocabulary_file._plain_cell(cell) for cell in table[name]], name
    assert [type(cell) for cell in columns["mixed"]][:5] == [int, str, type(None), float, bool]


def test_an_item_table_of_hundreds_of_columns_goes_along(workspace: Path, tmp_path: Path) -> None:
    made = ring_dataset(n_users=30)
    more = {f"column {at}": range(30) for at in range(300)}
    table = pd.concat([made.vocabulary.table, pd.DataFrame(more)], axis=1)
    dataset = replace(made, vocabulary=Vocabulary(table))
    run = train(dataset, small_settings(n_epochs=1), workspace=workspace)
    export_bundle(run, tmp_path / "wide.zip")
    found = load_bundle(tmp_path / "wide.zip").vocabulary.table
    assert found["column 299"].tolist() == list(range(30))


def test_what_could_not_be_opened_again_is_not_written(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(reading.MAX_BYTES, VOCABULARY, 100)
    with pytest.raises(FormatError, match=r"vocabulary\.json: it is larger .*item table"):
        export_bundle(tiny_run, tmp_path / "large.zip")
    assert not (tmp_path / "large.zip").exists()


def test_an_export_reads_the_weights_once(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(*_: object, **__: object) -> None:
        raise AssertionError

    told: list[float] = []
    with monkeypatch.context() as patch:
        patch.setattr(reading, "load_checkpoint", again)
        export_bundle(
            tiny_run, tmp_path / "model.zip", watch=lambda doing, share: told.append(share)
        )
    assert told == sorted(told)
    assert bert4rec.load(tmp_path / "model.zip").run is not None


def test_weights_that_are_no_numbers_are_not_exported(tiny_run: Run, tmp_path: Path) -> None:
    run = Run(shutil.copytree(tiny_run.workspace, tmp_path / "ws") / "runs" / tiny_run.folder.name)
    tensors, plain = load_checkpoint(run.checkpoint("best"))
    tensors["network.items.weight"][3, 0] = torch.nan
    save_checkpoint(run.checkpoint("best"), tensors, plain)
    with pytest.raises(FormatError, match=r"items\.weight holds what is no number"):
        export_bundle(run, tmp_path / "model.zip")
    assert not (tmp_path / "model.zip").exists()


def test_a_bundle_for_which_there_is_no_room_is_told_and_nothing_stays(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: (os error 28)")

    monkeypatch.setattr("bert4rec.runs.checkpoints.save_file", full)
    with pytest.raises(UnwritableError, match=r"cannot be written: No space left"):
        export_bundle(tiny_run, tmp_path / "model.zip")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "columns",
    [
        None,
        {"item_id": ["a"], "title": ["A"]},
        {"item_id": ["a", "a"], "title": ["A", "B"], "count": [1, 1]},
        {"item_id": ["a", "b"], "title": ["A"], "count": [1, 1]},
        {"item_id": ["a"], "title": [1], "count": [1]},
        {"item_id": ["a"], "title": ["A"], "count": [-1]},
        {"item_id": ["a"], "title": ["A"], "count": [True]},
        {"item_id": ["a"], "title": ["A"], "count": [10**40]},
        {"item_id": [], "title": [], "count": []},
        {"item_id": ["a"], "title": ["A"], "count": [1], "more": [{"b": 1}]},
        {"item_id": ["a"], "title": ["A"], "count": [1], "more": [[[1]]]},
        {"item_id": ["a"], "title": ["\ud800"], "count": [1]},
    ],
)
def test_a_vocabulary_of_another_shape_is_refused(columns: Any, tmp_path: Path) -> None:
    (tmp_path / VOCABULARY).write_text(json.dumps({"columns": columns}))
    with pytest.raises(FormatError):
        read_vocabulary(tmp_path / VOCABULARY)


@pytest.mark.parametrize("token_lists", ["genre", [1], {"genre": 1}, None])
def test_a_vocabulary_with_lists_of_no_column_is_refused(token_lists: Any, tmp_path: Path) -> None:
    columns = {"item_id": ["a"], "title": ["A"], "count": [1]}
    document = {"columns": columns, "token_lists": token_lists}
    (tmp_path / VOCABULARY).write_text(json.dumps(document))
    with pytest.raises(FormatError, match="token_lists"):
        read_vocabulary(tmp_path / VOCABULARY)


def cut(folder: Path) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-8])


def tamper(folder: Path) -> None:
    path = folder / WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def lose(folder: Path) -> None:
    (folder / "settings.json").unlink()


def other_shape(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    weights["network.items.weight"] = weights["network.items.weight"][:-1].clone()
    save_file(weights, folder / WEIGHTS)
    seal(folder)


def other_numbers(folder: Path) -> None:
    weights = {key: one.double() for key, one in load_file(folder / WEIGHTS).items()}
    save_file(weights, folder / WEIGHTS)
    seal(folder)


def no_numbers(folder: Path) -> None:
    path = folder / WEIGHTS
    content = path.read_bytes()
    path.write_bytes(content[:-4] + np.float32(np.nan).tobytes())
    seal(folder)


def pickled(folder: Path) -> None:
    torch.save({"a": torch.zeros(1)}, folder / WEIGHTS)
    seal(folder)


def newer(folder: Path) -> None:
    seal(folder, format_version=99)


def foreign(folder: Path) -> None:
    (folder / MANIFEST).write_text('{"kind": "another model"}')


def no_document(folder: Path) -> None:
    (folder / MANIFEST).write_bytes(b"\xff\x00{")


def deep(folder: Path) -> None:
    (folder / MANIFEST).write_text("[" * 100_000)


def fewer_items(folder: Path) -> None:
    document = json.loads((folder / VOCABULARY).read_text())
    document["columns"] = {name: column[:-1] for name, column in document["columns"].items()}
    document["training_counts"].pop()
    (folder / VOCABULARY).write_text(json.dumps(document))
    seal(folder)


def strange_setting(folder: Path) -> None:
    settings = json.loads((folder / "settings.json").read_text())
    (folder / "settings.json").write_text(json.dumps(settings | {"hidden_size": "many"}))
    seal(folder)


def another_width(folder: Path) -> None:
    settings = json.loads((folder / "settings.json").read_text())
    (folder / "settings.json").write_text(json.dumps(settings | {"hidden_size": 64}))
    seal(folder)


def no_policy(folder: Path) -> None:
    (folder / "policy.yaml").write_text("!!python/object/apply:os.system ['true']")
    seal(folder)


DAMAGE: dict[Callable[[Path], None], str] = {
    cut: "weights.safetensors: it is not the file that was exported",
    tamper: "weights.safetensors: it is not the file that was exported",
    lose: "settings.json: it is missing",
    other_shape: "weights.safetensors: network.items.weight is not that of the network",
    other_numbers: "weights.safetensors: its numbers are not 32-bit floats",
    no_numbers: "holds what is no number",
    pickled: "weights.safetensors: it cannot be read",
    newer: "bundle.json: format version 99",
    foreign: "bundle.json: it is not that of a bundle",
    no_document: "bundle.json: ",
    deep: "bundle.json: ",
    fewer_items: "vocabulary.json: it has 29 items, not 30",
    strange_setting: "settings.json: hidden_size",
    another_width: "is not that of the network",
    no_policy: "policy.yaml: this is not valid YAML",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("is_packed", [True, False])
def test_a_damaged_bundle_is_refused_in_one_line(
    damage: Callable[[Path], None], is_packed: bool, folder: Path, tmp_path: Path
) -> None:
    damage(folder)
    path = folder
    if is_packed:
        path = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", folder))
        entries = sorted(file.name for file in folder.iterdir())
        with zipfile.ZipFile(path, "w") as archive:
            for name in entries:
                archive.write(folder / name, name)
    with pytest.raises(FormatError) as caught:
        bert4rec.load(path)
    expected = "it holds no settings.json" if damage is lose and is_packed else DAMAGE[damage]
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("name", ["../escaped.json", "/tmp/escaped.json", "a\\b", "weights.pkl"])
def test_a_strange_name_in_a_zip_file_is_refused(name: str, packed: Path, tmp_path: Path) -> None:
    path = tmp_path / "strange.zip"
    shutil.copy(packed, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(FormatError, match="it holds"):
        bert4rec.load(path)
    assert [file.name for file in tmp_path.iterdir()] == ["strange.zip"]


def test_a_bomb_and_a_link_are_refused(folder: Path, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.writestr(file.name, bytes(2**24) if file.name == WEIGHTS else file.read_bytes())
    with pytest.raises(FormatError, match="zip bomb"):
        bert4rec.load(bomb)
    link = zipfile.ZipInfo(WEIGHTS)
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        for file in folder.iterdir():
            archive.writestr(link if file.name == WEIGHTS else file.name, b"/etc/passwd")
    with pytest.raises(FormatError, match="it is a link"):
        bert4rec.load(tmp_path / "link.zip")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + bytes(range(64))])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "other.zip").write_bytes(content)
    with pytest.raises(FormatError, match="not a sound bundle"):
        bert4rec.load(tmp_path / "other.zip")


def test_a_run_as_a_zip_file_is_no_bundle(tiny_run: Run, tmp_path: Path) -> None:
    from bert4rec.runs.archive import export_run, import_run

    export_run(tiny_run, tmp_path / "run.zip")
    with pytest.raises(FormatError, match=r"it holds 'config\.json'"):
        bert4rec.load(tmp_path / "run.zip")
    with pytest.raises(NotFoundError):
        load_bundle(tmp_path / "nothing.zip")
    export_bundle(tiny_run, tmp_path / "bundle.zip")
    with pytest.raises(FormatError, match="a model bundle and not a run"):
        import_run(tmp_path, tmp_path / "bundle.zip")


def test_a_bundle_that_was_cut_anywhere_is_refused(packed: Path, tmp_path: Path) -> None:
    content = packed.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.999):
        (tmp_path / "cut.zip").write_bytes(content[: int(share * len(content))])
        with pytest.raises(Bert4RecError):
            bert4rec.load(tmp_path / "cut.zip")


def test_a_bundle_whose_bits_flip_is_refused_or_the_same(
    packed: Path, tmp_path: Path, tiny_run: Run
) -> None:
    chance, content = np.random.default_rng(3), packed.read_bytes()
    expected = load_model(tiny_run).item_embeddings()
    for _ in range(25):
        changed = bytearray(content)
        changed[chance.integers(len(content))] ^= 1 << int(chance.integers(8))
        (tmp_path / "flipped.zip").write_bytes(changed)
        try:
            found = bert4rec.load(tmp_path / "flipped.zip")
        except FormatError:
            continue
        # What no reader looks at, as a date in the list of contents.
        np.testing.assert_array_equal(found.item_embeddings(), expected)


def test_the_card_tells_data_figures_and_limits(tiny_run: Run) -> None:
    card = model_card(tiny_run, tiny_run.dataset(), "1.2.3")
    summary = tiny_run.summary()
    assert summary is not None
    judged = summary["report"]["test"]["bert4rec"]
    low, high = judged["intervals"]["ndcg@10"]
    assert f"{judged['metrics']['ndcg@10']:.4f} ({low:.4f} to {high:.4f})" in card
    for words in ("240 users, 30 items", "popularity", "transitions", "not for", "1.2.3"):
        assert words in card
    assert tiny_run.config()["dataset"]["fingerprint"] in card
    # The ring is learned by heart by transition counts; popularity says nothing of it.
    assert "the intervals, it is " in card
    assert "better than popularity" in card


def test_the_card_tells_scorers_apart_only_where_their_intervals_do_not_meet(
    tiny_run: Run, tmp_path: Path
) -> None:
    run = Run(shutil.copytree(tiny_run.folder, tmp_path / tiny_run.id))
    summary, values = read_json(run.folder / "summary.json"), (0.30, 0.22, 0.1)

    def card(n_users: int) -> str:
        judged = zip(("bert4rec", "transitions", "popularity"), values, strict=True)
        part = {name: told(value, n_users) for name, value in judged}
        write_json(run.folder / "summary.json", summary | {"report": {"test": part}})
        return model_card(run, tiny_run.dataset(), "1.2.3")

    def told(value: float, n_users: int) -> dict[str, Any]:
        found = {"n_rows": 3 * n_users, "n_users": n_users, "metrics": {"ndcg@10": value}}
        return found | {"intervals": {"ndcg@10": [value - 0.05, value + 0.05]}}

    assert "better than popularity; it is not told apart from transitions" in card(200)
    assert "not told apart from transitions and popularity" in card(20)


def test_what_a_run_lacks_for_a_bundle_is_said_before(tiny_run: Run, tmp_path: Path) -> None:
    assert lacking(tiny_run) == ""
    shutil.copytree(tiny_run.folder, tmp_path / "runs" / tiny_run.id)
    moved = Run(tmp_path / "runs" / tiny_run.id)
    assert "dataset" in lacking(moved)
    moved.checkpoint("best").unlink()
    assert "no model" in lacking(moved)
    moved.set_status(state="running")
    assert "not ended" in lacking(moved)


def test_a_bundle_calls_its_data_as_they_are_called_now(tmp_path: Path, workspace: Path) -> None:
    run = train(ring_dataset(n_users=30), small_settings(n_epochs=1), workspace=workspace)
    rename_dataset(workspace, Path(run.config()["dataset"]["folder"]).name, "Ring of thirty")
    export_bundle(run, tmp_path / "ring.zip")
    with zipfile.ZipFile(tmp_path / "ring.zip") as archive:
        manifest = json.loads(archive.read(MANIFEST))
    fingerprint = run.config()["dataset"]["fingerprint"]
    assert manifest["dataset"] == {"name": "Ring of thirty", "fingerprint": fingerprint}


def test_names_mean_nothing_in_the_card(tiny_run: Run, workspace: Path) -> None:
    run = train(ring_dataset(n_users=30), small_settings(n_epochs=1), workspace=workspace)
    from bert4rec.runs.label import rename_run

    rename_run(run.folder, "a` <script>alert(1)</script>")
    card = model_card(run, replace(run.dataset(), manifest={"source": {"name": "x`y"}}), "1")
    assert "`a' <script>alert(1)</script>`" in card
    assert code("\u202ea") == "`\ufffda`"


def test_a_bundle_has_the_temperatures_of_its_run(tiny_run: Run, tmp_path: Path) -> None:
    run = copied(tiny_run, tmp_path / "w")
    keep(run, alike(2.0))
    export_bundle(run, tmp_path / "warm.zip")
    opened, original = bert4rec.load(tmp_path / "warm.zip"), bert4rec.load(run)
    assert opened.recommend(["1", "2"], 5) == original.recommend(["1", "2"], 5)
    plain = load_model(run).recommend(["1", "2"], 5)
    assert opened.recommend(["1", "2"], 1)[0].probability != plain[0].probability


def test_a_bundle_from_before_has_no_temperatures_and_damaged_ones_are_refused(
    folder: Path, tiny_run: Run
) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["temperatures"]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    plain = load_model(tiny_run).recommend(["1", "2"], 5)
    assert bert4rec.load(folder).recommend(["1", "2"], 5) == plain
    with pytest.raises(FormatError, match=r"bundle\.json: its temperatures are damaged"):
        bert4rec.load(seal(folder, temperatures=[{"context": "past"}]))
