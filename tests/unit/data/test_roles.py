from __future__ import annotations

import pytest

from bert4rec.data.roles import Column, Roles, check_roles, confirm_roles, dtype_of, guess_roles
from bert4rec.errors import LogError

EXAMPLES = {
    "text": ("a", "b"),
    "integer": ("1", "2"),
    "number": ("3.5", "4"),
    "unix": ("1700000000", "1700000001"),
    "date": ("2024-05-17 20:15:00", "2024-05-18"),
}


def columns(**kinds: str) -> list[Column]:
    return [Column(name, dtype_of(EXAMPLES[kind]), EXAMPLES[kind]) for name, kind in kinds.items()]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("userId", "movieId", "rating", "timestamp"), ("userId", "movieId", "timestamp")),
        (("playlist_id", "track_id", "pos"), ("playlist_id", "track_id", "pos")),
        (("learner_id", "course_id", "created_at"), ("learner_id", "course_id", "created_at")),
        (("customer_id", "product_id", "date"), ("customer_id", "product_id", "date")),
        (("SessionId", "ItemId", "Time"), ("SessionId", "ItemId", "Time")),
        (("uid", "pid", "ts"), ("uid", "pid", "ts")),
        (("user_id", "session_id", "book_id"), ("user_id", "book_id", None)),
    ],
)
def test_usual_names_are_told_without_a_question(names, expected):
    guesses = guess_roles(columns(**dict.fromkeys(names, "integer")))
    assert tuple(guesses[role].column for role in ("user", "item", "time")) == expected
    assert all(guesses[role].is_certain for role in ("user", "item", "time"))
    assert all(guess.reason for guess in guesses.values())


def test_names_that_say_nothing_are_a_question():
    found = columns(a="text", b="text", c="unix")
    guesses = guess_roles(found)
    assert (guesses["user"].column, guesses["user"].is_certain) == ("a", False)
    assert (guesses["item"].column, guesses["item"].is_certain) == ("b", False)
    with pytest.raises(LogError, match="which of them holds the user and the item") as caught:
        confirm_roles(guesses, found, "log.csv")
    assert "--user and --item" in str(caught.value)


def test_a_column_of_one_value_is_not_suggested_for_the_item():
    device = Column("device", "text", ("phone",) * 9)
    found = [Column("a", "text", ("x", "x")), device, Column("b", "text", ("y", "z"))]
    guesses = guess_roles(found)
    assert (guesses["user"].column, guesses["item"].column) == ("a", "b")
    assert guess_roles(found[:2])["item"].column is None


def test_two_weak_names_are_a_question():
    guesses = guess_roles(columns(session="text", playlist="text", item="text"))
    assert not guesses["user"].is_certain


@pytest.mark.parametrize("kind", ["unix", "date"])
def test_the_only_column_of_dates_is_the_time(kind):
    guesses = guess_roles(columns(user="text", item="text", x=kind))
    assert (guesses["time"].column, guesses["time"].is_certain) == ("x", True)


def test_two_columns_of_dates_are_a_question_and_no_silent_file_order():
    found = columns(user="text", item="text", x="date", y="date")
    with pytest.raises(LogError, match="which of them holds the time"):
        confirm_roles(guess_roles(found), found, "log.csv")


def test_without_times_the_order_is_that_of_the_file():
    found = columns(user="text", item="text")
    assert confirm_roles(guess_roles(found), found, "log.csv") == Roles("user", "item")


def test_dates_with_a_few_other_words_are_a_question_and_no_silent_file_order():
    dates = ("2024-05-01", "gestern", "2024-05-03", "")
    columns = [Column("client", "integer"), Column("article", "integer")]
    guesses = guess_roles([*columns, Column("wann", dtype_of(dates), dates)])
    assert guesses["time"].column == "wann"
    assert not guesses["time"].is_certain
    assert "most of 'wann' are dates" in guesses["time"].reason
    numbers = ("20240501", "0", "20240503")
    guess = guess_roles([*columns, Column("wann", dtype_of(numbers), numbers)])["time"]
    assert (guess.column, guess.is_certain) == ("wann", False)
    words = Column("wann", "text", ("soon", "2024-05-01", "late"))
    assert guess_roles([*columns, words])["time"].column is None


