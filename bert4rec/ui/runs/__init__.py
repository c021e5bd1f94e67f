"""The Runs page: runs listed, looked at, compared."""
