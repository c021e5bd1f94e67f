"""What a model makes of items that are hidden from it, with a past and a future."""
