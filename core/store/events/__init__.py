"""The event log, its search and statistics, recordings' index, and quarantined requests."""
