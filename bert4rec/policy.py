"""The BERT4Rec policy as YAML: reading with every error at once, writing without loss.

A run that sees only the past is written in the same form with a `policy_type` of its own
(decision 0020).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from bert4rec.errors import NotFoundError, SettingsError, shown
from bert4rec.files import is_there
from bert4rec.hyperparameters import MODEL_NAMES, Hyperparameters
from bert4rec.policy_settings import PolicySettings
from bert4rec.setting_checks import parse_settings

PolicyKind = Literal["scoring_policy", "embedding_policy"]
POLICY_KINDS: tuple[PolicyKind, ...] = ("scoring_policy", "embedding_policy")
# What a policy is called for each kind of attention: bert4rec, sasrec.
POLICY_TYPES = {attention: name.lower() for attention, name in MODEL_NAMES.items()}


@dataclass(frozen=True)
class Policy:
    """What a run is for, and its settings.

    A `scoring_policy` serves scores of candidate items, an `embedding_policy` serves vectors of
    items and users; the trained network is the same and can do both.
    """

    kind: PolicyKind = "scoring_policy"
    settings: Hyperparameters = field(default_factory=Hyperparameters)

    @property
    def serves_vectors(self) -> bool:
        """Whether it is for vectors and not for scores."""
        return self.kind == "embedding_policy"


# The core schema of YAML 1.2.2, section 10.3.2.
TAG = "tag:yaml.org,2002:"
WHOLE_NUMBER = re.compile(r"^(?:[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+)$")
NUMBER = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)

# No setting takes as many, and Python refuses to write many more.
MAX_DIGITS = 1000

# What plain text is taken for by YAML 1.1 in another way than by 1.2, or not at all there.
YAML_1_1 = ("int", "float", "timestamp")


class _PolicyLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the numbers of YAML 1.2, which refuses a key given twice.

    By YAML 1.1, which PyYAML reads otherwise, `1:30` is 90, `010` is 8 and `1e-3` is text. Aliases
    are refused: by aliases of aliases a few lines become more values than a machine can hold.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  PyYAML declares it for the instance
        sign: [(tag, form) for tag, form in found if tag.rpartition(":")[2] not in YAML_1_1]
        for sign, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            problem = "aliases are not read; write out what this one stands for"
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise ComposerError(None, None, problem, mark)
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except SettingsError:
            raise
        # What a tag such as !!int or !!timestamp is given may be anything.
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            kind = node.tag.rpartition(":")[2]
            raise ConstructorError(
                None, None, f"{str(node.value)[:20]!r} is not of the kind {kind}", node.start_mark
            ) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise ConstructorError(None, None, "expected names with values", node.start_mark)
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        counts = Counter(key for key in keys if isinstance(key, Hashable))
        twice = sorted(str(key) for key, count in counts.items() if count > 1)
        if twice:
            raise SettingsError(
                [f"{key} is given twice; keep one of them" for key in twice],
                where=f"line {node.start_mark.line + 1}",
            )
        return super().construct_mapping(node, deep=deep)

    def construct_whole_number(self, node: yaml.ScalarNode) -> int:
        """Return a whole number: decimal, with zeros before it or not, 0x or 0o."""
        text = self.construct_scalar(node)
        if len(text) > MAX_DIGITS:
            raise ValueError(f"more than {MAX_DIGITS} digits")
        return int(text, 0 if text[:2] in ("0x", "0o") else 10)

    def construct_number(self, node: yaml.ScalarNode) -> float:
        """Return a number with a point or an exponent."""
        text = self.construct_scalar(node)
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


for _name, _form, _construct in (
    ("int", WHOLE_NUMBER, _PolicyLoader.construct_whole_number),
    ("float", NUMBER, _PolicyLoader.construct_number),
):
    _PolicyLoader.add_implicit_resolver(TAG + _name, _form, list("-+.0123456789"))
    _PolicyLoader.add_constructor(TAG + _name, _construct)


def read_policy(path: Path) -> Policy:
    """Read a policy file; see `load_policy` for the form and the errors."""
    return load_policy(read_settings_text(path), where=path.name)


def read_settings_text(path: Path) -> str:
    """Return the text of a file with settings.

    Raises:
        NotFoundError: it is not there.
        SettingsError: it is not text, or cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise SettingsError([f"{path.name} is not a text file"], where=str(path)) from error
    except (OSError, ValueError) as error:
        if not is_there(path):
            raise NotFoundError(f"there is no file {path.name}", where=str(path.parent)) from error
        raise SettingsError([f"{path.name} cannot be read: {error}"], where=str(path)) from error


