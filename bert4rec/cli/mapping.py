"""`map`: the items of a run as points, in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bert4rec.cli.answers import load_run
from bert4rec.cli.progress import Noting, StageProgress
from bert4rec.cli.terminal import shared_options, show, wrong_use
from bert4rec.files import file_to_write, refuse_unwritable
from bert4rec.words import percent

if TYPE_CHECKING:
    import numpy as np

    from bert4rec.maps.progress import Progress
    from bert4rec.maps.projection import EmbeddingMap
    from bert4rec.recommender import Recommender

SUFFIXES = (".parquet", ".csv", ".zip", ".html")


@click.command("map")
@click.argument("run")
@click.option("--out", required=True, metavar="FILE", help="The file to write, see above.")
@click.option(
    "--method",
    type=click.Choice(["umap", "pca"]),
    default="umap",
    show_default=True,
    help="UMAP keeps neighbourhoods; PCA is a plain shadow.",
)
@click.option(
    "--dimensions", type=click.IntRange(2, 3), default=2, show_default=True, help="Of the map."
)
@click.option(
    "--neighbours",
    type=click.IntRange(2, 100),
    default=15,
    show_default=True,
    help="UMAP: more shows the whole, fewer the detail.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=42, show_default=True, help="UMAP: its chance."
)
@click.option(
    "--clusters", type=click.IntRange(2), default=6, show_default=True, help="Groups by k-means."
)
@shared_options
def map_(
    run: str,
    out: str,
    method: str,
    dimensions: int,
    neighbours: int,
    seed: int,
    clusters: int,
    workspace: Path,
) -> None:
    """Write the items of RUN as points on a map.

    RUN is a run's id, name or folder, or `last`. The end of FILE says what is written: .parquet
    (Embedding Atlas reads it), .csv, .zip (two TSV files for the TensorFlow Projector) or .html (a
    page that needs no network). Of large catalogues the page shows 20,000 items.
    """
    if Path(out).suffix not in SUFFIXES:
        wrong_use(f"--out should end in {', '.join(SUFFIXES)}")
    model = load_run(workspace, run)
    # Its libraries alone take seconds.
    with Noting("getting ready"):
        from bert4rec.maps.clusters import kmeans_clusters
        from bert4rec.maps.export import map_table, write_map
        from bert4rec.maps.progress import Progress

    refuse_unwritable(file_to_write(out))
    vectors = model.item_embeddings()
    with StageProgress() as watch:
        progress = Progress(watch)
        found = _map(method, vectors, dimensions, neighbours, seed, progress)
        progress.tell("grouping the items", 0.96)
        labels = kmeans_clusters(vectors, clusters)
        n_groups = int(labels.max()) + 1
        if Path(out).suffix == ".html":
            n_written = _write_page(Path(out), found, model, labels, progress)
        else:
            progress.tell("writing", 0.98)
            write_map(Path(out), map_table(found, model.vocabulary, labels), vectors)
            n_written = len(vectors)
        progress.tell("written", 1.0)
    document = {
        "run": None if model.run is None else model.run.id,
        "out": out,
        "method": method,
        "n_items": len(vectors),
        "n_clusters": n_groups,
        "trustworthiness": found.trustworthiness,
        "neighbours_kept": found.recall,
    }
    kept = f"The map keeps {percent(found.recall)} of each item's ten nearest"
    points = f"{n_written:,} of {len(vectors):,}" if n_written < len(vectors) else f"{n_written:,}"
    line = f"Wrote {points} points: {out}. {kept}; trustworthiness"
    lines = [f"{line} {found.trustworthiness:.2f}."]
    if n_groups < clusters:
        lines.append(f"They are in {n_groups:,} groups: no more of them could be told apart.")
    show(document, lines)


def _map(
    method: str,
    vectors: np.ndarray,
    dimensions: int,
    n_neighbors: int,
    seed: int,
    progress: Progress,
) -> EmbeddingMap:
    import numpy as np

    from bert4rec.maps.projection import MAX_FITTED, judged_map, project_pca, project_umap

    n, n_fitted = len(vectors), len(vectors)
    if method == "pca":
        points = project_pca(vectors, dimensions)
    else:
        points = project_umap(
            vectors, dimensions, n_neighbors=n_neighbors, seed=seed, progress=progress
        )
        n_fitted = min(n, MAX_FITTED)
    progress.tell("judging the map", 0.95)
    return judged_map(method, vectors, points, np.arange(1, n + 1), n_fitted)


def _write_page(
    path: Path,
    found: EmbeddingMap,
    model: Recommender,
    clusters: np.ndarray,
    progress: Progress,
) -> int:
    """Write the map as a page, and return how many items it shows."""
    from bert4rec.data.item_groups import places_by_size
    from bert4rec.files import writing_explained
    from bert4rec.json_files import write_text
    from bert4rec.maps.clusters import cluster_captions
    from bert4rec.maps.projection import MAX_FITTED, drawn_part
    from bert4rec.view.map_charts import draw_map, map_words
    from bert4rec.view.map_colours import Colouring, group_rows
    from bert4rec.view.map_layer import layer_over
    from bert4rec.view.map_page import map_page, page_title

    drawn, vocabulary = drawn_part(found, [], MAX_FITTED), model.vocabulary
    rows = drawn.item_idx - 1
    progress.tell("naming the groups", 0.97)
    captions = cluster_captions(clusters, vocabulary)
    progress.tell("drawing the page", 0.99)
    names = [captions[at] for at in clusters]
    titles = [vocabulary.titles[row] for row in rows]
    groups = group_rows([names[row] for row in rows], places_by_size(names), "light")
    figure = draw_map(drawn, Colouring(groups), titles, "light", counts=vocabulary.counts[rows])
    about = f"{map_words(drawn, 'cluster')}."
    layer = layer_over(drawn, groups, titles)
    page = map_page(figure, page_title(model), about, layer=layer, file_stem=path.stem)
    with writing_explained(path.parent):
        write_text(path, page)
    return len(drawn.points)
