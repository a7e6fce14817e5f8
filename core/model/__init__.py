"""Pure: a meeting's events folded into its state, a site's rules, and the status of its posts."""
