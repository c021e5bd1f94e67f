"""Commands that ask a trained run: recommend, fill, score, embed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bert4rec.cli.terminal import shared_options, show, table, wants_json, wrong_use

if TYPE_CHECKING:
    from bert4rec.recommender import Recommender, Suggestion

ITEMS_HELP = 'Ids or titles, oldest first: a,b,c or ["a", "b, with a comma"].'
GAP_HELP = 'Ids or titles with _ for a gap: a,_,c or ["a", null, "c"].'

_length = click.option("-k", default=10, type=click.IntRange(min=1), help="Length of a list.")


def load_run(workspace: Path, name: str) -> Recommender:
    """Load the best checkpoint of a run by id, name, folder or `last`."""
    from bert4rec.recommender import load
    from bert4rec.runs.registry import find_run

    return load(find_run(workspace, name))


@click.command()
@click.argument("run")
@click.option("--items", help=ITEMS_HELP)
@click.option("--user", help="A user of the dataset, in place of --items.")
@_length
@click.option("--keep-seen/--remove-seen", default=None, help="Whether to list items again.")
@shared_options
def recommend(
    run: str, items: str | None, user: str | None, k: int, keep_seen: bool | None, workspace: Path
) -> None:
    """Say what comes next after a sequence, or for a user, by RUN.

    RUN is a run's id, name or folder, or `last`.
    """
    if (items is None) == (user is None):
        wrong_use("give either --items or --user")
    model = load_run(workspace, run)
    history = _parse_history(items) if items is not None else _history_of(model, str(user))
    remove_seen = None if keep_seen is None else not keep_seen
    found = model.recommend(history, k, remove_seen=remove_seen)
    document = {"run": _id_of(model), "user": user, "items": history}
    show(document | {"recommendations": _as_documents(found)}, _suggestion_lines(found))


def _parse_history(text: str) -> list[str]:
    from bert4rec.cli.pairs import parse_items

    parsed = parse_items(text)
    if None in parsed:
        wrong_use("--items has a gap; use the command fill, or leave it out")
    return [str(item) for item in parsed]


def _history_of(model: Recommender, user: str) -> list[str]:
    history = model.dataset.history(model.dataset.user_idx(user))
    return [model.vocabulary.item_id(int(idx)) for idx in history]


def _id_of(model: Recommender) -> str | None:
    return None if model.run is None else model.run.id


def _as_documents(found: Sequence[Suggestion]) -> list[dict[str, Any]]:
    # The place in the list is the rank, and dense indices mean nothing outside of the dataset.
    inner = ("item_idx", "rank")
    return [{k: v for k, v in asdict(one).items() if k not in inner} for one in found]


def _suggestion_lines(found: Sequence[Suggestion]) -> list[str]:
    rows = [
        (one.rank + 1, one.item_id, one.title, one.probability, one.count, one.is_seen and "seen")
        for one in found
    ]
    head = ("rank", "item", "title", "probability", "count", "")
    return table(head, [(*row[:5], row[5] or "") for row in rows])


@click.command()
@click.argument("run")
@click.option("--items", required=True, help=GAP_HELP)
@_length
@shared_options
def fill(run: str, items: str, k: int, workspace: Path) -> None:
    """Fill the gaps of a sequence from what stands before and after them, by RUN.

    RUN is a run's id, name or folder, or `last`. In the document, `position` counts from 0. A
    SASRec run (attention=causal) sees only what stands before a gap.
    """
    from bert4rec.cli.pairs import parse_items

    sequence = parse_items(items)
    model = load_run(workspace, run)
    positions = [place for place, item in enumerate(sequence) if item is None]
    gaps = list(zip(positions, model.fill(sequence, k), strict=True))
    document = {
        "run": _id_of(model),
        "items": sequence,
        "gaps": [{"position": at, "suggestions": _as_documents(found)} for at, found in gaps],
    }
    show(document, [line for at, found in gaps for line in _gap_lines(at, found, len(gaps))])


def _gap_lines(position: int, found: Sequence[Suggestion], n_gaps: int) -> list[str]:
    head = [f"Gap at place {position + 1}"] if n_gaps > 1 else []
    return [*head, *_suggestion_lines(found)]


@click.command()
@click.argument("run")
@click.option("--pairs", required=True, metavar="FILE", help="CSV or Parquet, see above.")
@click.option("--out", metavar="FILE", help="CSV or .parquet.  [default: CSV on standard output]")
@click.option("--skip-unknown", is_flag=True, help="Leave a score empty where an id is unknown.")
@shared_options
def score(run: str, pairs: str, out: str | None, skip_unknown: bool, workspace: Path) -> None:
    """Score candidate items for users or sequences by RUN: bigger is more expected next.

    The file of pairs has a column item_id, the candidate, and either user_id, a user of the
    dataset with the whole history, or sequence, the items so far (a,b,c or a JSON list). The
    answer has the same rows in the same order with a column score. --skip-unknown goes for
    sequences that cannot be read as well.
    """
    from bert4rec.cli.pairs import read_pairs, score_pairs, write_pairs
    from bert4rec.spreadsheets import csv_text

    asked = read_pairs(Path(pairs))
    model = load_run(workspace, run)
    scored = score_pairs(model, asked, skip_unknown=skip_unknown)
    n_unknown = int(scored["score"].isna().sum())
    document: dict[str, Any] = {
        "run": _id_of(model),
        "n_pairs": len(scored),
        "n_unknown": n_unknown,
        "out": out,
    }
    if out is None:
        document["scores"] = [None if value != value else value for value in scored["score"]]
        show(document, [] if wants_json() else csv_text(scored).removesuffix("\n").split("\n"))
        return
    write_pairs(scored, Path(out))
    unknown = f", {n_unknown:,} of them could not be scored" if n_unknown else ""
    show(document, [f"Scored {len(scored):,} pairs{unknown}: {out}"])


@click.command()
@click.argument("run")
@click.option("--out", required=True, metavar="FILE", help="The Parquet file to write.")
@click.option("--items", "with_items", is_flag=True, help="Write the items' vectors.")
@click.option("--users", "with_users", is_flag=True, help="Write the users' vectors.")
@shared_options
def embed(run: str, out: str, with_items: bool, with_users: bool, workspace: Path) -> None:
    """Write the vectors of RUN as Parquet: columns kind, id, title, vector (float32).

    Without --items and --users these are the items' or, for an embedding_policy, both. The dot
    product of a user's and an item's vector is that item's score for the user.
    """
    if Path(out).suffix != ".parquet":
        wrong_use("--out should end in .parquet")
    from bert4rec.cli.vectors import write_vectors

    model = load_run(workspace, run)
    if not (with_items or with_users):
        is_for_both = model.run is not None and model.run.policy().kind == "embedding_policy"
        with_items, with_users = True, is_for_both
    counts = write_vectors(model, Path(out), with_items=with_items, with_users=with_users)
    document = {"run": _id_of(model), "out": out, "n_dimensions": model.settings.hidden_size}
    line = f"Wrote {counts['n_items']:,} item and {counts['n_users']:,} user vectors of"
    show(document | counts, [f"{line} {model.settings.hidden_size} dimensions: {out}"])
