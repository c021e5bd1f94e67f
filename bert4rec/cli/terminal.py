"""What all commands share: options, one document or a few lines as the answer, one line on failure.

Answers go to standard output, everything else to standard error. Nothing heavy is imported here
or at the top of any file of the command line, so that `bert4rec --help` answers at once.
"""

from __future__ import annotations

import errno
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from click.core import ParameterSource

from bert4rec.cli.signals import signals_heard, status_of
from bert4rec.cli.streams import streams_explained
from bert4rec.errors import Bert4RecError, SettingsError, UnwritableError
from bert4rec.files import find_workspace
from bert4rec.plain_text import one_line
from bert4rec.words import MINUS

DEBUG_VARIABLE = "BERT4REC_DEBUG"
FAILED, WRONG_USE = 1, 2

Command = TypeVar("Command", bound=Callable[..., Any])


class Failure(click.ClickException):
    """A command that did not do what was asked, as one line and, for `--json`, a document."""

    def __init__(self, line: str, status: int, **document: Any) -> None:
        super().__init__(line)
        self.status = status
        self.document = document

    @classmethod
    def of(cls, error: Bert4RecError) -> Failure:
        """Return the failure that an error of ours stands for."""
        kind, message = type(error).__name__, one_line(error.message)
        fix = None if error.fix is None else one_line(error.fix)
        line = f"error: {one_line(error)}"
        is_typed = isinstance(error, SettingsError) and str(error.where).startswith("--")
        status = WRONG_USE if is_typed else FAILED
        return cls(line, status, type=kind, message=message, where=error.where, fix=fix)

    def show(self, file: Any = None) -> None:
        """Write the line to standard error, also where there is no room for a document."""
        click.echo(self.message, err=True)


