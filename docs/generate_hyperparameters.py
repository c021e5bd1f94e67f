"""Write hyperparameters.md from the settings model: python docs/generate_hyperparameters.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bert4rec.hyperparameters import GROUPS, Hyperparameters
from bert4rec.policy import Policy, dump_policy
from bert4rec.policy_settings import PolicySettings
from bert4rec.presets import MACHINE, PRESETS
from bert4rec.setting_values import SettingValues

TARGET = Path(__file__).with_name("hyperparameters.md")
KINDS = {
    "integer": "whole number",
    "number": "number",
    "string": "see right",
    "boolean": "`true`, `false`",
}
EXAMPLE = Hyperparameters(n_epochs=20, learning_rate=0.001, dropout_rate=0.1, hidden_size=64)

HEAD = """# Hyperparameters

<!-- Made by docs/generate_hyperparameters.py from bert4rec/policy_settings.py,
bert4rec/hyperparameters.py and bert4rec/presets.py; edit those files. -->

Every setting of a training run. The same names are used by the form of the dashboard, by `--set`
on the command line, in policy files and in Python:

```sh
bert4rec train playlists --preset quick --config policy.yaml --set n_epochs=20
```

A setting given by `--set` wins over the one of `--config`, and that over the one of `--preset`;
whatever is given nowhere has the default below. `none` stands for "left empty". All mistakes are
named at once, with the nearest known name. A run keeps its settings in its `config.json`.

Settings marked with \\* are ours. All others have the names, defaults and meanings of the BERT4Rec
policy of managed recommendation services.
"""
POLICY_FILES = """## Policy files

A `scoring_policy` run serves scores of candidate items, an `embedding_policy` run vectors of items
and users; the network is the same and can do both. `bert4rec policy check policy.yaml` checks a
file and prints it in its normal form, with every setting that it gives and nothing else.

```yaml
"""


def render() -> str:
    """Return the whole document."""
    groups = [line for group in GROUPS for line in _group(group)]
    example = dump_policy(Policy("scoring_policy", EXAMPLE))
    return "\n".join([HEAD, *groups, *_presets(), f"{POLICY_FILES}{example}```\n"])


def _group(group: str) -> Iterator[str]:
    properties = Hyperparameters.model_json_schema()["properties"]
    yield from (f"## {group}", "")
    yield from ("| Setting | Default | Valid | Meaning |", "|---|---|---|---|")
    for name, field in Hyperparameters.model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra["group"] == group:
            mark = "" if name in PolicySettings.model_fields else " \\*"
            default = "left empty" if field.default is None else f"`{_shown(field.default)}`"
            valid = _valid(properties[name])
            yield f"| `{name}`{mark} | {default} | {valid} | {field.description} |"
    yield ""


def _valid(schema: dict[str, Any]) -> str:
    """Return the values that a setting takes."""
    values = SettingValues.of(schema)
    if values.choices:
        return ", ".join(f"`{choice}`" for choice in values.choices)
    return f"{KINDS[values.kind]} {values.in_signs()}".strip()


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _presets() -> Iterator[str]:
    yield from ("## Presets", "", "| Preset | Settings | For |", "|---|---|---|")
    for name, preset in PRESETS.items():
        values = ", ".join(f"`{key}={_shown(value)}`" for key, value in preset.values.items())
        yield f"| `{name}` | {values or 'the defaults'} | {preset.description} |"
    yield from ("", f"What they reached, on {MACHINE} where no other machine is named:", "")
    yield from ("| Preset | Measured | Source |", "|---|---|---|")
    for name, preset in PRESETS.items():
        for found in preset.measured:
            yield f"| `{name}` | {found.text} | `{found.source}` |"
        if not preset.measured:
            yield f"| `{name}` | not measured | |"
    yield ""


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
