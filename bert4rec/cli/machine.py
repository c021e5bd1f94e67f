"""Commands about this machine: app opens the dashboard, doctor looks whether all is well."""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from bert4rec.cli.terminal import FAILED, answer, shared_options, show, table, wants_json
from bert4rec.control import RUNNER_NAMES, RUNNER_VARIABLE
from bert4rec.errors import Bert4RecError

PACKAGES = (
    *("bert4rec", "torch", "numpy", "pandas", "duckdb", "pyarrow", "pydantic", "click"),
    *("streamlit", "plotly", "scikit-learn", "umap-learn", "numba", "safetensors"),
)
# Numba's layers that several threads may enter at once, best first, and the one they may not.
THREADING_LAYERS = ("tbb", "omp", "workqueue")
LITTLE_DISK_BYTES = 1_000_000_000


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8501, show_default=True, type=click.IntRange(1, 65535), help="Its port."
)
@click.option("--no-browser", is_flag=True, help="Do not open the page.")
@click.option(
    "--runner",
    default=RUNNER_NAMES[0],
    show_default=True,
    type=click.Choice(RUNNER_NAMES),
    envvar=RUNNER_VARIABLE,
    show_envvar=True,
    help="Train in a thread of the dashboard, or each run in a process of its own.",
)
@click.pass_context
@shared_options
def app(
    ctx: click.Context, host: str, port: int, no_browser: bool, runner: str, workspace: Path
) -> None:
    """Open the dashboard in the browser; Ctrl+C ends it.

    A run in a process of its own starts a few seconds later, and takes nothing with it when it
    dies, as for want of memory.
    """
    from bert4rec.ui.server import serve

    is_json = wants_json()

    def say(line: str) -> None:
        # The server speaks once it listens: what cannot start must not answer.
        if is_json:
            answer(ctx, {"host": host, "port": port, "workspace": str(workspace)})
        click.echo(line, err=True)

    try:
        serve(
            workspace=workspace,
            host=host,
            port=port,
            open_browser=not no_browser,
            runner=runner,
            tell=say,
        )
    except KeyboardInterrupt:
        click.echo("The dashboard has ended.", err=True)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        name: What it is.
        state: `ok`, `warning` or `failed`.
        value: What was found.
        fix: What to do, unless it is ok.
    """

    name: str
    state: str
    value: str
    fix: str = ""


@click.command()
@click.pass_context
@shared_options
def doctor(ctx: click.Context, workspace: Path) -> None:
    """Look whether everything that is needed is there; exits with 1 if something is not."""
    findings = list(examine(workspace))
    show({"checks": [asdict(finding) for finding in findings]}, _finding_lines(findings))
    if any(finding.state == "failed" for finding in findings):
        ctx.exit(FAILED)


def _finding_lines(findings: list[Finding]) -> list[str]:
    rows = [(one.state, one.name, f"{one.value}. {one.fix}".rstrip(". ")) for one in findings]
    return table(("", "", ""), rows)[1:]


def examine(workspace: Path) -> Iterator[Finding]:
    """Yield what is found about packages, device, workspace, samples and dashboard."""
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.system()}")
    yield from map(_package, PACKAGES)
    yield from _device()
    yield _threading_layer()
    yield _workspace(workspace)
    yield _disk(workspace)
    yield _samples()
    yield _dashboard()


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, "failed", "missing", "Install bert4rec again.")


def _device() -> Iterator[Finding]:
    from bert4rec.device import choose_device

    choice = choose_device()
    yield Finding("device", "ok", f"{choice.device}: {choice.reason}")
    yield Finding("precision", "ok", f"{choice.precision}: {choice.precision_reason}")
    yield Finding("threads", "ok", str(choice.n_threads))


def _threading_layer() -> Finding:
    name = "threads of maps"
    for layer in THREADING_LAYERS:
        if _has_layer(layer):
            # Maps are made one after the other, so that workqueue is slower but safe.
            return Finding(name, "ok", f"numba's layer {layer}")
    return Finding(name, "warning", "numba has no threads", "Install tbb for faster maps.")


def _has_layer(layer: str) -> bool:
    module = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}[layer]
    try:
        import_module(f"numba.np.ufunc.{module}")
    except ImportError:
        return False
    return True


def _workspace(workspace: Path) -> Finding:
    there = _existing(workspace)
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding("workspace", "failed", f"{workspace}: {reason}", "Choose --workspace.")
    made = "" if there == workspace else ", which is made when it is needed"
    return Finding("workspace", "ok", f"{workspace}{made}")


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _disk(workspace: Path) -> Finding:
    free = shutil.disk_usage(_existing(workspace)).free
    value = f"{free / 1e9:,.1f} GB free"
    if free < LITTLE_DISK_BYTES:
        return Finding("disk", "warning", value, "Delete runs or datasets that are not needed.")
    return Finding("disk", "ok", value)


def _samples() -> Finding:
    from bert4rec.data.samples import SAMPLES

    fix = "Install bert4rec again."
    try:
        missing = [name for name, sample in SAMPLES.items() if not sample.folder.is_dir()]
    except Bert4RecError as error:
        return Finding("samples", "warning", error.message, error.fix or fix)
    if missing:
        return Finding("samples", "warning", f"missing: {', '.join(missing)}", fix)
    return Finding("samples", "ok", ", ".join(SAMPLES))


def _dashboard() -> Finding:
    from bert4rec.ui.server import find_app

    try:
        return Finding("dashboard", "ok", str(find_app()))
    except Bert4RecError as error:
        return Finding("dashboard", "failed", error.message, error.fix or "")
