"""What pages share: shell, translations, times, charts, labels."""
