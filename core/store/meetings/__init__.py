"""Meetings' folded states, their search columns and calendar."""
