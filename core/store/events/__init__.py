"""The event log, its search and statistics, the index of recordings, and quarantined requests."""
