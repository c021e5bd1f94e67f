"""Parquet of any column type gives the histories that CSV of the same data gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.prepare import PrepareSettings, prepare

N_ROWS = 60
USERS = [str(n * 7 % 5 + 1) for n in range(N_ROWS)]
ITEMS = [str(n * 11 % 7 + 100) for n in range(N_ROWS)]
# Times that the order of the file does not have, some of them equal.
TIMES_S = [1_715_976_900 + (n * 37 % 20) * 90_000 for n in range(N_ROWS)]
MOMENTS = [datetime.fromtimestamp(time_s, UTC) for time_s in TIMES_S]
NAIVE = [moment.replace(tzinfo=None) for moment in MOMENTS]
WHOLE = PrepareSettings(min_sequence_length=1, drop_duplicates=False)

ID_TYPES = {
    "text": pa.string(),
    "large text": pa.large_string(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
    "dictionary of large text": pa.dictionary(pa.int8(), pa.large_string()),
    "bytes": pa.binary(),
    **{
        f"{sign}int{bits}": pa.type_for_alias(f"{sign}int{bits}")
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
    "float32": pa.float32(),
    "float64": pa.float64(),
    "decimal": pa.decimal128(12, 0),
    "decimal with places": pa.decimal128(12, 2),
    "wide decimal": pa.decimal128(38, 0),
}
UNITS = ("s", "ms", "us", "ns")
TIME_TYPES = {
    **{f"{unit} without a zone": pa.timestamp(unit) for unit in UNITS},
    **{f"{unit} in UTC": pa.timestamp(unit, tz="UTC") for unit in UNITS},
    **{f"{unit} in Tokyo": pa.timestamp(unit, tz="Asia/Tokyo") for unit in UNITS},
}
EPOCHS = {
    "Unix seconds": 1,
    "Unix milliseconds": 10**3,
    "Unix microseconds": 10**6,
    "Unix nanoseconds": 10**9,
}


def ids(texts: list[str], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(texts, kind.value_type).dictionary_encode().cast(kind)
    if pa.types.is_binary(kind):
        return pa.array([text.encode() for text in texts], kind)
    if pa.types.is_decimal(kind):
        return pa.array([Decimal(text) for text in texts], kind)
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return pa.array(texts if is_text else [int(text) for text in texts], kind)


def prepared(folder: Path, table: pa.Table) -> SequenceDataset:
    pq.write_table(table, folder / "log.parquet")
    return prepare(folder / "log.parquet", workspace=folder / "w", settings=WHOLE)


def of_csv(folder: Path, times: list[object]) -> SequenceDataset:
    rows = zip(USERS, ITEMS, times, strict=True)
    text = "user,item,time\n" + "".join(f"{u},{i},{t}\n" for u, i, t in rows)
    (folder / "log.csv").write_text(text)
    return prepare(folder / "log.csv", workspace=folder / "w", settings=WHOLE)


def table_of(**columns: pa.Array) -> pa.Table:
    plain = {"user": pa.array(USERS), "item": pa.array(ITEMS), "time": pa.array(TIMES_S)}
    return pa.table(plain | columns)


def histories(dataset: SequenceDataset) -> list[tuple[str, list[str], list[float]]]:
    assert dataset.times_s is not None
    found = []
    for user in range(dataset.n_users):
        names = [dataset.vocabulary.item_id(item) for item in dataset.history(user)]
        start, end = dataset.offsets[user : user + 2]
        found.append((dataset.user_id(user), names, dataset.times_s[start:end].tolist()))
    return found


@pytest.mark.parametrize("name", ID_TYPES)
def test_ids_of_any_type_are_those_of_the_text(name: str, tmp_path: Path):
    kind = ID_TYPES[name]
    found = prepared(tmp_path, table_of(user=ids(USERS, kind), item=ids(ITEMS, kind)))
    assert histories(found) == histories(of_csv(tmp_path, TIMES_S))
    assert found.manifest["report"]["rejected"] == 0


@pytest.mark.parametrize("name", TIME_TYPES)
def test_moments_of_any_unit_and_zone_are_those_of_the_text(name: str, tmp_path: Path):
    kind = TIME_TYPES[name]
    moments = pa.array(MOMENTS if kind.tz else NAIVE, kind)
    found = prepared(tmp_path, table_of(time=moments))
    assert histories(found) == histories(of_csv(tmp_path, NAIVE))
    assert found.manifest["time_reason"].startswith("the column has a time type")


@pytest.mark.parametrize("unit", UNITS)
def test_fractions_of_a_second_are_kept_as_far_as_the_unit_goes(unit: str, tmp_path: Path):
    moments = [moment + timedelta(milliseconds=n) for n, moment in enumerate(NAIVE)]
    array = pa.array(moments, pa.timestamp("us")).cast(pa.timestamp(unit), safe=False)
    kept = NAIVE if unit == "s" else moments
    found = prepared(tmp_path, table_of(time=array))
    for mine, theirs in zip(histories(found), histories(of_csv(tmp_path, kept)), strict=True):
        assert mine[:2] == theirs[:2]
        assert mine[2] == pytest.approx(theirs[2], abs=1e-6)


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()], ids=str)
def test_days_are_those_of_the_text(kind: pa.DataType, tmp_path: Path):
    days = [moment.date() for moment in NAIVE]
    found = prepared(tmp_path, table_of(time=pa.array(days, kind)))
    assert histories(found) == histories(of_csv(tmp_path, days))
    assert "time type" in found.manifest["time_reason"]


@pytest.mark.parametrize(
    "kind", [pa.int64(), pa.uint64(), pa.float64(), pa.decimal128(24, 3)], ids=str
)
@pytest.mark.parametrize("unit", EPOCHS)
def test_numbers_are_moments_by_their_size_whatever_their_type(
    unit: str, kind: pa.DataType, tmp_path: Path
):
    numbers = [time_s * EPOCHS[unit] for time_s in TIMES_S]
    kinds = {pa.float64(): float, pa.decimal128(24, 3): Decimal}
    values = [kinds.get(kind, int)(number) for number in numbers]
    found = prepared(tmp_path, table_of(time=pa.array(values, kind)))
    assert histories(found) == histories(of_csv(tmp_path, TIMES_S))
    assert unit in found.manifest["time_reason"]


@pytest.mark.parametrize("name", ["text", "dictionary"])
def test_dates_in_columns_of_text_are_read_as_in_csv(name: str, tmp_path: Path):
    texts = [moment.isoformat() for moment in MOMENTS]
    found = prepared(tmp_path, table_of(time=ids(texts, ID_TYPES[name])))
    assert histories(found) == histories(of_csv(tmp_path, texts))
    assert "ISO 8601" in found.manifest["time_reason"]


def test_missing_moments_are_rejected_and_not_the_year_1970(tmp_path: Path):
    gaps = [None if n % 4 == 0 else moment for n, moment in enumerate(NAIVE)]
    found = prepared(tmp_path, table_of(time=pa.array(gaps, pa.timestamp("ms"))))
    assert found.manifest["report"]["rejected"] == 15
    assert {reject["reason"] for reject in found.manifest["rejects"]} == {"no readable time"}
