"""Text from elsewhere, made harmless where Markdown is drawn."""

from __future__ import annotations

import re

from bert4rec.plain_text import WORD_JOINER, contained

MARKDOWN_SIGNS = re.compile(r"([!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~])")
# Streamlit and the Markdown parser find these in the text after escapes are gone: emoji and icon
# codes, addresses, and arrows or dashes of plain signs, which become single ones. An invisible
# joiner breaks them and leaves the look as it was.
LATE_SIGNS = re.compile(
    r":(?=[\w+-]+[:/\[])|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)(?=\w)"
    r"|(?:^|(?<=\s))(?=(?:<->|->|<-|--|>=|<=|~=)(?:\s|$))",
    re.ASCII,
)
MARKDOWN_SPACE = re.compile(r"\s+")


def escape(text: object) -> str:
    r"""Return text so that Markdown shows it as it is: no link, style, formula or icon.

    Titles and ids come from other people's logs. Use it wherever such text goes to `st.markdown`,
    a caption, a label, a badge or a message; tables and `st.text` need no escape.

    Example:
        >>> escape("*Star* [x](y)")
        '\\*Star\\* \\[x\\]\\(y\\)'
    """
    line = contained(MARKDOWN_SPACE.sub(" ", str(text)).strip())
    return MARKDOWN_SIGNS.sub(r"\\\1", LATE_SIGNS.sub(_joined, line))


def _joined(match: re.Match[str]) -> str:
    return match[0] + WORD_JOINER
