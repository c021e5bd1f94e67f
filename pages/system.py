from __future__ import annotations

import streamlit as st

from bert4rec.ui import state, system_view
from bert4rec.ui.login import stop_strangers

stop_strangers()

st.title("System")
workspace = state.workspace()
workspace.mkdir(parents=True, exist_ok=True)
system_view.draw_figures(workspace)
system_view.draw_findings(workspace)
left, right = st.columns(2, gap="large")
with left:
    system_view.draw_disk(workspace)
with right:
    system_view.draw_caches()
    system_view.draw_log()
