from __future__ import annotations

from pathlib import Path

import streamlit as st

import bert4rec.ui
from bert4rec.errors import Bert4RecError
from bert4rec.ui.data_link import follow_data_link
from bert4rec.ui.login import draw_door, is_let_in
from bert4rec.ui.page_style import draw_page_style
from bert4rec.ui.redrawing import begin_drawing
from bert4rec.ui.refusals import carry_out, show_refusal
from bert4rec.ui.run_link import follow_link, leave_lost_run
from bert4rec.ui.server_log import keep_recent_lines
from bert4rec.ui.sidebar import draw_sidebar
from bert4rec.ui.state import (
    forget_deletions,
    leave_lost_dataset,
    name_run,
    show_error,
)

# A file of ours: a Material icon would be fetched from a server outside.
ICON = str(Path(bert4rec.ui.__file__).with_name("icon.svg"))
PAGES = [
    st.Page(
        "pages/home.py",
        title="Home",
        icon=":material/home:",
        help="The way from data to a trained model, the job that is running, recent runs.",
        default=True,
    ),
    st.Page(
        "pages/data.py",
        title="Data",
        icon=":material/table_view:",
        help="Bring a log of who used what and when, check it, and prepare it for training.",
    ),
    st.Page(
        "pages/train.py",
        title="Train",
        icon=":material/model_training:",
        help="Choose settings, start a run and watch it live; pause, resume or stop it.",
    ),
    st.Page(
        "pages/search.py",
        title="Search",
        icon=":material/tune:",
        help="Tune the settings: let many be tried, see which matter, and train the best.",
    ),
    st.Page(
        "pages/runs.py",
        title="Runs",
        icon=":material/list_alt:",
        help="Every run with what it reached: find, compare, rename, clone, resume or delete it.",
    ),
    st.Page(
        "pages/evaluate.py",
        title="Evaluate",
        icon=":material/balance:",
        help="Models against baselines on the same users: by how much, where, and by chance?",
    ),
    st.Page(
        "pages/inspect.py",
        title="Inspect",
        icon=":material/search_insights:",
        help="Hide items of a sequence and see what the model fills in, and from which context.",
    ),
    st.Page(
        "pages/recommend.py",
        title="Recommend",
        icon=":material/playlist_add_check:",
        help="What comes next for a user, and whole sequences put together under rules.",
    ),
    st.Page(
        "pages/embeddings.py",
        title="Embeddings",
        icon=":material/scatter_plot:",
        help="The map of items as the model sees them, with neighbours and groups.",
    ),
    st.Page(
        "pages/system.py",
        title="System",
        icon=":material/monitor_heart:",
        help="Device, packages, memory, what the workspace takes on disk, and the server's log.",
    ),
]

# Before the navigation, which would fetch the icon of the page from a server outside.
st.set_page_config(
    page_icon=ICON,
    layout="wide",
    initial_sidebar_state=220,
    # With an entry of its own the menu is shown at all, and with it the choice of light or dark.
    menu_items={"About": "Train and explore sequential recommendations with BERT4Rec."},
)
begin_drawing()
keep_recent_lines()
draw_page_style()
may_enter = is_let_in()
page = st.navigation(PAGES, position="top" if may_enter else "hidden")
st.set_page_config(page_title="BERT4Rec" if page.title == "Home" else f"{page.title} · BERT4Rec")
if not may_enter:
    draw_door()
    st.stop()
# Both pages delete runs, and both offer to take it back.
if page.url_path not in ("runs", "train"):
    forget_deletions()
for take in (follow_link, follow_data_link, leave_lost_run, leave_lost_dataset):
    problem_key = f"{take.__name__}_problem"
    carry_out(problem_key, take)
    show_refusal(problem_key)
# Whatever a page did not expect is shown in words as well, never as a traceback.
for draw in (draw_sidebar, page.run):
    try:
        draw()
    except Bert4RecError as error:
        show_error(error)
# Last, with what the page itself has put there. Train shows the form of a new run too, and names
# the run itself where it shows one.
if page.url_path != "train":
    name_run()
