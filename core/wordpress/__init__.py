"""One WordPress site's REST API: what is asked of it, and what its failures mean."""
