from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bert4rec.hyperparameters import Hyperparameters
from bert4rec.policy import Policy, PolicyKind, dump_policy, load_policy
from bert4rec.policy_settings import MAX_SEED
from bert4rec.setting_checks import parse_settings

N_HEADS = st.sampled_from([1, 2, 4, 8])
SHARES = st.floats(1e-6, 0.999)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "n_heads": N_HEADS,
    "inner_size": st.integers(1, 4096),
    "n_epochs": st.integers(1, 10**6),
    "learning_rate": st.floats(1e-30, 10),
    "layer_norm_eps": st.floats(1e-300, 1e-3),
    "dropout_rate": st.none() | st.floats(0, 0.999),
    "hidden_dropout_prob": st.floats(0, 0.999),
    "mask_rate": SHARES,
    "loss_type": st.sampled_from([None, "CE", "sampled_CE", "gBCE", "BCE", "BPR"]),
    "negative_sharing": st.sampled_from(["place", "batch"]),
    "negative_sampling": st.sampled_from(["uniform", "popularity"]),
    "hidden_act": st.sampled_from(["gelu", "relu", "silu", "tanh", "sigmoid"]),
    "sample_strategy": st.sampled_from([None, "user_based"]),
    "split_strategy": st.sampled_from(["leave_one_out", "last_k", "global_time"]),
    "held_out_items": st.integers(1, 1024),
    "held_out_share": st.floats(1e-6, 0.499),
    "device": st.sampled_from(["auto", "cpu", "mps", "cuda", "cuda:3"]),
    "max_minutes": st.none() | st.floats(0.1, 1e6),
    "seed": st.integers(0, MAX_SEED),
}


@st.composite
def all_settings(draw: st.DrawFn) -> Hyperparameters:
    values = draw(st.fixed_dictionaries({}, optional=VALUES))
    if draw(st.booleans()):
        values["hidden_size"] = values.get("n_heads", 2) * draw(st.integers(1, 64))
    elif "n_heads" in values:
        values["hidden_size"] = 64
    return parse_settings(values)


@given(all_settings(), st.sampled_from(["scoring_policy", "embedding_policy"]))
def test_settings_survive_yaml(settings: Hyperparameters, kind: PolicyKind) -> None:
    text = dump_policy(Policy(kind, settings))
    policy = load_policy(text)
    assert policy.kind == kind
    assert policy.settings == settings
    # What was given counts too: it decides what dropout_rate sets.
    assert policy.settings.given() == settings.given()
    assert policy.settings.attention_dropout == settings.attention_dropout
    assert dump_policy(policy) == text


@given(all_settings())
def test_settings_survive_json(settings: Hyperparameters) -> None:
    read = parse_settings(json.loads(json.dumps(settings.given())))
    assert read == settings
    assert read.given() == settings.given()
