"""The settings of the BERT4Rec policy: name, default, range, label and help, written once.

Names, defaults and meanings are those of the BERT4Rec policy of managed recommendation services;
`bert4rec.hyperparameters` adds those of our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from bert4rec.setting_values import UNSET

# Far beyond what trains, yet within what torch, a file and a browser hold as a whole number.
MAX_COUNT = 1_000_000
MAX_WIDTH = 65_536
MAX_PARTS = 1_024
MAX_SEED = 2**53 - 1
# How a device is named, as a regular expression.
DEVICES = r"auto|cpu|mps|cuda(:\d+)?"
LOSS_TYPES = ("CE", "sampled_CE", "gBCE", "BCE", "BPR")


def setting(default: Any, group: str, title: str, help_text: str, **limits: Any) -> Any:
    """Describe one setting; `limits` are pydantic's (`ge`, `gt`, `le`, `lt`, `pattern`)."""
    return Field(
        default=default,
        title=title,
        description=help_text,
        json_schema_extra={"group": group},
        **limits,
    )


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("is a yes/no value, not a number")
    return value


def fold_case(choices: Iterable[str], aliases: Mapping[str, str] | None = None) -> Any:
    """Return a validator that takes a choice in any case, or by another name of it."""
    known = {choice.casefold(): choice for choice in choices} | dict(aliases or {})

    def fold(value: Any) -> Any:
        return known.get(value.casefold(), value) if isinstance(value, str) else value

    return BeforeValidator(fold)


Int = Annotated[int, BeforeValidator(_refuse_bool)]
Float = Annotated[float, BeforeValidator(_refuse_bool)]
Activation = Annotated[
    Literal["gelu", "relu", "silu", "tanh", "sigmoid"],
    fold_case(("gelu", "relu", "silu", "tanh", "sigmoid"), {"swish": "silu"}),
]
LossType = Annotated[Literal["CE", "sampled_CE", "gBCE", "BCE", "BPR"], fold_case(LOSS_TYPES)]


class PolicySettings(BaseModel):
    """What a document of the policy can hold; immutable, unknown names are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=()
    )

    batch_size: Int = setting(
        256, "Training", "Batch size", "Sequences in one training step.", ge=1, le=MAX_COUNT
    )
    eval_batch_size: Int = setting(
        1024, "Evaluation", "Evaluation batch size", "Users ranked at once.", ge=1, le=MAX_COUNT
    )
    n_epochs: Int = setting(
        100,
        "Training",
        "Epochs",
        "Passes over the training sequences. BERT4Rec usually needs many: its curve stays flat "
        "for a while before it climbs.",
        ge=1,
        le=MAX_COUNT,
    )
    negative_samples_count: Int = setting(
        2,
        "Loss",
        "Negative samples",
        "Wrong items drawn for each masked item. Used by every loss but CE, which compares with "
        "the whole catalogue.",
        ge=1,
        le=MAX_WIDTH,
    )
    learning_rate: Float = setting(
        1e-3, "Training", "Learning rate", "Peak step size of the optimizer.", gt=0
    )
    dropout_rate: Float | None = setting(
        None,
        "Network",
        "Dropout rate",
        "Sets both dropout settings below wherever they are not given themselves.",
        ge=0,
        lt=1,
    )
    hidden_dropout_prob: Float = setting(
        0.2, "Network", "Hidden dropout", "Dropout after the embedding and each layer.", ge=0, lt=1
    )
    attn_dropout_prob: Float = setting(
        0.2, "Network", "Attention dropout", "Dropout on the attention weights.", ge=0, lt=1
    )
    hidden_size: Int = setting(
        64,
        "Network",
        "Hidden size",
        "Width of the item vectors and of every layer; a multiple of the number of heads.",
        ge=1,
        le=MAX_WIDTH,
    )
    inner_size: Int = setting(
        256,
        "Network",
        "Inner size",
        "Width inside each layer's feed-forward part.",
        ge=1,
        le=MAX_WIDTH,
    )
    n_heads: Int = setting(
        2,
        "Network",
        "Attention heads",
        "Attention patterns learned side by side.",
        ge=1,
        le=MAX_PARTS,
    )
    n_layers: Int = setting(2, "Network", "Layers", "Transformer blocks.", ge=1, le=MAX_PARTS)
    hidden_act: Activation = setting(
        "gelu", "Network", "Activation", "Non-linearity of the feed-forward part."
    )
    layer_norm_eps: Float = setting(
        1e-12,
        "Network",
        "LayerNorm epsilon",
        "Keeps the normalisation away from a division by zero; never below what the precision "
        "can hold.",
        gt=0,
    )
    initializer_range: Float = setting(
        0.02, "Network", "Initializer range", "Standard deviation of the initial weights.", gt=0
    )
    max_seq_length: Int = setting(
        50,
        "Data",
        "Window length",
        "The most items of one history that the network sees at once.",
        ge=2,
        le=MAX_WIDTH,
    )
    mask_rate: Float = setting(
        0.2,
        "Data",
        "Mask rate",
        "Share of a window's items that are hidden for training, at least one a sequence.",
        gt=0,
        lt=1,
    )
    loss_type: LossType | None = setting(
        None,
        "Loss",
        "Loss",
        "CE compares with the whole catalogue; the others with a few sampled items. Left empty: "
        "CE while it fits the memory budget, else sampled_CE; the run says which and why.",
    )
    eval_step: Int = setting(
        1,
        "Evaluation",
        "Validate every",
        "Epochs between validations; 0 = never.",
        ge=0,
        le=MAX_COUNT,
    )
    early_stopping_step: Int = setting(
        10,
        "Evaluation",
        "Patience",
        "Validations without a gain before the run stops by itself; 0 = never.",
        ge=0,
        le=MAX_COUNT,
    )
    sample_strategy: Literal["user_based"] | None = setting(
        None,
        "Data",
        "Sampling",
        "Left empty: every user trains. user_based: a seeded share of the users trains, the "
        "others are held out whole and give the figures for unseen users.",
    )
    sample_ratio: Float = setting(
        0.8, "Data", "Sampled share", "Share of users that trains, for user_based.", gt=0, le=1
    )
    sample_seed: Int = setting(
        42, "Data", "Sampling seed", "Chance behind the choice of users.", ge=0, le=MAX_SEED
    )
    device: str = setting(
        "auto",
        "Machine",
        "Device",
        "auto, cpu, cuda, cuda:N or mps.",
        pattern=f"^({DEVICES})$",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _left_empty(cls, value: Any, info: ValidationInfo) -> Any:
        """Take the word for what is left empty, wherever settings are typed."""
        may_be_empty = cls.model_fields[str(info.field_name)].default is None
        is_word = isinstance(value, str) and value.casefold() in UNSET
        return None if may_be_empty and is_word else value
