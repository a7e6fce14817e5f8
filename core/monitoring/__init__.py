"""Overview, alerts, throughput and the details of one event."""
