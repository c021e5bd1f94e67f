from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bert4rec.baselines.titles import NETWORK
from bert4rec.comparing.compare import compare
from bert4rec.comparing.verdict import Verdict, kept_verdict, reach_verdict
from bert4rec.comparing.verdict_findings import Finding
from bert4rec.data.prepare import prepare
from bert4rec.errors import RunError, UnwritableError
from bert4rec.explain import predict_masked
from bert4rec.held_out.future_report import future_report
from bert4rec.held_out.future_words import finding, limits
from bert4rec.json_files import read_json, write_json
from bert4rec.loaded_model import load_model
from bert4rec.maps.neighbours import neighbour_recall
from bert4rec.maps.projection import EmbeddingMap
from bert4rec.maps.tasks import UmapTask
from bert4rec.pipeline import train
from bert4rec.policy import Policy
from bert4rec.report import collect as collecting
from bert4rec.report import item_map
from bert4rec.report.collect import collect
from bert4rec.report.findings import (
    LEAD,
    about,
    chosen_words,
    headline,
    map_finding,
    popularity_finding,
    run_finding,
)
from bert4rec.report.gallery import KINDS, Example, Gallery, _middle_ranks, choose_rows
from bert4rec.report.page import render, report_html, write_report
from bert4rec.report.sections import TABLE_METRICS
from bert4rec.report.text import clean
from bert4rec.runs.curves import Curves
from bert4rec.runs.folder import Run, open_run
from bert4rec.runs.registry import create_run
from bert4rec.words import metric_name, metric_text
from tests.divided import alike, keep
from tests.factories import copied, ring_dataset, saved_dataset, small_settings

# One of each simpler kind, as a verdict takes.
RIVALS = ["popularity", "ease", "transitions"]

N_ITEMS = 14
LONG = "long " * 2000
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=http://evil.example/x onerror=alert(1)>",
    "</style><style>body{display:none}</style>",
    "{{ 7*7 }} {% raw %}",
    "**bold** [x](javascript:alert(1)) $x^2$",
    "\u202eright to left",
    "שלום עולם",
    "a\x00b\x1bc\ud800d",
    "Z\u0351\u0352\u0353\u0354\u0355\u0356\u0357algo",
    LONG,
    '" onmouseover="alert(1)',
    "&lt;b&gt;",
]


