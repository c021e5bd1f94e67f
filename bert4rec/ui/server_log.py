"""The last lines of the server's log, kept in memory for the System page."""

from __future__ import annotations

import logging
from collections import deque

LOGGERS = ("bert4rec", "streamlit", "py.warnings")
N_LINES = 200
N_CHARACTERS = 400


class RecentLines(logging.Handler):
    """Keeps the last warnings and errors, each as one line.

    Of an exception only its kind and words are kept: a traceback names folders of the machine.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[str] = deque(maxlen=N_LINES)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        error = record.exc_info[1] if record.exc_info else None
        plain = logging.makeLogRecord(record.__dict__ | {"exc_info": None, "exc_text": None})
        line = " ".join(self.format(plain).split())
        if error is not None:
            line += f" ({type(error).__name__}: {' '.join(str(error).split())})"
        self._lines.append(line[:N_CHARACTERS])

    def lines(self) -> list[str]:
        """Return what was kept, newest first."""
        return list(reversed(self._lines))


RECENT = RecentLines()


def keep_recent_lines() -> None:
    """Keep warnings and errors from now on; asked again, it changes nothing."""
    for name in (*LOGGERS, *list(logging.root.manager.loggerDict)):
        logger = logging.getLogger(name)
        # Streamlit's own loggers hand nothing on to the one above them.
        is_alone = name.startswith("streamlit.") and not logger.propagate
        if (name in LOGGERS or is_alone) and RECENT not in logger.handlers:
            logger.addHandler(RECENT)
