"""Send alerts to people: by e-mail, signed webhooks and Slack-compatible hooks."""
