"""Commands that ask a trained model about files: score, embed, nearest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from bert4rec.cli.answers import id_of, load_run
from bert4rec.cli.progress import CountProgress
from bert4rec.cli.terminal import bundled, shared_options, show, table, tell, wants_json, wrong_use
from bert4rec.files import file_at
from bert4rec.words import counted, percent

if TYPE_CHECKING:
    from bert4rec.bulk.retrieval import Answer
    from bert4rec.bulk.scoring import ScoringReport
    from bert4rec.bulk.vectors import VectorReport, Wanted
    from bert4rec.item_lists import Problems
    from bert4rec.recommender import Recommender
    from bert4rec.vector_search import Similarity

SHOWN_ROWS = 100
ROW_ENDINGS = (".csv", ".parquet")
Option = Callable[[Any], Any]


@click.command()
@click.argument("run")
@click.option("--pairs", required=True, metavar="FILE", help="CSV or Parquet, see above.")
@click.option("--out", metavar="FILE", help=".csv or .parquet  [default: CSV, standard output]")
@click.option("--skip-unknown", is_flag=True, help="Leave a score empty where an id is unknown.")
@shared_options
def score(run: str, pairs: str, out: str | None, skip_unknown: bool, workspace: Path) -> None:
    """Score candidate items for users or sequences by RUN: bigger is more expected next.

    The file of pairs has a column item_id, the candidate, and either user_id, a user of the
    dataset with the whole history, or sequence, the items so far (a,b,c or a JSON list). The
    answer has the same rows in the same order with the columns score and rank, from 1 among the
    pairs of one history, wherever they stand. Unknown items and users are told with their count and
    rows, and refuse the file unless --skip-unknown is given, which goes for sequences that cannot
    be read as well.

    RUN is a run's id, name or folder, `last`, or a bundle of the command export.
    """
    _check_ending(out, *ROW_ENDINGS)
    _check_apart(("--out", out), ("--pairs", pairs))
    from bert4rec.bulk.scoring import read_scores, score_pairs

    model = load_run(workspace, run)
    with TemporaryDirectory() as folder:
        # Without --out the document holds the scores, or the table goes to standard output.
        beside = Path(folder) / ("scored.parquet" if wants_json() else "scored.csv")
        target = out or beside
        with CountProgress("pairs") as progress:
            report = score_pairs(model, pairs, target, skip_unknown=skip_unknown, tell=progress)
        document = _scoring_document(model, report, out)
        _tell_problems(report.problems)
        if out is not None:
            show(document, [_scored_line(report, out)])
        elif wants_json():
            show(document | {"scores": read_scores(beside).to_pylist()}, [])
        else:
            _print_file(beside)


def _check_ending(out: str | None, *endings: str) -> None:
    if out is not None and not out.casefold().endswith(endings):
        wrong_use(f"--out should end in {' or '.join(endings)}")


def _check_apart(written: tuple[str, str | None], *others: tuple[str, str | None]) -> None:
    """End as wrong use where a file that is written, with its option, is one of the others."""
    option, file = written
    for other, path in others:
        if file is not None and path is not None and file_at(file) == file_at(path):
            wrong_use(f"{option} and {other} name the same file, of which one would be lost")


def _scoring_document(model: Recommender, report: ScoringReport, out: str | None) -> dict[str, Any]:
    return {
        "run": id_of(model),
        "n_pairs": report.n_pairs,
        "n_histories": report.n_histories,
        "n_unknown": len(report.problems),
        "problems": report.problems.as_dict(),
        "out": out,
    }


def _scored_line(report: ScoringReport, out: str) -> str:
    n_scored = report.n_pairs - len(report.problems)
    of_all = f"{n_scored:,} of " * bool(report.problems)
    return f"Scored {of_all}{counted(report.n_pairs, 'pair')}: {out}"


def _tell_problems(problems: Problems) -> None:
    for line in problems.lines():
        tell(line)


def _print_file(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        for line in file:
            click.echo(line, nl=False)


@dataclass(frozen=True)
class Asked:
    """Whose vectors are asked for, as typed."""

    with_items: bool
    with_users: bool
    sequences: str | None
    normalise: bool
    skip_unknown: bool
    index: str | None

    def wanted(self, model: Recommender) -> Wanted:
        """Return what that means for a model: its policy decides where nothing is named."""
        from bert4rec.bulk.vectors import Wanted

        is_named = self.with_items or self.with_users or self.sequences is not None
        # A bundle comes without users, whatever the policy of its run.
        serves_both = (
            model.dataset.n_users > 0
            and model.run is not None
            and model.run.policy().serves_vectors
        )
        return Wanted(
            items=self.with_items or not is_named,
            users=self.with_users or (not is_named and serves_both),
            sequences=None if self.sequences is None else Path(self.sequences),
            is_unit=self.normalise,
            skip_unknown=self.skip_unknown,
        )


EMBED_OPTIONS: tuple[Option, ...] = (
    click.option("--items", "with_items", is_flag=True, help="Write the items' vectors."),
    click.option("--users", "with_users", is_flag=True, help="Write the users' vectors."),
    click.option("--sequences", metavar="FILE", help="Write vectors of these, see above."),
    click.option("--normalise", is_flag=True, help="Scale each vector to length 1."),
    click.option("--skip-unknown", is_flag=True, help="Leave a vector empty, see above."),
    click.option("--index", metavar="FILE", help="Write an HNSW index of the items too (usearch)."),
)


@click.command()
@click.argument("run")
@click.option("--out", required=True, metavar="FILE", help="The Parquet file to write.")
@bundled("asked", Asked, EMBED_OPTIONS)
@shared_options
def embed(run: str, out: str, asked: Asked, workspace: Path) -> None:
    """Write the vectors of RUN as Parquet: columns kind, id, title, vector (float32).

    Without --items, --users and --sequences these are the items' or, for an embedding_policy,
    items' and users'. The dot product of a user's and an item's vector is that item's score for the
    user. A file of --sequences is CSV or Parquet with a column sequence (a,b,c or a JSON list)
    and, if they have names, id. One that names an unknown item or cannot be read refuses the
    file; with --skip-unknown its vector is left empty, and count and rows are told.

    RUN is a run's id, name or folder, `last`, or a bundle of the command export.
    """
    _check_ending(out, ".parquet")
    read = ("--sequences", asked.sequences)
    _check_apart(("--out", out), ("--index", asked.index), read)
    _check_apart(("--index", asked.index), read)
    from bert4rec.bulk.vector_index import check_index
    from bert4rec.bulk.vectors import write_vectors

    if asked.index is not None:
        check_index(asked.index)
    model = load_run(workspace, run)
    with CountProgress("vectors") as progress:
        report = write_vectors(model, out, asked.wanted(model), tell=progress)
    _tell_problems(report.problems)
    width = model.settings.hidden_size
    document = {"run": id_of(model), "out": out, "n_dimensions": width} | _counts(report)
    found, line = _write_index(model, asked.index, is_unit=asked.normalise)
    show(document | found, [f"{_written_words(report)} of {width} dimensions: {out}", *line])


def _written_words(report: VectorReport) -> str:
    n_of_sequences = report.n_sequences - len(report.problems)
    counts = {"item": report.n_items, "user": report.n_users, "sequence": n_of_sequences}
    wrote = " and ".join(f"{n:,} {kind}" for kind, n in counts.items() if n) or "no"
    empty = f" ({len(report.problems):,} left empty)" * bool(report.problems)
    return f"Wrote {wrote} vectors{empty}"


def _counts(report: VectorReport) -> dict[str, Any]:
    return {
        "n_items": report.n_items,
        "n_users": report.n_users,
        "n_sequences": report.n_sequences,
        "n_unknown": len(report.problems),
        "problems": report.problems.as_dict(),
    }


def _write_index(
    model: Recommender, path: str | None, *, is_unit: bool
) -> tuple[dict[str, Any], list[str]]:
    if path is None:
        return {}, []
    from bert4rec.bulk.vector_index import write_index

    similarity: Similarity = "cosine" if is_unit else "dot"
    vectors = model.item_embeddings()
    with CountProgress(f"of {len(vectors):,} items in the index") as progress:
        report = write_index(vectors, path, similarity=similarity, tell=progress)
    document = {"out": path, "similarity": similarity, "recall@10": report.recall}
    line = f"Wrote an index of {report.n_items:,} items ({similarity}): {path}; it finds"
    checked = f"{percent(report.recall, 1)} of the ten nearest to {report.n_checked:,} of them"
    return {"index": document}, [f"{line} {checked}"]


@click.command()
@click.argument("vectors", metavar="VECTORS")
@click.option("--queries", metavar="FILE", help="Vectors that ask, as Parquet.")
@click.option("--id", "ids", multiple=True, metavar="ITEM", help="An item that asks. Repeatable.")
@click.option(
    "-k", default=10, show_default=True, type=click.IntRange(min=1), help="Items for each."
)
@click.option(
    "--similarity",
    type=click.Choice(["dot", "cosine"]),
    help="Dot products are scores; cosines compare directions.  [default: cosine where items of"
    " VECTORS ask, else dot]",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N, mps.")
@click.option("--out", metavar="FILE", help=".csv or .parquet  [default: a table, if it is short]")
@shared_options
def nearest(
    vectors: str,
    queries: str | None,
    ids: tuple[str, ...],
    k: int,
    similarity: Any,
    device: str,
    out: str | None,
    workspace: Path,
) -> None:
    """Find the items nearest to others, exactly, in VECTORS, a file of the command embed.

    Those who ask are items by --id, or all vectors of --queries. Without both, the users and
    sequences of VECTORS ask or, if it holds items alone, each of them about the others.
    """
    del workspace
    if ids and queries:
        wrong_use("give either --id or --queries")
    _check_ending(out, *ROW_ENDINGS)
    _check_apart(("--out", out), ("VECTORS", vectors), ("--queries", queries))
    from bert4rec.bulk.retrieval import nearest_in_file

    answer = nearest_in_file(
        vectors,
        out,
        k,
        queries=queries,
        ids=list(ids),
        similarity=similarity,
        device=device,
    )
    document = {
        "n_queries": answer.n_queries,
        "n_vectors": answer.n_vectors,
        "n_rows": answer.n_rows,
        "similarity": answer.similarity,
        "out": out,
    }
    if out is not None:
        line = (
            f"Found {answer.n_rows:,} neighbours among {answer.n_vectors:,} items for"
            f" {answer.n_queries:,} who ask, by {answer.similarity}: {out}"
        )
        show(document, [line])
        return
    rows = [row for part in answer.rows for row in part.to_pylist()]
    show(document | {"neighbours": rows}, _neighbour_lines(rows, answer))


def _neighbour_lines(rows: list[dict[str, Any]], answer: Answer) -> list[str]:
    names = ("query", "rank", "id", "title", "similarity")
    # Which similarity it is stands over it: they are of different sizes.
    head = [*names[:-1], answer.similarity]
    lines = table(head, [[row[name] for name in names] for row in rows[:SHOWN_ROWS]])
    n_more = answer.n_rows - SHOWN_ROWS
    return [*lines, *([f"... and {n_more:,} more; use --out"] if n_more > 0 else [])]
