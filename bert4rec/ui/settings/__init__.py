"""The form of the settings, as Train and Search draw it."""
