"""The Data page: a log chosen, read, prepared and looked at."""
