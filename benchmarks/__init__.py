"""Speed and quality, measured and not asserted."""
