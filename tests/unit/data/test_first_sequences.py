from __future__ import annotations

from pathlib import Path

from bert4rec.data.first_sequences import FirstSequence, first_sequences
from bert4rec.data.prepare import PrepareSettings, prepare
from bert4rec.data.roles import Roles
from bert4rec.data.source import open_source

LOG = "who,what,when\n" + "a,x,10\nb,y,9\n,z,3\na,w,9\nb,z,8\na,x,10\nc,,1\nc,x,2\nd,y,1\n"
ROLES = Roles("who", "what", "when")


def written(folder: Path, text: str) -> Path:
    path = folder / "log.csv"
    path.write_text(text)
    return path


def test_the_first_histories_are_those_of_whom_the_first_lines_name_most(tmp_path: Path):
    layout = open_source(written(tmp_path, LOG)).layout
    assert first_sequences(layout, ROLES) == [
        FirstSequence("a", ("w", "x", "x")),
        FirstSequence("b", ("z", "y")),
        FirstSequence("c", ("x",)),
    ]


def test_dates_order_a_history_and_lines_do_without_them(tmp_path: Path):
    text = "who,what,when\na,x,2024-05-02\na,y,2024-05-01\nb,x,2024-05-01\n"
    layout = open_source(written(tmp_path, text)).layout
    assert first_sequences(layout, ROLES, 1) == [FirstSequence("a", ("y", "x"))]
    assert first_sequences(layout, Roles("who", "what"), 1) == [FirstSequence("a", ("x", "y"))]


def test_what_is_promised_is_what_is_prepared(tmp_path: Path):
    path = written(tmp_path, LOG)
    wanted = PrepareSettings(min_sequence_length=1, drop_duplicates=False)
    dataset = prepare(path, roles=ROLES, workspace=tmp_path / "w", settings=wanted)
    for sequence in first_sequences(open_source(path).layout, ROLES):
        history = dataset.history(dataset.user_idx(sequence.user_id))
        assert tuple(dataset.vocabulary.item_id(idx) for idx in history) == sequence.item_ids
