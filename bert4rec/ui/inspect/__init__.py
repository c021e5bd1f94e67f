"""The Inspect page: what a model expects, and why."""
