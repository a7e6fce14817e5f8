"""WordPress sites: connect, health, diagnosis, options, rules, secret rotation."""
