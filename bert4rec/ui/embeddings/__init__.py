"""The Embeddings page: maps of item vectors."""
