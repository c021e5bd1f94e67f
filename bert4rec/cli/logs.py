"""Commands between a log file and a dataset: samples and prepare."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bert4rec.cli.terminal import (
    bundled,
    next_step,
    shared_options,
    show,
    table,
    tell,
    wrong_use,
)
from bert4rec.errors import NotFoundError
from bert4rec.files import is_file, is_there

if TYPE_CHECKING:
    from bert4rec.data.dataset import SequenceDataset
    from bert4rec.data.item_table import ItemTable
    from bert4rec.data.prepare import PrepareSettings
    from bert4rec.data.public_logs import PublicLog
    from bert4rec.data.roles import Roles

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
        nothing = (None, False, ())
        return {name: value for name, value in vars(self).items() if value not in nothing}

    def given(self) -> list[str]:
        """Return the options that were typed, as they are typed."""
        return [f"--{name.replace('_', '-')}" for name in self.typed()]

    def completed(self, log: str) -> LogOptions:
        """Return the options with those of the recipe where nothing was typed.

        Raises:
            NotFoundError: the recipe is not there, or its item table is not beside the log.
            FormatError: it is no recipe.
        """
        if self.recipe is None:
            return self
        from bert4rec.data.recipe import read_recipe

        recipe = read_recipe(self.recipe)
        roles, settings = asdict(recipe.roles), recipe.settings.model_dump()
        # What the recipe leaves out is not guessed anew.
        options: dict[str, Any] = {role: column or NO_COLUMN for role, column in roles.items()}
        options["form"] = recipe.form
        options["keep_event"] = settings.pop("events") or ()
        options["keep_duplicates"] = not settings.pop("drop_duplicates")
        if recipe.items is not None and self.items is None:
            options["items"] = str(_beside(log, recipe.items.name, self.recipe))
            options |= {"items_key": recipe.items.key, "items_title": recipe.items.title}
        return LogOptions(**(options | settings | self.typed() | {"recipe": None}))

    def check(self, log: str) -> None:
        """End as wrong use where the options cannot be meant together, or with any log."""
        if not log or self.items == "":
            wrong_use("the name of a file is empty")
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
        """Return the columns to take, the missing ones guessed; None if none was named.

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
        if not named:
            return None
        columns = preview_log(log, form=self.form).columns
        guesses = guess_roles([c for c in columns if c.name not in named.values()])
        for role, column in named.items():
            guesses[role] = RoleGuess(None if column == NO_COLUMN else column, "named", True)
        roles = confirm_roles(guesses, columns, Path(log).name)
        check_roles(roles, [column.name for column in columns], Path(log).name)
        return roles

    def item_table(self) -> Path | ItemTable | None:
        """Return the item table, read if its columns were named."""
        if self.items is None:
            return None
        if not (self.items_key or self.items_title):
            return Path(self.items)
        from bert4rec.data.item_table import read_item_table

        return read_item_table(Path(self.items), key=self.items_key, title=self.items_title)


def _beside(log: str, name: str, recipe: Path) -> Path:
    """Return the file so called in the folder of the log."""
    place = Path(log).expanduser()
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
    click.option("--form", type=click.Choice(LOG_FORMS), help="Form of the log. [default: told]"),
    click.option(
        "--min-sequence-length", type=_number_of_rows, help="Leave out users with fewer items."
    ),
    click.option(
        "--max-sequence-length", type=_number_of_rows, help="Leave out users with more items."
    ),
    click.option(
        "--min-item-count", type=_number_of_rows, help="Leave out items that occur less often."
    ),
    click.option("--min-value", type=float, help="Leave out interactions of a smaller value."),
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


def read_dataset(
    log: str, reading: LogOptions, workspace: Path, name: str | None = None
) -> SequenceDataset:
    """Prepare a log in the workspace, saying so."""
    from bert4rec.data.prepare import prepare as prepare_log

    reading.check(log)
    reading = reading.completed(log)
    settings = reading.settings()
    tell(f"reading {log}")
    return prepare_log(
        log,
        items=reading.item_table(),
        roles=reading.roles(log),
        form=reading.form,
        name=name,
        workspace=workspace,
        settings=settings,
    )


def find_target(text: str, reading: LogOptions, workspace: Path) -> SequenceDataset:
    """Return what to train on: a path, else a dataset of the workspace, else a sample.

    Raises:
        NotFoundError: it is none of them.
    """
    from bert4rec.data.collection import find_dataset, list_datasets
    from bert4rec.data.dataset import open_dataset
    from bert4rec.data.public_logs import PUBLIC_LOGS
    from bert4rec.data.samples import SAMPLES, prepare_sample

    place = Path(text).expanduser()
    is_dataset = is_file(place / "manifest.json")
    if not is_dataset and (is_there(place) or re.search(r"[*?\[]", text)):
        return read_dataset(text, reading, workspace)
    if reading.given():
        wrong_use(f"{', '.join(reading.given())} can only be given with a log, and {text} is none")
    if is_dataset:
        return open_dataset(place.resolve())
    known = list_datasets(workspace)
    if any(text in (entry.get(k) for k in ("folder", "fingerprint", "name")) for entry in known):
        return find_dataset(workspace, text)
    if text in SAMPLES:
        tell(f"preparing the sample {text}")
        return prepare_sample(text, workspace)
    if text in PUBLIC_LOGS:
        raise NotFoundError(
            f"{text} is a public log that is not prepared here yet",
            where=str(workspace),
            fix=f"Run bert4rec samples {text} first, which fetches it from its owner.",
        )
    names = ", ".join(str(entry["folder"]) for entry in known) or "none yet"
    raise NotFoundError(
        f"{text!r} is no file, no dataset and no sample",
        where=str(workspace),
        fix=f"Datasets here: {names}. Samples: {', '.join(SAMPLES)}.",
    )


