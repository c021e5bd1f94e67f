"""Settings of a run from the command line, and the check of a policy file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bert4rec.cli.terminal import bundled, refuse_no_name, shared_options, show, tell

if TYPE_CHECKING:
    from bert4rec.policy import Policy, PolicyKind

POLICIES: tuple[PolicyKind, ...] = ("scoring_policy", "embedding_policy")
# As `PRESETS` names them; a test holds these equal, because asking it would load pydantic.
PRESET_NAMES = ("quick", "balanced", "thorough", "sasrec")


@dataclass(frozen=True)
class SettingOptions:
    """Where a run's settings come from, as typed."""

    preset: str | None = None
    config: str | None = None
    assignments: tuple[str, ...] = ()
    kind: str | None = None

    def policy(self) -> Policy:
        """Put the settings together: those of `--set` over the policy file over the preset.

        Raises:
            SettingsError: with all problems of the layer that has some.
        """
        from bert4rec.policy import Policy, read_policy
        from bert4rec.presets import PRESETS
        from bert4rec.setting_checks import parse_settings

        refuse_no_name(self.config)
        base = read_policy(Path(self.config)) if self.config else Policy()
        values = dict(PRESETS[self.preset].values) if self.preset else {}
        # A file's policy_type names its model also where it gives no attention.
        if self.config and "attention" in values:
            values["attention"] = base.settings.attention
        values |= base.settings.given() | assigned(self.assignments)
        where = "--set" if self.assignments else self.config
        kind = next((known for known in POLICIES if known == self.kind), base.kind)
        return Policy(kind, parse_settings(values, where=where))


def assigned(assignments: Iterable[str]) -> dict[str, str | None]:
    """Return what was typed as `name=value` by name; nothing typed leaves a setting empty.

    Raises:
        SettingsError: one is not of that form.
    """
    from bert4rec.setting_checks import parse_assignment

    typed = map(parse_assignment, assignments)
    return {name: text or None for name, text in typed}


setting_options = bundled(
    "asked",
    SettingOptions,
    (
        click.option("--config", metavar="FILE", help="Policy YAML with the settings."),
        click.option(
            "--set",
            "assignments",
            metavar="NAME=VALUE",
            multiple=True,
            help="One setting; can be given again for others.",
        ),
        click.option("--preset", type=click.Choice(PRESET_NAMES), help="Where settings start."),
        click.option("--policy", "kind", type=click.Choice(POLICIES), help="What the run is for."),
    ),
)


@click.group(invoke_without_command=True)
@click.pass_context
def policy(ctx: click.Context) -> None:
    """Work with policy files."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@policy.command()
@click.argument("file")
@shared_options
def check(file: str, workspace: Path) -> None:
    """Check a policy YAML file and print it in its normal form.

    Every setting that the file gives is kept, with its value; nothing is added. All mistakes are
    named at once.
    """
    from bert4rec.policy import dump_policy, read_policy

    del workspace
    refuse_no_name(file)
    found = read_policy(Path(file))
    text = dump_policy(found)
    given = found.settings.given()
    show({"policy": found.kind, "settings": given, "yaml": text}, text.splitlines())
    tell(f"{Path(file).name} is a valid {found.kind} with {len(given)} settings")
