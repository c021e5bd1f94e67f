from __future__ import annotations

from bert4rec.view.forms import check_draft, differences, form_fields
from bert4rec.view.setting_words import loss_words, setting_text, titled


def test_every_name_of_a_setting_in_a_sentence_becomes_its_label() -> None:
    _, (problem,) = check_draft({"hidden_size": 64, "n_heads": 3})
    told = titled(problem)
    assert told.startswith("Hidden size: 64 is not a multiple of Attention heads (3)")
    assert titled("seed: 1; negative_samples_count is not used") == (
        "Seed: 1; Negatives is not used"
    ).replace("Negatives", form_fields()["negative_samples_count"].title)


def test_a_plain_word_that_is_a_setting_too_stays_in_a_sentence() -> None:
    assert titled("the device has no seed: none") == "the device has no seed: none"


def test_a_plain_word_with_an_equals_sign_is_a_setting_too() -> None:
    assert titled("use a smaller learning_rate, or precision=float32") == (
        "use a smaller Learning rate, or Precision: float32"
    )


def test_what_was_left_empty_is_named_alike_everywhere() -> None:
    assert differences({"loss_type": "gBCE"}) == [("Loss", "gBCE", "auto")]
    assert setting_text("loss_type", {"loss_type": None}) == "auto"
    assert loss_words(None, "sampled_CE") == "auto, here sampled_CE"
    assert loss_words("CE", "CE") == "CE"
