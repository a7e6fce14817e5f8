"""Zoom accounts over REST: import, reconciliation, backfill, removals and their schedule."""
