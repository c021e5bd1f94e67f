"""When a page is at rest, told by what it sends and is sent."""

from __future__ import annotations

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.e2e.traffic import Traffic


class Socket:
    """A connection over which a test speaks for both sides."""

    def __init__(self, traffic: Traffic) -> None:
        self._listeners: dict[str, object] = {}
        traffic.listen(self)  # type: ignore[arg-type]

    def on(self, event: str, listener: object) -> None:
        self._listeners[event] = listener

    def ask(self, fragment: str = "", *, by_itself: bool = False) -> None:
        message = BackMsg()
        message.rerun_script.fragment_id = fragment
        message.rerun_script.is_auto_rerun = by_itself
        self._listeners["framesent"](message.SerializeToString())  # type: ignore[operator]

    def answer(self, run: str, *fragments: str, ended: int | None = None) -> None:
        message = ForwardMsg()
        message.metadata.run.script_run_id = run
        message.metadata.run.fragment_ids.extend(fragments)
        if ended is None:
            message.new_session.name = "app"
        else:
            message.script_finished = ended  # type: ignore[assignment]
        self._listeners["framereceived"](message.SerializeToString())  # type: ignore[operator]


def test_a_page_is_at_rest_once_what_was_asked_is_begun_and_ended() -> None:
    traffic = Traffic()
    page = Socket(traffic)
    page.ask()
    assert not traffic.is_at_rest
    page.answer("one")
    assert not traffic.is_at_rest
    page.answer("one", ended=ForwardMsg.FINISHED_SUCCESSFULLY)
    assert traffic.is_at_rest


def test_a_drawing_that_is_broken_off_ends_with_the_one_after_it() -> None:
    traffic = Traffic()
    page = Socket(traffic)
    page.ask()
    page.answer("one")
    page.answer("one", ended=ForwardMsg.FINISHED_EARLY_FOR_RERUN)
    assert not traffic.is_at_rest
    page.answer("two")
    page.answer("two", ended=ForwardMsg.FINISHED_SUCCESSFULLY)
    assert traffic.is_at_rest


def test_what_was_asked_while_a_drawing_went_on_is_waited_for() -> None:
    traffic = Traffic()
    page = Socket(traffic)
    page.ask()
    page.answer("one")
    page.ask("figures")
    page.answer("one", ended=ForwardMsg.FINISHED_SUCCESSFULLY)
    assert not traffic.is_at_rest
    page.answer("two", "figures")
    page.answer("two", "figures", ended=ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
    assert traffic.is_at_rest


def test_a_fragment_that_looks_again_by_itself_neither_disturbs_nor_answers() -> None:
    traffic = Traffic()
    page = Socket(traffic)
    page.ask("curves", by_itself=True)
    assert traffic.is_at_rest
    page.ask()
    page.answer("one", "curves")
    page.answer("one", "curves", ended=ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
    assert not traffic.is_at_rest
    page.answer("two")
    page.answer("two", ended=ForwardMsg.FINISHED_SUCCESSFULLY)
    assert traffic.is_at_rest
