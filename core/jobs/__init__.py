"""Background jobs: the runner."""
