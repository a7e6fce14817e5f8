"""WordPress sites: connection, health, diagnosis, options, rules and secret rotation."""
