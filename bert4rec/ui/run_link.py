"""The run that the address names, taken over, and a run in use that was lost."""

from __future__ import annotations

import streamlit as st

from bert4rec.errors import Bert4RecError, NotFoundError
from bert4rec.runs.trash import is_trashed
from bert4rec.ui import state


def follow_link() -> None:
    """Take over the run that the address names.

    Raises:
        Bert4RecError: the run that the address names is not there or is damaged; it is removed
            from the address.
    """
    linked = st.query_params.get("run")
    if linked and linked != st.session_state.get(state.LINKED_KEY):
        try:
            run = state.open_readable(linked)
        except NotFoundError as error:
            # What else the address says, such as a user, is about that run and its data.
            for name in set(st.query_params) - {state.DATA_LINK}:
                del st.query_params[name]
            raise _no_such_run(linked) from error
        except Bert4RecError:
            del st.query_params["run"]
            raise
        st.session_state[state.RUN_KEY] = st.session_state[state.LINKED_KEY] = linked
        if state.DATASET_KEY not in st.session_state:
            state.choose_dataset(str(run.config()["dataset"].get("folder", "")))


def leave_lost_run() -> None:
    """Stop using a run that was deleted or damaged since it was chosen.

    Raises:
        Bert4RecError: that is so, and another run is in use from now on.
    """
    chosen = st.session_state.get(state.RUN_KEY)
    if not chosen:
        return
    try:
        state.open_readable(chosen)
    except NotFoundError as error:
        state.forget_run(chosen)
        raise NotFoundError(
            "the run in use is no longer here",
            fix="Choose another one. The Runs page can restore what was deleted, but not what was "
            "discarded.",
        ) from error
    except Bert4RecError:
        state.forget_run(chosen)
        raise


def _no_such_run(run_id: str) -> NotFoundError:
    if is_trashed(state.workspace(), run_id):
        return NotFoundError(
            "the run of this address was deleted",
            fix="It lies in the trash: restore it on the Runs page, or choose another one below.",
        )
    return NotFoundError("the address names no run that is here", fix="Choose one below.")
