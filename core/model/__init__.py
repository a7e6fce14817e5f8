"""Pure: fold a meeting's events into its state; a site's rules; the status of posts."""
