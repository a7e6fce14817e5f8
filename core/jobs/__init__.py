"""Background jobs: the runner, and the thread loop that every worker uses."""
