"""Rows by the million: pairs scored, vectors written, the nearest of them found."""
