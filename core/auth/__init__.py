"""Authentication: users, passwords, sessions, one-time links."""
