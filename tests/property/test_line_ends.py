from __future__ import annotations

import re
import tempfile
from pathlib import Path
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from bert4rec.data import packing
from bert4rec.data.copies import has_mixed_ends


@given(st.text("a\r\n", max_size=12), st.integers(1, 4))
def test_mixed_line_ends_are_told_however_the_blocks_fall(text: str, block_bytes: int):
    ends = set(re.findall(r"\r\n|\r|\n", text))
    with (
        tempfile.TemporaryDirectory() as home,
        patch.object(packing, "BLOCK_BYTES", block_bytes),
    ):
        path = Path(home) / "log.csv"
        path.write_bytes(text.encode())
        assert has_mixed_ends(path, "none") == ("\r" in ends or ends == {"\r\n", "\n"})
