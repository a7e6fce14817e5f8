"""Users, sessions, tokens and one-time links."""
