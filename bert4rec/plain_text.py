"""Text from elsewhere, made fit to stand on a line with other text."""

from __future__ import annotations

# Signs that turn the direction of what follows, and what ends each kind.
OVERRIDES, END_OF_OVERRIDE = "\u202a\u202b\u202d\u202e", "\u202c"
ISOLATES, END_OF_ISOLATE = "\u2066\u2067\u2068", "\u2069"
# No screen shows it, and what it stands before or between is nothing but text.
WORD_JOINER = "\u2060"


def contained(text: str) -> str:
    r"""Return text that turns its own direction at most, not that of what stands after it.

    Use it where text from a log stands before other text on one line; `escape` does so.

    Example:
        >>> contained("Ode to Joy"), contained("\u202eyoJ")[-1] == "\u202c"
        ('Ode to Joy', True)
    """
    # Ends without a beginning do nothing; isolates end before the overrides around them.
    n_isolates = sum(map(text.count, ISOLATES))
    n_overrides = sum(map(text.count, OVERRIDES))
    return text + END_OF_ISOLATE * n_isolates + END_OF_OVERRIDE * n_overrides


def shortened(text: str, limit: int) -> str:
    """Return text of at most `limit` signs, contained.

    Example:
        >>> shortened("Ode to Joy", 10), shortened("Ode to Joy", 5)
        ('Ode to Joy', 'Ode…')
    """
    return contained(text if len(text) <= limit else text[: limit - 1].rstrip() + "…")


def shortened_within(text: str, limit: int) -> str:
    """Return text of at most `limit` signs without its middle, contained.

    Example:
        >>> shortened_within("Ode to Joy", 10), shortened_within("Ode to Joy", 7)
        ('Ode to Joy', 'Ode…Joy')
    """
    if len(text) <= limit:
        return contained(text)
    n_end = limit // 2
    return contained(text[: limit - n_end - 1].rstrip() + "…" + text[-n_end:].lstrip())


def one_line(text: object) -> str:
    """Return text without line breaks and control signs, which a terminal would obey."""
    return printable(" ".join(str(text).split()))


def printable(line: str) -> str:
    """Return a line whose control signs and halves of signs are a question mark in a box."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in line)
