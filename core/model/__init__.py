"""Pure: a meeting's events folded into its state, and a site's rules."""
