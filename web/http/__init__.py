"""The HTTP server, its limits, the thread pool for blocking calls, request logs."""
