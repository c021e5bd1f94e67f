"""Text logs with all that goes wrong in them: each row is kept or accounted for, and rightly so."""

from __future__ import annotations

import csv
import io
import math
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bert4rec.data.log import Roles
from bert4rec.data.prepare import PrepareSettings, prepare
from bert4rec.errors import DatasetError, LogError

HEADER = ("user_id", "item_id", "timestamp", "rating")
ROLES = Roles(*HEADER)
# Rows enough for ids that are no plain numbers to come after all that tells of the ids' type.
N_PLAIN = 600
Row = tuple[str, ...]
Interaction = tuple[str, str, float, float | None]

NUMBERS = ["1", "2", "10", " 2 ", "-3"]
WORDS = ["a", "B", "b", "ü", "é 1", '5" disc', "x,y\tz;", "two\nlines", "", "  ", "nan", "'q'"]
NEAR_NUMBERS = ["1", "01", "+1", "1.0", "1e3", "9" * 25]
POOLS = [NUMBERS, WORDS, NEAR_NUMBERS, [*NUMBERS, *WORDS, *NEAR_NUMBERS]]
times = st.sampled_from(["1700000000", "1700000001", " 1700000001", "1700000000.5", "1.7e9"])
bad_times = st.sampled_from(["", "  ", "never", "nan", "inf", "1e999", "2024-13-45"])
values = st.sampled_from(["3", "4.5", "5", "-1", "", "many", "nan", "inf", " 4 "])
cells = st.sampled_from(["a", "1", ""])
misfits = st.one_of(
    st.lists(cells, min_size=2, max_size=3).map(tuple),
    st.lists(cells, min_size=5, max_size=6).map(tuple),
    st.just(()),
)


@dataclass(frozen=True)
class TextLog:
    """Rows as they are written: four cells, another number of them, or none (a blank line).

    `n_plain` rows of numbers come before them.
    """

    n_plain: int
    few_rows: tuple[Row, ...]
    delimiter: str
    line_ends: tuple[str, ...]
    quoting: int

    @property
    def rows(self) -> list[Row]:
        """All rows."""
        plain = (
            (str(n % 7), str(n % 11), str(1_700_000_000 + n % 3), "4") for n in range(self.n_plain)
        )
        return [*plain, *self.few_rows]

    def text(self) -> str:
        """The file."""
        lines = []
        for row in (HEADER, *self.rows):
            page = io.StringIO()
            if row:
                writer = csv.writer(
                    page, delimiter=self.delimiter, quoting=self.quoting, lineterminator="\n"
                )
                writer.writerow(row)
            lines.append(page.getvalue().removesuffix("\n"))
        n = len(self.line_ends)
        return "".join(line + self.line_ends[place % n] for place, line in enumerate(lines))


