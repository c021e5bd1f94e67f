"""Opening the folded sections of a page under test."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def unfolded(app: AppTest, *titles: str) -> AppTest:
    """Open the folded sections of a page, as a visitor does by a click on each, and draw it anew.

    Args:
        app: The page, drawn.
        titles: Beginnings of the headings of those to open; without any, all of them.
    """
    for box in app.expander:
        if not titles or box.label.startswith(titles):
            # The element's id ends with the key that the page gave it.
            app.session_state[box.proto.id.split("-", maxsplit=2)[-1]] = True
    return app.run()
