"""What pages share: shells, translations, times, durations, charts, labels."""
