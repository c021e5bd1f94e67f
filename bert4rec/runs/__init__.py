"""The memory of the product: run folders, their journals, checkpoints and the list of them all."""
