"""What the dashboard costs: the training it slows down, the pages it draws, and long runs.

`training`: the same run by command line and in the dashboard while one or five headless pages watch
it, in turns; the ratio of the seconds from where all of them watch to the last line. `page`:
seconds from a click in the menu until the page is drawn with its charts, while a run trains, and of
Runs in a workspace with 200 finished runs. `long run`: memory and refresh of a page that watches
100,000 steps, each with its line, at the start and the end.

A visitor's browser runs on a machine of his own; here it shares the processors with the training.
With BENCH_BROWSERS=apart server and command line have one processor and the browsers another, which
is kept busy all the time, so that what is measured is what pages cost the server.

Environment variables: BENCH_PARTS (these names with commas between), BENCH_REPEATS (1 is a quick
run), BENCH_EPOCHS (of a compared training), BENCH_RUNS (in the workspace), BENCH_STEPS (of the long
run), BENCH_RUNNER (thread or process), BENCH_BROWSERS (apart), BENCH_PAGES (1,5: that watch).
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bert4rec.control import RUNNER_VARIABLE
from bert4rec.data.samples import prepare_sample
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.json_files import read_json, write_json
from bert4rec.pipeline import train
from bert4rec.policy import Policy
from bert4rec.presets import PRESETS
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run, list_runs
from bert4rec.setting_checks import parse_settings
from tests.e2e.conftest import BROWSER_ARGUMENTS, Server
from tests.factories import ring_dataset, saved_dataset, small_settings

LIMIT_S = 1800
REFRESHES = 10
SETTLING_MS = 500
TITLES = {
    "Home": "BERT4Rec",
    "Data": "Data",
    "Train": "Train",
    "Search": "Search",
    "Runs": "Runs",
    "Inspect": "Inspect",
    "Evaluate": "Evaluate",
    "Recommend": "Recommend",
    "Embeddings": "Embeddings",
    "System": "System",
}
# Clicks a link of the menu and resolves with the milliseconds until the page of this title is drawn
# to its end, charts included.
DRAWN = """(link, title) => new Promise(done => {
    const app = document.querySelector('[data-testid=stApp]'), began = performance.now();
    const all = (kind, part) => [...document.querySelectorAll(`[data-testid=${kind}]`)].every(
        (chart) => chart.querySelector(part));
    const isDrawn = () => app.dataset.testScriptState === 'notRunning'
        && document.querySelector('h1')?.innerText === title
        && !document.querySelector('[data-testid=stSkeleton]')
        && all('stPlotlyChart', '.main-svg') && all('stVegaLiteChart', 'canvas, svg');
    const look = () => requestAnimationFrame(
        isDrawn() ? () => done(performance.now() - began) : look);
    link.click();
    look();
})"""
# Resolves with the milliseconds that each of some refreshes of a live page took.
REFRESHED = """n => new Promise(done => {
    const app = document.querySelector('[data-testid=stApp]'), found = [];
    let began = null;
    new MutationObserver((_, watch) => {
        const isRunning = app.dataset.testScriptState !== 'notRunning';
        if (isRunning && began === null) began = performance.now();
        if (!isRunning && began !== null) {
            found.push(performance.now() - began);
            began = null;
        }
        if (found.length >= n) { watch.disconnect(); done(found); }
    }).observe(app, {attributes: true, attributeFilter: ['data-test-script-state']});
})"""
Row = dict[str, Any]


def measure_dashboard() -> list[Row]:
    """Return rows of all three kinds."""
    os.environ.setdefault(RUNNER_VARIABLE, os.environ.get("BENCH_RUNNER", "thread"))
    with elsewhere_busy(), on_processors(last=True), sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_ARGUMENTS)
        parts = {"training": trainings, "page": pages, "long run": long_run}
        chosen = os.environ.get("BENCH_PARTS", ",".join(parts)).split(",")
        if unknown := set(chosen) - parts.keys():
            raise SystemExit(f"no part is called {unknown.pop()!r}; there are {', '.join(parts)}")
        rows = []
        for name in chosen:
            for found in parts[name](browser):
                print(found, file=sys.stderr, flush=True)
                rows.append(found)
        browser.close()
    return rows


PROCESSORS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextmanager
def on_processors(*, last: bool) -> Iterator[None]:
    """Let what is started meanwhile run on the last processor or the first, where that is asked."""
    if os.environ.get("BENCH_BROWSERS") != "apart":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {PROCESSORS[-1] if last else PROCESSORS[0]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def elsewhere_busy() -> Iterator[None]:
    """Keep the browsers' processor busy: it may share its core with that of the training."""
    if os.environ.get("BENCH_BROWSERS") != "apart":
        yield
        return
    with on_processors(last=True):
        spinning = subprocess.Popen(
            [sys.executable, "-c", "import os\nos.nice(19)\nwhile True: pass"]
        )
    try:
        yield
    finally:
        spinning.kill()
        spinning.wait()


