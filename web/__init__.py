"""The bridge's HTTP server, on Tornado, and its command line."""
