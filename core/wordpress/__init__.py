"""One WordPress site's REST API: requests, responses, faults, signing."""
