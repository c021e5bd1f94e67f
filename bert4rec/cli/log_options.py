"""How a log is to be read: the options of the commands that take one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bert4rec.cli.terminal import bundled, refuse_no_name, wrong_use
from bert4rec.errors import FormatError, NotFoundError
from bert4rec.files import expanded, is_file

if TYPE_CHECKING:
    from bert4rec.data.item_table import ItemTable
    from bert4rec.data.prepare import PrepareSettings
    from bert4rec.data.roles import DateOrder, Roles

# As the reader names them; a test holds these equal, because asking it would load it.
LOG_FORMS = (
    "csv",
    "tsv",
    "parquet",
    "jsonl",
    "json",
    "movielens",
    "recbole",
    "pairs",
    "sequences",
    "sessions",
    "triples",
)
DATE_ORDERS = ("day-first", "month-first", "year-first")
NO_COLUMN = "-"
# As the settings of the preparation limit them; a test holds these equal.
MOST_ROWS = 1_000_000_000


@dataclass(frozen=True)
class LogOptions:
    """How a log is to be read, as typed; None where nothing was."""

    items: str | None = None
    items_key: str | None = None
    items_title: str | None = None
    user: str | None = None
    item: str | None = None
    time: str | None = None
    value: str | None = None
    event: str | None = None
    dates: DateOrder | None = None
    form: str | None = None
    min_sequence_length: int | None = None
    max_sequence_length: int | None = None
    min_item_count: int | None = None
    min_value: float | None = None
    keep_event: tuple[str, ...] = ()
    keep_duplicates: bool = False
    recipe: Path | None = None

    def typed(self) -> dict[str, Any]:
        """Return the options that were typed, by name."""
        return {name: value for name, value in vars(self).items() if _is_typed(value)}

    def given(self) -> list[str]:
        """Return the options that were typed, as they are typed."""
        return [f"--{name.replace('_', '-')}" for name in self.typed()]

    def completed(self, log: str) -> LogOptions:
        """Return the options with those of the recipe where nothing was typed.

        Raises:
            NotFoundError: the recipe is not there, or its item table is not beside the log.
            FormatError: it is no recipe, or takes a column that cannot be named here.
        """
        if self.recipe is None:
            return self
        from bert4rec.data.recipe import read_recipe

        recipe = read_recipe(self.recipe)
        roles, settings = asdict(recipe.roles), recipe.settings.model_dump()
        if NO_COLUMN in roles.values():
            raise FormatError(
                f"the recipe takes a column {NO_COLUMN!r}, which would be read as none",
                where=self.recipe.name,
                fix="Give that column of the log another name, and make the recipe anew.",
            )
        # What the recipe leaves out is not guessed anew.
        dates = roles.pop("dates")
        options: dict[str, Any] = {role: column or NO_COLUMN for role, column in roles.items()}
        options["dates"] = dates
        options["form"] = recipe.form
        options["keep_event"] = settings.pop("events") or ()
        options["keep_duplicates"] = not settings.pop("drop_duplicates")
        if recipe.items is not None:
            options |= {"items_key": recipe.items.key, "items_title": recipe.items.title}
            options["items"] = self.items or str(_beside(log, recipe.items.name, self.recipe))
        return LogOptions(**(options | settings | self.typed() | {"recipe": None}))

    def check(self, log: str) -> None:
        """End as wrong use where the options cannot be meant together, or with any log."""
        for name in (log, self.items):
            refuse_no_name(name)
        if self.items is None and (self.items_key or self.items_title):
            wrong_use("--items-key and --items-title need --items")
        if NO_COLUMN in (self.user, self.item):
            wrong_use(f"{NO_COLUMN} is for times, values and events: each log has users and items")

    def settings(self) -> PrepareSettings:
        """Return what is to be left out.

        Raises:
            SettingsError: a value is out of range.
        """
        from bert4rec.data.prepare import parse_prepare_settings

        settings = {
            "min_sequence_length": self.min_sequence_length,
            "max_sequence_length": self.max_sequence_length,
            "min_item_count": self.min_item_count,
            "min_value": self.min_value,
            "events": self.keep_event or None,
            "drop_duplicates": False if self.keep_duplicates else None,
        }
        given = {name: value for name, value in settings.items() if value is not None}
        return parse_prepare_settings(given, where="--min-value")

    def roles(self, log: str) -> Roles | None:
        """Return the columns to take, the missing ones guessed; None if nothing of them was told.

        Raises:
            LogError: user or item is neither named nor certain.
        """
        from bert4rec.data.log import preview_log
        from bert4rec.data.roles import (
            ROLE_NAMES,
            RoleGuess,
            check_roles,
            confirm_roles,
            guess_roles,
        )

        named = {role: column for role, column in self.typed().items() if role in ROLE_NAMES}
        if not named and self.dates is None:
            return None
        columns = preview_log(log, form=self.form).columns
        guesses = guess_roles([c for c in columns if c.name not in named.values()])
        for role, column in named.items():
            guesses[role] = RoleGuess(None if column == NO_COLUMN else column, "named", True)
        roles = confirm_roles(guesses, columns, Path(log).name)
        check_roles(roles, [column.name for column in columns], Path(log).name)
        return replace(roles, dates=self.dates)

    def item_table(self, log: str) -> Path | ItemTable | None:
        """Return the item table, read if its columns were named.

        Raises:
            LogError: it cannot be read, or the log's column of items is not certain.
        """
        if self.items is None:
            return None
        if not (self.items_key or self.items_title):
            return Path(self.items)
        from bert4rec.data.item_table import read_item_table
        from bert4rec.data.log import preview_log

        roles = self.roles(log) or preview_log(log, form=self.form).roles()
        return read_item_table(
            Path(self.items), log_item=roles.item, key=self.items_key, title=self.items_title
        )


def _is_typed(value: Any) -> bool:
    # Nought equals False, and is a smallest value like others.
    return value is not None and value is not False and value != ()


def _beside(log: str, name: str | None, recipe: Path) -> Path:
    """Return the file so called in the folder of the log."""
    if name is None:
        raise NotFoundError(
            "the item table of the recipe came as a frame, not as a file",
            where=recipe.name,
            fix="Write the frame to a file and name it with --items FILE.",
        )
    place = expanded(log)
    found = [path for path in (place / name, place.parent / name) if is_file(path)]
    if not found:
        raise NotFoundError(
            f"the recipe takes titles from {name!r}, which is not beside the log",
            where=recipe.name,
            fix="Name the item table with --items FILE.",
        )
    return found[0]


_column = partial(click.option, metavar="COLUMN")
_number_of_rows = click.IntRange(1, MOST_ROWS)
_OPTIONS = (
    click.option("--items", metavar="FILE", help="Item table with titles and whatever else."),
    _column("--items-key", help="Its column of item ids, where not told by name."),
    _column("--items-title", help="Its column of titles, where not told by name."),
    _column("--user", help="The log's column of users."),
    _column("--item", help="The log's column of items."),
    _column("--time", help=f"The log's column of times; {NO_COLUMN} for none."),
    _column("--value", help=f"The log's column of values; {NO_COLUMN} for none."),
    _column("--event", help=f"The log's column of events; {NO_COLUMN} for none."),
    click.option(
        "--dates",
        type=click.Choice(DATE_ORDERS),
        help="Order of dates that fit several alike, such as 03/04/2024.",
    ),
    click.option("--form", type=click.Choice(LOG_FORMS), help="Form of the log. [default: told]"),
    click.option(
        "--min-sequence-length",
        type=_number_of_rows,
        help="Leave out users with fewer items.  [default: 3]",
    ),
    click.option(
        "--max-sequence-length",
        type=_number_of_rows,
        help="Leave out users with more items.  [default: no limit]",
    ),
    click.option(
        "--min-item-count",
        type=_number_of_rows,
        help="Leave out items that occur less often.  [default: 1]",
    ),
    click.option(
        "--min-value",
        type=float,
        help="Leave out interactions of a smaller value.  [default: no limit]",
    ),
    click.option(
        "--keep-event",
        multiple=True,
        metavar="NAME",
        help="Leave out interactions of other events; may be given several times.",
    ),
    click.option(
        "--recipe",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Do all as in a recipe of datasets recipe; other options go before it.",
    ),
    click.option(
        "--keep-duplicates", is_flag=True, help="Keep rows of the same user, item and time."
    ),
)


log_options = bundled("reading", LogOptions, _OPTIONS)