class Door(click.Group):
    """The group of all commands: turns whatever goes wrong into one line and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names in the order in which they are used."""
        del ctx
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take note of `--json` before anything of the command line can turn out to be wrong."""
        ctx.meta["as_json"] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Carry out the command that was named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            line = str(error) or "interrupted"
            failure = Failure(line, status_of(error), message="interrupted")
        except Bert4RecError as error:
            failure = Failure.of(error)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        # Whatever else it is, nobody above can say it in one line.
        except Exception as error:
            if os.environ.get(DEBUG_VARIABLE):
                raise
            failure = _unexpected(error)
        if ctx.meta.get("as_json"):
            _answer_failure(ctx, failure.document)
        raise failure

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Carry out a command line; ends the process unless `standalone_mode` is off."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, **extra)
        with signals_heard(), streams_explained():
            status = self._status(args, prog_name, complete_var, **extra)
        sys.exit(status)

    def _status(
        self,
        args: Sequence[str] | None,
        prog_name: str | None,
        complete_var: str | None,
        **extra: Any,
    ) -> int:
        try:
            status = super().main(args, prog_name, complete_var, False, **extra)
        except Failure as failure:
            failure.show()
            return failure.status
        except click.ClickException as error:
            _show_wrong_use(error)
            return error.exit_code
        except click.Abort as error:
            click.echo("interrupted", err=True)
            return status_of(error.__cause__)
        except UnwritableError as error:
            # Of a text that click writes before a command begins: --help, --version.
            Failure.of(error).show()
            return FAILED
        return status if isinstance(status, int) else 0


# What to do about what the operating system says; anything else may pass or may not.
SYSTEM_FIXES = {
    errno.EACCES: "Permit it to this user, or name another place.",
    errno.EPERM: "Permit it to this user, or name another place.",
    errno.EROFS: "Name a place that can be written.",
    errno.ENOSPC: "Make room there, or name another place.",
    errno.EDQUOT: "Make room there, or name another place.",
    errno.ENOENT: "It is not there, or no longer: try again.",
    errno.EMFILE: "Permit more open files, as by ulimit -n.",
    errno.EIO: "See to the disk that it lies on.",
}


def _of_system(error: OSError) -> Failure:
    place = None if error.filename is None else one_line(error.filename)
    message = one_line(error.strerror or error)
    fix = SYSTEM_FIXES.get(error.errno or 0)
    line = f"error: {message}" + (f" ({place})" if place else "") + (f". {fix}" if fix else "")
    return Failure(line, FAILED, type=type(error).__name__, message=message, where=place, fix=fix)


def _unexpected(error: Exception) -> Failure:
    if isinstance(error, OSError) and error.errno in SYSTEM_FIXES:
        return _of_system(error)
    kind, message = type(error).__name__, one_line(error) or "no message"
    line = f"error: {kind}: {message} (set {DEBUG_VARIABLE}=1 to see where)"
    return Failure(line, FAILED, type=kind, message=message)


def _show_wrong_use(error: click.ClickException) -> None:
    context = getattr(error, "ctx", None)
    kind, message = type(error).__name__, one_line(error.format_message())
    advice = None if context is None else f"see {context.command_path} --help"
    if context is not None and context.meta.get("as_json"):
        document = {"type": kind, "message": message, "where": None, "fix": advice}
        _answer_failure(context, document)
    click.echo(f"error: {message}" + (f" ({advice})" if advice else ""), err=True)


def shared_options(command: Command) -> Command:
    """Add `--workspace`, which is passed on as a path, and `--json`, which `show` obeys."""
    workspace = click.option(
        "--workspace",
        type=click.Path(file_okay=False),
        metavar="FOLDER",
        callback=_take_workspace,
        help="Where datasets and runs lie. [default: BERT4REC_WORKSPACE, else ./workspace]",
    )
    as_json = click.option(
        "--json",
        "as_json",
        is_flag=True,
        expose_value=False,
        callback=_take_json,
        is_eager=True,
        help="Print exactly one JSON document on standard output.",
    )
    return workspace(as_json(command))


def _take_workspace(ctx: click.Context, param: click.Parameter, value: str | None) -> Path:
    if value == "":
        # As from a variable that is not set: the usual workspace would be another one.
        raise click.BadParameter("The name is empty.", ctx, param)
    found = find_workspace(value)
    if ctx.get_parameter_source("workspace") == ParameterSource.COMMANDLINE:
        ctx.meta["workspace"] = str(found)
    return found


def _take_json(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.meta["as_json"] = value


def bundled(
    name: str, kind: type[Any], options: Sequence[Callable[[Any], Any]]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add options to a command, which gets them as one argument: a dataclass named like them.

    Args:
        name: Name of the argument.
        kind: The dataclass, a field for each option.
        options: Made by `click.option`, in the order of the help.
    """

    def add(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def gathered(**values: Any) -> None:
            typed = {entry.name: values.pop(entry.name) for entry in fields(kind)}
            command(**{name: kind(**typed)}, **values)

        for option in reversed(options):
            gathered = option(gathered)
        return gathered

    return add


def pass_on(ctx: click.Context, workspace: Path) -> None:
    """Have the options before the name of a group's command hold for that command as well."""
    given = {"workspace": str(workspace), "as_json": wants_json()}
    ctx.default_map = {str(ctx.invoked_subcommand): given}


def wants_json() -> bool:
    """Whether the command under way was called with `--json`."""
    return bool(click.get_current_context().meta.get("as_json"))


def answer(ctx: click.Context, document: dict[str, Any]) -> None:
    """Print the document of a command, the first time that this is asked for."""
    if not ctx.meta.get("is_answered"):
        ctx.meta["is_answered"] = True
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        if _as_shown(text) != text:
            # In JSON an escape loses nothing.
            text = json.dumps(document, indent=2, allow_nan=False)
        click.echo(text)


def _answer_failure(ctx: click.Context, document: dict[str, Any]) -> None:
    # Where it cannot be written, the line on standard error still tells what failed.
    with suppress(UnwritableError):
        answer(ctx, {"error": document})


def show(document: dict[str, Any], lines: Iterable[str]) -> None:
    """Answer with the document or, for a person, with the lines."""
    if wants_json():
        answer(click.get_current_context(), document)
        return
    for line in lines:
        click.echo(_as_shown(line))


def _as_shown(text: str) -> str:
    """Return text with a question mark for each sign that standard output has no bytes for.

    A minus, which could be lost so, is the one that programs read.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.replace(MINUS, "-").encode(encoding, errors="replace").decode(encoding)


def tell(line: str) -> None:
    """Say on standard error what is being done."""
    click.echo(line, err=True)


def next_step(*words: str) -> str:
    """Return a command to go on with, as it can be typed, in the same workspace."""
    named = click.get_current_context().meta.get("workspace")
    place = ["--workspace", named] if named else []
    return f"Next: {shlex.join(['bert4rec', *words, *place])}"


def wrong_use(message: str) -> NoReturn:
    """End the command with exit status 2.

    Raises:
        click.UsageError: always.
    """
    raise click.UsageError(message, click.get_current_context())


def refuse_no_name(file: str | None) -> None:
    """End the command with exit status 2 where a file was given whose name is empty.

    Raises:
        click.UsageError: so it is.
    """
    if file == "":
        wrong_use("the name of a file is empty")


def refuse_no_host(host: str) -> None:
    """End the command with exit status 2 where an address is empty, which would mean every one.

    Raises:
        click.UsageError: so it is.
    """
    if not host:
        wrong_use("--host is empty; 127.0.0.1 is this machine alone, 0.0.0.0 every address")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return lines with aligned columns: text to the left, numbers to the right."""
    body = list(rows)
    cells = [[one_line(name) for name in head], *([_cell(cell) for cell in row] for row in body)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    is_number = [
        bool(column) and all(cell is None or isinstance(cell, int | float) for cell in column)
        for column in (zip(*body, strict=True) if body else [()] * len(head))
    ]
    return ["  ".join(_aligned(row, widths, is_number)).rstrip() for row in cells]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value)) or "-"
    return f"{value:,}" if isinstance(value, int) else one_line(value)


def _aligned(row: Sequence[str], widths: Sequence[int], is_number: Sequence[bool]) -> list[str]:
    placed = zip(row, widths, is_number, strict=True)
    return [cell.rjust(width) if right else cell.ljust(width) for cell, width, right in placed]
