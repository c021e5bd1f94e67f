"""`python -m bert4rec`, for where the command is not on the path."""

from __future__ import annotations

from bert4rec.cli import main

if __name__ == "__main__":
    main()
