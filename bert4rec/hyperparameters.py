"""Every setting of a training run: those of the policy, and those of our own.

The form, the command line, the policy YAML and docs/hyperparameters.md are derived from the one
model in this file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic.fields import FieldInfo

from bert4rec.policy_settings import (
    MAX_COUNT,
    MAX_PARTS,
    MAX_SEED,
    Float,
    Int,
    PolicySettings,
    fold_case,
    setting,
)

GROUPS = ("Network", "Training", "Loss", "Data", "Evaluation", "Machine")
MODEL_NAMES = {"bidirectional": "BERT4Rec", "causal": "SASRec"}
USUAL_MODEL = MODEL_NAMES["bidirectional"]
# These follow `dropout_rate` while they are not given themselves.
DROPOUTS = ("hidden_dropout_prob", "attn_dropout_prob")
# What only a model with hidden items uses, only a loss over items that are drawn, and only CE.
OF_MASKS = ("mask_rate", "next_item_rate")
OF_NEGATIVES = ("negative_samples_count", "negative_sharing", "negative_sampling")
OF_CATALOGUE = ("ema_decay",)
AttentionKind = Annotated[Literal["bidirectional", "causal"], fold_case(MODEL_NAMES)]


class Hyperparameters(PolicySettings):
    """Settings of one training run; immutable, unknown names are refused.

    Example:
        >>> Hyperparameters(n_epochs=3, dropout_rate=0.1).hidden_dropout
        0.1
    """

    attention: AttentionKind = setting(
        "bidirectional",
        "Network",
        "Attention",
        "What an item may attend to. bidirectional: past and future; items are hidden and guessed "
        "from both sides (BERT4Rec). causal: only what came before; every item predicts the next "
        "one, none is hidden, and the future is never used (SASRec), the rival for plain "
        "next-item prediction.",
    )
    seed: Int = setting(
        42,
        "Training",
        "Seed",
        "Chance behind initial weights, masks, order and dropout. The same seed, settings, data "
        "and machine give the same numbers.",
        ge=0,
        le=MAX_SEED,
    )
    weight_decay: Float = setting(
        0.0,
        "Training",
        "Weight decay",
        "Pull of the weights towards zero (AdamW). With a loss over drawn items it leaves the "
        "vectors of the items alone.",
        ge=0,
    )
    warmup_steps: Int = setting(
        0,
        "Training",
        "Warm-up steps",
        "Steps over which the rate climbs.",
        ge=0,
        le=MAX_COUNT,
    )
    schedule: Literal["constant", "linear", "cosine"] = setting(
        "constant",
        "Training",
        "Schedule",
        "How the learning rate goes down after the warm-up.",
    )
    grad_clip: Float = setting(
        5.0,
        "Training",
        "Gradient clipping",
        "Largest norm of a step's gradient; 0 = no limit.",
        ge=0,
    )
    negative_sharing: Literal["place", "batch"] = setting(
        "place",
        "Loss",
        "Negatives drawn for",
        "place: each masked item has negatives of its own. batch: one draw serves all those "
        "computed together, so that thousands of negatives cost little; for large catalogues.",
    )
    negative_sampling: Literal["uniform", "popularity"] = setting(
        "uniform",
        "Loss",
        "Negatives drawn by",
        "uniform: every item is as likely. popularity: in proportion to how often an item occurs "
        "in training; sampled_CE takes the difference out of its scores (logQ correction).",
    )
    ema_decay: Float = setting(
        0.999,
        "Training",
        "Weight averaging",
        "Decay of the moving average of the weights, which is what is judged and kept; 0 = the "
        "weights of the last step. Not used with sampled losses, whose steps touch few items.",
        ge=0,
        lt=1,
    )
    next_item_rate: Float = setting(
        0.5,
        "Data",
        "Next-item share",
        "Share of the sequences of a step whose places are asked from the items before them alone, "
        "which trains the use as a next-item model; the others hide items among past and future.",
        ge=0,
        le=1,
    )
    split_strategy: Literal["leave_one_out", "last_k", "global_time"] = setting(
        "leave_one_out",
        "Data",
        "Split",
        "What is held out. leave_one_out: each user's last item is test, the one before it "
        "validation. last_k: so many of each. global_time: what is latest of all users together, "
        "so that nothing that trains is later than what is asked for; needs times.",
    )
    held_out_items: Int = setting(
        1,
        "Data",
        "Held-out items",
        "Items of a user in each of validation and test, for last_k; short histories hold out "
        "fewer.",
        ge=1,
        le=MAX_PARTS,
    )
    held_out_share: Float = setting(
        0.1,
        "Data",
        "Held-out share",
        "Share of the interactions, in the order of time, in each of validation and test, for "
        "global_time.",
        gt=0,
        lt=0.5,
    )
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto",
        "Machine",
        "Precision",
        "Numbers that the matrix products use; weights stay float32. auto takes bfloat16 on a GPU, "
        "and for large steps on a CPU that is quick at it.",
    )
    compile: bool = setting(
        False,
        "Machine",
        "Compile",
        "Let torch.compile build the training step, which takes up to a minute before the first "
        "one. On a GPU a step then took 0.6 times as long, which pays after some tens of thousands "
        "of steps; on a CPU it gained nothing. What it cannot build runs as it is.",
    )
    n_threads: Int | None = setting(
        None,
        "Machine",
        "CPU threads",
        "Threads that share a step; left empty: as many as a step of this size keeps busy.",
        ge=1,
        le=MAX_PARTS,
    )
    seen_items: Literal["auto", "remove", "keep"] = setting(
        "auto",
        "Evaluation",
        "Seen items",
        "Whether items of a history leave its ranking. auto: they leave, unless more than 1% of "
        "the interactions in training meet an item again, as people then return to items.",
    )
    valid_metric: Literal[
        "ndcg@10", "hr@10", "mrr@10", "ndcg@5", "hr@5", "mrr@5", "ndcg@20", "hr@20"
    ] = setting("ndcg@10", "Evaluation", "Validation metric", "Decides which epoch is best.")
    max_minutes: Float | None = setting(
        None, "Training", "Time limit", "Stop after so many minutes of training.", gt=0
    )

    @property
    def hidden_dropout(self) -> float:
        """Dropout after layers, with `dropout_rate` taken into account."""
        return float(self.in_effect()["hidden_dropout_prob"])

    @property
    def attention_dropout(self) -> float:
        """Dropout on attention weights, with `dropout_rate` taken into account."""
        return float(self.in_effect()["attn_dropout_prob"])

    def in_effect(self) -> dict[str, Any]:
        """Return the value that a run uses of each setting, with `dropout_rate` taken into account.

        Example:
            >>> Hyperparameters(dropout_rate=0.1).in_effect()["hidden_dropout_prob"]
            0.1
        """
        return values_in_effect(self.model_dump(), self.model_fields_set)

    @property
    def sees_future(self) -> bool:
        """Whether the model can use what stands after a place."""
        return self.attention == "bidirectional"

    @property
    def most_shown(self) -> int:
        """The most items that a place is shown, which takes one of the window itself."""
        return self.max_seq_length - 1

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


def values_in_effect(values: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """Return the values that a run uses, with `dropout_rate` taken into account.

    Args:
        values: All its settings.
        given: The names of those that were given.
    """
    rate = values.get("dropout_rate")
    follow = [] if rate is None else [name for name in DROPOUTS if name not in given]
    return {**values, **dict.fromkeys(follow, rate)}


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
