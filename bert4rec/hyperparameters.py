"""Every setting of a training run: name, default, range, label and help, written once.

The form, the command line, the policy YAML and docs/hyperparameters.md are derived from the one
model in this file. The names, defaults and meanings of the policy's settings are those of the
BERT4Rec policy of managed recommendation services; the others are ours and say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

GROUPS = ("Network", "Training", "Loss", "Data", "Evaluation", "Machine")
# Far beyond what trains, yet within what torch, a file and a browser hold as a whole number.
MAX_COUNT = 1_000_000
MAX_WIDTH = 65_536
MAX_PARTS = 1_024
MAX_SEED = 2**53 - 1
# How a device is named, as a regular expression.
DEVICES = r"auto|cpu|mps|cuda(:\d+)?"
LOSS_TYPES = ("CE", "sampled_CE", "gBCE", "BCE", "BPR")
MODEL_NAMES = {"bidirectional": "BERT4Rec", "causal": "SASRec"}
USUAL_MODEL = MODEL_NAMES["bidirectional"]
# What only a model with hidden items uses, only a loss over items that are drawn, and only CE.
OF_MASKS = ("mask_rate", "next_item_rate")
OF_NEGATIVES = ("negative_samples_count", "negative_sharing", "negative_sampling")
OF_CATALOGUE = ("ema_decay",)


def _setting(
    default: Any, group: str, title: str, help_text: str, *, ours: bool = False, **limits: Any
) -> Any:
    """Describe one setting; `limits` are pydantic's (`ge`, `gt`, `le`, `lt`, `pattern`)."""
    extra: dict[str, Any] = {"group": group, "is_policy": not ours}
    return Field(
        default=default, title=title, description=help_text, json_schema_extra=extra, **limits
    )


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("is a yes/no value, not a number")
    return value


def _fold_case(choices: tuple[str, ...], aliases: Mapping[str, str] | None = None) -> Any:
    known = {choice.casefold(): choice for choice in choices} | dict(aliases or {})

    def fold(value: Any) -> Any:
        return known.get(value.casefold(), value) if isinstance(value, str) else value

    return BeforeValidator(fold)


Int = Annotated[int, BeforeValidator(_refuse_bool)]
Float = Annotated[float, BeforeValidator(_refuse_bool)]
Activation = Annotated[
    Literal["gelu", "relu", "silu", "tanh", "sigmoid"],
    _fold_case(("gelu", "relu", "silu", "tanh", "sigmoid"), {"swish": "silu"}),
]
AttentionKind = Annotated[Literal["bidirectional", "causal"], _fold_case(tuple(MODEL_NAMES))]
LossType = Annotated[Literal["CE", "sampled_CE", "gBCE", "BCE", "BPR"], _fold_case(LOSS_TYPES)]


