"""A model as one file: written, read without its dataset, with its card."""
