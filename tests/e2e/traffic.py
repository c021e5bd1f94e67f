"""What a page asks of the server, and whether that was answered: the page itself tells too late."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from playwright.sync_api import Page, WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

# Stands for the page as a whole beside the names of its fragments.
WHOLE = ""
_of_pages: WeakKeyDictionary[Page, Traffic] = WeakKeyDictionary()
# Each message waits for the one before to be on the screen, as on a slow line: what is made anew
# between two of them has no chance to be missed.
IN_STEPS = """{
    const add = WebSocket.prototype.addEventListener;
    const messages = [];
    let waits = false;
    window.isAllDrawn = () => !waits && !messages.length;
    const draw = async () => {
        if (waits) return;
        waits = true;
        for (let next; (next = messages.shift());) {
            next();
            if (window.drawsInSteps)
                for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
        }
        waits = false;
    };
    WebSocket.prototype.addEventListener = function (type, take, ...rest) {
        const taken = (event) => { messages.push(() => take.call(this, event)); draw(); };
        return add.call(this, type, type === 'message' ? taken : take, ...rest);
    };
}"""


class Traffic:
    """The drawings that a page has asked for, or that began by themselves, and that go on.

    Fragments that look again every few seconds are left out: they would never be at rest.
    """

    def __init__(self) -> None:
        self._asked: set[str] = set()
        self._drawing: str | None = None

    @property
    def is_at_rest(self) -> bool:
        return not self._asked and self._drawing is None

    def listen(self, socket: WebSocket) -> None:
        """Follow a connection; what was asked over the one before is answered no more."""
        self._asked, self._drawing = set(), None
        socket.on("framesent", self._note_sent)
        socket.on("framereceived", self._note_received)

    def _note_sent(self, payload: bytes | str) -> None:
        message = BackMsg.FromString(payload) if isinstance(payload, bytes) else BackMsg()
        if message.HasField("rerun_script") and not message.rerun_script.is_auto_rerun:
            self._asked.add(message.rerun_script.fragment_id or WHOLE)

    def _note_received(self, payload: bytes | str) -> None:
        message = ForwardMsg.FromString(payload) if isinstance(payload, bytes) else ForwardMsg()
        run = message.metadata.run
        if message.HasField("new_session"):
            # A drawing of the whole page answers for its fragments as well.
            answered = self._asked & {*run.fragment_ids} if run.fragment_ids else {*self._asked}
            self._asked -= answered
            if answered or not run.fragment_ids:
                self._drawing = run.script_run_id
        # One that was broken off is followed by another.
        is_whole = message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        if message.HasField("script_finished") and is_whole and run.script_run_id == self._drawing:
            self._drawing = None


def watch(page: Page) -> Page:
    """Follow a page's traffic from its first address on."""
    _of_pages[page] = traffic = Traffic()
    page.on("websocket", traffic.listen)
    return page


def is_at_rest(page: Page) -> bool:
    """Whether a page that is followed waits for nothing."""
    return _of_pages[page].is_at_rest
