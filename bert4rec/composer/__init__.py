"""Sequences put together: places that are kept, gaps that the network fills under rules."""
