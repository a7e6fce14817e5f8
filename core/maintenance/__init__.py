"""Back up, restore and move the database."""
