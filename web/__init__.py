"""The HTTP server of the bridge (Tornado), and its command line."""
