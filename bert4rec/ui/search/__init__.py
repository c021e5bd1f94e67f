"""The Search page: what a search is to try, and what it has found."""
