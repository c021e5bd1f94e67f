"""Searches for better settings: what is varied, what was tried, what came of it."""