WRITTEN = (
    *("17.05.2024 20:15", "5/17/24 8:15 PM", "2024.05.17", "20240517T201500Z", "17-May-2024"),
    *("May 17, 2024", "17 May 2024, 20:15", "17. May 2024", "Fri, 17 May 2024 20:15:00 +0000"),
    *("20240517", "20240517.0", "202405172015", "20240517201500", "Fri May 17 20:15:00 CEST 2024"),
    *("Fri May 17 20:15:00 +0000 2024", "17/May/2024:20:15:00 +0000", "17 May 2024 at 20:15"),
)


@pytest.mark.parametrize("moment", WRITTEN)
def test_dates_are_told_in_every_form_that_is_read_and_no_silent_file_order(moment: str):
    found = [*columns(user="text", item="text"), Column("when", dtype_of([moment]), (moment,))]
    guess = guess_roles(found)["time"]
    assert (guess.column, guess.is_certain) == ("when", True)


@pytest.mark.parametrize("unit", [1_000, 1_000_000, 1_000_000_000])
def test_unix_times_finer_than_seconds_are_a_question_and_no_silent_file_order(unit: int):
    times = tuple(str(1_700_000_000 * unit + n) for n in range(5))
    found = [*columns(user="text", item="text"), Column("x", dtype_of(times), times)]
    guess = guess_roles(found)["time"]
    assert (guess.column, guess.is_certain) == ("x", False)
    assert guess_roles([*found, *columns(y="date")])["time"].column == "y"


@pytest.mark.parametrize(
    "text", ["192.168.1.1", "May Day", "17 Maybe", "1-2-34:x", "12345678", "20241317"]
)
def test_what_looks_a_little_like_a_date_is_none(text: str):
    found = [*columns(user="text", item="text"), Column("when", dtype_of([text]), (text,))]
    assert guess_roles(found)["time"].column is None


def test_a_column_that_is_blank_is_taken_where_no_other_has_a_usual_name():
    found = [*columns(user="text", item="text"), Column("read_at", "text", ("", " "))]
    assert guess_roles(found)["time"].column == "read_at"
    assert guess_roles([*found, *columns(date_added="date")])["time"].column == "date_added"


def test_what_to_do_about_the_user_is_said_by_what_the_log_looks_like():
    for names, expected in (
        (("column1", "column2"), "let the first line name the columns"),
        (("trackName", "msPlayed"), "the log of one person"),
        (("user_id", "item1", "item2"), "frame.melt('user_id').dropna()"),
    ):
        found = columns(**dict.fromkeys(names, "text"))
        with pytest.raises(LogError) as caught:
            confirm_roles(guess_roles(found), found, "log.csv")
        assert expected in caught.value.fix


def test_a_value_must_hold_numbers():
    assert guess_roles(columns(user="text", item="text", score="text"))["value"].column is None
    assert guess_roles(columns(user="text", item="text", score="number"))["value"].column == "score"


def test_small_numbers_called_day_are_a_question_and_dates_are_not():
    days = tuple(str(day) for day in (31, 1, 15, 2))
    found = [*columns(user="text", item="text"), Column("day", "integer", days)]
    guess = guess_roles(found)["time"]
    assert (guess.column, guess.is_certain) == ("day", False)
    assert "days of a month" in guess.reason
    for dates in (("2024-05-17", "2024-05-18"), ("20240517", "20240518")):
        found[2] = Column("day", dtype_of(dates), dates)
        assert guess_roles(found)["time"].is_certain


def test_numbers_of_lines_are_not_suggested_for_user_or_item():
    names = {"Row No.": "1234", "Kunde": "abab", "Artikel": "xxyy"}
    found = [Column(name, dtype_of(cells), tuple(cells)) for name, cells in names.items()]
    guesses = guess_roles(found)
    assert (guesses["user"].column, guesses["item"].column) == ("Kunde", "Artikel")
    assert guess_roles(found[:2])["item"].column == "Row No."


def test_a_time_is_not_suggested_for_the_item_where_the_user_is_certain():
    found = columns(user_id="text", thing="text", moment="unix")
    guesses = guess_roles(found)
    assert [guesses[role].column for role in ("user", "item", "time")] == [c.name for c in found]


def test_columns_that_differ_by_case_only_are_refused():
    with pytest.raises(LogError, match="differ by case only: 'Id', 'id'"):
        check_roles(Roles("Id", "id"), ["Id", "id"], "frame")
