"""The command that fills the gaps of a sequence together: compose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bert4rec.cli.answers import GAP_HELP, calibration_notes, id_of, load_run, typed_items
from bert4rec.cli.terminal import bundled, shared_options, show, table, wrong_use

if TYPE_CHECKING:
    from bert4rec.composer.outline import Limit, Outline, Rules
    from bert4rec.data.vocabulary import Vocabulary
    from bert4rec.recommender import Recommender

METHOD_NAMES = ("confidence", "left_to_right", "next_item", "at_once")
ENDINGS = (".csv", ".json", ".m3u8")
WHY = {
    "past": "what comes before",
    "future": "what comes after",
    "both": "both sides together",
    "either": "either side alone",
    "less": "one side, not both together",
    "popularity": "popular anyway",
}


@dataclass(frozen=True)
class Asked:
    """What is to be composed, as typed."""

    items: str | None
    user: str | None
    newest: int | None
    length: int | None
    exclude: str | None
    limit: tuple[str, ...]
    keep_order: bool
    novelty: float
    diversity: float
    temperature: float
    seed: int
    method: str


SHARE = click.FloatRange(0, 1)
OPTIONS = (
    click.option("--items", help=GAP_HELP),
    click.option("--user", help="A user of the dataset, in place of --items; see --length."),
    click.option(
        "--newest", type=click.IntRange(min=1), help="Of --user's items only so many, the newest."
    ),
    click.option(
        "--length", type=click.IntRange(min=1), help="Add gaps at the end up to so many places."
    ),
    click.option("--exclude", metavar="ITEMS", help="Ids or titles that may not be chosen."),
    click.option(
        "--limit",
        multiple=True,
        metavar="COLUMN=N",
        help="At most N items of the same value of a column; may be given several times.",
    ),
    click.option(
        "--keep-order",
        is_flag=True,
        help="Keep the order that the item table tells: volumes of a series, what comes first.",
    ),
    click.option(
        "--novelty",
        type=SHARE,
        default=0.0,
        show_default=True,
        help="0: as the model says; 1: by how much the context adds to popularity.",
    ),
    click.option(
        "--diversity",
        type=SHARE,
        default=0.0,
        show_default=True,
        help="Turn away from items that are like those already there.",
    ),
    click.option(
        "--temperature",
        type=click.FloatRange(0, 10),
        default=0.0,
        show_default=True,
        help="0: always the best; higher: more of chance, by --seed.",
    ),
    click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Chance."
    ),
    click.option(
        "--method",
        type=click.Choice(METHOD_NAMES),
        default=METHOD_NAMES[0],
        show_default=True,
        help="The order in which gaps are filled; the others are there to compare with.",
    ),
)


@click.command()
@click.argument("run")
@bundled("asked", Asked, OPTIONS)
@click.option("--out", metavar="FILE", help="Write the sequence as .csv, .json or .m3u8.")
@shared_options
def compose(run: str, asked: Asked, out: str | None, workspace: Path) -> None:
    """Fill all gaps of a sequence so that they fit each other, by RUN.

    RUN is a run's id, name or folder, or `last`. The surest gap is filled first and seen by the
    others; what was given stays, no item comes twice, and the rules hold. See docs/compose.md.
    """
    if (asked.items is None) == (asked.user is None):
        wrong_use("give either --items or --user")
    if asked.newest is not None and asked.user is None:
        wrong_use("--newest goes with --user")
    if out is not None and Path(out).suffix not in ENDINGS:
        wrong_use(f"--out should end in {', '.join(ENDINGS)}")
    from bert4rec.composer.decoding import compose as fill_together
    from bert4rec.composer.export import as_text, composition_document
    from bert4rec.composer.reasons import find_reasons
    from bert4rec.files import writing_explained
    from bert4rec.json_files import write_text

    model = load_run(workspace, run)
    outline = _outline(asked, model)
    found = fill_together(model, outline, method=asked.method)
    reasons = find_reasons(model, found.items, outline.gaps)
    document = composition_document(found, reasons, model.vocabulary)
    if out is not None:
        text = as_text(Path(out).suffix[1:], found, reasons, model.vocabulary)
        with writing_explained(Path(out).parent):
            write_text(Path(out), text)
    head = {"run": id_of(model), "user": asked.user, "method": asked.method, "out": out}
    notes = [*(f"Note: {note}" for note in found.notes), *calibration_notes(model)]
    wrote = [f"Wrote {out}"] if out else []
    document |= {"calibrated": model.is_calibrated}
    show(head | document, [*_lines(document["places"]), *notes, *wrote])


def _outline(asked: Asked, model: Recommender) -> Outline:
    from bert4rec.composer.outline import Dials, Outline
    from bert4rec.errors import SettingsError

    vocabulary = model.vocabulary
    if asked.items is not None:
        places = [
            None if item is None else vocabulary.idx(item)
            for item in typed_items("--items", asked.items)
        ]
    else:
        places = _history(asked, model)
    dials = Dials(asked.novelty, asked.diversity, asked.temperature, asked.seed)
    outline = Outline.of(places, _rules(asked, vocabulary), dials)
    outline = outline.extended_to(asked.length) if asked.length else outline
    if not outline.gaps:
        raise SettingsError(["there is no gap to fill"], fix="Put _ where one is, or use --length.")
    return outline


def _history(asked: Asked, model: Recommender) -> list[int | None]:
    from bert4rec.composer.outline import MAX_PLACES
    from bert4rec.errors import SettingsError

    history = model.dataset.history(model.dataset.user_idx(str(asked.user)))
    items = history[-asked.newest :] if asked.newest else history
    most = min(asked.length or MAX_PLACES, MAX_PLACES)
    if len(items) > most:
        longer = ", or raise --length" if len(items) < MAX_PLACES else ""
        raise SettingsError(
            [f"{len(items):,} items of user {asked.user!r} do not fit into {most} places"],
            where="--newest" if asked.newest else "--user",
            fix=f"Take only the newest ones, as with --newest 10{longer}.",
        )
    return [int(item) for item in items]


def _rules(asked: Asked, vocabulary: Vocabulary) -> Rules:
    from bert4rec.composer.columns import find_orders
    from bert4rec.composer.outline import Rules
    from bert4rec.errors import SettingsError

    named = typed_items("--exclude", asked.exclude) if asked.exclude else []
    excluded = frozenset(vocabulary.idx(item) for item in named if item is not None)
    orders = tuple(find_orders(vocabulary)) if asked.keep_order else ()
    if asked.keep_order and not orders:
        raise SettingsError(
            ["the item table tells no order"],
            where="--keep-order",
            fix="Give it a column such as series_number beside series, or prerequisites.",
        )
    return Rules(excluded, tuple(map(_limit, asked.limit)), orders)


def _limit(text: str) -> Limit:
    from bert4rec.composer.outline import Limit

    column, _, n = text.rpartition("=")
    if not column or not n.isdecimal():
        wrong_use(f"--limit {text!r} is not COLUMN=N")
    return Limit(column, int(n))


def _lines(places: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        (
            place["position"],
            place["item_id"],
            place["title"],
            place["probability"],
            "kept" if place["kept"] else WHY[place["carried_by"]],
        )
        for place in places
    ]
    return table(("place", "item", "title", "probability", "carried by"), rows)