def load_yaml(text: str, *, where: str | None = None) -> Any:
    """Parse YAML with the numbers of YAML 1.2.

    Raises:
        SettingsError: it is no YAML, is nested too deeply, or gives a key twice.
    """
    try:
        # The loader is PyYAML's safe one with fewer ways to be misread.
        return yaml.load(text, Loader=_PolicyLoader)  # noqa: S506
    except yaml.YAMLError as error:
        raise SettingsError([f"this is not valid YAML: {_one_line(error)}"], where=where) from error
    except RecursionError as error:
        raise SettingsError(["this YAML is nested too deeply"], where=where) from error


def load_policy(text: str, *, where: str | None = None) -> Policy:
    """Parse a policy from YAML of the form `policy_configs: {scoring_policy: {...}}`.

    Raises:
        SettingsError: with one line for each problem: no YAML, unknown keys, a wrong
            `policy_type`, bad values.
    """
    document = load_yaml(text, where=where)
    kind, body = _find_policy(document, where)
    values = {str(key): value for key, value in body.items()}
    policy_type = values.pop("policy_type", None)
    problems = _check_type(policy_type)
    if policy_type == POLICY_TYPES["causal"]:
        values = {"attention": "causal"} | values
    try:
        settings = parse_settings(values)
    except SettingsError as error:
        raise SettingsError(problems + error.problems, where=where) from error
    problems = problems or _check_attention(policy_type, settings)
    if problems:
        raise SettingsError(problems, where=where)
    return Policy(kind, settings)


def dump_policy(policy: Policy) -> str:
    """Return the policy as YAML; only settings that were given are written."""
    body = {"policy_type": POLICY_TYPES[policy.settings.attention]} | policy.settings.given()
    document = {"policy_configs": {policy.kind: body}}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def dump_whole_policy(policy: Policy) -> str:
    """Return the policy as YAML with every name that it has, for whoever has other defaults.

    A setting that follows another one is written as what it comes to; our own settings are left
    out.
    """
    values = policy.settings.in_effect()
    body = {"policy_type": POLICY_TYPES[policy.settings.attention]}
    body |= {name: values[name] for name in PolicySettings.model_fields}
    document = {"policy_configs": {policy.kind: body}}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def own_settings(policy: Policy) -> list[str]:
    """Return which of the given settings are our own, which no other policy knows."""
    return [name for name in policy.settings.given() if name not in PolicySettings.model_fields]


def _find_policy(document: Any, where: str | None) -> tuple[PolicyKind, dict[Any, Any]]:
    example = "policy_configs:\n  scoring_policy:\n    policy_type: bert4rec"
    fix = f"Start from:\n{example}"
    if not isinstance(document, Mapping) or not isinstance(document.get("policy_configs"), Mapping):
        raise SettingsError(["there is no policy_configs section"], where=where, fix=fix)
    extra = [f"{key} is not a known section" for key in document if key != "policy_configs"]
    configs = document["policy_configs"]
    extra += [f"policy_configs.{key} is not a policy" for key in configs if key not in POLICY_KINDS]
    kinds = [kind for kind in POLICY_KINDS if kind in configs]
    if extra or len(kinds) != 1:
        wrong = [] if len(kinds) == 1 else [f"expected one policy, found {len(kinds)}"]
        raise SettingsError(
            extra + wrong, where=where, fix="Give one of scoring_policy and embedding_policy."
        )
    body = configs[kinds[0]]
    if not isinstance(body, Mapping):
        raise SettingsError([f"{kinds[0]} holds no settings"], where=where, fix=fix)
    return kinds[0], dict(body)


def _check_type(policy_type: Any) -> list[str]:
    if policy_type in POLICY_TYPES.values():
        return []
    got = "is missing" if policy_type is None else f"is {shown(policy_type)}"
    usual, other = POLICY_TYPES["bidirectional"], POLICY_TYPES["causal"]
    return [f"policy_type {got}; it should be {usual} (or {other}, for attention: causal)"]


def _check_attention(policy_type: str, settings: Hyperparameters) -> list[str]:
    fitting = POLICY_TYPES[settings.attention]
    if policy_type == fitting:
        return []
    return [f"policy_type is {policy_type}; with attention: {settings.attention} it is {fitting}"]


def _one_line(error: yaml.YAMLError) -> str:
    """Return where a text stops being YAML and why; the parser's own words come with a picture."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())
