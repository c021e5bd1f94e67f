"""A dataset that is asked for: prepared beside the page, as the form stood at the press."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import streamlit as st

from bert4rec.data.filters import PrepareSettings
from bert4rec.data.item_table import ItemTable
from bert4rec.data.prepare import prepare
from bert4rec.data.roles import Roles
from bert4rec.errors import Bert4RecError
from bert4rec.stages import Watch
from bert4rec.ui import state
from bert4rec.ui.data.log_choice import UPLOAD_NAMES, LogChoice, forget_upload
from bert4rec.ui.file_stamps import FileStamp, file_stamp
from bert4rec.ui.long_making import made_beside
from bert4rec.ui.presses import Making, forget_press, is_making
from bert4rec.ui.redrawing import draw_anew, fixed_place, tell_once
from bert4rec.view.markdown import escape

# One visitor's datasets are prepared one after the other.
TURN_KEY = "preparing_turn"
# Those of presses that another one has followed, and why such could not be prepared.
EARLIER_KEY, FAILED_KEY = "preparing_earlier", "preparing_failed"


@dataclass(frozen=True)
class AskedDataset:
    """What the form asks for as it stands."""

    choice: LogChoice
    form: str
    roles: Roles
    items: ItemTable | None
    name: str
    settings: PrepareSettings

    @property
    def stamps(self) -> tuple[str, FileStamp | None]:
        """What another content of its files would change."""
        items = self.choice.items
        return self.choice.stamp, None if items is None else file_stamp(items)

    @property
    def key(self) -> str:
        """What tells it from all else that may be asked of the same log."""
        # An item table is long; its file and its columns say which one it is.
        table = None if self.items is None else (self.items.key, self.items.title)
        files = str(self.choice.path), str(self.choice.items), self.stamps
        return f"dataset_{(files, self.form, self.roles, table, self.name, self.settings)}"


@dataclass
class _Pressed:
    """What the last press of a log asked for, and the folder of it once it is there."""

    key: str
    name: str
    stamps: tuple[str, FileStamp | None]
    folder: str | None = None


def prepare_asked(asked: AskedDataset, *, is_pressed: bool, is_upload: bool) -> str | None:
    """Have a dataset prepared at a press, and show how far it is until it is there.

    Whoever changes the form meanwhile, or a file on the server, is told that this counts for
    another dataset, which a press has prepared after this one.

    Args:
        asked: What the form asks for now.
        is_pressed: Whether the button was pressed; else it may have been before a press elsewhere
            drew the page anew.
        is_upload: Whether the log is one, which is let go of once the form has what it asks for.

    Returns:
        The folder of a dataset to look at, if there is one by now.

    Raises:
        Bert4RecError: it cannot be prepared.
    """
    key = f"prepare_pressed|{asked.choice.path}"
    last: _Pressed | None = st.session_state.get(key)
    if is_pressed:
        if last is not None and last.key != asked.key:
            # It is prepared to its end, and is among the datasets then, or fails.
            _set_aside(last)
        last = st.session_state[key] = _Pressed(asked.key, asked.name, asked.stamps)
    if last is None:
        return None
    if is_pressed or is_making(last.key):
        is_as_it_stands = last.key == asked.key
        if not is_as_it_stands:
            changed = "form" if last.stamps == asked.stamps else "file"
            st.info(
                f"The {changed} has changed since you pressed. This dataset is"
                " prepared without the changes; press again to have another one prepared after it.",
                icon=":material/info:",
            )
        last.folder = _prepared(last.key, asked)
        if not is_as_it_stands:
            # The sidebar, drawn before, has it too then.
            draw_anew()
            return None
        del st.session_state[key]
        if is_upload and not _turn().locked():
            for role in UPLOAD_NAMES:
                forget_upload(role)
        return last.folder
    return None if last.folder is None else _asked_to_look(last)


def draw_failed() -> None:
    """Say which datasets could not be prepared of those before the last one, once."""
    earlier: list[tuple[str, Making]] = st.session_state.get(EARLIER_KEY, [])
    ended = [(name, making.refusal) for name, making in earlier if making.future.done()]
    failed = [_named(name, refusal) for name, refusal in ended if refusal is not None]
    st.session_state[EARLIER_KEY] = [one for one in earlier if not one[1].future.done()]
    if failed:
        st.session_state[FAILED_KEY] = failed
    with fixed_place():
        for refusal in tell_once(FAILED_KEY) or ():
            state.show_error(refusal)


def _named(name: str, refusal: Bert4RecError) -> Bert4RecError:
    called = f"the dataset {name!r}" if name else "the dataset"
    return Bert4RecError(
        f"{called}, asked for before, could not be prepared: {refusal.message}",
        where=refusal.where,
        fix=refusal.fix,
    )


def _set_aside(pressed: _Pressed) -> None:
    making = forget_press(pressed.key)
    if making is not None and not making.is_taken:
        st.session_state.setdefault(EARLIER_KEY, []).append((pressed.name, making))


def _prepared(key: str, asked: AskedDataset) -> str:
    workspace, turn = state.workspace(), _turn()

    def make(watch: Watch) -> str:
        if turn.locked():
            watch("waiting for the dataset that was asked for before", 0.0)
        with turn:
            dataset = prepare(
                asked.choice.path,
                items=asked.items,
                roles=asked.roles,
                form=asked.form,
                name=asked.name or None,
                workspace=workspace,
                settings=asked.settings,
                watch=watch,
            )
        return dataset.folder.name if dataset.folder else ""

    return made_beside(key, "Preparing the dataset…", make)


def _turn() -> threading.Lock:
    turn: threading.Lock = st.session_state.setdefault(TURN_KEY, threading.Lock())
    return turn


def _asked_to_look(pressed: _Pressed) -> str | None:
    """Say that a dataset is there, under the form that has been changed since it was asked for."""
    name = f"**{escape(pressed.name)}**" if pressed.name else "The dataset"
    st.success(
        f"{name} is ready, without what has changed in the form since.", icon=":material/check:"
    )
    is_wanted = st.button("Look at it", icon=":material/visibility:")
    return pressed.folder if is_wanted else None
