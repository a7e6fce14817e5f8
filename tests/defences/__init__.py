"""Show that no defence can be lost unnoticed: `make defences` removes them one by one, and a test fails for each."""
