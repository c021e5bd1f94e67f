"""Hold the documents to the code: commands, options, links, settings and the version exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import bert4rec

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
SHELL_LANGUAGES = {"bash", "sh", "shell", "console"}
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:bert4rec|make) [^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)|<img[^>]+src=\"([^\"]+)\"")
ELSEWHERE = ("http://", "https://", "mailto:")
OPERATORS = {"|", "||", "&&", ";", "&", ">", ">>", "<", "2>"}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def shell_lines(text: str) -> Iterator[str]:
    """Yield the commands of shell blocks, continued lines joined, and those in inline code."""
    for language, body in FENCE.findall(text):
        if language in SHELL_LANGUAGES:
            yield from body.replace("\\\n", " ").splitlines()
    yield from INLINE.findall(FENCE.sub("", text))


def commands(program: str) -> list[tuple[str, list[str]]]:
    """List every use of a program in the documents as (document, words after the program)."""
    return [
        (named(path), words[1:])
        for path in DOCUMENTS
        for line in shell_lines(path.read_text("utf-8"))
        for words in parts_of(line)
        if Path(words[0]).name == program and len(words) > 1
    ]


def parts_of(line: str) -> Iterator[list[str]]:
    """Split a shell line at its operators, without prompts and leading assignments."""
    words: list[str] = []
    for word in [*shlex.split(line.removeprefix("$ "), comments=True), ";"]:
        if word in OPERATORS:
            if words:
                yield words
            words = []
        elif words or not re.match(r"[A-Z_0-9]+=", word):
            words.append(word)


def links() -> list[tuple[str, str]]:
    found = []
    for path in DOCUMENTS:
        for match in LINK.finditer(FENCE.sub("", path.read_text("utf-8"))):
            target = match[1] or match[2]
            if not target.startswith(ELSEWHERE):
                found.append((named(path), target))
    return found


def anchors(path: Path) -> set[str]:
    """Return the anchors that a Markdown viewer gives to the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text("utf-8")), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


def command_line() -> click.Group:
    from bert4rec import cli

    return next(value for value in vars(cli).values() if isinstance(value, click.Group))


@pytest.mark.parametrize(("document", "words"), commands("bert4rec"))
def test_every_command_in_the_documents_exists(document: str, words: list[str]) -> None:
    command: click.Command = command_line()
    name = "bert4rec"
    known = {"--help", "--version"} | options_of(command)
    for word in words:
        if word in ("...", "…") or not isinstance(command, click.Group):
            break
        if word.startswith("-"):
            continue
        name = f"{name} {word}"
        # Some stand side by side, as in `runs rename|note`.
        assert set(word.split("|")) <= set(command.commands), f"{document} names `{name}`"
        command = command.commands[word.split("|")[0]]
        known |= options_of(command)
    used = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert used <= known, f"{document} names options that `{name}` does not have"


def options_of(command: click.Command) -> set[str]:
    return {option for p in command.params for option in p.opts + p.secondary_opts}


@pytest.mark.parametrize(("document", "words"), commands("make"))
def test_every_make_target_in_the_documents_exists(document: str, words: list[str]) -> None:
    rules = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE)
    targets = {word for word in words if "=" not in word and not word.startswith("-")}
    assert targets <= set(rules), f"{document} names targets that the Makefile does not have"


@pytest.mark.parametrize(("document", "target"), links())
def test_every_link_between_the_documents_leads_somewhere(document: str, target: str) -> None:
    name, _, anchor = target.partition("#")
    path = (ROOT / document).parent / name if name else ROOT / document
    assert path.exists()
    assert not anchor or path.suffix != ".md" or anchor in anchors(path)


def test_the_index_of_the_documents_is_complete() -> None:
    docs = ROOT / "docs"
    index = docs / "README.md"
    listed = {docs / target for document, target in links() if document == named(index)}
    assert not set(docs.rglob("*.md")) - listed - {index}


def test_every_hyperparameter_is_documented() -> None:
    from bert4rec.hyperparameters import Hyperparameters

    text = (ROOT / "docs" / "hyperparameters.md").read_text("utf-8")
    assert not [name for name in Hyperparameters.model_fields if f"`{name}`" not in text]


def test_the_changelog_speaks_of_the_current_version() -> None:
    versions = re.findall(
        r"^## \[?([\w.]+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE
    )
    assert bert4rec.__version__ in versions