def describe(dataset: SequenceDataset) -> dict[str, Any]:
    """Return what a dataset holds as plain data."""
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "folder": str(dataset.folder) if dataset.folder else None,
        "n_users": dataset.n_users,
        "n_items": dataset.n_items,
        "n_interactions": dataset.n_interactions,
    }


@click.command()
@click.argument("log")
@click.option("--name", help="Name of the dataset.  [default: that of the file]")
@log_options
@shared_options
def prepare(log: str, name: str | None, reading: LogOptions, workspace: Path) -> None:
    """Make a dataset of the interaction log LOG: a file, a folder or a glob.

    Forms are CSV, TSV, Parquet, JSON Lines, MovieLens, RecBole, pairs and sequences, plain or
    packed. What is dropped is counted, with the reason.
    """
    dataset = read_dataset(log, reading, workspace, name)
    manifest = dataset.manifest
    kept = ("roles", "settings", "report", "rejects", "has_times", "time_reason", "item_table")
    document = describe(dataset) | {key: manifest.get(key) for key in kept}
    show(document, _prepared_lines(dataset))


def _prepared_lines(dataset: SequenceDataset) -> list[str]:
    manifest = dataset.manifest
    roles = {role: column for role, column in manifest.get("roles", {}).items() if column}
    steps = manifest.get("report", {}).get("steps", [])
    items = manifest.get("item_table")
    matched = f"; {items['n_matched']:,} of them with a row in {items['name']}" if items else ""
    return [
        f"Dataset {dataset.name}: {dataset.n_users:,} users, {dataset.n_items:,} items{matched},"
        f" {dataset.n_interactions:,} interactions",
        "Columns: " + ", ".join(f"{role} = {column}" for role, column in roles.items()),
        *table(("step", "rows", "reason"), [(s["step"], s["n_rows"], s["reason"]) for s in steps]),
        f"Folder: {dataset.folder}",
        next_step("train", dataset.folder.name if dataset.folder else dataset.name),
    ]


@click.command()
@click.argument("name", required=False)
@shared_options
def samples(name: str | None, workspace: Path) -> None:
    """List samples and public logs, or prepare NAME; a public log is fetched from its owner."""
    from bert4rec.data.public_logs import PUBLIC_LOGS
    from bert4rec.data.samples import SAMPLES, prepare_sample

    if name in PUBLIC_LOGS:
        dataset = _fetched(PUBLIC_LOGS[name], workspace)
        show(describe(dataset), _prepared_lines(dataset))
        return
    if name is not None:
        dataset = prepare_sample(name, workspace)
        show(describe(dataset), _prepared_lines(dataset))
        return
    entries = [
        {"name": key, "title": sample.title, "description": sample.description}
        for key, sample in SAMPLES.items()
    ]
    rows = [(entry["name"], entry["title"], entry["description"]) for entry in entries]
    public = [_public_entry(log, workspace) for log in PUBLIC_LOGS.values()]
    lines = [
        *table(("name", "title", "description"), rows),
        "",
        "From their owner, fetched only when you name one:",
        *_public_lines(public),
        next_step("train", next(iter(SAMPLES))),
    ]
    show({"samples": entries, "public": public}, lines)


def _public_entry(log: PublicLog, workspace: Path) -> dict[str, Any]:
    keys = "name title n_users n_items n_interactions size_bytes md5 url licence readme_url".split()
    return {key: getattr(log, key) for key in keys} | {"is_here": is_file(log.place(workspace))}


def _public_lines(entries: list[dict[str, Any]]) -> list[str]:
    head = ("name", "title", "n_users", "n_items", "n_interactions", "size_bytes")
    rows = [
        [*(entry[key] for key in head), "yes" if entry["is_here"] else "no"] for entry in entries
    ]
    return table((*head, "here"), rows)


def _fetched(log: PublicLog, workspace: Path) -> SequenceDataset:
    from bert4rec.cli.progress import DownloadProgress
    from bert4rec.data.public_logs import prepare_public_log

    place = log.place(workspace)
    if is_file(place):
        tell(f"reading {place}")
    else:
        tell(f"fetching {log.url}, about {log.size_bytes / 1e6:,.0f} MB, to {place}")
    tell(f"licence: {log.licence} See {log.readme_url}")
    with DownloadProgress() as progress:
        return prepare_public_log(log, workspace, progress=progress)
