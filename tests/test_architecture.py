"""Hold the code to ARCHITECTURE.md: what exists, what may import what, what nobody may use."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import bert4rec

ROOT = Path(__file__).resolve().parents[1]
READING_ORDER = re.findall(
    r"^- `(bert4rec/\S+\.py)`", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), flags=re.MULTILINE
)
PACKAGE = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("bert4rec/**/*.py"))
APP = [path.relative_to(ROOT).as_posix() for path in (ROOT / "app.py", *ROOT.glob("pages/*.py"))]
APP = sorted(name for name in APP if (ROOT / name).exists())
BESIDE = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("benchmarks", "sample_data")
    for path in ROOT.glob(f"{folder}/**/*.py")
)
SHIPPED = [*PACKAGE, *APP, *BESIDE]

LAUNCH = ("bert4rec/cli/machine.py", {"bert4rec/ui/server.py"})
VAGUE_NAMES = {"utils", "helpers", "common", "misc", "manager", "base"}
UNSAFE_MODULES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"torch.load", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}
UNSAFE_KEYWORDS = {"unsafe_allow_html", "unsafe_allow_javascript"}


@cache
def parse(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text("utf-8"), filename=name)


def package_of(name: str) -> list[str]:
    """Return the dotted package that holds a file, as parts."""
    return list(Path(name).parent.parts)


def imported_modules(name: str) -> Iterator[str]:
    """Yield every module a file names in an import, anywhere in it; `from a import b` gives a.b."""
    for node in ast.walk(parse(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package_of(name)
            parts = above[: len(above) - node.level + 1] if node.level else []
            module = ".".join([*parts, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def file_of(module: str) -> str | None:
    """Return the package file behind a dotted name, or behind the module that holds that name."""
    for dotted in (module, module.rpartition(".")[0]):
        path = dotted.replace(".", "/")
        for name in (f"{path}.py", f"{path}/__init__.py"):
            if dotted and name in PACKAGE:
                return name
    return None


def imported_files(name: str) -> set[str]:
    found = {file_of(module) for module in imported_modules(name) if module.startswith("bert4rec")}
    return {other for other in found if other is not None and other != name}


def unsafe_names(name: str) -> Iterator[str]:
    yield from (m for m in imported_modules(name) if m.partition(".")[0] in UNSAFE_MODULES)
    for node in ast.walk(parse(name)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            given = {word.arg: ast.unparse(word.value) for word in node.keywords if word.arg}
            if called in UNSAFE_CALLS and given.get("Loader") not in safe_loaders(name):
                yield called
            if given.get("allow_pickle", "False") != "False":
                yield f"{called}(allow_pickle)"
            yield from UNSAFE_KEYWORDS & given.keys()


def safe_loaders(name: str) -> set[str]:
    """Return the YAML loaders of a file that build on the safe one."""
    classes = (node for node in ast.walk(parse(name)) if isinstance(node, ast.ClassDef))
    return {c.name for c in classes if "yaml.SafeLoader" in map(ast.unparse, c.bases)}


def test_the_reading_order_lists_every_package_file_once() -> None:
    assert sorted(READING_ORDER) == PACKAGE


def test_the_reading_order_ends_with_the_doors() -> None:
    doors = ["cli/__init__.py", "__main__.py", "__init__.py"]
    assert READING_ORDER[-3:] == [f"bert4rec/{name}" for name in doors]


@pytest.mark.parametrize("name", PACKAGE)
def test_a_file_imports_only_files_above_it(name: str) -> None:
    above = READING_ORDER[: READING_ORDER.index(name)]
    assert imported_files(name) <= set(above)


@pytest.mark.parametrize("name", [name for name in PACKAGE if "/ui/" not in name])
def test_the_core_knows_nothing_of_streamlit(name: str) -> None:
    assert not [m for m in imported_modules(name) if m.partition(".")[0] == "streamlit"]


@pytest.mark.parametrize("name", [name for name in PACKAGE if "/ui/" not in name])
def test_only_the_command_that_opens_the_dashboard_reaches_into_the_view_kit(name: str) -> None:
    reached = {other for other in imported_files(name) if "/ui/" in other}
    assert not reached or (name, reached) == LAUNCH


@pytest.mark.parametrize("name", [name for name in PACKAGE if "/cli/" not in name])
def test_only_the_command_line_prints(name: str) -> None:
    calls = (node for node in ast.walk(parse(name)) if isinstance(node, ast.Call))
    assert "print" not in {ast.unparse(call.func) for call in calls}


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_unpickles_or_runs_what_a_file_or_a_title_says(name: str) -> None:
    assert not list(unsafe_names(name))


def test_files_are_named_after_what_they_hold() -> None:
    assert not [name for name in SHIPPED if Path(name).stem in VAGUE_NAMES]


def test_importing_the_package_loads_no_heavy_library() -> None:
    code = "import sys, bert4rec; print(*{'torch', 'pandas', 'streamlit'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", bert4rec.__all__)
def test_every_public_name_can_be_loaded(name: str) -> None:
    assert getattr(bert4rec, name) is not None


def test_no_public_name_is_hidden_by_a_module() -> None:
    """An imported module becomes an attribute of its package, in place of what has its name."""
    modules = {Path(name).parts[1].removesuffix(".py") for name in PACKAGE}
    assert not modules & set(bert4rec.__all__)
