"""SQL storage on SQLite or PostgreSQL, in sub-packages by subject."""
