"""The Recommend page: next items, the composer, the stories."""
