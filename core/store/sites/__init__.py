"""WordPress sites: connection, rules, Zoom secrets, granted accounts, health."""
