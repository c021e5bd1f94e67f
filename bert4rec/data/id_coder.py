"""Raw ids to codes, counted in the order in which the ids first come."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bert4rec.id_columns import AROUND_ID

MISSING = -1
# Ids that are smaller whole numbers are looked up by their number: a table of 128 MB at most.
TABLE_SIZE = 1 << 25
FIRST_TABLE_SIZE = 1 << 12
MOST_DIGITS = 8
ZERO, NINE = ord("0"), ord("9")


class IdCoder:
    """Codes 0, 1, 2, ... for ids, given batch by batch.

    Spaces around an id do not count, and a blank is no id. Whatever else two ids differ by makes
    them two: `7` and `007` are.

    Numbers that are written as `7` is, and are small, are looked up in a table, some ten times as
    fast as texts. From the first batch on that holds another id, all are texts.
    """

    def __init__(self) -> None:
        self._numbers: _NumberCodes | None = _NumberCodes()
        self._texts = pa.array([], pa.string())

    def encode(self, ids: pa.Array) -> np.ndarray:
        """Return the code of each id, int32 of shape (n,); `MISSING` where there is none.

        Args:
            ids: Texts or whole numbers, of shape (n,).
        """
        if self._numbers is not None:
            values = _small_numbers(ids)
            if values is not None:
                return self._encode_numbers(self._numbers, values, ids)
            self._texts = self._numbers.ids()
            self._numbers = None
        return self._encode_texts(ids if pa.types.is_string(ids.type) else ids.cast(pa.string()))

    def ids(self) -> pa.Array:
        """Return the ids in the order of their codes, as texts."""
        return self._texts if self._numbers is None else self._numbers.ids()

    @staticmethod
    def _encode_numbers(numbers: _NumberCodes, values: np.ndarray, ids: pa.Array) -> np.ndarray:
        if not ids.null_count:
            return numbers.encode(values)
        is_given = ids.is_valid().to_numpy(zero_copy_only=False)
        codes = np.full(len(ids), MISSING, dtype=np.int32)
        codes[is_given] = numbers.encode(values[is_given])
        return codes

    def _encode_texts(self, ids: pa.Array) -> np.ndarray:
        found = pc.index_in(ids, value_set=self._texts)
        if found.null_count == 0:
            return _filled(found)
        codes = _filled(found).copy()
        is_unknown = codes == MISSING
        codes[is_unknown] = self._learn(ids.filter(pa.array(is_unknown)))
        return codes

    def _learn(self, ids: pa.Array) -> np.ndarray:
        """Return the codes of ids that are new, blank, or known but for the spaces around them."""
        batch = ids.dictionary_encode()
        given = pc.utf8_trim(batch.dictionary, characters=AROUND_ID)
        # The last one is found by the index -1, which stands for a null.
        code_of = np.full(len(given) + 1, MISSING, dtype=np.int32)
        if pc.any(pc.not_equal(given, batch.dictionary)).as_py():
            # Only what has lost spaces may be known: looking up costs a hash of all known ids.
            code_of[:-1] = _filled(pc.index_in(given, value_set=self._texts))
        new = given.filter(pa.array(code_of[:-1] == MISSING))
        new = new.filter(pc.not_equal(new, "")).unique()
        places = _filled(pc.index_in(given, value_set=new))
        is_new = places != MISSING
        code_of[:-1][is_new] = places[is_new] + len(self._texts)
        if len(new):
            self._texts = pa.concat_arrays([self._texts, new])
        codes: np.ndarray = code_of[_filled(batch.indices)]
        return codes


def _filled(codes: pa.Array) -> np.ndarray:
    filled: np.ndarray = codes.fill_null(MISSING).to_numpy(zero_copy_only=False)
    return filled


class _NumberCodes:
    """Codes of whole numbers from 0 to `TABLE_SIZE`, by a table."""

    def __init__(self) -> None:
        self._code_of = np.full(FIRST_TABLE_SIZE, MISSING, dtype=np.int32)
        self._parts: list[np.ndarray] = []
        self._n = 0

    def encode(self, values: np.ndarray) -> np.ndarray:
        top = int(values.max(initial=0))
        if top >= len(self._code_of):
            grown = np.full(1 << top.bit_length(), MISSING, dtype=np.int32)
            grown[: len(self._code_of)] = self._code_of
            self._code_of = grown
        codes: np.ndarray = self._code_of[values]
        is_new = codes == MISSING
        if is_new.any():
            new = values[is_new]
            places = np.arange(len(new), dtype=np.int32)
            # Of several places of one value the last that is written stays: the first.
            self._code_of[new[::-1]] = places[::-1]
            found = new[self._code_of[new] == places]
            self._code_of[found] = np.arange(self._n, self._n + len(found), dtype=np.int32)
            self._parts.append(found)
            self._n += len(found)
            codes = self._code_of[values]
        return codes

    def ids(self) -> pa.Array:
        values = np.concatenate(self._parts) if self._parts else np.empty(0, dtype=np.int64)
        return pa.array(values, pa.int64()).cast(pa.string())


def _small_numbers(ids: pa.Array) -> np.ndarray | None:
    """Return ids as whole numbers, int64 with 0 for a null; None if one is no small plain one."""
    if pa.types.is_string(ids.type):
        if not _are_plain(ids):
            return None
    elif not pa.types.is_integer(ids.type):
        return None
    ids = ids.cast(pa.int64())
    values: np.ndarray = (ids.fill_null(0) if ids.null_count else ids).to_numpy()
    is_small = len(values) == 0 or (values.min() >= 0 and values.max() < TABLE_SIZE)
    return values if is_small else None


def _are_plain(ids: pa.Array) -> bool:
    """Whether all texts are whole numbers as they would be written out again, of eight digits."""
    _, offsets, data = ids.buffers()
    ends = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    lengths = np.diff(ends)
    n_blank = len(ids) - int(np.count_nonzero(lengths))
    if n_blank != ids.null_count or lengths.max(initial=0) > MOST_DIGITS:
        return False
    if n_blank == len(ids):
        return True
    signs = np.frombuffer(data, np.uint8)
    given = signs[ends[0] : ends[-1]]
    if given.min() < ZERO or given.max() > NINE:
        return False
    # Blanks at the end begin where nothing is left: they are told by their length.
    begins_with_zero = signs.take(ends[:-1], mode="clip") == ZERO
    return not (begins_with_zero & (lengths > 1)).any()