def row(what: str, case: str, unit: str, values: list[float]) -> Row:
    spread = f"{min(values):.3g} to {max(values):.3g}"
    median = float(f"{statistics.median(values):.4g}")
    return {"what": what, "case": case, "median": median, "unit": unit, "n": len(values)} | {
        "spread": spread
    }


def asked(name: str, usual: int) -> int:
    return int(os.environ.get(f"BENCH_{name}", usual))


@contextmanager
def served() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "workspace")
        with on_processors(last=False):
            server.start()
        try:
            yield server
        finally:
            server.kill()


def trainings(browser: Browser) -> Iterator[Row]:
    """Compare trainings under the eyes of some pages with those of the command line."""
    settings = parse_settings(PRESETS["quick"].values | {"n_epochs": asked("EPOCHS", 20)})
    with served() as server:
        dataset = prepare_sample("playlists", server.workspace)
        assert dataset.folder is not None
        for n_pages in map(int, os.environ.get("BENCH_PAGES", "1,5").split(",")):
            ratios = []
            for _ in range(asked("REPEATS", 5)):
                by_hand = by_command(server.workspace, dataset.folder.name, settings)
                watched = startable(server, dataset, settings)
                step = by_page(browser, server, watched, n_pages)
                ratios.append(seconds_of(watched, step) / seconds_of(by_hand, step))
            case = f"{n_pages} watching, as a multiple of the command line's time"
            yield row("training", case, "ratio", ratios)


def startable(server: Server, dataset: Any, settings: Hyperparameters) -> Run:
    """Return a run that the Train page can start with one click."""
    run = create_run(server.workspace, dataset, Policy("scoring_policy", settings), name="bench")
    run.set_status(state="stopped", message="taken out of the queue")
    return run


def by_command(workspace: Path, dataset: str, settings: Hyperparameters) -> Run:
    given = [f"--set={name}={value}" for name, value in settings.given().items()]
    command = [str(Path(sys.executable).with_name("bert4rec")), "train", dataset, *given]
    with on_processors(last=False):
        subprocess.run([*command, "--workspace", str(workspace)], check=True, capture_output=True)
    return list_runs(workspace)[0]


def by_page(browser: Browser, server: Server, run: Run, n_pages: int) -> int:
    """Start a run in a page that others join, and return its step when all have drawn it."""
    contexts = [browser.new_context() for _ in range(n_pages)]
    for number, context in enumerate(contexts):
        page = context.new_page()
        page.goto(f"{server.url}/train?run={run.id}")
        if not number:
            page.get_by_role("button", name="Start again").click()
        expect(page.get_by_role("heading", name=run.name, exact=True).first).to_be_visible()
        # Loading the app is no part of watching.
        page.locator("[data-testid=stVegaLiteChart] svg").first.wait_for()
    step = run.journal.read()[0][-1].get("step", 0)
    wait_until(lambda: run.status().state == "finished")
    for context in contexts:
        context.close()
    return step


