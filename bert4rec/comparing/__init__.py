"""Models and baselines judged on the same users, and what that says."""
