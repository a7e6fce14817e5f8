"""What the bridge does while the database does not: processes of its own, real databases, real faults."""
