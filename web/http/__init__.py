"""The HTTP server, its limits, requests handed between processes, a thread pool for blocking calls, caches, logs."""