class Hyperparameters(BaseModel):
    """Settings of one training run; immutable, unknown names are refused.

    Example:
        >>> Hyperparameters(n_epochs=3, dropout_rate=0.1).hidden_dropout
        0.1
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=()
    )

    batch_size: Int = _setting(
        256, "Training", "Batch size", "Sequences in one training step.", ge=1, le=MAX_COUNT
    )
    eval_batch_size: Int = _setting(
        1024, "Evaluation", "Evaluation batch size", "Users ranked at once.", ge=1, le=MAX_COUNT
    )
    n_epochs: Int = _setting(
        100,
        "Training",
        "Epochs",
        "Passes over the training sequences. BERT4Rec usually needs many: its curve stays flat "
        "for a while before it climbs.",
        ge=1,
        le=MAX_COUNT,
    )
    negative_samples_count: Int = _setting(
        2,
        "Loss",
        "Negative samples",
        "Wrong items drawn for each masked item. Used by every loss but CE, which compares with "
        "the whole catalogue.",
        ge=1,
        le=MAX_WIDTH,
    )
    learning_rate: Float = _setting(
        1e-3, "Training", "Learning rate", "Peak step size of the optimizer.", gt=0
    )
    dropout_rate: Float | None = _setting(
        None,
        "Network",
        "Dropout rate",
        "Sets both dropout settings below wherever they are not given themselves.",
        ge=0,
        lt=1,
    )
    hidden_dropout_prob: Float = _setting(
        0.2, "Network", "Hidden dropout", "Dropout after the embedding and each layer.", ge=0, lt=1
    )
    attn_dropout_prob: Float = _setting(
        0.2, "Network", "Attention dropout", "Dropout on the attention weights.", ge=0, lt=1
    )
    hidden_size: Int = _setting(
        64,
        "Network",
        "Hidden size",
        "Width of the item vectors and of every layer; a multiple of the number of heads.",
        ge=1,
        le=MAX_WIDTH,
    )
    inner_size: Int = _setting(
        256,
        "Network",
        "Inner size",
        "Width inside each layer's feed-forward part.",
        ge=1,
        le=MAX_WIDTH,
    )
    n_heads: Int = _setting(
        2,
        "Network",
        "Attention heads",
        "Attention patterns learned side by side.",
        ge=1,
        le=MAX_PARTS,
    )
    n_layers: Int = _setting(2, "Network", "Layers", "Transformer blocks.", ge=1, le=MAX_PARTS)
    hidden_act: Activation = _setting(
        "gelu", "Network", "Activation", "Non-linearity of the feed-forward part."
    )
    layer_norm_eps: Float = _setting(
        1e-12,
        "Network",
        "LayerNorm epsilon",
        "Keeps the normalisation away from a division by zero; never below what the precision "
        "can hold.",
        gt=0,
    )
    initializer_range: Float = _setting(
        0.02, "Network", "Initializer range", "Standard deviation of the initial weights.", gt=0
    )
    max_seq_length: Int = _setting(
        50,
        "Data",
        "Window length",
        "The most items of one history that the network sees at once.",
        ge=2,
        le=MAX_WIDTH,
    )
    mask_rate: Float = _setting(
        0.2,
        "Data",
        "Mask rate",
        "Share of a window's items that are hidden for training, at least one a sequence.",
        gt=0,
        lt=1,
    )
    loss_type: LossType | None = _setting(
        None,
        "Loss",
        "Loss",
        "CE compares with the whole catalogue; the others with a few sampled items. Left empty: "
        "CE while it fits the memory budget, else sampled_CE; the run says which and why.",
    )
    eval_step: Int = _setting(
        1,
        "Evaluation",
        "Validate every",
        "Epochs between validations; 0 = never.",
        ge=0,
        le=MAX_COUNT,
    )
    early_stopping_step: Int = _setting(
        10,
        "Evaluation",
        "Patience",
        "Validations without a gain before the run stops by itself; 0 = never.",
        ge=0,
        le=MAX_COUNT,
    )
    sample_strategy: Literal["user_based"] | None = _setting(
        None,
        "Data",
        "Sampling",
        "Left empty: every user trains. user_based: a seeded share of the users trains, the "
        "others are held out whole and give the figures for unseen users.",
    )
    sample_ratio: Float = _setting(
        0.8, "Data", "Sampled share", "Share of users that trains, for user_based.", gt=0, le=1
    )
    sample_seed: Int = _setting(
        42, "Data", "Sampling seed", "Chance behind the choice of users.", ge=0, le=MAX_SEED
    )
    device: str = _setting(
        "auto",
        "Machine",
        "Device",
        "auto, cpu, cuda, cuda:N or mps.",
        pattern=f"^({DEVICES})$",
    )

    attention: AttentionKind = _setting(
        "bidirectional",
        "Network",
        "Attention",
        "What an item may attend to. bidirectional: past and future; items are hidden and guessed "
        "from both sides (BERT4Rec). causal: only what came before; every item predicts the next "
        "one, none is hidden, and the future is never used (SASRec), the rival for plain "
        "next-item prediction.",
        ours=True,
    )
    seed: Int = _setting(
        42,
        "Training",
        "Seed",
        "Chance behind initial weights, masks, order and dropout. The same seed, settings, data "
        "and machine give the same numbers.",
        ours=True,
        ge=0,
        le=MAX_SEED,
    )
    weight_decay: Float = _setting(
        0.0,
        "Training",
        "Weight decay",
        "Pull of the weights towards zero (AdamW). With a loss over drawn items it leaves the "
        "vectors of the items alone.",
        ours=True,
        ge=0,
    )
    warmup_steps: Int = _setting(
        0,
        "Training",
        "Warm-up steps",
        "Steps over which the rate climbs.",
        ours=True,
        ge=0,
        le=MAX_COUNT,
    )
    schedule: Literal["constant", "linear", "cosine"] = _setting(
        "constant",
        "Training",
        "Schedule",
        "How the learning rate goes down after the warm-up.",
        ours=True,
    )
    grad_clip: Float = _setting(
        5.0,
        "Training",
        "Gradient clipping",
        "Largest norm of a step's gradient; 0 = no limit.",
        ours=True,
        ge=0,
    )
    negative_sharing: Literal["place", "batch"] = _setting(
        "place",
        "Loss",
        "Negatives drawn for",
        "place: each masked item has negatives of its own. batch: one draw serves all those "
        "computed together, so that thousands of negatives cost little; for large catalogues.",
        ours=True,
    )
    negative_sampling: Literal["uniform", "popularity"] = _setting(
        "uniform",
        "Loss",
        "Negatives drawn by",
        "uniform: every item is as likely. popularity: in proportion to how often an item occurs "
        "in training; sampled_CE takes the difference out of its scores (logQ correction).",
        ours=True,
    )
    ema_decay: Float = _setting(
        0.999,
        "Training",
        "Weight averaging",
        "Decay of the moving average of the weights, which is what is judged and kept; 0 = the "
        "weights of the last step. Not used with sampled losses, whose steps touch few items.",
        ours=True,
        ge=0,
        lt=1,
    )
    next_item_rate: Float = _setting(
        0.5,
        "Data",
        "Next-item share",
        "Share of the sequences of a step whose places are asked from the items before them alone, "
        "which trains the use as a next-item model; the others hide items among past and future.",
        ours=True,
        ge=0,
        le=1,
    )
    split_strategy: Literal["leave_one_out", "last_k", "global_time"] = _setting(
        "leave_one_out",
        "Data",
        "Split",
        "What is held out. leave_one_out: each user's last item is test, the one before it "
        "validation. last_k: so many of each. global_time: what is latest of all users together, "
        "so that nothing that trains is later than what is asked for; needs times.",
        ours=True,
    )
    held_out_items: Int = _setting(
        1,
        "Data",
        "Held-out items",
        "Items of a user in each of validation and test, for last_k; short histories hold out "
        "fewer.",
        ours=True,
        ge=1,
        le=MAX_PARTS,
    )
    held_out_share: Float = _setting(
        0.1,
        "Data",
        "Held-out share",
        "Share of the interactions, in the order of time, in each of validation and test, for "
        "global_time.",
        ours=True,
        gt=0,
        lt=0.5,
    )
    precision: Literal["auto", "float32", "bfloat16"] = _setting(
        "auto",
        "Machine",
        "Precision",
        "Numbers that the matrix products use; weights stay float32. auto takes bfloat16 on a GPU, "
        "and for large steps on a CPU that is quick at it.",
        ours=True,
    )
    compile: bool = _setting(
        False,
        "Machine",
        "Compile",
        "Let torch.compile build the training step, which takes up to a minute before the first "
        "one. On a GPU a step then took 0.6 times as long, which pays after some tens of thousands "
        "of steps; on a CPU it gained nothing. What it cannot build runs as it is.",
        ours=True,
    )
    n_threads: Int | None = _setting(
        None,
        "Machine",
        "CPU threads",
        "Threads that share a step; left empty: as many as a step of this size keeps busy.",
        ours=True,
        ge=1,
        le=MAX_PARTS,
    )
    seen_items: Literal["auto", "remove", "keep"] = _setting(
        "auto",
        "Evaluation",
        "Seen items",
        "Whether items of a history leave its ranking. auto: they leave, unless more than 1% of "
        "the interactions meet an item again, as people then return to items.",
        ours=True,
    )
    valid_metric: Literal[
        "ndcg@10", "hr@10", "mrr@10", "ndcg@5", "hr@5", "mrr@5", "ndcg@20", "hr@20"
    ] = _setting(
        "ndcg@10", "Evaluation", "Validation metric", "Decides which epoch is best.", ours=True
    )
    max_minutes: Float | None = _setting(
        None, "Training", "Time limit", "Stop after so many minutes of training.", ours=True, gt=0
    )

    @property
    def hidden_dropout(self) -> float:
        """Dropout after layers, with `dropout_rate` taken into account."""
        return self._dropout("hidden_dropout_prob")

    @property
    def attention_dropout(self) -> float:
        """Dropout on attention weights, with `dropout_rate` taken into account."""
        return self._dropout("attn_dropout_prob")

    def in_effect(self, name: str) -> Any:
        """Return the value that a run uses of a setting, with `dropout_rate` taken into account.

        Example:
            >>> Hyperparameters(dropout_rate=0.1).in_effect("hidden_dropout_prob")
            0.1
        """
        dropouts = {
            "hidden_dropout_prob": self.hidden_dropout,
            "attn_dropout_prob": self.attention_dropout,
        }
        return dropouts.get(name, getattr(self, name))

    def _dropout(self, name: str) -> float:
        if self.dropout_rate is not None and name not in self.model_fields_set:
            return self.dropout_rate
        return float(getattr(self, name))

    @property
    def sees_future(self) -> bool:
        """Whether the model can use what stands after a place."""
        return self.attention == "bidirectional"

    @property
    def model_name(self) -> str:
        """What such a model is called wherever one is named."""
        return model_name({"attention": self.attention})

    @property
    def unused(self) -> tuple[str, ...]:
        """The settings that do nothing for such a model."""
        return unused_settings({"attention": self.attention})

    def given(self) -> dict[str, Any]:
        """Return the settings that were given, in the order of the model; defaults are left out."""
        return self.model_dump(exclude_unset=True)


def model_name(values: Mapping[str, Any]) -> str:
    """Return what the model of a run's settings is called; older runs knew no `attention`."""
    return MODEL_NAMES.get(str(values.get("attention", "bidirectional")), "")


def unused_settings(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the settings that do nothing for the model that a run's settings ask for."""
    return OF_MASKS if values.get("attention") == "causal" else ()


def unused_by_loss(loss_type: str | None) -> tuple[str, ...]:
    """Return the settings that do nothing with a loss; none while the data is to choose it."""
    if loss_type is None:
        return ()
    return OF_NEGATIVES if loss_type == "CE" else OF_CATALOGUE


def setting_field(name: str) -> FieldInfo:
    """Return pydantic's description of one setting."""
    return Hyperparameters.model_fields[name]
