"""The command line's API to a running server."""
