"""Zoom accounts over REST: import, reconcile, backfill, schedule."""
