"""The card that goes with a model: what it learned from, how good it is, and what it is not for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bert4rec.baselines.titles import NETWORK, YARDSTICKS
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split_record import asked_words, counts_words
from bert4rec.metrics import told_apart
from bert4rec.plain_text import one_line
from bert4rec.runs.folder import Run
from bert4rec.words import metric_text, ranged

METRICS = {"ndcg@10": "NDCG@10", "hr@10": "HR@10", "mrr@10": "MRR@10"}
SCORERS = {NETWORK: "this model"} | {name: title.lower() for name, title in YARDSTICKS.items()}
PARTS = {"test": "Test items", "unseen_users": "Users who were held out whole"}
SOURCES = {"BERT4Rec": "BERT4Rec (Sun et al. 2019)", "SASRec": "SASRec (Kang & McAuley 2018)"}
MAX_SIGNS = 200


def model_card(run: Run, dataset: SequenceDataset, version: str) -> str:
    """Return the card of a run's model, as Markdown.

    Args:
        run: The run; without a report of its end the figures are missing, and the card says so.
        dataset: What it was trained on.
        version: Of bert4rec, which exports it.
    """
    summary = run.summary() or {}
    sections = (
        _heading(run, version),
        _data(run, dataset, summary),
        _figures(summary),
        _limits(),
        _use(),
    )
    return "\n".join(line for section in sections for line in [*section, ""]).rstrip() + "\n"


def code(text: object) -> str:
    """Return text of a user as code on one line, in which Markdown and HTML mean nothing.

    Example:
        >>> print(code("a `b`<br>"))
        `a 'b'<br>`
    """
    shown = one_line(text).replace("`", "'")[:MAX_SIGNS]
    return f"`{shown or ' '}`"


def _heading(run: Run, version: str) -> Iterator[str]:
    settings = run.hyperparameters()
    yield "# A sequential recommender"
    yield ""
    yield (
        f"Run {code(run.name)} ({code(run.id)}), trained by bert4rec"
        f" {code(run.config().get('version', 'of an unknown version'))}, exported by {version}."
    )
    yield (
        f"{SOURCES[settings.model_name]}, made for a {run.policy().kind.replace('_', ' ')}: hidden"
        f" size {settings.hidden_size}, {settings.n_layers} layers, {settings.n_heads} heads,"
        f" a window of {settings.max_seq_length} items. All settings: `settings.json`,"
        " `policy.yaml`."
    )


def _data(run: Run, dataset: SequenceDataset, summary: Mapping[str, Any]) -> Iterator[str]:
    yield "## Data"
    yield ""
    told = run.config()["dataset"]
    yield f"Dataset {code(run.data_name)}, fingerprint {code(told['fingerprint'])}."
    yield (
        f"{dataset.n_users:,} users, {dataset.n_items:,} items, {dataset.n_interactions:,}"
        " interactions."
    )
    source = dataset.manifest.get("source")
    if isinstance(source, dict):
        yield f"Read from {code(source.get('name', ''))}, hash {code(source.get('hash', ''))}."
    if dataset.manifest.get("simulated"):
        yield "The data is simulated: no person is in it."
    if isinstance(summary.get("split"), dict):
        yield counts_words(summary["split"])
    yield (
        "The histories are not part of this bundle: it holds the network, and ids, titles and"
        " whatever else was known of the items."
    )


def _figures(summary: Mapping[str, Any]) -> Iterator[str]:
    yield "## How good it is"
    yield ""
    report = summary.get("report")
    if not isinstance(report, dict):
        yield "The run was not judged, so nothing is known of its quality. Do not rely on it."
        return
    split = summary.get("split")
    seen = "left out" if summary.get("removes_seen", True) else "kept"
    yield (
        f"Asked for {asked_words(split if isinstance(split, dict) else None)}; the whole catalogue"
        f" is ranked, items of the history are {seen}, ties count against the model. Brackets:"
        " 95% intervals by bootstrap over users."
    )
    for part, judged in report.items():
        yield ""
        yield f"### {PARTS.get(part, code(part))}"
        yield ""
        yield from _table(judged)
        yield ""
        yield _verdict(judged)


def _table(judged: Mapping[str, Any]) -> Iterator[str]:
    yield "| | " + " | ".join(METRICS.values()) + " | rows |"
    yield "|---" * (len(METRICS) + 2) + "|"
    for scorer, found in judged.items():
        cells = [_cell(found, metric) for metric in METRICS]
        yield f"| {SCORERS.get(scorer, code(scorer))} | {' | '.join(cells)} | {found['n_rows']:,} |"


def _cell(found: Mapping[str, Any], metric: str) -> str:
    value, ends = found["metrics"].get(metric), found["intervals"].get(metric)
    if value is None:
        return "-"
    return ranged(value, ends[0], ends[1]) if ends else metric_text(value)


def _verdict(judged: Mapping[str, Any]) -> str:
    """Say which yardsticks the model is better or worse than by more than chance."""
    metric, model = next(iter(METRICS)), judged.get(NETWORK)
    others = {name: told for name, told in judged.items() if name != NETWORK}
    if model is None or not others:
        return "There is no yardstick to compare with."
    stands = {name: told_apart(model, told, metric) for name, told in others.items()}
    groups = (
        (words, [name for name in others if stands[name] == how])
        for how, words in (
            ("ahead", "it is better than {}"),
            ("level", "it is not told apart from {}"),
            ("behind", "it is worse than {}"),
        )
    )
    said = "; ".join(words.format(_named(names)) for words, names in groups if names)
    return f"By {METRICS[metric]} and the intervals, {said}."


def _named(scorers: Sequence[str]) -> str:
    return " and ".join(SCORERS.get(name, code(name)) for name in scorers)


def _limits() -> Iterator[str]:
    yield "## What it is not for"
    yield ""
    yield from (
        "- Items that are not in `vocabulary.json`: it knows no others, and learns nothing new.",
        "- Behaviour that has changed since the data was gathered: train again, and compare.",
        "- Other people than those of the data, without judging it on them first.",
        "- Decisions about people: scores say what tends to come next in such histories, not what"
        " is good, wanted, fair or true.",
        "- Causes: what it expects is what followed in the data, which earlier recommendations may"
        " have shaped.",
        "- Probabilities taken at their word: where its training did not calibrate them on hidden"
        " items, or that did not pay, they may be over- or underconfident.",
        "- Sequences longer than its window: only the newest items are read.",
    )


def _use() -> Iterator[str]:
    yield "## Use"
    yield ""
    yield from (
        "```python",
        "import bert4rec",
        "",
        'model = bert4rec.load("bundle.zip")  # or the folder into which it was unpacked',
        'model.recommend(["a", "b"], k=10)',
        "```",
        "",
        "The commands `recommend`, `fill`, `compose`, `score`, `embed`, `export` and `serve` take"
        " the bundle in place of a run. `bundle.json` holds the SHA-256 of each file; a file that"
        " differs is refused. That tells damage, not a forger, who would change the hash as well:"
        " take bundles from people you trust.",
    )
