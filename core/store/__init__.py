"""What is kept: the log, the meetings, the posts, the sites and the quarantine. SQLite or PostgreSQL."""