def seconds_of(run: Run, step: int) -> float:
    """Return the seconds from a run's first line after a step to its last line."""
    lines, _ = run.journal.read()
    later = next(line for line in lines if line["event"] == "train" and line["step"] > step)
    first, last = (datetime.fromisoformat(line["at"]) for line in (later, lines[-1]))
    return (last - first).total_seconds()


def wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError
        time.sleep(0.2)


def pages(browser: Browser) -> Iterator[Row]:
    """Measure every page while a run trains, then Runs among many finished ones."""
    n_rounds = 4 * asked("REPEATS", 5)
    with served() as server:
        dataset = prepare_sample("playlists", server.workspace)
        settings = parse_settings(PRESETS["quick"].values | {"n_epochs": 3})
        finished = train(dataset, settings, workspace=server.workspace, name="finished")
        endless = settings.model_copy(update={"n_epochs": 100_000, "early_stopping_step": 0})
        run = startable(server, dataset, endless)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(f"{server.url}/train?run={run.id}")
        page.get_by_role("button", name="Start again").click()
        wait_until(lambda: run.checkpoint("best").exists())
        found: dict[str, list[float]] = {name: [] for name in TITLES}
        for number in range(n_rounds + 1):
            for name in TITLES:
                seconds = seconds_to_draw(page, name)
                # The first visit loads what the page needs.
                if number:
                    found[name].append(seconds)
        for name, values in found.items():
            yield row("page", f"{name}, while a run trains", "s", values)
        n_runs = asked("RUNS", 200)
        copy_runs(finished, n_runs)
        values = []
        for _ in range(n_rounds):
            seconds_to_draw(page, "Data")
            values.append(seconds_to_draw(page, "Runs"))
        yield row("page", f"Runs with {n_runs} finished runs, while a run trains", "s", values)
        page.close()


def copy_runs(run: Run, n_runs: int) -> None:
    for number in range(n_runs):
        copy = Run(run.folder.with_name(f"20260101T000000-copy-{number}"))
        shutil.copytree(run.folder, copy.folder)
        summary = read_json(copy.folder / "summary.json")
        write_json(copy.folder / "summary.json", summary | {"run": copy.id})


def seconds_to_draw(page: Page, name: str) -> float:
    """Click a page in the menu and return the seconds until it is drawn with its charts."""
    link = page.get_by_role("link", name=name).first
    link.wait_for()
    # What the page before may still do is not this one's.
    page.wait_for_timeout(SETTLING_MS)
    return float(link.evaluate(DRAWN, TITLES[name])) / 1000


def long_run(browser: Browser) -> Iterator[Row]:
    """Watch a run of many steps, each of which writes a line."""
    n_steps = asked("STEPS", 100_000)
    with served() as server:
        dataset = saved_dataset(server.workspace, ring_dataset(n_users=160))
        # Twenty steps an epoch, and more epochs than are watched.
        settings = small_settings(batch_size=8, n_epochs=1_000_000, eval_step=10, max_seq_length=6)
        run = startable(server, dataset, settings)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(f"{server.url}/train?run={run.id}")
        page.get_by_role("button", name="Start again").click()
        for share in (0.05, 0.25, 0.5, 0.75, 1.0):
            wait_until(partial(has_done, run, int(n_steps * share)))
            at = f"at step {int(n_steps * share):,}"
            yield row("long run", f"refresh {at}", "ms", page.evaluate(REFRESHED, REFRESHES))
            yield row("long run", f"memory of the page {at}", "MB", [heap_bytes(page) / 1e6])
            yield row("long run", f"memory of the server {at}", "MB", [rss_bytes(server) / 1e6])
        page.close()


def has_done(run: Run, n_steps: int) -> bool:
    return run.status().step >= n_steps


def heap_bytes(page: Page) -> float:
    """Return what the page's objects hold once the garbage is collected."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"])


def rss_bytes(server: Server) -> float:
    assert server.process is not None
    return float(psutil.Process(server.process.pid).memory_info().rss)
