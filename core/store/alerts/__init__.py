"""Alerts: where they are sent, which of them are open, and what was delivered."""
