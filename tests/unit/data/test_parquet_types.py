"""Parquet of any column type gives the histories that CSV of the same data gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.first_sequences import first_sequences
from bert4rec.data.log import preview_log
from bert4rec.data.prepare import PrepareSettings, prepare
from bert4rec.data.roles import Roles
from bert4rec.errors import LogError

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


def test_ids_that_are_not_a_number_are_missing_ids(tmp_path: Path):
    # As pandas and others write gaps; those of Arrow are none in the statistics of the file either.
    gaps = [float("nan") if n % 10 == 0 else float(text) for n, text in enumerate(USERS)]
    found = prepared(tmp_path, table_of(user=pa.array(gaps)))
    assert "nan" not in set(found.users["user_id"])
    assert found.manifest["report"]["rejected"] == 6


def prepared_parts(folder: Path, *parts: pa.Table, **settings: object) -> SequenceDataset:
    (folder / "parts").mkdir()
    for place, table in enumerate(parts):
        pq.write_table(table, folder / "parts" / f"part-{place}.parquet")
    chosen = WHOLE.model_copy(update=settings)
    return prepare(folder / "parts", workspace=folder / "w", settings=chosen)


def test_values_of_each_part_are_read_with_its_own_type(tmp_path: Path):
    pairs = {"user": [1, 1, 2, 2], "item": [1, 2, 1, 2]}
    whole = pa.table(pairs | {"rating": [4, 5, 4, 3]})
    broken = pa.table(pairs | {"rating": [3.5, 4.5, 4.0, 3.99]})
    assert prepared_parts(tmp_path, whole, broken, min_value=4).n_interactions == 5


@pytest.mark.parametrize("is_float_first", [True, False])
def test_ids_stay_apart_where_one_part_has_floats(is_float_first: bool, tmp_path: Path):
    large = [2**60 + 1, 2**60 + 3, 7, 7]
    parts = [
        pa.table({"user": [7.0, 7.0, 1.5, None], "item": [1, 2, 1, 2]}),
        pa.table({"user": large, "item": [1, 2, 3, 4]}),
    ]
    found = prepared_parts(tmp_path, *(parts if is_float_first else parts[::-1]))
    ids = ["7", "1.5", *map(str, large[:2])]
    assert set(found.users["user_id"]) == set(ids)
    assert len(found.history(found.user_idx("7"))) == 4
    assert found.manifest["report"]["rejected"] == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.int32(), pa.int64()),
        (pa.int64(), pa.uint64()),
        (pa.string(), pa.large_string()),
        (pa.string(), pa.dictionary(pa.int32(), pa.string())),
        (pa.int16(), pa.string()),
        (pa.float64(), pa.decimal128(12, 2)),
    ],
    ids=str,
)
def test_parts_of_different_types_give_the_histories_of_the_text(
    one: pa.DataType, other: pa.DataType, tmp_path: Path
):
    first = table_of(user=ids(USERS, one)).slice(0, 30)
    second = table_of(user=ids(USERS, other)).slice(30)
    found = prepared_parts(tmp_path, first, second)
    assert histories(found) == histories(of_csv(tmp_path, TIMES_S))


def test_parts_whose_moments_have_other_units_and_zones_agree(tmp_path: Path):
    first = table_of(time=pa.array(NAIVE, pa.timestamp("s"))).slice(0, 20)
    second = table_of(time=pa.array(NAIVE, pa.timestamp("us"))).slice(20, 20)
    third = table_of(time=pa.array(MOMENTS, pa.timestamp("ms", tz="Asia/Tokyo"))).slice(40)
    found = prepared_parts(tmp_path, first, second, third)
    assert histories(found) == histories(of_csv(tmp_path, NAIVE))


def test_a_part_may_have_nothing_in_a_column(tmp_path: Path):
    pairs = {"user": [1, 1, 2, 2], "item": [1, 2, 1, 2]}
    empty = pa.table(pairs | {"event": pa.nulls(4)})
    told = pa.table(pairs | {"event": ["play", "skip", "play", "play"]})
    assert prepared_parts(tmp_path, empty, told).n_interactions == 8


NESTED = {
    "lists of whole numbers": [[1], [2], [1, 2], None],
    "lists of floats": [[0.5], [0.25], [], None],
    "records": [{"n": 1}, {"n": 2}, None, {"n": 4}],
    "moments in lists": [[NAIVE[0]], [], None, NAIVE[:2]],
}


@pytest.mark.parametrize("column", ["tags", "rating", "timestamps"])
@pytest.mark.parametrize("kind", NESTED)
def test_lists_and_records_are_no_numbers_and_no_times(kind: str, column: str, tmp_path: Path):
    pairs = {"user": [1, 1, 2, 2], "item": [1, 2, 1, 2]}
    pq.write_table(pa.table(pairs | {column: NESTED[kind]}), tmp_path / "log.parquet")
    shown = {shown.name: shown.dtype for shown in preview_log(tmp_path / "log.parquet").columns}
    assert shown == {"user": "integer", "item": "integer", column: "text"}


@pytest.mark.parametrize("role", ["user", "item"])
def test_lists_are_no_ids(role: str, tmp_path: Path):
    lists = pa.array([[f"a{n % 3}", "b"] for n in range(N_ROWS)])
    table = table_of(**{role: lists})
    pq.write_table(table, tmp_path / "log.parquet")
    for log in (tmp_path / "log.parquet", table.to_pandas()):
        with pytest.raises(LogError, match=f"'{role}' for the {role} holds lists.*explode"):
            prepare(log, workspace=tmp_path / "w")
    # As the page asks, before anything is prepared.
    preview = preview_log(tmp_path / "log.parquet")
    with pytest.raises(LogError, match=f"'{role}' for the {role} holds lists"):
        first_sequences(preview, Roles(user="user", item="item"))


def test_a_log_with_a_column_of_lists_is_prepared(tmp_path: Path):
    found = prepared(tmp_path, table_of(tags=pa.array([[n] for n in range(N_ROWS)])))
    assert histories(found) == histories(of_csv(tmp_path, TIMES_S))


def write_days(folder: Path, *days: str) -> None:
    for day in days:
        (folder / f"day={day}").mkdir(parents=True)
        columns = {"user": ["u", "v"], "item": [f"i{day[:4]}", "j"]}
        pq.write_table(pa.table(columns), folder / f"day={day}" / "part.parquet")


def test_the_same_files_in_folders_of_other_days_are_another_log(tmp_path: Path):
    write_days(tmp_path / "log", "2023-05-01", "2024-05-01")
    first = prepare(tmp_path / "log", workspace=tmp_path / "w", settings=WHOLE)
    (tmp_path / "log" / "day=2023-05-01").rename(tmp_path / "log" / "day=2025-05-01")
    other = prepare(tmp_path / "log", workspace=tmp_path / "w", settings=WHOLE)
    assert other.fingerprint != first.fingerprint
    assert [other.vocabulary.item_id(item) for item in other.history(0)] == ["i2024", "i2023"]


def test_a_folder_does_not_replace_a_column_of_the_file(tmp_path: Path):
    (tmp_path / "user=alice").mkdir()
    log = tmp_path / "user=alice" / "log.parquet"
    pq.write_table(pa.table({"user": ["u", "v", "u"], "item": ["i", "j", "j"]}), log)
    dataset = prepare(log, workspace=tmp_path / "w", settings=WHOLE)
    assert list(dataset.users["user_id"]) == ["u", "v"]
