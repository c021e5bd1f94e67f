from __future__ import annotations

import io
import struct
from pathlib import Path

import pandas as pd
import pytest

from bert4rec.errors import UnwritableError
from bert4rec.policy import Policy
from bert4rec.runs.curve_files import (
    curve_events,
    curves_csv,
    curves_table,
    event_file_name,
    write_curves,
)
from bert4rec.runs.curves import Curves
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run
from tests.factories import random_dataset, saved_dataset, small_settings


def records_of(content: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        found.append(content[at + 12 : at + 12 + length])
        at += 16 + length
    assert at == len(content)
    return found


def float_of(record: bytes, tag: str) -> float:
    """The number that stands after a tag."""
    at = record.index(tag.encode()) + len(tag) + 1
    value: float = struct.unpack_from("<f", record, at)[0]
    return value


def test_the_table_of_curves_has_each_line_in_the_order_of_steps() -> None:
    curves = Curves(
        train=[{"epoch": 1.0, "step": 2, "loss": 3.0}, {"epoch": 2.0, "step": 4, "loss": 2.0}],
        valid=[{"epoch": 1, "step": 2, "metrics": {"ndcg@10": 0.5}}],
    )
    table = curves_table(curves)
    assert table["step"].tolist() == [2, 2, 4]
    assert table["valid_ndcg@10"].notna().tolist() == [False, True, False]
    assert table["loss"].isna().tolist() == [False, True, False]


def test_without_curves_the_table_has_its_columns_and_no_line() -> None:
    assert curves_table(Curves()).empty
    assert "loss" in curves_table(Curves()).columns


def test_a_table_holds_what_the_journal_tells(tiny_run: Run) -> None:
    curves = Curves()
    curves.update(tiny_run.journal)
    table = pd.read_csv(io.StringIO(curves_csv(tiny_run)))
    assert table["loss"].dropna().tolist() == [row["loss"] for row in curves.train]
    scores = [row["metrics"]["ndcg@10"] for row in curves.valid]
    assert table["valid_ndcg@10"].dropna().tolist() == scores


def test_an_event_file_holds_the_version_the_settings_and_each_line(tiny_run: Run) -> None:
    curves = Curves()
    curves.update(tiny_run.journal)
    version, shown, compared, *events = records_of(curve_events(tiny_run))
    assert version.endswith(b"brain.Event:2")
    assert b"settings/text_summary" in shown
    assert b"| hidden_size | 16 |" in shown
    assert b"_hparams_/session_start_info" in compared
    losses = [float_of(one, "train/loss") for one in events if b"train/loss" in one]
    assert losses == pytest.approx([row["loss"] for row in curves.train], rel=1e-6)
    scores = [float_of(one, "valid/ndcg@10") for one in events if b"valid/ndcg@10" in one]
    assert scores == pytest.approx([row["metrics"]["ndcg@10"] for row in curves.valid], rel=1e-6)
    moments = [struct.unpack_from("<d", one, 1)[0] for one in events]
    assert moments == sorted(moments)


def test_an_event_file_tells_the_dropout_that_trains(workspace: Path) -> None:
    dataset = saved_dataset(workspace, random_dataset([5] * 4))
    run = create_run(workspace, dataset, Policy(settings=small_settings(dropout_rate=0.35)))
    assert b"| hidden_dropout_prob | 0.35 |" in curve_events(run)


@pytest.fixture
def run(workspace: Path) -> Run:
    dataset = saved_dataset(workspace, random_dataset([5, 6]))
    return create_run(workspace, dataset, Policy(settings=small_settings()))


def test_what_is_no_number_is_left_out_and_a_damaged_moment_is_that_before(run: Run) -> None:
    run.journal.append({"event": "train", "step": 1, "loss": 2.0, "at": "some day"})
    run.journal.append({"event": "train", "step": 2, "loss": "high", "at": 3})
    run.journal.append({"event": "train", "step": 3, "loss": 1e300})
    *_, first, second, third = records_of(curve_events(run))
    assert b"train/loss" not in third
    assert float_of(first, "train/loss") == 2.0
    assert b"train/loss" not in second
    assert first[1:9] == second[1:9]


def test_each_run_has_a_folder_of_its_own_for_tensorboard_and_is_replaced(
    run: Run, tmp_path: Path
) -> None:
    first = write_curves(run, "tensorboard", tmp_path / "board")
    run.journal.append({"event": "train", "step": 1, "loss": 2.0})
    second = write_curves(run, "tensorboard", tmp_path / "board")
    assert first == second == tmp_path / "board" / run.id / event_file_name(run)
    assert "tfevents" in first.name
    assert first.read_bytes() == curve_events(run)
    assert [path for path in (tmp_path / "board").rglob("*") if path.is_file()] == [first]


def test_a_run_that_did_not_begin_has_a_table_without_lines(run: Run, tmp_path: Path) -> None:
    written = write_curves(run, "csv", tmp_path / "deep" / "curves.csv")
    assert pd.read_csv(written).empty


def test_a_place_that_cannot_be_written_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError):
        write_curves(run, "tensorboard", tmp_path / "file")