@st.composite
def text_logs(draw: st.DrawFn) -> TextLog:
    # Few ids of a log come often: else there are no histories and nothing is a duplicate.
    users, items = (
        st.sampled_from(draw(st.lists(st.sampled_from(pool), min_size=4, max_size=5, unique=True)))
        for pool in draw(st.tuples(st.sampled_from(POOLS), st.sampled_from(POOLS)))
    )
    good = st.tuples(users, items, times, values)
    rows = draw(st.lists(good, min_size=12, max_size=50))
    bad = st.one_of(st.tuples(users, items, bad_times, values), misfits)
    rows += draw(st.lists(bad, max_size=len(rows) // 4))
    delimiter = draw(st.sampled_from([",", "\t", ";"]))
    # Whether quotes mean anything between tabs is told from the first lines.
    n_plain = 0 if delimiter == "\t" else draw(st.sampled_from([0, 0, 0, N_PLAIN]))
    return TextLog(
        n_plain,
        tuple(draw(st.permutations(rows))),
        delimiter,
        draw(st.sampled_from([("\n",), ("\r\n",), ("\n", "\n", "\r\n")])),
        draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )


wanted_settings = st.builds(
    PrepareSettings,
    drop_duplicates=st.booleans(),
    min_sequence_length=st.integers(1, 3),
    max_sequence_length=st.none() | st.integers(6, 30),
    min_item_count=st.integers(1, 2),
    min_value=st.sampled_from([None, None, 0.0, 4.0]),
)


def number_of(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def value_of(text: str) -> float | None:
    """Return a value as it is staged: below all numbers where something else stands."""
    try:
        float(text)
    except ValueError:
        return -math.inf if text else None
    return number_of(text)


def read_plainly(log: TextLog) -> tuple[Counter[str], list[Interaction]]:
    """Return how many rows were read and rejected, and the others as interactions."""
    rows = [row for row in log.rows if row]
    kept = []
    for row in rows:
        # Delimiters alone after the last field hold nothing that could be misread.
        if len(row) < len(HEADER) or any(row[len(HEADER) :]):
            continue
        user, item, time, value = (cell.strip(" ") for cell in row[: len(HEADER)])
        time_s = number_of(time)
        if user and item and time_s is not None:
            kept.append((user, item, time_s, value_of(value)))
    return Counter(read=len(rows), rejected=len(rows) - len(kept)), kept


def leave_out_plainly(
    kept: list[Interaction], wanted: PrepareSettings
) -> tuple[Counter[str], list[Interaction]]:
    """Return what each step of `wanted` leaves out, and what is left."""
    lost: Counter[str] = Counter()

    def keep(step: str, left: list[Interaction]) -> list[Interaction]:
        lost[step] += len(kept) - len(left)
        return left

    if wanted.min_value is not None:
        least = wanted.min_value
        kept = keep("no number", [row for row in kept if row[3] != -math.inf])
        kept = keep("value", [row for row in kept if row[3] is not None and row[3] >= least])
    if wanted.drop_duplicates:
        first: dict[tuple[str, str, float], Interaction] = {}
        for row in kept:
            first.setdefault(row[:3], row)
        kept = keep("duplicate", list(first.values()))
    if wanted.max_sequence_length is not None:
        n_of = Counter(row[0] for row in kept)
        most = wanted.max_sequence_length
        kept = keep("long", [row for row in kept if n_of[row[0]] <= most])
    n_before = -1
    while n_before != len(kept):
        n_before = len(kept)
        for place, step, least_count in (
            (0, "short", wanted.min_sequence_length),
            (1, "rare", wanted.min_item_count),
        ):
            n_of = Counter(row[place] for row in kept)
            kept = keep(step, [row for row in kept if n_of[row[place]] >= least_count])
    return lost, kept


def histories_of(kept: list[Interaction]) -> dict[str, list[tuple[str, float]]]:
    histories: dict[str, list[tuple[str, float]]] = {row[0]: [] for row in kept}
    for user, item, time_s, _ in sorted(kept, key=lambda row: row[2]):
        histories[user].append((item, time_s))
    return histories


def has_enough(interactions: list[Interaction]) -> bool:
    return all(len({row[place] for row in interactions}) >= 2 for place in (0, 1))


@given(log=text_logs(), wanted=wanted_settings)
@settings(max_examples=80)
def test_every_row_of_a_text_log_is_kept_or_counted_where_it_was_left_out(
    log: TextLog, wanted: PrepareSettings
):
    counts, usable = read_plainly(log)
    lost, kept = leave_out_plainly(usable, wanted)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.csv")
        path.write_bytes(log.text().encode())
        try:
            dataset = prepare(path, roles=ROLES, workspace=Path(folder, "w"), settings=wanted)
        except (LogError, DatasetError):
            is_half_bad = counts["rejected"] * 2 >= counts["read"]
            assert is_half_bad or not (has_enough(usable) and has_enough(kept))
            return
        report = {step["step"]: step["n_rows"] for step in dataset.manifest["report"]["steps"]}
        times_s = [] if dataset.times_s is None else dataset.times_s.tolist()
        found = {}
        for user in range(dataset.n_users):
            names = [dataset.vocabulary.item_id(item) for item in dataset.history(user)]
            start = int(dataset.offsets[user])
            pairs = zip(names, times_s[start : start + len(names)], strict=True)
            found[dataset.user_id(user)] = list(pairs)
    expected = counts + lost + Counter(kept=len(kept))
    assert {step: n for step, n in report.items() if n} == dict(expected)
    assert report["read"] == sum(n for step, n in report.items() if step != "read")
    histories = histories_of(kept)
    assert found == histories
    assert list(found) == list(histories), "users are not in the order of the log"
