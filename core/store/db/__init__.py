"""Engines, the schema and its migrations, locks, the clock, notifications and encryption at rest."""
