"""The Train page: one run as it goes, and what can be done with it."""
