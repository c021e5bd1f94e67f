from __future__ import annotations

import inspect

import pytest

from bert4rec import errors
from bert4rec.errors import Bert4RecError, LogError, SettingsError, UnknownIdError

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, Bert4RecError) and kind is not Bert4RecError
]


def test_an_error_reads_as_what_where_and_what_to_do() -> None:
    error = LogError("line 3 has two fields", where="log.csv", fix="Add the third.", line=3)
    assert str(error) == "line 3 has two fields (log.csv). Add the third."
    assert (error.message, error.where, error.fix) == (
        "line 3 has two fields",
        "log.csv",
        "Add the third.",
    )
    assert error.details == {"line": 3}


def test_an_error_without_place_and_advice_is_one_sentence() -> None:
    assert str(Bert4RecError("it broke")) == "it broke."


def test_an_unknown_id_reads_as_a_sentence_although_key_errors_quote_themselves() -> None:
    assert str(UnknownIdError("item 'x' is unknown")) == "item 'x' is unknown."


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_is_also_a_builtin_that_a_caller_would_expect(kind: type) -> None:
    builtin = [base for base in kind.__mro__ if base.__module__ == "builtins"]
    assert builtin[0] not in (Exception, BaseException, object)


def test_a_settings_error_keeps_a_line_for_each_problem() -> None:
    error = SettingsError(["a is wrong", "b is too"], where="policy.yaml")
    assert error.problems == ["a is wrong", "b is too"]
    assert str(error) == "a is wrong; b is too (policy.yaml)."
