"""Maps of item embeddings: neighbours, projections, clusters, films, files."""
