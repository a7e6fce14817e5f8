"""What `packaging/` holds, with the real programs that it is for."""