@dataclass
class Page(HTMLParser):
    """A page as its elements and its tables."""

    html: str
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    tables: list[list[list[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._cell: list[str] | None = None
        self._is_hidden = False
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._is_hidden = tag in ("style", "script")
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.tables[-1][-1].append("".join(self._cell).strip())
            self._cell = None
        self._is_hidden = False

    def handle_data(self, data: str) -> None:
        if not self._is_hidden:
            self.text += data
        if self._cell is not None:
            self._cell.append(data)

    def table(self, head: str) -> list[list[str]]:
        """Return the table that has a column of this name."""
        return next(table for table in self.tables if head in table[0])


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    rows = [
        (f"<u{user}>", f"t{(user + step) % N_ITEMS:02}", 60 * step)
        for user in range(12)
        for step in range(11)
    ]
    titles = [*HOSTILE, "a", "b"]
    items = pd.DataFrame(
        {
            "item_id": [f"t{at:02}" for at in range(N_ITEMS)],
            # No file holds half of a sign, and so no item table does.
            "title": [title.replace("\ud800", "") for title in titles],
            "genre": ["<b>loud</b>", "calm"] * (N_ITEMS // 2),
        }
    )
    log = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    workspace = tmp_path_factory.mktemp("hostile")
    dataset = prepare(log, items=items, name="ring", workspace=workspace)
    name = "<svg onload=alert(1)>"
    return train(dataset, small_settings(n_epochs=2), workspace=workspace, name=name)


def test_the_figures_are_those_of_the_summary(tiny_run: Run) -> None:
    page, summary = Page(report_html([tiny_run])), tiny_run.summary()
    assert summary is not None
    head, *rows = page.table("HR@1")
    assert head[1:] == [metric_name(name) for name in TABLE_METRICS]
    shown = {row[0].casefold(): row[1:] for row in rows}
    report = summary["report"]["test"]
    assert shown.keys() == {"tiny", "transitions", "popularity"}
    for name, part in report.items():
        label = "tiny" if name == "bert4rec" else name
        assert shown[label] == [f"{part['metrics'][key]:.4f}" for key in TABLE_METRICS]
        low, high = part["intervals"]["hr@10"]
        assert f"{part['metrics']['hr@10']:.4f} ({low:.4f} to {high:.4f})" in page.text
    own = report["bert4rec"]
    found = f"{100 * own['metrics']['hr@10']:.1f}%".replace("100.0%", "100%")
    assert f"{found} of the test items, each of which really came next" in page.text
    assert f"{summary['n_users']:,} people" in page.text


def test_slices_lists_data_and_settings_come_from_the_run(tiny_run: Run) -> None:
    page, summary = Page(report_html([tiny_run])), tiny_run.summary()
    assert summary is not None
    own = summary["report"]["test"]["bert4rec"]
    for part in own["slices"]:
        assert f"{part['n_rows']:,} test item" in page.text
    reach = own["lists"]["coverage@10"]
    assert page.table("Reach")[1][1] == ("100%" if reach == 1 else f"{100 * reach:.1f}%")
    changed = {row[0]: row[1] for row in page.table("Default")[1:]}
    assert changed["Hidden size"] == "16"
    assert "hidden_size: 16" in page.text
    assert f"Best NDCG@10 {tiny_run.status().best_score:.3f}" in page.text
    assert "bert4rec train" in page.text
    assert str(tiny_run.workspace) not in page.html


def test_nothing_of_a_title_becomes_markup_and_nothing_is_asked_for(hostile_run: Run) -> None:
    page = Page(report_html([hostile_run]))
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "iframe", "object", "embed", "form", "input", "base"}
    assert sum(tag == "style" for tag, _ in page.tags) == 1
    for tag, attributes in page.tags:
        assert not [key for key in attributes if key.startswith("on")], (tag, attributes)
        for key in ("src", "href", "xlink:href", "action"):
            value = attributes.get(key)
            assert value is None or value.startswith("#") or value == "data:,"
    for title in (*HOSTILE[:5], *HOSTILE[10:]):
        assert title in page.text, title
    assert "<b>loud</b>" in page.text
    assert "url(" not in page.html.split("</style>")[0]
    assert "@import" not in page.html.split("</style>")[0]
    assert page.html.encode("utf-8")
    assert "\x00" not in page.html


def test_a_title_of_ten_thousand_signs_is_cut(hostile_run: Run) -> None:
    html = report_html([hostile_run])
    assert "long long long" in html
    assert "long " * 20 not in html
    assert len(html) < 400_000


@pytest.mark.parametrize("title", HOSTILE)
def test_cleaned_text_is_one_short_line_that_a_file_can_hold(title: str) -> None:
    line = clean(title, 30)
    assert len(line.rstrip("\u202c\u2069")) <= 30
    assert "\n" not in line
    assert line.encode("utf-8")
    assert line.translate(dict.fromkeys(map(ord, "\u202e\u202c"))).isprintable()


def test_a_verdict_is_shown_only_where_there_is_one(tiny_run: Run) -> None:
    assert "What it is good for" not in report_html([tiny_run])
    page = Page(report_html([tiny_run], verdict=["Good for <rings>.", "Not for squares."]))
    assert "What it is good for" in page.text
    assert "Good for <rings>." in page.text


def test_the_verdict_is_that_of_the_newest_comparison_of_these_runs(
    tiny_run: Run, tmp_path: Path
) -> None:
    run = copied(tiny_run, tmp_path / "w")
    made = compare([run], RIVALS, workspace=run.workspace)
    text = Page(report_html([run])).text
    for sentence in reach_verdict(made).sentences:
        assert sentence in text
    # Trained on since, it is another model.
    summary = read_json(run.folder / "summary.json")
    later = summary | {"finished_at": "2999-01-01T00:00:00+00:00"}
    write_json(run.folder / "summary.json", later)
    assert "What it is good for" not in report_html([run])


def test_a_comparison_that_lacks_a_kind_of_rival_hides_no_verdict(
    tiny_run: Run, tmp_path: Path
) -> None:
    run = copied(tiny_run, tmp_path / "w")
    compare([run], ["popularity"], workspace=run.workspace)
    assert kept_verdict([run]) is None
    full = compare([run], RIVALS, workspace=run.workspace)
    compare([run], ["transitions"], workspace=run.workspace)
    assert kept_verdict([run]) == reach_verdict(full)


@pytest.mark.parametrize(("lead", "p", "told"), [(-0.1, 0.01, True), (-0.1, 0.2, False)])
def test_a_main_finding_does_not_hide_a_rival_that_a_comparison_found_to_be_better(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch, lead: float, p: float, told: bool
) -> None:
    others = [Finding("0."), Finding("1.", figures={"title": "Popularity", "lead": 0.3, "p": 0.01})]
    ease = Finding("2.", figures={"title": "EASE", "lead": lead, "p": p})
    verdict = Verdict("similarity", tiny_run.id, (*others, ease))
    monkeypatch.setattr(collecting, "kept_verdict", lambda _: verdict)
    report = collect([tiny_run])
    assert run_finding(report.runs[0]) in headline(report)
    assert ("EASE is clearly better than the model" in headline(report)) == told
    assert headline(report) in Page(render(report)).text


def test_a_report_says_how_much_trained_and_not_how_much_there_is(tiny_run: Run) -> None:
    report = collect([tiny_run])
    split = tiny_run.summary()["split"]
    n = tiny_run.summary()["n_interactions"]
    assert split["n_train"] < n
    assert f"learned from {split['n_train']:,} of {n:,} choices, by " in about(report)
    (group,) = report.groups
    old = replace(group.runs[0], summary=None, curves=Curves())
    assert "learned from the data set" in about(
        replace(report, groups=(replace(group, runs=(old,)),))
    )
    bare = {name: value for name, value in tiny_run.summary().items() if name != "split"}
    old = replace(old, summary=bare)
    assert f"learned from parts of {n:,} choices, by " in about(
        replace(report, groups=(replace(group, runs=(old,)),))
    )


def test_a_verdict_is_about_the_runs_of_the_report_alone(tiny_run: Run, tmp_path: Path) -> None:
    run = copied(tiny_run, tmp_path / "w")
    settings = small_settings(n_epochs=1, attention="causal")
    past = train(run.dataset(), settings, workspace=run.workspace, name="past")
    other = train(run.dataset(), small_settings(n_epochs=1), workspace=run.workspace, name="other")
    compare([run, past, other], RIVALS, workspace=run.workspace)
    for one in (run, other):
        found = kept_verdict([one])
        assert found is not None
        assert found.model == one.id
    assert kept_verdict([past]) is None
    assert "What it is good for" not in report_html([past])


def test_runs_beside_each_other_are_told_apart(tiny_run: Run, tmp_path: Path) -> None:
    run = copied(tiny_run, tmp_path / "w")
    settings = small_settings(n_epochs=2, mask_rate=0.4, n_layers=2)
    other = train(run.dataset(), settings, workspace=run.workspace, name="tiny")
    page = Page(report_html([run, other]))
    labels = [f"tiny · {one.id}" for one in (run, other)]
    table = page.table("HR@1")
    assert [row[0] for row in table[1:3]] == [clean(label, 40) for label in labels]
    assert len(table) == 5
    differing = {row[0]: row[1:] for row in page.tables[1 + page.tables.index(table)]}
    assert differing["Mask rate"] == ["0.2", "0.4"]
    assert "finds most" in page.text


def test_a_run_that_holds_out_other_items_is_left_out_of_the_examples(
    tiny_run: Run, tmp_path: Path
) -> None:
    run = copied(tiny_run, tmp_path / "w")
    settings = small_settings(n_epochs=1, split_strategy="last_k", held_out_items=2)
    other = train(run.dataset(), settings, workspace=run.workspace, name="two")
    report = collect([run, other])
    (group,) = report.groups
    assert group.gallery is not None
    assert group.gallery.left_out == ("two",)
    assert {guess.name for guess in group.gallery.nexts[0].guesses} == {"tiny", "transitions"}
    text = Page(render(report)).text
    assert "Left out, as they were tested on other items" in text
    # Simple rules of another test are other figures.
    assert "Popularity (two)" in text


def test_runs_that_were_judged_on_different_items_are_not_ranked(
    tiny_run: Run, tmp_path: Path
) -> None:
    run = copied(tiny_run, tmp_path / "w")
    settings = small_settings(n_epochs=1, split_strategy="last_k", held_out_items=2)
    other = train(run.dataset(), settings, workspace=run.workspace, name="two")
    said = headline(collect([run, other]))
    assert "judged on different test items" in said
    assert "finds most" not in said


def test_users_of_whom_nothing_was_trained_on_have_figures_of_their_own(
    tiny_run: Run, workspace: Path
) -> None:
    title = "Users it had never met"
    assert title not in Page(report_html([tiny_run])).text
    settings = small_settings(n_epochs=1, sample_strategy="user_based", sample_ratio=0.7)
    run = train(saved_dataset(workspace, ring_dataset()), settings, workspace=workspace)
    said = Page(report_html([run])).text.partition(title)[2]
    reached = run.summary()["report"]["unseen_users"][NETWORK]["metrics"][LEAD]
    assert f"{reached:.4f}" in said.partition("Examples")[0]


def beside(run: Run, *leads: float) -> str:
    """What a report says of runs that reached these shares."""
    report = collect([run])
    facts = report.runs[0]
    own = facts.judged[NETWORK]
    runs = [
        replace(
            facts,
            label=label,
            judged={NETWORK: replace(own, metrics=own.metrics | {LEAD: lead}, intervals={})},
        )
        for label, lead in zip("ABC", leads, strict=False)
    ]
    return headline(replace(report, runs=runs))


def test_runs_whose_figures_are_told_alike_find_as_much_and_all_are_named(tiny_run: Run) -> None:
    assert beside(tiny_run, 0.2994, 0.2991).startswith("A and B find as much: 29.9% of the test")
    assert beside(tiny_run, 0.3, 0.3, 0.3).startswith("A, B and C find as much: 30.0% of the")
    said = beside(tiny_run, 0.4, 0.3)
    assert "A finds most: 40.0% of the" in said
    # A comparison of the same users, which may stand below, tells smaller differences.
    assert said.endswith("by these figures alone not clearly more than B with 30.0%.")


def test_nobody_finds_most_where_nobody_finds_anything(tiny_run: Run) -> None:
    assert beside(tiny_run, 0.0, 0.0).startswith("None of them has a single test item")


def test_runs_on_different_data_are_not_compared(tiny_run: Run, hostile_run: Run) -> None:
    page = Page(report_html([tiny_run, hostile_run]))
    assert "do not tell which one is better" in page.text
    assert "finds most" not in page.text


def test_examples_are_the_best_the_middle_and_the_worst_of_those_drawn(tiny_run: Run) -> None:
    gallery = collect([tiny_run]).groups[0].gallery
    assert gallery is not None
    assert [one.kind for one in gallery.nexts] == [kind for kind in KINDS for _ in range(2)]
    ranks = [one.guesses[0].true_rank for one in gallery.nexts]
    assert max(ranks[:2]) <= min(ranks[2:4])
    assert max(ranks[2:4]) <= min(ranks[4:])
    for one in gallery.nexts:
        for guess in one.guesses:
            hits = [at for at, entry in enumerate(guess.entries) if entry.is_true]
            assert guess.true_rank is not None
            assert hits == [guess.true_rank] if guess.true_rank < 5 else not hits
            assert guess.true_rank < guess.n_ranked
    assert gallery == collect([tiny_run]).groups[0].gallery


def test_a_place_is_told_of_as_many_items_as_could_stand_there(tiny_run: Run) -> None:
    model = load_model(tiny_run)
    report = collect([tiny_run])
    gallery = report.groups[0].gallery
    assert gallery is not None
    for one in gallery.nexts:
        met = np.unique(model.dataset.history(model.dataset.user_idx(one.user_id))[:-1])
        n_left_out = len(met) if model.removes_seen else 0
        assert {guess.n_ranked for guess in one.guesses} == {model.dataset.n_items - n_left_out}
    first = gallery.nexts[0].guesses[0]
    assert model.removes_seen
    assert f"{first.true_rank + 1:,} of {first.n_ranked:,}" in Page(render(report)).text


def test_middles_are_ranked_all_at_once_as_one_by_one(tiny_run: Run) -> None:
    model = load_model(tiny_run)
    windows = [np.asarray(model.dataset.history(user)[-9:], dtype=np.int64) for user in range(12)]
    plain = [
        predict_masked(model, window, [len(window) // 2], k=1)[0].true_rank for window in windows
    ]
    assert _middle_ranks(model, windows).tolist() == plain


def test_a_report_tells_how_far_it_is(tiny_run: Run) -> None:
    told: list[tuple[str, float]] = []
    report_html([tiny_run], watch=lambda *step: told.append(step))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert any(doing == "looking for hidden items" for doing, _ in told)
    assert told[-1] == ("drawing the page", 0.9)


def test_an_example_that_was_met_before_has_no_place(tmp_path: Path) -> None:
    dataset = saved_dataset(tmp_path / "w", ring_dataset(6, 40, min_length=8))
    settings = small_settings(n_epochs=1, seen_items="remove")
    run = train(dataset, settings, workspace=tmp_path / "w", name="again")
    report = collect([run])
    gallery = report.groups[0].gallery
    assert gallery is not None
    assert {guess.true_rank for one in gallery.nexts for guess in one.guesses} == {None}
    page = render(report)
    assert page.count("True item left out: it was met before") == sum(
        len(one.guesses) for one in gallery.nexts
    )


def test_examples_of_several_items_a_user_are_counted_as_items(
    tiny_run: Run, tmp_path: Path
) -> None:
    run = copied(tiny_run, tmp_path / "w")
    settings = small_settings(n_epochs=1, split_strategy="last_k", held_out_items=2)
    other = train(run.dataset(), settings, workspace=run.workspace, name="two")
    gallery = collect([other]).groups[0].gallery
    assert gallery is not None
    assert chosen_words(gallery, 1).startswith(
        "Nothing here is picked by hand: of 300 test items drawn at random (seed 0) here you see"
        " the two ranked highest, two from the middle and the two ranked lowest."
    )


def test_what_left_the_ranking_is_no_example_of_what_goes_wrong(tmp_path: Path) -> None:
    # Half of the users end with an item that they met before.
    rows = [
        (f"u{user}", f"t{(user + step) % 12}", step)
        for user in range(20)
        for step in [*range(6), 0 if user % 2 else 6]
    ]
    log = pd.DataFrame(rows, columns=["user_id", "item_id", "row"])[["user_id", "item_id"]]
    dataset = prepare(log, name="again", workspace=tmp_path)
    run = train(dataset, small_settings(n_epochs=1, seen_items="remove"), workspace=tmp_path)
    gallery = collect([run]).groups[0].gallery
    assert gallery is not None
    assert all(guess.true_rank is not None for one in gallery.nexts for guess in one.guesses)
    assert [one.kind for one in gallery.nexts].count("badly") == 2
    said = "two ranked lowest. Not shown are 10 met before, which left the ranking. Of all drawn"
    assert said in chosen_words(gallery, 1)


@pytest.mark.parametrize(
    ("n_drawn", "said"),
    [
        (1, "here you see, by the ranks of one, the one ranked highest."),
        (2, "here you see, by the ranks of one, the one ranked highest and the one ranked lowest."),
        (4, "the two ranked highest, one from the middle and the one ranked lowest."),
    ],
)
def test_the_words_of_examples_count_what_is_there(n_drawn: int, said: str) -> None:
    chosen = choose_rows(np.arange(n_drawn), 2)
    examples = tuple(Example(kind, "u", (), 0, 1, (), ()) for kind, _ in chosen)
    gallery = Gallery(examples, n_drawn, "one", 0, 1, 0, (), (), {}, ())
    assert said in chosen_words(gallery, 2)


def test_popularity_is_told_by_its_share_alone() -> None:
    counts = np.sort(np.append(np.ones(999), 200.0))[::-1]
    said = popularity_finding(counts[:200].sum() / counts.sum())
    assert said.startswith("The most popular fifth of the items has 33.3% of all choices; if")


def test_a_map_of_some_items_is_judged_by_those_drawn(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_map, "MAX_ITEMS", 12)
    model = load_model(tiny_run, device="cpu")
    found = item_map.make_map(model)
    vectors = model.item_embeddings()[found.item_idx - 1]
    assert found.share_kept == neighbour_recall(vectors, found.points)
    assert "nearest in truth among those drawn" in map_finding(found)


def test_whether_the_future_matters_is_told_of_held_out_items_as_on_inspect(
    tiny_run: Run,
) -> None:
    # Of items that were trained on, both sides find many more again than the past alone.
    found = future_report(load_model(tiny_run, device="cpu"))
    assert found.part != "middle"
    text = Page(report_html([tiny_run])).text
    assert finding(found) in text
    assert limits(found)[0] in text


@pytest.mark.parametrize(
    ("ranks", "found"),
    [
        ([3, 0, 9, 1, 5, 0], {"well": [1, 5], "typical": [3, 0], "badly": [2, 4]}),
        ([4], {"well": [0]}),
        ([7, 7, 7], {"well": [0], "typical": [1]}),
    ],
)
def test_of_equal_ranks_those_drawn_first_are_chosen(
    ranks: list[int], found: dict[str, list[int]]
) -> None:
    chosen = choose_rows(np.array(ranks), 2)
    assert {kind: [row for k, row in chosen if k == kind] for kind, _ in chosen} == found


def test_a_run_without_validation_says_so(tiny_run: Run, tmp_path: Path) -> None:
    run = copied(tiny_run, tmp_path / "w")
    settings = small_settings(n_epochs=1, eval_step=0)
    other = train(run.dataset(), settings, workspace=run.workspace, name="blind")
    page = Page(report_html([other]))
    assert "was not validated while it trained" in page.text
    assert "on the validation items" not in page.text


@pytest.mark.parametrize("state", ["stopped", "interrupted", "running"])
def test_a_run_that_did_not_end_tells_what_there_is(
    tiny_run: Run, tmp_path: Path, state: str
) -> None:
    run = copied(tiny_run, tmp_path / "w")
    if state != "stopped":
        (run.folder / "summary.json").unlink()
    run.set_status(state=state, epoch=3, message="stopped on request")
    page = Page(report_html([run]))
    assert "after 3 of 8 epochs" in page.text
    assert ("Hit rate" in page.text) == (state == "stopped")
    so_far = f"so far is {metric_text(run.status().best_score)} (NDCG@10)."
    assert (so_far in page.text) == (state != "stopped")
    assert "Training loss" in page.text
    assert "It went well" in page.text


def test_without_its_dataset_or_model_the_rest_is_told(tiny_run: Run, tmp_path: Path) -> None:
    run = copied(tiny_run, tmp_path / "w")
    shutil.rmtree(run.workspace / "datasets")
    page = Page(report_html([run]))
    assert "is no longer in the workspace" in page.text
    assert page.table("HR@1")
    assert "It went well" not in page.text


def test_a_damaged_checkpoint_is_named(tiny_run: Run, tmp_path: Path) -> None:
    run = copied(tiny_run, tmp_path / "w")
    run.checkpoint("best").write_bytes(b"no weights")
    page = Page(report_html([run]))
    assert "cannot be used" in page.text
    assert page.table("HR@1")


def test_a_summary_of_the_first_version_without_a_report_is_enough(
    tiny_run: Run, tmp_path: Path
) -> None:
    run = copied(tiny_run, tmp_path / "w")
    summary = read_json(run.folder / "summary.json")
    write_json(run.folder / "summary.json", {"test": summary["test"]})
    page = Page(report_html([run]))
    assert page.table("HR@1")[1][3] == f"{summary['test']['hr@10']:.4f}"


def test_bad_use_is_refused(tiny_run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not 0"):
        report_html([])
    with pytest.raises(RunError, match="not 6"):
        report_html([tiny_run] * 6)
    with pytest.raises(RunError, match="named twice"):
        report_html([tiny_run, tiny_run])
    dataset = saved_dataset(tmp_path, ring_dataset())
    queued = create_run(tmp_path, dataset, Policy(settings=small_settings()))
    with pytest.raises(RunError, match="nothing to report"):
        report_html([queued])
    with pytest.raises(UnwritableError):
        write_report([tiny_run], tiny_run.folder / "config.json" / "report.html")


def test_a_file_that_is_there_is_replaced_whole(tiny_run: Run, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.html"
    write_report([tiny_run], path)
    path.write_text("x" * 1_000_000)
    write_report([tiny_run], path)
    assert path.read_text("utf-8").endswith("</html>")
    assert [found.name for found in path.parent.iterdir()] == ["report.html"]


def test_a_umap_that_is_there_takes_the_place_of_pca(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_items = tiny_run.dataset().n_items
    made = EmbeddingMap(
        "umap",
        np.random.default_rng(0).random((n_items, 2)),
        np.arange(1, n_items + 1),
        trustworthiness=0.9,
        recall=0.5,
        n_fitted=n_items,
    )
    assert "Map of the items (PCA)" in report_html([tiny_run])
    monkeypatch.setattr(UmapTask, "read", lambda _: made)
    text = Page(report_html([tiny_run])).text
    assert "Map of the items (UMAP)" in text
    # Nothing but how often they occur is known of these items.
    assert "coloured by popularity" in text


def test_a_model_that_sees_only_the_past_hides_no_middle(tiny_run: Run, tmp_path: Path) -> None:
    text = report_html([tiny_run])
    assert "A hidden item with a future" in text
    assert "which the model may have met while it learned" in text
    run = copied(tiny_run, tmp_path / "w")
    config = read_json(run.folder / "config.json")
    one = collect([run]).runs[0]
    assert one.sees_future
    config["effective_settings"]["attention"] = "causal"
    assert not type(one)(**(vars(one) | {"config": config})).sees_future


def test_what_a_model_learns_is_said_by_what_it_sees(tiny_run: Run, tmp_path: Path) -> None:
    run = copied(tiny_run, tmp_path / "w")
    assert "what fits next, before or in between" in about(collect([run]))
    settings = small_settings(n_epochs=1, attention="causal")
    past = train(run.dataset(), settings, workspace=run.workspace, name="past")
    assert "SASRec learns from the order in which people take things what comes next" in about(
        collect([past])
    )


def test_models_that_are_compared_are_counted_by_kind(tiny_run: Run, tmp_path: Path) -> None:
    run = copied(tiny_run, tmp_path / "w")
    settings = small_settings(n_epochs=1, attention="causal")
    other = train(run.dataset(), settings, workspace=run.workspace, name="past")
    assert about(collect([run, other])).startswith("This compares BERT4Rec and SASRec, which")
    third = train(run.dataset(), small_settings(n_epochs=1), workspace=run.workspace)
    assert "SASRec and 2 versions of BERT4Rec, which" in about(collect([run, other, third]))


def test_a_run_that_version_1_wrote_is_reported(tmp_path: Path) -> None:
    golden = Path(__file__).resolve().parents[2] / "golden" / "run_v1"
    shutil.copytree(golden, tmp_path / "w")
    (folder,) = (tmp_path / "w" / "runs").iterdir()
    assert Page(report_html([open_run(folder)])).table("HR@1")


def test_percentages_of_examples_are_calibrated_and_where_not_it_says_so(
    tiny_run: Run, tmp_path: Path
) -> None:
    run = copied(tiny_run, tmp_path / "w")
    keep(run, alike(2.0))
    text = Page(report_html([run])).text
    assert "Percentages are probabilities, calibrated on hidden items where that pays." in text
    assert "too high or too low" not in text

    def likely() -> list[float | None]:
        gallery = collect([run]).groups[0].gallery
        assert gallery is not None
        examples = [*gallery.nexts, *gallery.middles]
        return [one.guesses[0].entries[0].share for one in examples]

    calibrated = likely()
    keep(run, None)
    text = Page(report_html([run])).text
    assert "Those of this model are not: they can be many times too high or too low." in text
    # So does this one, where it is still training.
    assert "Trainings calibrate them at their end; those of earlier versions did not." in text
    assert f"Here bert4rec calibration {run.id} --keep does so, for a report" in text
    own = likely()
    assert len(own) > 1
    assert all(a != b for a, b in zip(own, calibrated, strict=True))
