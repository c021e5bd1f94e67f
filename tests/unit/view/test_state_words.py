from __future__ import annotations

from bert4rec.runs.status import STATES
from bert4rec.search.trials import STATES as TRIAL_STATES
from bert4rec.view.state_words import STATE_WORDS, state_word


def test_every_state_of_a_run_has_a_word_an_icon_and_a_colour() -> None:
    assert set(STATE_WORDS) == {*STATES, *TRIAL_STATES}
    assert all(word.icon.startswith(":material/") for word in STATE_WORDS.values())


def test_states_differ_without_their_colour() -> None:
    assert len({(word.label, word.icon) for word in STATE_WORDS.values()}) == len(STATE_WORDS)


def test_a_state_of_a_newer_version_is_shown_by_its_name() -> None:
    assert state_word("sleeping").label == "Sleeping"
