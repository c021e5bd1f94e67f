"""The Evaluate page: models against baselines on the same users."""
