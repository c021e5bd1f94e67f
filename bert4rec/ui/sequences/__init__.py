"""A sequence as cards, changed by hand, for every page that asks a model of one."""
