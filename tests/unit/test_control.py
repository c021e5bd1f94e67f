from __future__ import annotations

from bert4rec.control import Control


def test_a_stop_outlasts_a_pause_that_comes_after_it() -> None:
    control = Control()
    control.stop()
    control.pause()
    assert control.is_stopped
    assert not control.is_paused
    control.wait()


def test_a_pause_holds_until_it_is_lifted() -> None:
    control = Control()
    control.pause()
    assert control.is_paused
    control.resume()
    assert not control.is_paused
    control.wait()
