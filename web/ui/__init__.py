"""Shared by pages: shell, translations, times, durations, charts, labels."""
