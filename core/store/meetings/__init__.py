"""Folded states of meetings, their search, and the calendar."""
